// Text with formats: the same edits on npm's yjs and on ours, by several peers that exchange updates. After each
// step the state, the deltas of the texts, of their events, and the updates must be equal, byte for byte.
// ORACLE_SEED and ORACLE_SECONDS set the seed and how long; ORACLE_SESSION runs one session.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import * as Y from 'yjs'
import * as encoding from 'lib0/encoding'
import * as decoding from 'lib0/decoding'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const driver = spawn(path.join(root, 'build/asan/y-format-oracle'), { stdio: ['pipe', 'pipe', 'inherit'] })
const waiting = []
let buffered = Buffer.alloc(0), ended = null
driver.stdout.on('data', chunk => {
  buffered = buffered.length ? Buffer.concat([buffered, chunk]) : chunk
  while (buffered.length >= 8) {
    const n = buffered.readUInt32LE(4)
    if (buffered.length < 8 + n) break
    waiting.shift().resolve({ status: buffered.readInt32LE(0), bytes: buffered.subarray(8, 8 + n) })
    buffered = buffered.subarray(8 + n)
  }
})
driver.on('exit', code => { ended = code; for (const w of waiting.splice(0)) w.reject(new Error(`driver ended: ${code}`)) })
const call = (command, doc, bytes = new Uint8Array(0)) => new Promise((resolve, reject) => {
  if (ended !== null) return reject(new Error(`driver ended: ${ended}`))
  const head = Buffer.alloc(6)
  head[0] = command.charCodeAt(0)
  head[1] = doc
  head.writeUInt32LE(bytes.length, 2)
  waiting.push({ resolve, reject })
  driver.stdin.write(Buffer.concat([head, bytes]))
})
const frame = write => { const e = encoding.createEncoder(); write(e); return encoding.toUint8Array(e) }

let state = 0n
const seed = BigInt(process.env.ORACLE_SEED ?? Date.now())
const reseed = n => { state = BigInt.asUintN(64, n) }
const below = n => {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n)
  let z = state
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
  return Number((z ^ (z >> 31n)) % BigInt(n))
}
const pick = list => list[below(list.length)]
const clone = v => v === undefined ? undefined : JSON.parse(JSON.stringify(v))

// --- what is inserted ---

const words = ['a', 'b', 'cd', 'hello ', 'x\n', '\n', '😀', 'é', '𝒳𝒴z', '漢字', 'long enough to be cut']
const keys = ['b', 'b', 'i', 'link', '2', '10', 'ychange', 'ü']
const values = [true, true, null, null, 'red', 'blue', 5, 1.5, false, '', { href: 'x' }, { href: 'x' }, { href: 'y', n: 1 }, { n: 1, href: 'y' },
  { a: { b: 1 } }, { a: { b: 1 } }, [1, 2], { 0: 1, 1: 2 }, [], {}, { n: null }]
const embeds = [{ image: 'x.png' }, { image: 'x.png' }, 5, true, ['list'], { width: 1.5, on: null }]
let plainValues = false, wholeCharacters = false
function attributes () {
  const a = {}
  for (let k = below(8) ? 1 + below(2) : below(6); k > 0; k--) a[pick(keys)] = clone(pick(plainValues ? [true, null, 'red'] : values))
  return a
}
const maybeAttributes = () => below(3) ? attributes() : below(2) ? undefined : {}

// --- positions ---

// One entry for each unit of the text: the bytes it has; of a surrogate pair 4 and 0.
function unitsOf (inserted) {
  const units = []
  if (typeof inserted !== 'string') return [1]
  for (const c of inserted) {
    units.push(Buffer.byteLength(c))
    if (c.length === 2) units.push(0)
  }
  return units
}
const unitsOfText = text => text.toDelta().flatMap(op => unitsOf(op.insert))

// --- an edit on both sides ---

class Peer {
  constructor (index, flags) {
    this.index = index
    this.flags = flags
    this.seen = 0
    this.events = []
    this.updates = []
    this.snapshots = []
    this.doc = new Y.Doc({ gc: !(flags & 1) })
    this.doc.clientID = 1 + below(2 ** 31)
    this.text = flags & 8 ? this.doc.get('t', Y.XmlText) : this.doc.getText('t')
    this.map = this.doc.getMap('m')
    this.nested = null
    this.shadows = [[], []]
    this.text.observe(e => { if (this.observed) this.event(0, e) })
  }

  get observed () { return this.flags & 4 }

