// Random sessions with undo managers, relative positions and snapshots through npm's yjs and through ours: after
// each step the encoded states, the emitted updates and the depths of the undo stacks must be equal; positions are
// made, and found again after more edits; snapshots encoded and restored. ORACLE_SEED, ORACLE_SECONDS,
// ORACLE_SESSION (only that one, told step by step).
import { fileURLToPath } from 'node:url'
import path from 'node:path'

// Capture timeouts are counted by a clock of ours; lib0 takes Date.now when it is loaded.
const real = Date.now
let ms = 1000000
Date.now = () => ms
const Y = await import('yjs')
const encoding = await import('lib0/encoding')
const { driver, reseed, below, pick, json } = await import('./sessions.mjs')

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const ours = driver(path.join(root, 'build/asan/y-undo-oracle'))
const seed = BigInt(process.env.ORACLE_SEED ?? real())
const only = process.env.ORACLE_SESSION
const hex = b => Buffer.from(b).toString('hex')
const counts = {}
const count = what => { counts[what] = (counts[what] ?? 0) + 1 }
const tell = (...a) => { if (only !== undefined) console.log(...a) }
const sane = v => JSON.parse(JSON.stringify(v ?? null).replace(/\\ud[89a-f]../g, '?'))

// --- frames ---------------------------------------------------------------------------------------------------

const uint = n => { const e = encoding.createEncoder(); encoding.writeVarUint(e, n); return encoding.toUint8Array(e) }
const str = s => { const e = encoding.createEncoder(); encoding.writeVarString(e, s); return encoding.toUint8Array(e) }
const bytes = b => { const e = encoding.createEncoder(); encoding.writeVarUint8Array(e, b); return encoding.toUint8Array(e) }
const any = v => { const e = encoding.createEncoder(); encoding.writeAny(e, v); return bytes(encoding.toUint8Array(e)) }
const name = t => bytes(Y.encodeRelativePosition(t._item === null
  ? new Y.RelativePosition(null, Y.findRootTypeKey(t), null, 0)
  : new Y.RelativePosition(t._item.id, null, null, 0)))
const say = (command, d, ...args) => ours.call(command, d, Buffer.concat(args))
const late = [] // answers that must be 0
const tellOurs = (command, d, ...args) => { late.push(say(command, d, ...args).then(a => { if (a.status !== 0) throw new Error(`${command} failed: ${a.status}`) })) }

// --- edits on both sides --------------------------------------------------------------------------------------

const words = ['a', 'b', 'hello ', 'x\ny', '😀', 'é', '𝒳𝒴', 'abcdefghij', '漢字', 'a😀b']
const keys = ['a', 'b', 'c']
const refs = [Y.Array, Y.Map, Y.Text, Y.XmlElement, Y.XmlFragment, Y.XmlHook, Y.XmlText]
const refOf = t => { const n = [Y.Array, Y.Map, Y.Text, Y.XmlElement, Y.XmlFragment, Y.XmlHook, Y.XmlText].findIndex(c => t.constructor === c); if (n < 0) throw new Error('what type?'); return n }
const isText = t => t instanceof Y.Text
const isXml = t => t.constructor === Y.XmlElement || t.constructor === Y.XmlFragment

function alive (doc) {
  const all = [doc.getText('text'), doc.getArray('arr'), doc.getMap('map'), doc.getXmlFragment('xml')]
  for (let i = 0; i < all.length; i++) {
    for (let item = all[i]._start; item; item = item.right) if (!item.deleted && item.content instanceof Y.ContentType) all.push(item.content.type)
    for (const item of all[i]._map.values()) if (!item.deleted && item.content instanceof Y.ContentType) all.push(item.content.type)
  }
  return all
}

// What a text shows, and one unit for each embed.
function plain (t) {
  let s = ''
  for (let item = t._start; item; item = item.right) if (!item.deleted && item.countable) s += item.content.str ?? 'x'.repeat(item.length)
  return s
}

// A place in a text at which ours may cut: in UTF-8 only between characters.
function place (p, t, max = t.length) {
  let n = below(max + 1)
  if (p.utf8 && isText(t)) { const s = plain(t); while (n > 0 && n < s.length && s.charCodeAt(n) >= 0xdc00 && s.charCodeAt(n) < 0xe000) n-- }
  return n
}
const at = (p, t, n) => uint(p.utf8 && isText(t) ? Buffer.byteLength(plain(t).slice(0, n)) : n)

