// The inputs: seeded sessions made with real Yjs (kept in build/bench/sessions), and the recorded ones of BENCH_DATA.
//
// A session is a set of files NAME.<kind>:
//   updates   [u32 little endian length][bytes]..., v1, one update per transaction, in the order of delivery
//   state.v1, state.v2, sv      what a Yjs document holds after all of them
//   half.v1, half.sv            the same after the first half of them
//   txt                         the text of root 'text'
//   ops                         sequential sessions only: the edits as somebody made them
// and NAME.json, written last: { name, about, stamp, count, text, ops, roots }.

import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'

/** mulberry32: numbers below n, the same for the same seed everywhere. */
export function random (seed) {
  let a = seed >>> 0
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return Object.assign(next, { below: n => Math.floor(next() * n) })
}

const WORDS = ('function return const let if else for while document update state vector client clock item awareness room ' +
  'the a of and to in is that it was for on are with as at be this have from or one had by but not what all were we when').split(' ')
const word = rng => WORDS[rng.below(WORDS.length)]

function shuffle (list, rng) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = rng.below(i + 1)
    ;[list[i], list[j]] = [list[j], list[i]]
  }
  return list
}

export function frames (updates) {
  const out = Buffer.alloc(updates.reduce((n, u) => n + 4 + u.length, 0))
  let at = 0
  for (const u of updates) {
    out.writeUInt32LE(u.length, at)
    out.set(u, at + 4)
    at += 4 + u.length
  }
  return out
}

export function unframe (log) {
  const updates = []
  for (let at = 0; at < log.length;) {
    const n = log.readUInt32LE(at)
    // Not a Buffer: what both peers are written for.
    updates.push(new Uint8Array(log.buffer, log.byteOffset + at + 4, n))
    at += 4 + n
  }
  return updates
}

/** transactions: lists of [position, deleted, text]. */
export function encodeOps (transactions) {
  const parts = []
  const u32 = (...list) => {
    const b = Buffer.alloc(4 * list.length)
    list.forEach((n, i) => b.writeUInt32LE(n, 4 * i))
    parts.push(b)
  }
  u32(transactions.length)
  for (const patches of transactions) {
    u32(patches.length)
    for (const [position, deleted, text] of patches) {
      const utf8 = Buffer.from(text)
      u32(position, deleted, utf8.length)
      parts.push(utf8)
    }
  }
  return Buffer.concat(parts)
}

export function decodeOps (bytes) {
  let at = 0
  const u32 = () => bytes.readUInt32LE((at += 4) - 4)
  return Array.from({ length: u32() }, () => Array.from({ length: u32() }, () => {
    const position = u32(), deleted = u32(), n = u32()
    at += n
    return [position, deleted, bytes.toString('utf8', at - n, at)]
  }))
}

function recorder (clientID) {
  const doc = new Y.Doc()
  doc.clientID = clientID
  const updates = []
  doc.on('update', u => updates.push(u))
  return { doc, updates }
}

/** Runs edits on one document, one transaction each, as [position, deleted, text]. */
function sequential (transactions, clientID) {
  const { doc, updates } = recorder(clientID)
  const text = doc.getText('text')
  for (const patches of transactions) {
    doc.transact(() => {
      for (const [position, deleted, inserted] of patches) {
        if (deleted) text.delete(position, deleted)
        if (inserted) text.insert(position, inserted)
      }
    })
  }
  return { updates, ops: encodeOps(transactions) }
}

