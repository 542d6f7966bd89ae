// Through nginx with TLS, as contrib/nginx.conf says: stock clients, reloads, restarts, origins.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client } from './lib/client.mjs'
import { sleep, startServer, until } from './lib/harness.mjs'
import { startNginx } from './lib/nginx.mjs'
import { closeAll, providers, stock } from './lib/stock.mjs'

let server, nginx
const clients = []
process.setMaxListeners(0) // each stock provider adds one
before(async () => { server = await startServer(); nginx = await startNginx(server) })
after(async () => { closeAll(clients); await nginx?.stop(); await server?.stop() })

const open = (version, id) => stock(providers[version], nginx, id, { clients, WebSocketPolyfill: nginx.WebSocket, maxBackoffTime: 100 })
const agree = (...all) => until(() => all.every(c => c.text.toString() === all[0].text.toString()), () => `equal texts: ${all.map(c => c.text.toString())}`)

test('the page and its headers', async () => {
  const { status, headers, body } = await nginx.get('/room', { 'accept-encoding': 'identity' })
  assert.equal(status, 200)
  assert.match(headers['content-security-policy'], /frame-ancestors 'none'/)
  const script = /<script type="module" src="([^"]+)"/.exec(body)[1]
  const file = await nginx.get(script)
  assert.match(file.headers['cache-control'], /immutable/)
  assert.equal((await nginx.get(script, { 'if-none-match': file.headers.etag })).status, 304)
  assert.equal((await nginx.get('/a%20b')).status, 400)
  assert.equal((await nginx.get('/api')).status, 404)
})

for (const version of Object.keys(providers)) {
  test(`y-websocket ${version}: text and awareness over wss, across a reload of nginx`, async () => {
    const [a, b] = [open(version, `tls-${version}`), open(version, `tls-${version}`)]
    await until(() => a.provider.synced && b.provider.synced, 'both to sync')
    a.text.insert(0, 'hello ')
    b.text.insert(b.text.length, 'world')
    a.provider.awareness.setLocalStateField('user', { name: 'Ann' })
    await agree(a, b)
    await until(() => [...b.provider.awareness.getStates().values()].some(s => s.user?.name === 'Ann'), 'awareness')
    let cuts = 0
    a.provider.on('connection-close', () => { cuts++ })
    nginx.reload()
    await until(() => cuts > 0, 'the old worker to end')
    a.text.insert(0, 'again: ')
    b.text.insert(b.text.length, '!')
    await until(() => a.provider.wsconnected && b.provider.wsconnected && a.provider.synced && b.provider.synced, 'both to be back')
    await agree(a, b)
    assert.equal((await nginx.get(`/tls-${version}/raw`)).body, a.text.toString())
    assert.ok(a.text.toString().startsWith('again: ') && a.text.toString().endsWith('!'))
    closeAll(clients)
  })
}

test('the server behind nginx is started anew: clients come back, nothing is lost', async () => {
  const [a, b] = [open('3.1', 'restart'), open('2.1', 'restart')]
  await until(() => a.provider.synced && b.provider.synced, 'both to sync')
  a.text.insert(0, 'before ')
  await agree(a, b)
  await server.stop()
  assert.equal((await nginx.get('/healthz')).status, 502)
  b.text.insert(b.text.length, 'meanwhile ')
  await sleep(50)
  server = await server.restart()
  a.text.insert(a.text.length, 'after')
  await until(() => a.provider.synced && b.provider.synced && b.text.toString().includes('after'), 'both to be back')
  await agree(a, b)
  await until(async () => await server.raw('restart') === a.text.toString(), 'the stored text')
  for (const part of ['before ', 'meanwhile ', 'after']) assert.ok(a.text.toString().includes(part), part)
  closeAll(clients)
})

test('a big document and a big update pass', async () => {
  const a = open('3.1', 'big')
  await until(() => a.provider.synced, 'sync')
  a.text.insert(0, 'x'.repeat(3 << 20))
  const b = open('2.1', 'big')
  await until(() => b.text.length === 3 << 20, 'the text', 20000)
  b.text.insert(0, 'y')
  await until(() => a.text.length === (3 << 20) + 1, 'the answer')
  closeAll(clients)
})

test('origins: the page behind the proxy is at home, others are not', async () => {
  const status = headers => new Promise(resolve => {
    const socket = new nginx.WebSocket(`${nginx.ws}/origin`, [], { headers })
    socket.on('open', () => { resolve(101); socket.terminate() })
    socket.on('unexpected-response', (request, response) => { resolve(response.statusCode); response.destroy() })
    socket.on('error', error => resolve(error))
  })
  const cookie = 'session=1'
  assert.equal(await status({ cookie, origin: nginx.origin }), 101)
  assert.equal(await status({ cookie, origin: 'https://evil.example' }), 403)
  assert.equal(await status({ cookie, origin: 'https://127.0.0.1' }), 403)
})

test('many people at once: their one address is the proxy\'s, which has no limit', async () => {
  const many = Array.from({ length: 40 }, () => open('3.1', 'many'))
  await until(() => many.every(c => c.provider.synced), 'all to sync')
  many[7].text.insert(0, 'for all')
  await until(() => many.every(c => c.text.toString() === 'for all'), 'the text everywhere')
  closeAll(clients)
  const direct = new Client()
  await direct.connect(`${server.ws}/many`)
  assert.equal(direct.text.toString(), 'for all')
  direct.close()
})