function make (p, t, xml) {
  const ref = xml ? pick([3, 3, 6, 5]) : pick([0, 1, 2, 2, 1, 4])
  const title = ref === 3 ? pick(['p', 'div']) : ref === 5 ? 'h' : ''
  return { ref, title, type: title ? new refs[ref](title) : new refs[ref]() }
}

function edit (p, focus) {
  const { doc, d } = p
  const t = focus ?? (p.profile === 1 ? doc.getText('text') : p.profile === 2 ? pick(alive(doc).filter(t => t instanceof Y.Map)) : below(3) ? pick([doc.getText('text'), doc.getArray('arr'), doc.getMap('map'), doc.getXmlFragment('xml')]) : pick(alive(doc)))
  if (isText(t) && (t.constructor === Y.Text || below(4))) {
    if (t.length && below(5) < 2) {
      let a = place(p, t), b = place(p, t)
      if (below(2)) b = place(p, t, Math.min(t.length, a + 4))
      if (a > b) [a, b] = [b, a]
      if (a === b) return
      const from = at(p, t, a)
      const len = p.utf8 ? uint(Buffer.byteLength(plain(t).slice(a, b))) : uint(b - a)
      tell(d, 'text delete', a, b - a)
      tellOurs('d', d, name(t), from, len)
      t.delete(a, b - a)
    } else if (p.formats && t.length && below(4) === 0) {
      let a = place(p, t), b = place(p, t)
      if (a > b) [a, b] = [b, a]
      if (a === b) return
      const f = { [pick(['bold', 'em', 'link'])]: pick([true, null, 'red', { href: pick(keys) }]) }
      tell(d, 'text format', a, b - a, f)
      tellOurs('f', d, name(t), at(p, t, a), p.utf8 ? uint(Buffer.byteLength(plain(t).slice(a, b))) : uint(b - a), any(f))
      t.format(a, b - a, f)
    } else if (p.formats && below(8) === 0) {
      const a = place(p, t)
      tell(d, 'text embed', a)
      tellOurs('E', d, name(t), at(p, t, a), any({ image: 'x' }))
      t.insertEmbed(a, { image: 'x' })
    } else {
      const a = below(4) ? place(p, t) : t.length, w = pick(words)
      const f = p.formats && below(4) === 0 ? pick([{ bold: true }, { em: 'x', bold: null }, {}]) : undefined
      tell(d, 'text insert', a, w, f)
      tellOurs('i', d, name(t), at(p, t, a), str(w), f ? any(f) : uint(0))
      t.insert(a, w, f)
    }
  } else if (t instanceof Y.Array || isXml(t)) {
    const xml = isXml(t)
    if (xml && t.constructor === Y.XmlElement && below(3) === 0) {
      const k = pick(keys)
      if (below(3)) { const v = pick(words); tell(d, 'attribute', k, v); tellOurs('s', d, name(t), str(k), any(v)); t.setAttribute(k, v) } else { tell(d, 'no attribute', k); tellOurs('x', d, name(t), str(k)); t.removeAttribute(k) }
    } else if (t.length && below(5) < 2) {
      const a = below(t.length), n = 1 + below(Math.min(3, t.length - a))
      tell(d, 'list delete', a, n)
      tellOurs('D', d, name(t), uint(a), uint(n))
      t.delete(a, n)
    } else if (xml || below(2)) {
      const a = below(t.length + 1), m = make(p, t, xml)
      tell(d, 'list insert type', a, m.ref)
      tellOurs('M', d, name(t), uint(a), uint(m.ref), str(m.title))
      t.insert(a, [m.type])
      if (below(2)) edit(p, m.type)
    } else {
      const a = below(t.length + 1), list = Array.from({ length: 1 + below(4) }, () => sane(json()))
      tell(d, 'list insert', a, list.length)
      tellOurs('I', d, name(t), uint(a), ...list.map(any))
      t.insert(a, list)
    }
  } else { // a map, or the attributes of an XmlText
    const k = pick(keys), map = t instanceof Y.Map
    switch (below(map ? 8 : 3)) {
      case 0: tell(d, 'map delete', k); tellOurs('x', d, name(t), str(k)); map ? t.delete(k) : t.removeAttribute(k); break
      case 1: case 2: case 3: case 4: { const v = sane(json()); tell(d, 'map set', k); tellOurs('s', d, name(t), str(k), any(v)); map ? t.set(k, v) : t.setAttribute(k, v); break }
      case 5: case 6: { const m = make(p, t, false); tell(d, 'map set type', k, m.ref); tellOurs('S', d, name(t), str(k), uint(m.ref), str(m.title)); t.set(k, m.type); if (below(2)) edit(p, m.type); break }
      case 7: tell(d, 'map set document', k); tellOurs('G', d, name(t), str(k), str('sub')); t.set(k, new Y.Doc({ guid: 'sub' })); break
    }
  }
}

