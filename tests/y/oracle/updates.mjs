// Merge, diff, state vectors and conversion of updates, in v1 and v2, and JSON <-> any: npm's yjs and lib0, and
// ours, must give the same bytes. ORACLE_SEED and ORACLE_SESSIONS say which and how many.
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import * as Y from 'yjs'
import * as encoding from 'lib0/encoding'
import * as decoding from 'lib0/decoding'
import { driver, reseed, below, pick, shuffled, json, any, session } from './sessions.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const ours = driver(path.join(root, 'build/asan/y-updates-oracle'))
const seed = BigInt(process.env.ORACLE_SEED ?? Date.now())
const sessions = Number(process.env.ORACLE_SESSIONS ?? 150)
const hex = b => Buffer.from(b).toString('hex')
const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b }
const counts = {}

const v1 = { f: 0, merge: Y.mergeUpdates, diff: Y.diffUpdate, sv: Y.encodeStateVectorFromUpdate, state: Y.encodeStateAsUpdate, apply: Y.applyUpdate, decode: Y.decodeUpdate, other: Y.convertUpdateFormatV1ToV2 }
const v2 = { f: 1, merge: Y.mergeUpdatesV2, diff: Y.diffUpdateV2, sv: Y.encodeStateVectorFromUpdateV2, state: Y.encodeStateAsUpdateV2, apply: Y.applyUpdateV2, decode: Y.decodeUpdateV2, other: Y.convertUpdateFormatV2ToV1 }

const attempt = f => { try { return f() } catch (e) { return null } }
async function same (what, want, command, f, bytes) {
  const got = await ours.call(command, f, bytes)
  if (want === null) return got.status === 0 ? got.bytes : null // yjs itself throws: JSON of a bigint or undefined
  if (got.status !== 0 || hex(got.bytes) !== hex(want)) {
    const error = new Error(`${what} differs (${got.status})\n in   ${hex(bytes).slice(0, 6000)}\n got  ${hex(got.bytes).slice(0, 6000)}\n want ${hex(want).slice(0, 6000)}`)
    error.got = got
    throw error
  }
  counts[what] = (counts[what] ?? 0) + 1
  return got.bytes
}

// Where one update has GC at a clock and another has not, yjs's order depends on how often it sorted: of many
// updates (merge.c) what is merged must then mean the same, not be the same.
function ambiguous (y, updates) {
  if (updates.length < 64) return false
  const gc = new Map()
  for (const u of updates) {
    for (const s of y.decode(u).structs) {
      if (s.constructor === Y.Skip) continue
      const at = `${s.id.client} ${s.id.clock}`
      const is = s.constructor === Y.GC
      if (gc.has(at) && gc.get(at) !== is) return true
      gc.set(at, is)
    }
  }
  return false
}
function meaning (y, update) {
  const doc = new Y.Doc()
  y.apply(doc, update)
  return hex(Y.encodeStateVector(doc)) + doc.getText('text').toString() + !!doc.store.pendingStructs + !!doc.store.pendingDs + covered(y, update)
}
// Which clocks are there, and what is deleted.
function covered (y, update) {
  const { structs, ds } = y.decode(update)
  const runs = []
  for (const s of structs) {
    if (s.constructor === Y.Skip) continue
    const last = runs.at(-1)
    if (last && last[0] === s.id.client && last[2] === s.id.clock) last[2] += s.length
    else runs.push([s.id.client, s.id.clock, s.id.clock + s.length])
  }
  return JSON.stringify([runs, [...ds.clients.entries()].sort((a, b) => b[0] - a[0])])
}

async function merge (y, updates) {
  const bytes = Buffer.concat([u32(updates.length), ...updates.flatMap(u => [u32(u.length), Buffer.from(u)])])
  if (ambiguous(y, updates)) {
    const { status, bytes: got } = await ours.call('m', y.f, bytes)
    if (status !== 0) throw new Error(`merge: ${status}`)
    if (meaning(y, got) !== meaning(y, y.merge(updates))) throw new Error(`merge with GC means something else\n got  ${hex(got)}\n want ${hex(y.merge(updates))}`)
    counts['merge, by meaning'] = (counts['merge, by meaning'] ?? 0) + 1
    return got
  }
  return same(`merge v${y.f + 1}`, y.merge(updates), 'm', y.f, bytes)
}

async function about (y, update, svs) {
  await same(`state vector v${y.f + 1}`, y.sv(update), 'v', y.f, update)
  await same(`convert from v${y.f + 1}`, attempt(() => y.other(update)), 'c', y.f, update)
  for (const sv of svs) await same(`diff v${y.f + 1}`, y.diff(update, sv), 'd', y.f, Buffer.concat([u32(sv.length), Buffer.from(sv), Buffer.from(update)]))
}

const vector = list => {
  const e = encoding.createEncoder()
  encoding.writeVarUint(e, list.length)
  for (const [client, clock] of list) { encoding.writeVarUint(e, client); encoding.writeVarUint(e, clock) }
  return encoding.toUint8Array(e)
}