  event (target, e) {
    const delta = clone(e.delta.map(op => op.insert instanceof Y.AbstractType ? { ...op, insert: { type: typeRef(op.insert) } } : op))
    // Lengths as ours counts them, from what the text was.
    const before = this.shadows[target]
    let at = 0
    for (const op of delta) {
      if (op.insert !== undefined) continue
      const n = op.retain ?? op.delete, part = before.slice(at, at + n)
      at += n
      if (this.flags & 2) op[op.retain === undefined ? 'delete' : 'retain'] = part.reduce((a, b) => a + b, 0)
    }
    if (this.flags & 2) this.shadows[target] = unitsOfText(e.target)
    this.events.push([target, delta])
  }

  observeNested () {
    const t = this.map.get('n') ?? null
    if (t !== this.nested && t !== null) {
      this.shadows[1] = unitsOfText(t)
      t.observe(e => { if (this.observed) this.event(1, e) })
    }
    this.nested = t
  }

  target (i) { return i ? this.map.get('n') : this.text }
  call (command, write = () => {}) { return call(command, this.index, frame(write)) }
}

const refs = new Map([[Y.Array, 0], [Y.Map, 1], [Y.Text, 2], [Y.XmlElement, 3], [Y.XmlFragment, 4], [Y.XmlHook, 5], [Y.XmlText, 6]])
const typeRef = t => refs.get(t.constructor)
const writeAttributes = (e, a) => { encoding.writeUint8(e, a === undefined ? 0 : 1); if (a !== undefined) encoding.writeAny(e, a) }

// A place in the text as ours is told it. Where somebody counts bytes nobody cuts characters.
function place (p, units, at) {
  if (!(p.flags & 2)) return at
  let bytes = 0
  for (let i = 0; i < at; i++) bytes += units[i]
  return bytes
}
function position (units) {
  let at = below(units.length + 1)
  if (wholeCharacters) while (at < units.length && units[at] === 0) at++
  return at
}

function randomDelta (p, units) {
  const ops = [], told = []
  let at = 0
  for (let k = 1 + below(4); k > 0; k--) {
    switch (below(4)) {
      case 0: case 1: {
        const op = { insert: below(5) ? pick(words) : clone(pick(embeds)) }
        if (below(2)) op.attributes = attributes()
        ops.push(op)
        told.push(clone(op))
        break
      }
      default: {
        const kind = below(2) ? 'retain' : 'delete'
        if (!units.length && kind === 'delete') break
        let to = Math.min(units.length, at + below(7))
        if (wholeCharacters) while (to < units.length && units[to] === 0) to++
        const beyond = kind === 'retain' && to === units.length && !below(4) ? below(3) : 0
        const op = { [kind]: to - at + beyond }
        if (kind === 'retain' && below(2)) op.attributes = attributes()
        ops.push(op)
        told.push({ ...clone(op), [kind]: place(p, units, to) - place(p, units, at) + beyond })
        at = to
      }
    }
  }
  return [ops, told]
}

function writeDelta (e, ops) {
  encoding.writeVarUint(e, ops.length)
  for (const op of ops) {
    encoding.writeUint8(e, op.retain !== undefined ? 0 : op.insert !== undefined ? 1 : 2)
    if (op.insert === undefined) encoding.writeVarUint(e, op.retain ?? op.delete)
    else if (typeof op.insert === 'string') { encoding.writeUint8(e, 3); encoding.writeVarString(e, op.insert) } else { encoding.writeUint8(e, 1); encoding.writeAny(e, op.insert) }
    writeAttributes(e, op.attributes)
  }
}

