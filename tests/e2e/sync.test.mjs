// The stock providers and other Yjs applications' documents against the real server.

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import * as Y from 'yjs'
import { Client, closeAll, providers, sameBytes, stock } from './lib/client.mjs'
import { peer, startServer, until } from './lib/harness.mjs'

let server
const clients = []
before(async () => { server = await startServer() })
after(() => server.kill())
afterEach(() => closeAll(clients))

const same = list => list.every(c => c.text.toString() === list[0].text.toString())

for (const [version, Provider] of Object.entries(providers)) {
  const id = name => `sync-${version}-${name}`
  const join = (name, options) => stock(Provider, server, id(name), { clients, ...options })

  describe(`y-websocket ${version}`, () => {
    test('five people type, a sixth comes late, all have the same text', async () => {
      const people = Array.from({ length: 5 }, () => join('five'))
      await until(() => people.every(p => p.provider.synced), 'sync of five')
      for (let round = 0; round < 20; round++) {
        people.forEach((p, i) => p.text.insert(Math.floor(p.text.length / 2), `${i}.${round} é😀 `))
        if (round % 5 === 4) await until(() => same(people), 'equal texts')
      }
      people[0].text.delete(3, 10)
      const length = () => people[1].text.length
      await until(() => same(people) && length() === people[0].text.length, 'equal texts after deletion')
      const late = join('five')
      await until(() => late.text.toString() === people[0].text.toString(), 'late joiner')
      for (let i = 0; i < 5; i++) for (const round of [0, 19]) if (round) assert.match(late.text.toString(), new RegExp(`${i}\\.${round} `))
    })

    test('awareness is seen, echoed, and dropped on leaving and on a torn socket', async () => {
      const [a, b, c] = [join('aware'), join('aware'), join('aware')]
      await until(() => a.provider.synced && b.provider.synced && c.provider.synced, 'sync')
      b.provider.awareness.setLocalStateField('user', { name: 'Bea' })
      c.provider.awareness.setLocalStateField('user', { name: 'Cem' })
      const names = () => [...a.provider.awareness.getStates().values()].map(s => s.user?.name).filter(Boolean).sort().join()
      await until(() => names() === 'Bea,Cem', () => `names, have ${names()}`)
      const before = b.provider.wsLastMessageReceived
      b.provider.awareness.setLocalStateField('cursor', 1)
      await until(() => b.provider.wsLastMessageReceived > before, 'own awareness coming back')
      b.provider.disconnect()
      await until(() => names() === 'Cem', () => `Bea gone, have ${names()}`)
      c.provider.shouldConnect = false
      c.provider.ws._socket.destroy()
      await until(() => names() === '', () => `Cem gone, have ${names()}`)
    })

    test('edits made while the server is away arrive when it is back', { skip: peer }, async () => {
      let other = await startServer()
      const options = { clients, maxBackoffTime: 200 }
      const a = stock(Provider, other, id('away'), options)
      const b = stock(Provider, other, id('away'), options)
      try {
        await until(() => a.provider.synced && b.provider.synced, 'sync')
        a.text.insert(0, 'before ')
        await until(() => b.text.toString() === 'before ', 'first text')
        await other.stop()
        await until(() => !a.provider.wsconnected && !b.provider.wsconnected, 'both cut')
        a.text.insert(7, 'from a ')
        b.text.insert(7, 'from b ')
        other = await other.restart()
        await until(() => same([a, b]) && a.text.length === 21, () => `merge, have ${a.text} | ${b.text}`)
        await until(async () => await other.raw(id('away')) === a.text.toString(), 'raw text')
      } finally {
        closeAll(clients)
        await other.kill()
      }
    })
  })
}

test('the echo clears the unconfirmed changes of provider 3.1', async () => {
  const a = stock(providers['3.1'], server, 'sync-status', { clients })
  await until(() => a.provider.synced, 'sync')
  if (typeof a.provider.unsyncedChanges !== 'number' && a.provider.hasUnsyncedChanges === undefined) return assert.ok(a.provider.synced)
  const dirty = () => a.provider.hasUnsyncedChanges ?? a.provider.unsyncedChanges > 0
  a.text.insert(0, 'x')
  await until(() => !dirty(), 'no unsynced changes')
})

