// Shared types through npm's yjs and through ours: several peers, each a document on both sides with the same client id,
// edit arrays, maps, XML, text and nested types, in transactions or not, and exchange what they did. After each step the
// state in v1 and v2, state vector, JSON, and what observers, deep observers and listeners saw must be equal.
// ORACLE_SEED and ORACLE_SECONDS set the seed and how long; ORACLE_SESSION=n runs that one alone.
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import * as Y from 'yjs'
import * as encoding from 'lib0/encoding'
import { driver, reseed, below, pick, shuffled, json, any } from './sessions.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const ours = driver(path.join(root, 'build/asan/y-types-oracle'))
const seed = BigInt(process.env.ORACLE_SEED ?? Date.now())

// --- both sides -----------------------------------------------------------------------------------------------------

const REFS = [Y.Array, Y.Map, Y.Text, Y.XmlElement, Y.XmlFragment, Y.XmlHook, Y.XmlText]
const ROOTS = { list: 0, map: 1, text: 2, xml: 4, element: 3, xtext: 6, 7: 1, 10: 0 }
const refOf = t => REFS.indexOf(t.constructor)
const stringify = v => JSON.stringify(v, (_, x) => typeof x === 'bigint' ? `\u0001${x}\u0001` : x)?.replace(/"\\u0001(-?\d+)\\u0001"/g, '$1')

const eventJson = e => {
  const { path, delta, keys } = { path: e.path, delta: e.delta, keys: Object.fromEntries(e.keys) }
  return stringify({ path, delta, keys })
}
const hex = bytes => Buffer.from(bytes).toString('hex')

function frame (write) {
  const e = encoding.createEncoder()
  write(e)
  return encoding.toUint8Array(e)
}
const anyBytes = v => frame(e => encoding.writeAny(e, v))

function writePath (e, { name, steps }) {
  encoding.writeVarString(e, name)
  encoding.writeUint8(e, ROOTS[name])
  encoding.writeVarUint(e, steps.length)
  for (const s of steps) {
    encoding.writeUint8(e, typeof s === 'string' ? 1 : 0)
    if (typeof s === 'string') encoding.writeVarString(e, s)
    else encoding.writeVarUint(e, s)
  }
}

function writeValue (e, v) {
  const [kind, bytes, options] =
    v instanceof Uint8Array ? [4, v, []] : v instanceof Y.Doc ? [6, Buffer.from(v.guid), anyBytes(docOptions(v))] : [1, anyBytes(v), []]
  encoding.writeUint8(e, kind)
  encoding.writeVarUint8Array(e, bytes)
  encoding.writeVarUint8Array(e, new Uint8Array(options))
}

const docOptions = d => {
  const o = {}
  if (!d.gc) o.gc = false
  if (d.autoLoad) o.autoLoad = true
  if (d.meta !== null) o.meta = d.meta
  return o
}

class Peer {
  constructor (index, clientID, gc, listen) {
    Object.assign(this, { index, listen, log: [], observers: new Map(), seen: 0, pending: [] })
    this.doc = new Y.Doc({ gc })
    this.doc.clientID = clientID
    for (const [name, ref] of Object.entries(ROOTS)) this.doc.get(name, REFS[ref])
    this.send('n', e => { encoding.writeVarUint(e, clientID); encoding.writeUint8(e, gc ? 0 : 1); encoding.writeUint8(e, listen ? 1 : 0) })
    // The same roots in the same order.
    for (const name of Object.keys(ROOTS)) this.send('g', e => writePath(e, { name, steps: [] }))
    if (!listen) return
    this.doc.on('update', u => this.log.push('u1 ' + hex(u)))
    this.doc.on('updateV2', u => this.log.push('u2 ' + hex(u)))
    this.doc.on('subdocs', ({ added, removed, loaded }) => {
      for (const d of added) this.log.push(`added ${d.guid} ${stringify(docOptions(d))}`)
      // Yjs then destroys what was removed in a transaction of its own, which does nothing but tell of it once more.
      for (const d of removed) { this.log.push(`removed ${d.guid} ${stringify(docOptions(d))}`); d._item = null }
      for (const d of loaded) this.log.push(`loaded ${d.guid} ${stringify(docOptions(d))}`)
    })
  }

  send (command, write = () => {}) {
    const bytes = write instanceof Uint8Array ? write : frame(write)
    const answer = ours.call(command, this.index, bytes)
    this.pending.push(answer.then(({ status }) => { if (status !== 0) throw new Error(`command ${command}: status ${status}`) }))
    this.pending.at(-1).catch(() => {})
    return answer
  }