// --- managers -------------------------------------------------------------------------------------------------

const origins = [null, 'one', 'two', 'remote']
function manage (p) {
  const { doc, d } = p
  let scope = below(3) ? [doc.getText('text'), doc.getArray('arr'), doc.getMap('map'), doc.getXmlFragment('xml')].filter(() => below(3)) : [pick(alive(doc))]
  if (!scope.length) scope = [doc.getText('text')]
  const everything = below(6) === 0
  const timeout = pick([0, 500, 500, 100])
  const tracked = pick([[0], [0], [0], [1], [0, 1], [1, 2], [0, 3]])
  const ignore = below(4) === 0
  const k = p.undos.findIndex(u => u === null)
  tell(d, 'manager', k, everything ? 'everything' : scope.map(t => t._item ? `${t._item.id.client}-${t._item.id.clock}` : Y.findRootTypeKey(t)), { timeout, tracked, ignore })
  tellOurs('u', d, uint(timeout ? timeout + 1 : 0), uint(ignore ? 1 : 0), uint(tracked.length), ...tracked.map(uint), ...(everything ? [] : scope.map(name)))
  p.undos[k] = new Y.UndoManager(everything ? doc : scope, { captureTimeout: timeout, trackedOrigins: new Set(tracked.map(n => origins[n])), ignoreRemoteMapChanges: ignore,
    // Of a manager of a whole document yjs captures empty transactions too; ours does not.
    captureTransaction: t => t.changedParentTypes.size > 0 })
}

class Unanswerable extends Error {} // yjs itself throws

async function undo (p, redo) {
  const had = p.undos.map((u, k) => u && k).filter(k => k !== null)
  if (!had.length) return
  const k = pick(had), u = p.undos[k]
  tell(p.d, redo ? 'redo' : 'undo', k)
  let changed
  try { changed = redo ? u.redo() : u.undo() } catch (e) { if (e instanceof TypeError) throw new Unanswerable(e.message); throw e }
  const { status } = await say(redo ? 'R' : 'U', p.d, uint(k))
  if (status !== (changed ? 1 : 0)) throw new Error(`${redo ? 'redo' : 'undo'} of ${p.d} gave ${status}, not ${changed ? 1 : 0}`)
  count(redo ? 'redone' : 'undone')
}

// --- comparing ------------------------------------------------------------------------------------------------

async function compare (p) {
  const answers = [say('c', p.d), say('e', p.d), say('q', p.d), say('w', p.d)]
  const stacks = p.undos.map((u, k) => u && `${k}:${u.undoStack.length}/${u.redoStack.length} `).filter(s => s).join('')
  const want = ['', hex(Y.encodeStateAsUpdate(p.doc)), stacks, p.quiet ? '' : hex(Buffer.concat(p.emitted))]
  p.emitted = []
  const names = ['check', 'state', 'stacks', 'updates']
  await Promise.all(late.splice(0))
  for (let i = 0; i < answers.length; i++) {
    const got = (await answers[i]).bytes
    const text = i === 0 || i === 2 ? got.toString() : hex(got)
    if (text !== want[i]) throw new Error(`${names[i]} of ${p.d} differs\n got  ${text.slice(0, 3000)}\n want ${want[i].slice(0, 3000)}`)
  }
  count('steps')
}