function richDocument (doc) {
  const text = doc.getText('rich')
  text.insert(0, 'bold and plain 😀')
  text.format(0, 4, { bold: true })
  text.insertEmbed(4, { image: 'a.png' })
  text.insert(0, 'gone')
  text.delete(0, 4)
  const map = doc.getMap('map')
  map.set('n', 1.5).toString()
  map.set('n', -7)
  map.set('bytes', new Uint8Array([0, 1, 255]))
  map.set('nested', new Y.Map([['deep', new Y.Array()]]))
  map.set('any', { a: [null, true, undefined, 'ü', 2 ** 40] })
  const array = doc.getArray('array')
  array.push([1, 'two', { three: 3 }, new Uint8Array(3)])
  array.delete(1, 1)
  const xml = doc.getXmlFragment('xml')
  const element = new Y.XmlElement('p')
  element.setAttribute('class', 'x')
  element.insert(0, [new Y.XmlText('inside'), new Y.XmlHook('hook')])
  xml.insert(0, [element])
  doc.getMap('subdocs').set('child', new Y.Doc({ guid: 'child-guid', autoLoad: true, meta: { a: 1 } }))
  doc.getText('bytecrowdText').insert(0, 'code')
}

test('a document of another Yjs application passes through unharmed', async () => {
  const writer = new Client(server, 'rich')
  await until(() => writer.synced && (peer || writer.answered), 'sync')
  richDocument(writer.doc)
  if (!peer) await until(() => writer.allSaved(), 'receipts')
  const late = new Client(server, 'rich')
  const stateOf = c => Y.encodeStateAsUpdate(c.doc)
  await until(() => late.synced && late.doc.store.clients.size > 0, 'late joiner')
  await until(() => sameBytes(stateOf(late), stateOf(writer)), 'equal states')
  assert.deepEqual(late.doc.getText('rich').toDelta(), writer.doc.getText('rich').toDelta())
  assert.deepEqual(late.doc.getMap('map').toJSON(), writer.doc.getMap('map').toJSON())
  assert.equal(late.doc.getXmlFragment('xml').toString(), writer.doc.getXmlFragment('xml').toString())
  assert.deepEqual([...late.doc.getSubdocGuids()], ['child-guid'])
  clients.push(writer, late)
})

test('step 1 with a partial state vector gets the bytes that Yjs would send', async () => {
  const writers = [1, 2, 3].map(() => new Client(server, 'partial', { receipts: !peer }))
  clients.push(...writers)
  await until(() => writers.every(w => w.synced && w.answered), 'sync')
  const vectors = [Y.encodeStateVector(new Y.Doc())]
  for (let round = 0; round < 6; round++) {
    writers.forEach((w, i) => w.text.insert(w.text.length >> 1, `round ${round} writer ${i}; `))
    writers[round % 3].text.delete(1, 3)
    await until(() => same(writers), 'equal texts')
    vectors.push(Y.encodeStateVector(writers[0].doc))
  }
  for (const vector of vectors) {
    const asker = new Client(server, 'partial', { receipts: false })
    clients.push(asker)
    await until(() => asker.synced, 'sync')
    asker.lastStep2 = null
    asker.step1(vector)
    const answer = await until(() => asker.lastStep2, 'step 2')
    assert.ok(sameBytes(answer, Y.encodeStateAsUpdate(writers[0].doc, vector)), 'the same bytes as Y.encodeStateAsUpdate')
  }
})

test('rooms do not see each other, and a query string is not part of the name', async () => {
  const a = stock(providers['3.1'], server, 'apart-1', { clients, params: { any: 'thing' } })
  const b = stock(providers['3.1'], server, 'apart-2', { clients })
  const c = stock(providers['3.1'], server, 'apart-1', { clients })
  await until(() => [a, b, c].every(x => x.provider.synced), 'sync')
  a.text.insert(0, 'only here')
  await until(() => c.text.toString() === 'only here', 'text')
  assert.equal(b.text.toString(), '')
})
