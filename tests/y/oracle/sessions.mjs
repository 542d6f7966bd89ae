// Random documents with every content type, from a seed; and the frames that a driver of ours speaks.
import { spawn } from 'node:child_process'
import * as Y from 'yjs'

export function driver (program) {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = []
  let buffered = Buffer.alloc(0)
  child.stdout.on('data', chunk => {
    buffered = buffered.length ? Buffer.concat([buffered, chunk]) : chunk
    while (buffered.length >= 8) {
      const n = buffered.readUInt32LE(4)
      if (buffered.length < 8 + n) break
      waiting.shift().resolve({ status: buffered.readInt32LE(0), bytes: buffered.subarray(8, 8 + n) })
      buffered = buffered.subarray(8 + n)
    }
  })
  child.on('exit', code => { for (const w of waiting) w.reject(new Error(`driver ended: ${code}`)) })
  return {
    call: (a, b, bytes = new Uint8Array(0)) => new Promise((resolve, reject) => {
      const head = Buffer.alloc(6)
      head[0] = typeof a === 'string' ? a.charCodeAt(0) : a
      head[1] = b
      head.writeUInt32LE(bytes.length, 2)
      waiting.push({ resolve, reject })
      child.stdin.write(Buffer.concat([head, bytes]))
    }),
    end: () => child.stdin.end()
  }
}

let state = 0n
export const reseed = n => { state = BigInt.asUintN(64, n) }
export const below = n => {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n)
  let z = state
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
  return Number((z ^ (z >> 31n)) % BigInt(n))
}
export const pick = list => list[below(list.length)]
export const shuffled = list => {
  const a = [...list]
  for (let i = a.length - 1; i > 0; i--) { const j = below(i + 1); [a[i], a[j]] = [a[j], a[i]] }
  return a
}

const words = ['a', 'b', 'hello ', 'x\ny', '😀', 'é', '𝒳𝒴', 'function f() {}\n', '漢字', 'a😀b']
const keys = ['a', 'b', 'c', 'k\0x', '10', '2', 'é', '']
export const json = () => pick([
  () => below(200) - 100, () => below(2 ** 40) - 2 ** 39, () => 2 ** 31 - below(3), () => -(2 ** 31) + below(3), () => below(1000) / 8, () => below(1000) / 10,
  () => -0, () => 1e21, () => 1.7976931348623157e308, () => 5e-324, () => pick([true, false, null]), () => pick(words), () => 'q"\\\n\u0001\u2028\ud800 ',
  () => Array.from({ length: below(4) }, json), () => Object.fromEntries(Array.from({ length: below(4) }, () => [pick(keys), json()])),
  () => Object.fromEntries(Array.from({ length: below(40) }, () => ['k' + below(100), below(5)]))
])()
export const any = () => below(3) ? json() : pick([() => new Uint8Array([1, 2, below(256)]), () => 12345678901234n, () => -5n, () => undefined, () => ({ a: undefined, b: [undefined, NaN, Infinity], c: new Uint8Array([9]) }), () => NaN])()

const marks = () => ({ [pick(['bold', 'em', 'link'])]: pick([() => true, () => null, json])() })
const typed = () => pick([() => new Y.Text(pick(words)), () => new Y.Map([['q', json()]]), () => Y.Array.from([1, 'x']), () => new Y.XmlText('t'), () => new Y.XmlElement('div'), () => new Y.Doc({ guid: 'sub' + below(3), autoLoad: !below(3), meta: below(2) ? { m: json() } : null, gc: !!below(4) })])()

function legacy (doc) { // ContentJSON, which yjs reads and writes but makes no more
  const a = doc.getArray('arr')
  doc.transact(t => {
    const left = a._start
    const item = new Y.Item(Y.createID(doc.clientID, Y.getState(doc.store, doc.clientID)), null, null, left, left && left.id, a, null, new Y.ContentJSON(Array.from({ length: 1 + below(4) }, () => below(4) ? json() : undefined)))
    item.integrate(t, 0)
    if (a._searchMarker) a._searchMarker.length = 0
  })
}

export function edit (doc) {
  const text = doc.getText('text')
  switch (below(20)) {
    case 0: case 1: case 2: case 3: text.insert(below(text.length + 1), pick(words)); break
    case 4: case 5: case 6: if (text.length) { const p = below(text.length); text.delete(p, Math.min(1 + below(6), text.length - p)) } break
    case 7: if (text.length) { const p = below(text.length); text.format(p, Math.min(1 + below(5), text.length - p), marks()) } break
    case 8: text.insertEmbed(below(text.length + 1), pick([{ image: 'x.png' }, json() ?? 1, { d: json() }]), below(2) ? marks() : undefined); break
    case 9: case 10: doc.getMap('map').set(pick(keys), pick([any, any, typed])()); break
    case 11: doc.getMap('map').delete(pick(keys)); break
    case 12: { const a = doc.getArray('arr'); a.insert(below(a.length + 1), Array.from({ length: 1 + below(5) }, () => below(5) ? json() : pick([typed, () => new Uint8Array([below(9)])])())); break }
    case 13: { const a = doc.getArray('arr'); if (a.length) { const p = below(a.length); a.delete(p, Math.min(1 + below(3), a.length - p)) } break }
    case 14: { const m = doc.getMap('map').get(pick(keys)); if (m instanceof Y.Text) m.insert(below(m.length + 1), pick(words)); else if (m instanceof Y.Map) m.set('deep', new Y.Array()); else if (m instanceof Y.Array) m.push([json()]); break }
    case 15: {
      const x = doc.getXmlFragment('xml')
      if (below(3) || !x.length) { const e = new Y.XmlElement(pick(['p', 'div'])); e.setAttribute('class', 'c'); e.insert(0, [new Y.XmlText('t'), new Y.XmlHook('h')]); x.insert(below(x.length + 1), [e]) } else x.delete(below(x.length), 1)
      break
    }
    case 16: { const x = doc.getXmlFragment('xml'); const e = x.length && x.get(below(x.length)); if (e instanceof Y.XmlElement) { e.setAttribute(pick(['id', 'class']), pick(words)); const t = e.get(0); if (t instanceof Y.XmlText) t.insert(0, pick(words), below(2) ? { i: true } : undefined) } break }
    case 17: legacy(doc); break
    case 18: doc.getArray('arr').insert(0, Array.from({ length: 1 + below(30) }, () => new Y.Map())); break
    case 19: text.insert(text.length, 'run'.repeat(below(60))); break
  }
}

// Peers that edit and sometimes catch up: their documents, and every update in the order it was made, in v1 and v2.
export function session ({ peers = 2 + below(5), rounds = 5 + below(60), gc = true } = {}) {
  const docs = []
  const updates = []
  const updates2 = []
  for (let i = 0; i < peers; i++) {
    const doc = new Y.Doc({ gc: gc && below(4) > 0 })
    doc.clientID = below(8) ? 1 + below(2 ** 31) : 1 + below(100)
    doc.on('update', (u, origin) => { if (origin !== 'remote') updates.push(u) })
    doc.on('updateV2', (u, origin) => { if (origin !== 'remote') updates2.push(u) })
    docs.push({ doc, seen: 0 })
  }
  for (let r = 0; r < rounds; r++) {
    const p = pick(docs)
    if (below(3)) edit(p.doc)
    else p.doc.transact(() => { for (let k = below(5); k >= 0; k--) edit(p.doc) })
    if (below(3) === 0) {
      const q = pick(docs)
      for (; q.seen < updates.length; q.seen++) Y.applyUpdate(q.doc, updates[q.seen], 'remote')
    }
  }
  return { docs, updates, updates2 }
}