async function position (p, positions) {
  const t = pick(alive(p.doc)), assoc = pick([0, 0, -1, 1])
  const n = t instanceof Y.Map ? 0 : place(p, t, t.length + (p.utf8 ? 0 : 2))
  const want = Y.createRelativePositionFromTypeIndex(t, n, assoc)
  const got = await say('r', p.d, name(t), at(p, t, n), uint(assoc + 2))
  if (got.status !== 0 || hex(got.bytes) !== hex(Y.encodeRelativePosition(want))) throw new Error(`position ${n}/${assoc} of ${p.d} differs (${got.status})\n got  ${hex(got.bytes)}\n want ${hex(Y.encodeRelativePosition(want))} ${JSON.stringify(want)}`)
  positions.push(got.bytes)
  const decoded = Y.decodeRelativePosition(got.bytes)
  const text = await ours.call('j', 0, got.bytes)
  if (text.bytes.toString() !== JSON.stringify(Y.relativePositionToJSON(decoded))) throw new Error(`JSON of a position: ${text.bytes} ${JSON.stringify(decoded)}`)
  const back = await ours.call('J', 0, Buffer.from(JSON.stringify(want)))
  if (hex(back.bytes) !== hex(got.bytes)) throw new Error(`a position from JSON: ${hex(back.bytes)} ${JSON.stringify(want)}`)
  count('positions')
}

async function find (p, relative) {
  const got = await ours.call('A', p.d, relative)
  const want = Y.createAbsolutePositionFromRelativePosition(Y.decodeRelativePosition(relative), p.doc)
  let index = want?.index
  if (want && p.utf8 && isText(want.type)) {
    const s = plain(want.type)
    if (index > 0 && index < s.length && s.charCodeAt(index) >= 0xdc00 && s.charCodeAt(index) < 0xe000) index--
    index = Buffer.byteLength(s.slice(0, index))
  }
  const text = want === null ? '' : `${want.type._item ? `${want.type._item.id.client}-${want.type._item.id.clock}` : Y.findRootTypeKey(want.type)}@${index}/${want.assoc}`
  if (got.status !== (want === null ? 0 : 1) || got.bytes.toString() !== text) throw new Error(`the place of ${hex(relative)} in ${p.d} differs (${got.status})\n got  ${got.bytes}\n want ${text}`)
  count('places')
}

async function snap (p, snapshots, updates) {
  const s = Y.snapshot(p.doc)
  const [one, two] = [Y.encodeSnapshot(s), Y.encodeSnapshotV2(s)]
  for (const [format, want] of [[0, one], [1, two]]) {
    const got = await say('z', p.d, uint(format))
    if (hex(got.bytes) !== hex(want)) throw new Error(`snapshot of ${p.d} differs\n got  ${hex(got.bytes)}\n want ${hex(want)}`)
    const check = await say('k', 0, Buffer.from([format]), want)
    if (check.status !== 0) throw new Error(`a snapshot is refused: ${check.status}`)
  }
  snapshots.push({ p, one, s })
  for (let i = 0; i < 3 && updates.length; i++) {
    const u = pick(updates)
    const got = await say('y', 0, bytes(one), u)
    const want = Y.snapshotContainsUpdate(s, u) ? 1 : 0
    if (got.status !== want) throw new Error(`snapshot contains: ${got.status}, not ${want}`)
  }
  count('snapshots')
}

async function restore ({ p, one, s }) {
  if (p.doc.gc) {
    const { status } = await say('Z', p.d, uint(200), bytes(one))
    if (status !== -5) throw new Error(`restored a collected document: ${status}`)
    return
  }
  const { status } = await say('Z', p.d, uint(200), bytes(one))
  const got = status === 0 ? hex((await say('e', 200)).bytes) : ''
  const wrong = status === 0 ? (await say('c', 200)).bytes.toString() : ''
  // Of a copy: yjs cuts structs of the document that it restores from, and what was redone stays cut.
  const copy = new Y.Doc({ gc: false })
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(p.doc))
  const want = hex(Y.encodeStateAsUpdate(Y.createDocFromSnapshot(copy, s)))
  if (got !== want || wrong) throw new Error(`restored ${p.d} differs (${status} ${wrong})\n got  ${got}\n want ${want}`)
  count('restored')
}

// --- sessions -------------------------------------------------------------------------------------------------