/** One person at a keyboard: key by key, a backspace now and then, sometimes somewhere else. Never within a pair. */
function typing (seed, edits) {
  const rng = random(seed)
  const transactions = []
  let text = '', cursor = 0, waiting = ''
  const inPair = at => /[\udc00-\udfff]/.test(text.charAt(at))
  while (transactions.length < edits) {
    const dice = rng()
    if (waiting === '' && dice < 0.02) {
      cursor = rng.below(text.length + 1)
      if (inPair(cursor)) cursor--
    } else if (dice < 0.08 && cursor > 0) {
      const n = inPair(cursor - 1) ? 2 : 1
      cursor -= n
      transactions.push([[cursor, n, '']])
      text = text.slice(0, cursor) + text.slice(cursor + n)
    } else {
      if (waiting === '') waiting = word(rng) + (rng.below(8) ? ' ' : rng.below(6) ? '\n' : ' é 😀 ')
      const key = String.fromCodePoint(waiting.codePointAt(0))
      waiting = waiting.slice(key.length)
      transactions.push([[cursor, 0, key]])
      text = text.slice(0, cursor) + key + text.slice(cursor)
      cursor += key.length
    }
  }
  return sequential(transactions, 1 + rng.below(2 ** 31))
}

/** n people in one document, each with a cursor of their own, who see each other's edits a round later. */
function people (seed, n, rounds, editsEach) {
  const rng = random(seed)
  const everyone = Array.from({ length: n }, () => ({ ...recorder(1 + rng.below(2 ** 32 - 2)), cursor: 0, taken: 0 }))
  const log = [], hub = new Y.Doc()
  for (let round = 0; round < rounds; round++) {
    for (const p of everyone) {
      const text = p.doc.getText('text')
      if (round > 0) Y.applyUpdate(p.doc, Y.encodeStateAsUpdate(hub, Y.encodeStateVector(p.doc)), 'hub')
      if (rng.below(10) === 0 || p.cursor > text.length) p.cursor = rng.below(text.length + 1)
      p.updates.length = 0
      for (let i = 0; i < editsEach; i++) {
        if (rng.below(8) === 0 && p.cursor > 0) text.delete(--p.cursor, 1)
        else {
          const s = rng.below(5) ? 'etaoin shrdlu'[rng.below(13)] : word(rng) + ' '
          text.insert(p.cursor, s)
          p.cursor += s.length
        }
      }
      p.mine = p.updates.splice(0)
    }
    // Everybody's own order is kept, the rest is mixed.
    const queues = everyone.map(p => p.mine).filter(q => q.length)
    while (queues.length) {
      const i = rng.below(queues.length)
      const u = queues[i].shift()
      if (!queues[i].length) queues.splice(i, 1)
      log.push(u)
      Y.applyUpdate(hub, u)
    }
  }
  return { updates: log }
}

/** n clients who know the same beginning and each write one word in front of it, at the same time. */
function prepends (seed, n) {
  const rng = random(seed)
  const base = recorder(7)
  base.doc.getText('text').insert(0, 'the end')
  const log = []
  for (let i = 0; i < n; i++) {
    const { doc, updates } = recorder(100 + rng.below(2 ** 31))
    Y.applyUpdate(doc, base.updates[0])
    updates.length = 0
    doc.getText('text').insert(0, word(rng) + ' ')
    log.push(...updates)
  }
  return { updates: [base.updates[0], ...shuffle(log, rng)] }
}

/** One person who always writes at the beginning. */
function prepending (seed, n) {
  const rng = random(seed)
  return sequential(Array.from({ length: n }, () => [[0, 0, 'etaoin shrdlu'[rng.below(13)]]]), 1 + rng.below(2 ** 31))
}

function shuffled (seed) {
  const { updates } = people(seed, 10, 30, 10)
  return { updates: shuffle(updates, random(seed + 1)) }
}

/** A rich text: bold and italic put on and taken off ranges that overlap, links, embeds, typing between. */
function rich (seed, edits) {
  const rng = random(seed)
  const { doc, updates } = recorder(1 + rng.below(2 ** 31))
  const text = doc.getText('text')
  text.insert(0, Array.from({ length: 300 }, () => word(rng)).join(' '))
  while (updates.length < edits) {
    const at = rng.below(text.length), length = Math.min(1 + rng.below(30), text.length - at)
    const dice = rng.below(20)
    if (dice < 8) text.format(at, length, { [['bold', 'italic', 'code'][rng.below(3)]]: rng.below(3) ? true : null })
    else if (dice < 10) text.format(at, length, { link: rng.below(3) ? { href: `https://example.org/${rng.below(50)}` } : null })
    else if (dice < 11) text.insertEmbed(at, { image: `picture-${rng.below(50)}.png` })
    else if (dice < 13) text.delete(at, Math.min(length, 5))
    else text.insert(at, word(rng) + ' ', rng.below(2) ? { bold: true } : {})
  }
  return { updates, roots: { text: 'text' } }
}