// Ours first: yjs adds to the attributes that it is given.
function edit (p) {
  const which = p.map.get('n') && !below(3) ? 1 : 0
  const text = p.target(which), units = unitsOfText(text), at = position(units), told = place(p, units, at)
  const send = (command, write) => p.call(command, e => { encoding.writeUint8(e, which); encoding.writeVarUint(e, told); write(e) })
  switch (below(16)) {
    case 0: case 1: case 2: case 3: {
      const word = pick(words), a = below(3) ? undefined : maybeAttributes()
      const sent = send('I', e => { encoding.writeVarString(e, word); writeAttributes(e, a) })
      text.insert(at, word, a)
      return sent
    }
    case 4: {
      const embed = clone(pick(embeds)), a = maybeAttributes()
      const sent = send('X', e => { encoding.writeAny(e, embed); writeAttributes(e, a) })
      text.insertEmbed(at, embed, a)
      return sent
    }
    case 5: {
      const type = pick([Y.Text, Y.Map, Y.Array, Y.XmlText]), a = maybeAttributes()
      const sent = send('T', e => { encoding.writeUint8(e, refs.get(type)); writeAttributes(e, a) })
      text.insertEmbed(at, new type(), a)
      return sent
    }
    case 6: case 7: case 8: {
      let to = Math.min(units.length, at + 1 + below(below(4) ? 5 : 40))
      if (wholeCharacters) while (to < units.length && units[to] === 0) to++
      if (to <= at) break
      const sent = send('D', e => encoding.writeVarUint(e, place(p, units, to) - told))
      text.delete(at, to - at)
      return sent
    }
    case 9: case 10: case 11: case 12: {
      let to = Math.min(units.length, at + 1 + below(8))
      if (wholeCharacters) while (to < units.length && units[to] === 0) to++
      const beyond = to === units.length && !below(8) ? below(3) : 0
      const a = attributes()
      if (to - at + beyond === 0) break
      const sent = send('F', e => { encoding.writeVarUint(e, place(p, units, to) - told + beyond); writeAttributes(e, a) })
      text.format(at, to - at + beyond, a)
      return sent
    }
    case 13: case 14: {
      const [ops, toldOps] = randomDelta(p, units), sanitize = below(3) > 0
      const sent = p.call('A', e => { encoding.writeUint8(e, which); encoding.writeUint8(e, sanitize ? 1 : 0); writeDelta(e, toldOps) })
      try {
        text.applyDelta(ops, { sanitize })
      } catch (error) { // deleting from a text that never held anything
        if (!(error instanceof TypeError)) throw error
      }
      return sent
    }
    default:
      if (below(12)) break
      { const sent = p.call('M')
        p.map.set('n', new Y.Text())
        return sent }
  }
  return Promise.resolve({ status: 0 })
}

// --- comparing ---

function readDelta (d, lengths) {
  const ops = []
  for (let n = decoding.readVarUint(d); n > 0; n--) {
    const kind = decoding.readUint8(d), len = decoding.readVarUint(d), op = {}
    if (kind === 0) op.retain = len
    else if (kind === 2) op.delete = len
    else {
      const value = decoding.readUint8(d)
      op.insert = value === 3 ? decoding.readVarString(d) : value === 1 ? decoding.readAny(d) : { type: decoding.readUint8(d) }
      lengths.push([op.insert, len])
    }
    if (decoding.readUint8(d)) op.attributes = decoding.readAny(d)
    ops.push(op)
  }
  return ops
}
const plain = delta => JSON.stringify(delta.map(op => op.insert instanceof Y.AbstractType ? { ...op, insert: { type: typeRef(op.insert) } } : op))
const same = (name, got, want) => { if (got !== want) throw new Error(`${name} differs\n got  ${got.slice(0, 3000)}\n want ${want.slice(0, 3000)}`) }
const hex = bytes => Buffer.from(bytes).toString('hex')

async function compareDelta (p, which, snapshot, previous) {
  const { status, bytes } = await p.call('d', e => {
    encoding.writeUint8(e, which)
    encoding.writeUint8(e, (snapshot ? 1 : 0) + (previous ? 2 : 0))
    if (snapshot) encoding.writeVarUint8Array(e, Y.encodeSnapshot(snapshot))
    if (previous) encoding.writeVarUint8Array(e, Y.encodeSnapshot(previous))
  })
  if (status) throw new Error(`delta: status ${status}`)
  const lengths = []
  same(`delta of text ${which}${snapshot || previous ? ' with snapshots' : ''}`, plain(readDelta(decoding.createDecoder(bytes), lengths)), plain(p.target(which).toDelta(snapshot, previous)))
  for (const [inserted, len] of lengths) {
    const want = typeof inserted !== 'string' ? 1 : p.flags & 2 ? Buffer.byteLength(inserted) : inserted.length
    if (len !== want) throw new Error(`an insertion has length ${len}, not ${want}`)
  }
}