  apply (update, v2) {
    if (v2) Y.applyUpdateV2(this.doc, update, 'remote')
    else Y.applyUpdate(this.doc, update, 'remote')
    this.send(v2 ? 'A' : 'a', new Uint8Array(update))
  }

  async compare (what, state = true, ordered = true) {
    const answers = Promise.all([
      this.send('c'), this.send('l'), this.send('j'), this.send('v'),
      ...(state ? [this.send('e'), this.send('E')] : [])
    ])
    const wants = [
      ['check', ''], ['log', this.log.map(s => s + '\n').join('')], ['JSON', stringify(this.doc.toJSON())], ['state vector', hex(Y.encodeStateVector(this.doc))],
      ...(state ? [['state v1', hex(Y.encodeStateAsUpdate(this.doc))], ['state v2', hex(Y.encodeStateAsUpdateV2(this.doc))]] : [])
    ]
    this.log = []
    await Promise.all(this.pending)
    this.pending = []
    const got = await answers
    wants.forEach(([name, want], i) => {
      let text = i < 3 ? got[i].bytes.toString() : hex(got[i].bytes)
      if (name === 'log') [text, want] = [text, want].map(withoutRepeated)
      // In which order what waits is taken up, and so keys become known, is not the same.
      if (name === 'JSON' && !ordered) [text, want] = [text, want].map(s => stringify(sorted(JSON.parse(s))))
      if (text !== want) throw new Error(`${what}: peer ${this.index}: ${name} differs${difference(text, want)}`)
    })
  }
}

// Yjs and ours make transactions of their own while observers are called: to read the delta of a text, to look for formats
// to take away. One that does nothing still has an update if observers edit, which says what the next one says again. Which
// of those there are is not compared.
function withoutRepeated (log) {
  const lines = log.split('\n')
  const range = (u, client) => u.structs.filter(s => s.id.client === client).reduce(([a, b], s) => [Math.min(a, s.id.clock), Math.max(b, s.id.clock + s.length)], [Infinity, 0])
  const decoded = lines.map(line => line.startsWith('u1 ') ? Y.decodeUpdate(Buffer.from(line.slice(3), 'hex')) : null)
  return lines.filter((line, i) => {
    const at = line.startsWith('u2 ') ? i - 1 : i // the v1 of it
    if (!decoded[at] || decoded[at].ds.clients.size) return true
    const next = decoded.find((u, k) => k > at && u)
    return !next || decoded[at].structs.some(s => {
      const [from, to] = range(next, s.id.client)
      return s.id.clock < from || s.id.clock + s.length > to
    })
  }).join('\n')
}

function difference (got, want) {
  let i = 0
  while (i < got.length && got[i] === want[i]) i++
  const from = Math.max(0, i - 300)
  return ` at ${i}\n got  ${got.slice(from, i + 700)}\n want ${want.slice(from, i + 700)}`
}

// --- what peers do --------------------------------------------------------------------------------------------------

const words = ['a', 'b', 'hello ', 'x\ny', '😀', 'é', '𝒳𝒴', '漢字', 'a😀b', '<&">']
const keys = ['a', 'b', 'c', '10', '2', 'é', '', 'B', '\uffee', '😀k']
let formats = true // of this session
const marks = () => ({ [pick(['b', 'i', 'link', '\uffee', '😀'])]: pick([true, true, null, null, 'red', 5, { href: 'x' }, { b: 1, a: [1, null] }, ['x', 'y'], '']), ...(below(3) ? {} : { em: pick([true, null]) }) })
const names = ['p', 'DIV', 'h1', 'É']
const subdoc = () => new Y.Doc({ guid: 'sub' + below(5), autoLoad: !below(3), meta: below(3) ? null : { m: below(9) }, gc: !!below(4) })
const mapValue = () => pick([any, any, any, () => new Uint8Array([below(256), 7]), subdoc])()
const listValue = () => pick([json, json, json, json, () => new Uint8Array([below(256)]), subdoc])()
const wellFormed = v => { // what JSON writes with an escape for half of a pair is out of reach of UTF-8
  if (typeof v === 'string') return v.toWellFormed ? v.toWellFormed() : v.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
  if (Array.isArray(v)) return v.map(wellFormed)
  if (v && v.constructor === Object) return Object.fromEntries(Object.entries(v).map(([k, x]) => [wellFormed(k), wellFormed(x)]))
  return v
}