/** Three people who keep setting the same 200 keys, and see each other's after every 20. */
function map (seed, edits) {
  const rng = random(seed)
  const three = Array.from({ length: 3 }, () => recorder(1 + rng.below(2 ** 31)))
  const log = []
  while (log.length < edits) {
    const fresh = []
    for (const { doc, updates } of three) {
      updates.length = 0
      for (let i = 0; i < 20; i++) {
        const key = `key-${rng.below(200)}`
        if (rng.below(15) === 0) doc.getMap('map').delete(key)
        else doc.getMap('map').set(key, [rng.below(1000), word(rng), rng() < 0.5, { at: [rng.below(9), rng.below(9)] }][rng.below(4)])
      }
      fresh.push(...updates)
    }
    for (const { doc } of three) for (const u of fresh) Y.applyUpdate(doc, u)
    log.push(...fresh)
  }
  return { updates: log, roots: { map: 'map' } }
}

/** A board: an array of cards, each a map with a text and a list of tags; and an XML document. */
function nested (seed, edits) {
  const rng = random(seed)
  const { doc, updates } = recorder(1 + rng.below(2 ** 31))
  const cards = doc.getArray('array'), xml = doc.getXmlFragment('xml')
  while (updates.length < edits) {
    const dice = rng.below(20)
    if (dice < 3 || cards.length === 0) {
      doc.transact(() => {
        const card = new Y.Map()
        card.set('title', word(rng))
        card.set('body', new Y.Text(word(rng)))
        card.set('tags', Y.Array.from([word(rng)]))
        cards.insert(rng.below(cards.length + 1), [card])
      })
    } else if (dice < 4) {
      cards.delete(rng.below(cards.length), 1)
    } else if (dice < 13) {
      const card = cards.get(rng.below(cards.length)), body = card.get('body')
      if (rng.below(4) === 0) card.set('title', word(rng))
      else if (rng.below(4) === 0) card.get('tags').insert(0, [rng.below(100)])
      else body.insert(rng.below(body.length + 1), word(rng))
    } else if (dice < 16 || xml.length === 0) {
      doc.transact(() => {
        const p = new Y.XmlElement('p')
        xml.insert(rng.below(xml.length + 1), [p])
        p.setAttribute('class', word(rng))
        p.insert(0, [new Y.XmlText(word(rng))])
      })
    } else {
      const p = xml.get(rng.below(xml.length)), t = p.get(0)
      if (rng.below(3) === 0) p.setAttribute('class', word(rng))
      else t.insert(rng.below(t.length + 1), word(rng))
    }
  }
  return { updates, roots: { array: 'array', xml: 'xml' } }
}

/** A file of 1 MB in 100 000 items: two people write a word of ten in turn, so that no two items join. */
function big (seed) {
  const rng = random(seed)
  const { doc, updates } = recorder(1)
  const text = doc.getText('text')
  for (let i = 0; i < 100000; i++) {
    doc.clientID = 11 + i % 2
    text.insert(text.length, (word(rng) + '         ').slice(0, 9) + (i % 7 ? ' ' : '\n'))
  }
  return { updates }
}

/** Edits for `big`, at most `span` away from `at` of the whole (0 to 1). */
export function editsAt (seed, length, at, span, edits) {
  const rng = random(seed)
  return Array.from({ length: edits }, () => {
    const middle = Math.round(at * length), reach = Math.round(span * length)
    const from = Math.max(0, middle - reach), to = Math.min(length, middle + reach)
    const position = from + rng.below(to - from + 1)
    if (rng.below(4) === 0 && position < length) {
      length--
      return [[position, 1, '']]
    }
    length++
    return [[position, 0, 'x']]
  })
}