async function step (p, s) {
  const { docs, updates, positions, snapshots } = s
  const { doc, d } = p
  const kind = below(20)
  if (below(3) === 0) { ms += pick([10, 50, 200, 600]); tellOurs('K', 0, uint(ms)) }
  if (kind < 8) {
    const o = pick([0, 0, 0, 1, 2])
    if (o || below(2)) {
      tell(d, 'begin', o)
      tellOurs('T', d, uint(o))
      let inner = null
      doc.transact(() => {
        for (let n = below(5); n >= 0; n--) edit(p)
        inner = below(12) === 0
        if (inner) for (const u of p.undos) if (u) { try { u.undo() } catch (e) { s.broken = true } break }
      }, origins[o])
      if (s.broken) throw new Unanswerable('undo in a transaction')
      if (inner) { const k = p.undos.findIndex(u => u); if (k >= 0) { tell(d, 'undo inside', k); await say('U', d, uint(k)) } }
      tellOurs('C', d)
    } else {
      edit(p)
    }
  } else if (kind < 12) {
    await undo(p, false)
  } else if (kind < 14) {
    await undo(p, true)
  } else if (kind < 17) {
    const q = pick(docs)
    const o = below(4) ? 3 : 0
    for (; q.seen < updates.length; q.seen++) {
      if (updates[q.seen].from === q) continue
      tell(q.d, 'apply', o, q.seen)
      tellOurs('a', q.d, uint(o), bytes(updates[q.seen].u))
      q.applying = true
      Y.applyUpdate(q.doc, updates[q.seen].u, o ? 'remote' : null)
      q.applying = false
    }
    if (q !== p) await compare(q)
  } else {
    const k = p.undos.findIndex(u => u)
    switch (below(8)) {
      case 0: if (p.undos.filter(u => u).length < 3) manage(p); break
      case 1: if (k >= 0) { tell(d, 'stop', k); tellOurs('P', d, uint(k)); p.undos[k].stopCapturing() } break
      case 2: if (k >= 0 && !below(3)) { tell(d, 'clear', k); tellOurs('L', d, uint(k)); p.undos[k].clear() } break
      case 3: if (k >= 0 && !below(4)) { tell(d, 'free', k); tellOurs('F', d, uint(k)); p.undos[k].destroy(); p.undos[k] = null } break
      case 4: case 5: await position(p, positions); break
      case 6: if (below(2)) await snap(p, snapshots, updates.map(u => u.u)); break
      case 7: if (snapshots.length) await restore(pick(snapshots)); break
    }
    for (let i = 0; i < 3 && positions.length; i++) await find(pick(docs), pick(positions))
  }
  await compare(p)
}

async function session (n) {
  reseed(seed + BigInt(n))
  const s = { docs: [], updates: [], positions: [], snapshots: [] }
  const peers = 1 + below(3)
  const formats = below(3) === 0
  const profile = pick([0, 0, 1, 2]) // everything, text, maps in maps
  for (let d = 0; d < peers; d++) {
    // Where it is quiet nobody listens to ours, so that without a manager edits take its short cuts.
    const p = { d, doc: new Y.Doc({ gc: below(3) > 0 }), undos: Array(8).fill(null), seen: 0, emitted: [], profile, formats, quiet: below(3) === 0, utf8: below(4) === 0 }
    p.doc.clientID = 1 + below(1000)
    while (s.docs.some(q => q.doc.clientID === p.doc.clientID)) p.doc.clientID++
    for (const [kind, root] of [['getText', 'text'], ['getArray', 'arr'], ['getMap', 'map'], ['getXmlFragment', 'xml']]) p.doc[kind](root)
    p.doc.on('update', u => { p.emitted.push(Buffer.from(u)); if (!p.applying) s.updates.push({ u, from: p }) })
    tell('document', d, p.doc.clientID, { gc: p.doc.gc, utf8: p.utf8, quiet: p.quiet })
    tellOurs('n', d, uint(p.doc.clientID), uint(p.doc.gc ? 0 : 1), uint(p.utf8 ? 1 : 0), uint(p.quiet ? 1 : 0))
    s.docs.push(p)
  }
  tellOurs('K', 0, uint(ms))
  for (const p of s.docs) if (below(5)) manage(p)
  for (let r = 10 + below(profile === 1 ? 250 : 80); r > 0; r--) {
    const p = pick(s.docs)
    await step(p, s)
  }
}

const end = real() + 1000 * Number(process.env.ORACLE_SECONDS ?? 10)
let passed = 0, failed = 0
for (let n = only === undefined ? 0 : Number(only); real() < end; n++) {
  try {
    await session(n)
    passed++
  } catch (error) {
    await Promise.allSettled(late.splice(0))
    if (error instanceof Unanswerable) {
      count('yjs throws')
    } else {
      failed++
      console.log(`FAILED session ${n} (ORACLE_SEED=${seed}): ${only === undefined ? error.message : error.stack}`)
      if (failed > 3) break
    }
  }
  if (only !== undefined) break
}
ours.end()
console.log(`undo: seed ${seed}, ${passed} sessions, ${Object.entries(counts).map(([k, v]) => `${v} ${k}`).join(', ')}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