// All types of a document with the way to them.
function types (doc) {
  const all = Object.keys(ROOTS).map(name => ({ type: doc.share.get(name), name, steps: [] }))
  for (let i = 0; i < all.length && all.length < 200; i++) {
    const { type, name, steps } = all[i]
    type._map.forEach((item, key) => { if (!item.deleted && item.content instanceof Y.ContentType) all.push({ type: item.content.type, name, steps: [...steps, key] }) })
    let at = 0
    for (let item = type._start; item; item = item.right) {
      if (!item.deleted && item.content instanceof Y.ContentType) all.push({ type: item.content.type, name, steps: [...steps, at] })
      if (!item.deleted && item.countable) at += item.length
    }
  }
  return all
}

const fresh = ref => ref === 3 || ref === 5 ? [pick(names)] : []
const editList = (peer, t) => {
  const { type } = t
  const xml = !(type instanceof Y.Array)
  const pos = pick([0, type.length, below(type.length + 1)])
  if (type.length && below(5) < 2) {
    const at = below(type.length)
    const len = Math.min(1 + below(4), type.length - at)
    type.delete(at, len)
    return peer.send('d', e => { writePath(e, t); encoding.writeVarUint(e, at); encoding.writeVarUint(e, len) })
  }
  if (xml || !below(3)) {
    const ref = xml ? pick([3, 3, 6, 6, 5, 4, 1, 0, 2]) : below(7)
    const args = fresh(ref)
    type.insert(pos, [new REFS[ref](...args)])
    return peer.send('t', e => { writePath(e, t); encoding.writeVarUint(e, pos); encoding.writeUint8(e, ref); encoding.writeVarString(e, args[0] ?? '') })
  }
  const values = Array.from({ length: 1 + below(5) }, listValue).map(wellFormed)
  peer.send('i', e => { writePath(e, t); encoding.writeVarUint(e, pos); encoding.writeVarUint(e, values.length); values.forEach(v => writeValue(e, v)) })
  type.insert(pos, values)
}

const editKeys = (peer, t) => {
  const { type } = t
  const map = type instanceof Y.Map
  const key = pick(keys)
  const k = e => { writePath(e, t); encoding.writeVarString(e, key) }
  switch (below(5)) {
    case 0:
      if (map) type.delete(key)
      else type.removeAttribute(key)
      return peer.send('r', k)
    case 1: case 2: {
      const ref = below(7)
      const args = fresh(ref)
      peer.send('M', e => { k(e); encoding.writeUint8(e, ref); encoding.writeVarString(e, args[0] ?? '') })
      const value = new REFS[ref](...args)
      return map ? type.set(key, value) : type.setAttribute(key, value)
    }
    default: {
      const value = wellFormed(mapValue())
      peer.send('m', e => { k(e); writeValue(e, value) })
      return map ? type.set(key, value) : type.setAttribute(key, value)
    }
  }
}

// The positions of a text that are not inside of a pair. Cut ones are for run.mjs: a struct that comes again after it was
// collected lets Yjs cut the pair it once stood in, which ours does not.
function whole (type) {
  let units = ''
  for (let item = type._start; item; item = item.right) if (!item.deleted && item.countable) units += item.content instanceof Y.ContentString ? item.content.str : '\ufffc'
  return Array.from({ length: units.length + 1 }, (_, i) => i).filter(i => !/[\ud800-\udbff]/.test(units[i - 1] ?? '') || !/[\udc00-\udfff]/.test(units[i] ?? ''))
}