async function one (n) {
  reseed(seed + BigInt(n))
  const { docs, updates, updates2 } = session({ rounds: 5 + below(50) })
  for (const [y, list] of [[v1, updates], [v2, updates2]]) {
    if (!list.length) continue
    const states = docs.map(d => y.state(d.doc))
    // Any state of any client, also one in the middle of a struct or a surrogate pair.
    const some = () => vector(docs.flatMap(d => below(3) ? [[d.doc.clientID, below(1 + Y.getState(d.doc.store, d.doc.clientID))]] : []))
    const svs = [Uint8Array.of(0), ...docs.slice(0, 2).map(d => Y.encodeStateVector(d.doc)), some(), some()]
    for (const u of [...states, ...shuffled(list).slice(0, 5)]) await about(y, u, svs.slice(2))
    const subset = () => shuffled(list).slice(0, 1 + below(list.length))
    const merged = [await merge(y, list), await merge(y, shuffled(list)), await merge(y, subset()), await merge(y, subset())]
    const cut = states.map(s => y.diff(s, some()))
    merged.push(await merge(y, shuffled([...subset(), ...states, ...merged.slice(0, below(4)), ...cut])))
    merged.push(await merge(y, [pick(states), pick(merged)]), await merge(y, cut), await merge(y, []))
    for (const u of merged) await about(y, u, svs)
  }
}

async function values () {
  const all = []
  for (let i = 0; i < 60; i++) all.push(any())
  for (let i = 0; i < 40; i++) {
    const bytes = new DataView(new ArrayBuffer(8))
    for (let k = 0; k < 8; k++) bytes.setUint8(k, below(256))
    if (below(3) === 0) { bytes.setUint32(4, 0); bytes.setUint16(2, 0) } // near powers of two
    if (below(4) === 0) bytes.setUint16(0, below(64)) // small, also subnormal
    all.push(bytes.getFloat64(0), Math.fround(bytes.getFloat32(0)), Number(bytes.getFloat64(0).toPrecision(1 + below(16))), 2 ** (below(2100) - 1075))
  }
  for (const v of all) {
    const e = encoding.createEncoder()
    encoding.writeAny(e, v)
    const bytes = encoding.toUint8Array(e)
    const read = decoding.readAny(decoding.createDecoder(bytes))
    const text = attempt(() => JSON.stringify(read))
    if (text === undefined || text === null) continue
    await same('any to JSON', Buffer.from(text), 'a', 0, bytes)
    await text2any(text)
  }
  for (const text of ['{"b":1,"2":2,"a":3,"1":4,"b":5,"01":6,"4294967294":7,"4294967295":8,"-1":9}', '{"__proto__":{"x":1},"a":2}', '{"\\ud800":1,"\\ud801":2,"\\ud800":3,"\\ud83d\\ude00":4,"😀":5}', ' [ 1 , { "a" : [ ] } , -0.0 , 1e999, -1e999 ] ', '"\\ud83d\\ud83d\\ude00\\u00e9\\/\\b\\f"', '123456789012345678901234567890', '0.1e-400', '2.2250738585072011e-308', '1' + '0'.repeat(400) + 'e-400', '0.' + '0'.repeat(400) + '1e400', '9007199254740993', '9007199254740992.99999999999999999999999999999', '[' + Array.from({ length: 200 }, (_, i) => i % 128).join() + ']', JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => ['k' + (i * 7919 % 300), i]))), '{' + Array.from({ length: 50 }, (_, i) => `"${(i * 31) % 20}":${i}`).join() + '}', '"' + 'é'.repeat(100) + '\\n"', '8.5e15', '1.7976931348623159e308', '4.9e-324', '2e-324', '5e-7', '1e-6', '1e21', '123456789e12']) await text2any(text)
  for (const text of ['', '{', '[1,]', '{"a":1,}', '01', '1.', '.5', '+1', '"\\x"', '"\\ud8"', '"\n"', 'nul', 'true1', '[1 2]', '{"a" 1}', '{1:2}', '"a', '-', '1e', '\u00a01', "'a'", 'undefined', '[]]', '{}}']) {
    if (attempt(() => JSON.parse(text)) !== null) throw new Error(`JSON.parse takes ${text}`)
    const { status } = await ours.call('j', 0, Buffer.from(text))
    if (status !== -1) throw new Error(`JSON ${text}: ${status}`)
  }
}
async function text2any (text) {
  const e = encoding.createEncoder()
  encoding.writeAny(e, JSON.parse(text))
  const bytes = await same('JSON to any', encoding.toUint8Array(e), 'j', 0, Buffer.from(text))
  const read = decoding.readAny(decoding.createDecoder(bytes))
  await same('any to JSON', Buffer.from(JSON.stringify(read)), 'a', 0, bytes)
}

let n = 0
try {
  for (; n < sessions; n++) {
    await one(n)
    reseed(seed + BigInt(n))
    if (n % 5 === 0) await values()
  }
  console.log(Object.entries(counts).map(([k, v]) => `${k}: ${v}`).join('\n'))
  console.log(`${sessions} passed, 0 failed (seed ${seed})`)
  ours.end()
} catch (e) {
  console.log(`session ${n} of seed ${seed}: ${e.stack}`)
  console.log('0 passed, 1 failed')
  process.exitCode = 1
  ours.end()
}