const VERSION = 2 // of the generators: another number makes the files again
const made = [
  ['typing', 'one person: key by key, backspaces, jumps', () => typing(1, 50000)],
  ['people', '100 people at once, 200 edits each, seen a round later', () => people(2, 100, 50, 4)],
  ['prepends', '1 500 clients, a word each at position 0 at the same time', () => prepends(3, 1500)],
  ['prepending', 'one person who always writes at position 0', () => prepending(4, 20000)],
  ['shuffled', '10 people, delivered in random order', () => shuffled(5)],
  ['rich', 'rich text: formats on and off overlapping ranges, embeds', () => rich(6, 6000)],
  ['map', '3 people setting and deleting the same 200 keys', () => map(7, 20000)],
  ['nested', 'maps with text and arrays within an array; XML', () => nested(8, 10000)],
  ['big', '1 MB of text in 100 000 items', () => big(9)]
]

function derive (folder, session, updates, ops, roots) {
  const write = (kind, bytes) => writeFileSync(path.join(folder, `${session.name}.${kind}`), bytes)
  const doc = new Y.Doc(), half = Math.floor(updates.length / 2)
  for (let i = 0; i < updates.length; i++) {
    Y.applyUpdate(doc, updates[i])
    if (i + 1 === half) {
      write('half.v1', Y.encodeStateAsUpdate(doc))
      write('half.sv', Y.encodeStateVector(doc))
    }
  }
  if (doc.store.pendingStructs || doc.store.pendingDs) throw new Error(`${session.name}: something is left waiting`)
  write('updates', frames(updates))
  write('state.v1', Y.encodeStateAsUpdate(doc))
  write('state.v2', Y.encodeStateAsUpdateV2(doc))
  write('sv', Y.encodeStateVector(doc))
  write('txt', session.text ? doc.getText('text').toString() : '')
  if (ops) write('ops', ops)
  Object.assign(session, { count: updates.length, ops: Boolean(ops), roots: roots ?? { text: 'text' } })
  writeFileSync(path.join(folder, `${session.name}.json`), JSON.stringify(session))
}

function cached (folder, name, stamp) {
  const file = path.join(folder, `${name}.json`)
  if (!existsSync(file)) return null
  const session = JSON.parse(readFileSync(file, 'utf8'))
  return session.stamp === stamp ? session : null
}

/** All sessions, made where they are not there yet. say: told what takes time. */
export function sessions (folder, data, say) {
  mkdirSync(folder, { recursive: true })
  const list = []
  const names = data ? readdirSync(data).filter(f => f.endsWith('.updates.gz')).map(f => f.slice(0, -'.updates.gz'.length)).sort() : []
  for (const name of names) {
    const { size, mtimeMs } = statSync(path.join(data, `${name}.updates.gz`))
    const stamp = `${VERSION} ${size} ${mtimeMs}`
    let session = cached(folder, name, stamp)
    if (!session) {
      say(`unpacking ${name}`)
      const read = kind => {
        const file = path.join(data, `${name}.${kind}.gz`)
        return existsSync(file) ? gunzipSync(readFileSync(file)) : null
      }
      session = { name, about: 'recorded', stamp, text: true, recorded: true }
      derive(folder, session, unframe(read('updates')), read('ops'))
      // The recording's own word for the text, where it is there.
      const text = read('txt')
      if (text && !text.equals(readFileSync(path.join(folder, `${name}.txt`)))) throw new Error(`${name}: Yjs makes another text than ${name}.txt`)
    }
    list.push(session)
  }
  const stamp = `${VERSION}`
  for (const [name, about, make] of made) {
    let session = cached(folder, name, stamp)
    if (!session) {
      say(`making ${name}: ${about}`)
      const { updates, ops, roots } = make()
      session = { name, about, stamp, text: !roots || Boolean(roots.text) }
      derive(folder, session, updates, ops, roots)
    }
    list.push(session)
  }
  return list.map(s => ({ ...s, file: kind => path.join(folder, `${s.name}.${kind}`) }))
}