const editText = (peer, t) => {
  const { type } = t
  const places = whole(type)
  const from = below(places.length)
  const at = places[from]
  if (type.length && below(3) === 0) {
    const len = places[Math.min(from + 1 + below(4), places.length - 1)] - at
    type.delete(at, len)
    return peer.send('S', e => { writePath(e, t); encoding.writeVarUint(e, at); encoding.writeVarUint(e, len) })
  }
  const start = (e, attributes) => { writePath(e, t); encoding.writeVarUint(e, at); encoding.writeVarUint8Array(e, attributes ? anyBytes(attributes) : new Uint8Array(0)) }
  switch (below(formats ? 10 : 6)) {
    case 6: {
      const len = places[Math.min(from + 1 + below(4), places.length - 1)] - at
      const attributes = marks()
      if (!len) return
      peer.send('f', e => { start(e, attributes); encoding.writeVarUint(e, len) })
      return type.format(at, len, attributes)
    }
    case 7: {
      const attributes = marks()
      const text = pick(words)
      peer.send('p', e => { start(e, attributes); encoding.writeVarString(e, text) })
      return type.insert(at, text, attributes)
    }
    case 8: {
      const attributes = below(2) ? marks() : undefined
      const embed = pick([{ image: 'x' }, 5, true, ['a', [null, 'b']], { a: { b: 1 } }])
      peer.send('y', e => { start(e, attributes); writeValue(e, embed) })
      return type.insertEmbed(at, embed, attributes)
    }
    case 9: {
      const attributes = below(2) ? marks() : undefined
      const ref = below(7)
      const args = fresh(ref)
      peer.send('Y', e => { start(e, attributes); encoding.writeUint8(e, ref); encoding.writeVarString(e, args[0] ?? '') })
      return type.insertEmbed(at, new REFS[ref](...args), attributes)
    }
    default: {
      const text = pick(words)
      type.insert(at, text)
      return peer.send('s', e => { writePath(e, t); encoding.writeVarUint(e, at); encoding.writeVarString(e, text) })
    }
  }
}

function edit (peer) {
  const t = pick(types(peer.doc))
  if (t.type instanceof Y.Text) return below(4) ? editText(peer, t) : editKeys(peer, t)
  if (t.type instanceof Y.Map) return editKeys(peer, t)
  if (t.type instanceof Y.XmlElement) return below(2) ? editList(peer, t) : editKeys(peer, t)
  return editList(peer, t)
}

function transaction (peer) {
  peer.send('b')
  peer.doc.transact(() => { for (let k = below(6); k >= 0; k--) edit(peer) })
  peer.send('x')
}

// The observer on our side does the same; see types_driver.c.
function observe (peer, number) {
  const t = pick(types(peer.doc))
  const deep = below(2) === 0
  const o = { number, deeds: below(3) ? 0 : below(32), times: 1 + below(3) }
  const deeds = () => {
    if (!o.times) return
    o.times--
    const value = o.times + 1
    const first = () => {
      if (o.deeds & 1) peer.doc.getMap('map').set('k' + number % 3, value)
      if (o.deeds & 2) peer.doc.getArray('list').insert(0, [value])
    }
    if (o.deeds & 4) peer.doc.transact(first)
    else first()
    const list = peer.doc.getArray('list')
    if ((o.deeds & 8) && list.length) list.delete(0, 1)
    if (o.deeds & 16) stop()
  }
  const direct = e => {
    if (o.stopped) return
    peer.log.push(`o${number} ${eventJson(e)}`)
    deeds()
    peer.log.push(`o${number} ${eventJson(e)}`)
  }
  const all = events => {
    if (o.stopped) return
    peer.log.push(`O${number}${events.map(e => ' ' + eventJson(e)).join('')}`)
    deeds()
  }
  const stop = () => {
    o.stopped = true
    if (deep) t.type.unobserveDeep(all)
    else t.type.unobserve(direct)
    peer.observers.delete(number)
  }
  if (deep) t.type.observeDeep(all)
  else t.type.observe(direct)
  peer.observers.set(number, { stop, type: t.type })
  peer.send(deep ? 'O' : 'o', e => { writePath(e, t); encoding.writeVarUint(e, number); encoding.writeUint8(e, o.deeds); encoding.writeUint8(e, o.times) })
}

const gone = type => {
  for (let t = type; t._item; t = t.parent) if (t._item.deleted) return true
  return false
}

function unobserve (peer) {
  const list = [...peer.observers]
  if (!list.length) return
  const [number, o] = pick(list)
  if (gone(o.type)) return // with its type
  o.stop()
  peer.send('u', e => encoding.writeVarUint(e, number))
}

function forget (peer) { // observers of types that are gone
  for (const [number, o] of [...peer.observers]) if (gone(o.type)) peer.observers.delete(number)
}

// Keys come in the order in which a peer learned of them.
const sorted = v => Array.isArray(v) ? v.map(sorted) : v && v.constructor === Object ? Object.fromEntries(Object.keys(v).sort().map(k => [k, sorted(v[k])])) : v

// --- sessions -------------------------------------------------------------------------------------------------------

function sync (from, to) {
  const v2 = below(2) === 0
  const sv = Y.encodeStateVector(to.doc)
  to.apply(v2 ? Y.encodeStateAsUpdateV2(from.doc, sv) : Y.encodeStateAsUpdate(from.doc, sv), v2)
}

