// The stock y-websocket providers, unchanged, against the real server.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider as Provider3 } from 'y-websocket'
import { WebsocketProvider as Provider2 } from 'y-websocket-2'
import * as Y from 'yjs'
import { Client } from './lib/client.mjs'
import { freePort, start, until, temporary } from './lib/server.mjs'

const open = (Provider, server, room) => {
  const doc = new Y.Doc()
  const provider = new Provider(server.ws, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true })
  return { doc, provider, text: doc.getText('bytecrowdText') }
}
const same = peers => peers.every(p => p.text.toString() === peers[0].text.toString())

for (const [version, Provider] of [['2', Provider2], ['3', Provider3]]) {
  test(`y-websocket ${version}: text, awareness, late joiner, reconnect`, async () => {
    const port = await freePort()
    const store = `sqlite:${temporary()}/a.sqlite`
    let server = await start({ store, port })
    const peers = Array.from({ length: 5 }, () => open(Provider, server, 'room'))
    await until('all synced', () => peers.every(p => p.provider.synced))
    for (let i = 0; i < 50; i++) peers[i % 5].text.insert(0, String(i % 10))
    await until('all agree', () => same(peers) && peers[0].text.length === 50)
    peers[0].provider.awareness.setLocalStateField('user', { name: 'Ann' })
    await until('awareness is seen', () => [...peers[4].provider.awareness.getStates().values()].some(s => s.user?.name === 'Ann'))
    const late = open(Provider, server, 'room')
    await until('the late joiner has all', () => late.text.toString() === peers[0].text.toString())
    await until('and sees who is here', () => [...late.provider.awareness.getStates().values()].some(s => s.user?.name === 'Ann'))
    peers[0].provider.ws.terminate?.()
    peers[0].provider.shouldConnect = false
    await until('an abrupt end drops awareness', () => ![...peers[4].provider.awareness.getStates().values()].some(s => s.user?.name === 'Ann'))
    await server.stop()
    peers[1].text.insert(0, 'offline ')
    server = await start({ store, port })
    await until('offline edits arrive after a restart', () => late.text.toString().startsWith('offline '), 20000)
    assert.equal(await server.raw('room'), late.text.toString())
    for (const p of [...peers, late]) { p.provider.destroy(); p.doc.destroy() }
    await server.stop()
  })
}

test('documents of other Yjs applications pass through unharmed', async () => {
  const server = await start()
  const a = new Client()
  await a.connect(`${server.ws}/other`)
  a.doc.getText('t').insert(0, 'bold', { bold: true })
  a.doc.getText('t').insertEmbed(2, { image: 'x' })
  a.doc.getMap('m').set('k', new Y.Map([['deep', [1, { a: null }]]]))
  a.doc.getMap('m').set('bin', new Uint8Array([0, 255]))
  a.doc.getArray('l').insert(0, [1.5, 'two', true])
  a.doc.getArray('l').delete(1)
  const element = new Y.XmlElement('p')
  a.doc.getXmlFragment('x').insert(0, [element, new Y.XmlText('hi')])
  element.setAttribute('class', 'c')
  a.doc.getMap('m').set('sub', new Y.Doc({ guid: 'g', meta: { a: 1 } }))
  await until('saved', () => a.saved)
  const b = new Client()
  await b.connect(`${server.ws}/other`)
  assert.deepEqual(Buffer.from(Y.encodeStateAsUpdate(b.doc)), Buffer.from(Y.encodeStateAsUpdate(a.doc)))
  a.close(); b.close()
  await server.stop()
})

test('sync step 1 is answered with exactly what is missing', async () => {
  const server = await start()
  const a = new Client()
  await a.connect(`${server.ws}/exact`)
  const snapshots = []
  for (let i = 0; i < 20; i++) { a.text.insert(i, 'x'); snapshots.push(Y.encodeStateVector(a.doc)) }
  await until('saved', () => a.saved)
  const { createDecoder, readVarUint, readVarUint8Array } = await import('lib0/decoding')
  for (const sv of snapshots) {
    const answer = new Promise(resolve => {
      const s = new WebSocket(`${server.ws}/exact`)
      s.binaryType = 'arraybuffer'
      s.on('open', () => s.send(Buffer.concat([Buffer.from([0, 0, sv.length]), sv])))
      s.on('message', data => {
        const d = createDecoder(new Uint8Array(data))
        if (readVarUint(d) === 0 && readVarUint(d) === 1) { resolve(readVarUint8Array(d)); s.close() }
      })
    })
    assert.deepEqual(Buffer.from(await answer), Buffer.from(Y.encodeStateAsUpdate(a.doc, sv)))
  }
  a.close()
  await server.stop()
})

test('the language is stored beside the text, and SIGTERM saves at once', async () => {
  const dir = temporary()
  let server = await start({ store: `sqlite:${dir}/a.sqlite`, args: ['--save-interval', '60s'] })
  const a = new Client()
  await a.connect(`${server.ws}/lang`)
  a.doc.getMap('bytecrowd').set('language', 'rust')
  a.text.insert(0, 'fn main() {}\n\0 "quoted" 😀')
  await until('saved', () => a.saved)
  await server.stop()
  const { execFileSync } = await import('node:child_process')
  const row = execFileSync('sqlite3', [`${dir}/a.sqlite`, "select language, hex(text) from bytecrowds where id = 'lang'"]).toString().trim()
  assert.equal(row, 'rust|' + Buffer.from(a.text.toString()).toString('hex').toUpperCase())
  server = await start({ store: `sqlite:${dir}/a.sqlite` })
  assert.equal(await server.raw('lang'), a.text.toString())
  a.close()
  await server.stop()
})