async function compare (p) {
  const checks = [p.call('c'), p.call('v'), p.call('e')]
  if (p.observed) checks.push(p.call('o'), p.call('u'))
  const [wrong, vector, encoded, events, updates] = await Promise.all(checks)
  same('check', wrong.bytes.toString(), '')
  if (p.observed) {
    const d = decoding.createDecoder(events.bytes), got = []
    for (let n = decoding.readVarUint(d); n > 0; n--) got.push([decoding.readUint8(d), readDelta(d, [])])
    same('event deltas', JSON.stringify(got), JSON.stringify(p.events))
    const u = decoding.createDecoder(updates.bytes), sent = []
    for (let n = decoding.readVarUint(u); n > 0; n--) sent.push(hex(decoding.readVarUint8Array(u)))
    same('updates', sent.join('\n'), p.updates.join('\n'))
  }
  p.events = []
  p.updates = []
  same('state vector', hex(vector.bytes), hex(Y.encodeStateVector(p.doc)))
  same('state', hex(encoded.bytes), hex(Y.encodeStateAsUpdate(p.doc)))
  await compareDelta(p, 0)
  if (p.map.get('n')) await compareDelta(p, 1)
  same('string', (await p.call('s', e => encoding.writeUint8(e, 0))).bytes.toString(), p.text.toString())
  if (p.flags & 1) {
    if (!below(4)) p.snapshots.push(Y.snapshot(p.doc))
    if (p.snapshots.length && !below(3)) {
      const [a, b] = [below(p.snapshots.length), below(p.snapshots.length)].sort((x, y) => x - y)
      await compareDelta(p, 0, p.snapshots[b], below(3) ? p.snapshots[a] : undefined)
      if (!below(5)) await compareDelta(p, 0, undefined, p.snapshots[a])
      same('state after looking back', hex((await p.call('e')).bytes), hex(Y.encodeStateAsUpdate(p.doc)))
      await Promise.all([p.call('o'), p.call('u')])
      p.events = []
      p.updates = []
    }
  }
}

// --- sessions ---

async function step (p, updates, what) {
  const answers = []
  switch (what) {
    case 0: { // catch up, one by one or merged
      const list = updates.slice(p.seen).filter(u => u.by !== p.index).map(u => u.update)
      const some = below(3) ? list.length : below(list.length + 1)
      let left = some
      for (let i = p.seen; left > 0; i++) { if (updates[i].by !== p.index) left--; p.seen = i + 1 }
      if (some === list.length) p.seen = updates.length
      const taken = list.slice(0, some)
      const packed = taken.length && below(2) ? [Y.mergeUpdates(taken)] : taken
      for (const u of packed) {
        answers.push(call('a', p.index, u))
        Y.applyUpdate(p.doc, u, 'remote')
        p.observeNested()
      }
      break
    }
    case 1: { // a transaction of several edits
      answers.push(p.call('('))
      p.doc.transact(() => { for (let k = 1 + below(5); k > 0; k--) answers.push(edit(p)) })
      answers.push(p.call(')'))
      break
    }
    default:
      answers.push(edit(p))
  }
  for (const { status } of await Promise.all(answers)) if (status !== 0) throw new Error(`status ${status}`)
  p.observeNested()
  await compare(p)
}

async function session (n) {
  reseed(seed + BigInt(n))
  const updates = [], peers = []
  plainValues = below(2) === 0
  wholeCharacters = below(2) === 0
  const shared = (below(4) ? 0 : 1) + (below(6) ? 0 : 8)
  for (let i = 0, count = 1 + below(4); i < count; i++) {
    const p = new Peer(i, shared + (wholeCharacters ? 2 * below(2) : 0) + (below(2) ? 0 : 4))
    peers.push(p)
    p.doc.on('update', (u, origin) => {
      if (p.observed) p.updates.push(hex(u))
      if (origin !== 'remote') updates.push({ by: p.index, update: u })
    })
    await p.call('n', e => { encoding.writeVarUint(e, p.doc.clientID); encoding.writeVarUint(e, p.flags) })
  }
  for (let k = 10 + below(60); k > 0; k--) await step(pick(peers), updates, below(6))
  for (let round = 0; round < 3; round++) for (const p of peers) await step(p, updates, 0)
  for (const p of peers) {
    same('state, v2', hex((await p.call('E')).bytes), hex(Y.encodeStateAsUpdateV2(p.doc)))
    p.doc.destroy()
  }
}

const end = Date.now() + 1000 * Number(process.env.ORACLE_SECONDS ?? 10)
const only = process.env.ORACLE_SESSION
let passed = 0, failed = 0
for (let n = Number(only ?? 0); Date.now() < end; n++) {
  try {
    await session(n)
    passed++
  } catch (error) {
    failed++
    console.log(`FAILED session ${n} (ORACLE_SEED=${seed}): ${only === undefined ? error.message : error.stack}`)
    if (failed > 3 || ended !== null) break
  }
  if (only !== undefined) break
}
driver.stdin.end()
if (ended === null) await new Promise(resolve => driver.on('exit', resolve))
if (ended) { failed++; console.log(`FAILED: the driver ended with ${ended}`) }
console.log(`seed ${seed}, ${passed} sessions`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