const stuck = peer => peer.doc.store.pendingStructs !== null || peer.doc.store.pendingDs !== null

// Yjs looks at what waits only when the next update comes; an empty one makes it look.
function settle (peer) {
  for (let k = 0; k < 10 && stuck(peer); k++) Y.applyUpdate(peer.doc, new Uint8Array([0, 0]))
}

async function session (n) {
  reseed(seed * 1000003n + BigInt(n))
  const count = n % 40 === 39 ? 60 + below(41) : n % 10 === 9 ? 10 + below(20) : 1 + below(6)
  const rounds = 10 + below(count > 9 ? 3 * count : 60)
  const ids = new Set()
  while (ids.size < count) ids.add(below(6) ? 1 + below(2 ** 31) : 1 + below(300))
  const peers = [...ids].map((id, i) => new Peer(i, id, below(5) > 0, below(4) > 0))
  const updates = []
  for (const p of peers) p.doc.on('update', (u, origin) => { if (origin !== 'remote') updates.push(u) })
  const groups = 1 + below(3)
  formats = below(2) === 0
  const loose = peers.length > 1 && below(3) === 0 ? new Peer(200, 2 ** 31 + 1, true, false) : null // gets all in any order
  const waiting = []
  let number = 0
  let taken = 0
  for (let r = 0; r < rounds; r++) {
    const p = pick(peers)
    const action = below(12)
    let changed = p
    if (action < 4) edit(p)
    else if (action < 6) transaction(p)
    else if (action === 6 && p.listen) observe(p, ++number)
    else if (action === 7 && p.listen) unobserve(p)
    else { // from a peer of the same group; in the last third all are connected again
      const q = pick(peers)
      if (q === p || (r < rounds * 2 / 3 && p.index % groups !== q.index % groups)) continue
      if (below(3)) sync(q, p)
      else for (let m = below(updates.length + 1); p.seen < m; p.seen++) p.apply(updates[p.seen]) // in order of making
      if (below(6) === 0 && updates.length) p.apply(pick(updates.slice(0, p.seen || 0).concat([new Uint8Array([0, 0])]))) // again
    }
    await changed.compare(`round ${r}`, count < 30 || below(10) === 0)
    forget(p)
    if (loose) {
      for (; taken < updates.length; taken++) { waiting.push(updates[taken]); if (!below(4)) waiting.push(updates[taken]) }
      if (below(5) === 0) {
        for (const u of shuffled(waiting.splice(0, below(waiting.length + 1)))) loose.apply(u)
        if (!stuck(loose)) await loose.compare(`round ${r}, shuffled`, true, false)
      }
    }
    if (below(8) === 0) {
      const t = pick(types(p.doc))
      await p.send('g', e => writePath(e, t))
    }
  }
  for (const p of peers) { // observers edit no more
    forget(p)
    for (const [number, o] of [...p.observers]) { o.stop(); p.send('u', e => encoding.writeVarUint(e, number)) }
  }
  for (const p of peers) if (p !== peers[0]) { sync(p, peers[0]); await peers[0].compare('in the end', count < 30) }
  for (const p of peers) if (p !== peers[0]) { sync(peers[0], p); await p.compare('in the end, back') }
  const all = stringify(sorted(peers[0].doc.toJSON()))
  for (const p of peers) if (stringify(sorted(p.doc.toJSON())) !== all) throw new Error('yjs does not converge')
  if (loose) {
    for (const u of shuffled(waiting)) loose.apply(u)
    for (; taken < updates.length; taken++) loose.apply(updates[taken])
    settle(loose)
    if (!stuck(loose)) await loose.compare('shuffled, in the end', true, false)
    loose.send('k')
  }
  for (const p of peers) { p.send('k'); p.doc.destroy() }
  for (const p of peers) await Promise.all(p.pending)
}

const end = Date.now() + 1000 * Number(process.env.ORACLE_SECONDS ?? 10)
const only = process.env.ORACLE_SESSION
let passed = 0
let failed = 0
for (let n = only ? Number(only) : 0; Date.now() < end; n++) {
  try {
    await session(n)
    passed++
  } catch (error) {
    failed++
    console.log(`FAILED session ${n} (ORACLE_SEED=${seed}): ${process.env.ORACLE_STACK ? error.stack : error.message}`)
    if (failed > 3 || /driver ended/.test(error.message)) break
  }
  if (only) break
}
ours.end()
console.log(`seed ${seed}, ${passed} sessions of shared types`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
