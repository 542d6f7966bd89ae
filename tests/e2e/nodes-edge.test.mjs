// Rooms that are on their way out, logs that hold what nobody can read, and a Redis that hangs: what several
// servers must not lose over it.

import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import * as Y from 'yjs'
import { startNodes, World } from './lib/checker.mjs'
import { Client } from './lib/client.mjs'
import { sleep, startServer, until } from './lib/harness.mjs'
import { quietPort } from './lib/net.mjs'
import { change, frame, insertion, RawSocket } from './lib/raw.mjs'
import { startRedis, startReplicated } from './lib/redis.mjs'

/** A proxy before Redis that can hold back everything but subscriptions. */
async function storeProxy (target) {
  const pairs = new Set()
  const proxy = { held: false, port: await quietPort() }
  const server = net.createServer({ noDelay: true }, near => {
    const far = net.connect({ port: target, host: '127.0.0.1', noDelay: true })
    const pair = { near, far, feed: false }
    pairs.add(pair)
    near.on('data', data => {
      pair.feed ||= data.includes('SUBSCRIBE')
      if (!proxy.held || pair.feed) far.write(data)
    })
    far.on('data', data => { if (!proxy.held || pair.feed) near.write(data) })
    for (const s of [near, far]) s.on('error', () => {}).on('close', () => { near.destroy(); far.destroy(); pairs.delete(pair) })
  })
  await new Promise(resolve => server.listen(proxy.port, '127.0.0.1', resolve))
  proxy.close = () => { server.close(); for (const p of pairs) { p.near.destroy(); p.far.destroy() } }
  return proxy
}

async function write (server, id, text) {
  const c = new Client()
  await c.connect(`${server.ws}/${id}`)
  await until(() => c.answered, 'the question')
  c.text.insert(0, text)
  await until(() => c.saved, 'the receipt')
  return c
}

test('a bytecrowd whose last snapshot fails is not let go while its log is being read', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const proxy = await storeProxy(redis.port)
  const server = await startServer({ store: `redis://127.0.0.1:${proxy.port}`, args: ['--unload-after', '400', '--store-timeout', '700', '--save-interval', '20'] })
  for (let round = 0; round < 3; round++) {
    const id = `going${round}`
    const c = await write(server, id, 'here')
    await until(async () => await redis.text(id) === 'here', 'the fields')
    c.close()
    await sleep(200)
    proxy.held = true
    await sleep(400) // its snapshot is under way, and will not be answered
    await redis.call('PUBLISH', `bytecrowd:${id}`, 'u 0123456789abcdef 99999999999999-0 99999999999999-1 AAA')
    await sleep(1200)
    proxy.held = false
    await until(async () => (await server.get('/healthz')).status === 200, 'the store', 8000)
    assert.equal(server.child.exitCode, null, server.child.err)
    assert.equal(await server.raw(id), 'here')
  }
  assert.equal((await server.stop()).code, 0, server.child.err)
  proxy.close()
  await redis.kill()
})

test('what Redis has lost is written again by a server that finds it out with its last snapshot', async () => {
  const redis = await startRedis({ fsync: null })
  const server = await startServer({ store: redis.url, args: ['--unload-after', '300', '--save-interval', '20'] })
  const c = await write(server, 'last', 'all that there is')
  await until(async () => await redis.text('last') === 'all that there is', 'the fields')
  c.close()
  await sleep(100)
  await redis.call('FLUSHALL')
  await sleep(1500)
  assert.equal(await server.raw('last'), 'all that there is')
  await until(() => redis.call('EXISTS', '{bytecrowd:last}:snapshot'), 'its snapshot')
  assert.equal((await server.stop()).code, 0, server.child.err)
  await redis.kill()
})

test('an entry of the log that nobody can read costs no other entry', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const nodes = await startNodes(2, redis, ['--unload-after', '300'])
  const a = await write(nodes[0], 'bad', 'one ')
  const b = new Client()
  await b.connect(`${nodes[1].ws}/bad`)
  await until(() => b.answered && b.text.toString() === 'one ', 'the first text')
  const bad = await redis.call('XADD', '{bytecrowd:bad}:updates', '*', 'u', 'no update at all')
  b.text.insert(4, 'two ')
  await until(() => b.saved, 'the receipt')
  await until(() => a.text.toString() === 'one two ', () => `what the other one wrote: ${JSON.stringify(a.text.toString())}`, 4000)
  b.close()
  await sleep(1000)
  a.text.insert(8, 'three ')
  await until(() => a.saved, 'the receipt')
  a.close()
  await sleep(1000)
  // Somebody repairs it.
  await redis.call('XDEL', '{bytecrowd:bad}:updates', bad)
  assert.equal(await nodes[0].raw('bad'), 'one two three ')
  await Promise.all(nodes.map(n => n.stop()))
  await redis.kill()
})

test('who leaves a bytecrowd that nobody wrote into is gone on the other servers', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const nodes = await startNodes(2, redis)
  const world = new World({ store: redis, nodes })
  const [stays, goes] = [(await world.join(1, ['empty'], { nodes: [0] }))[0], (await world.join(1, ['empty'], { nodes: [1] }))[0]]
  await world.checkPresence()
  goes.leave()
  await until(() => stays.awareness.states.size === 1, () => `${stays.awareness.states.size} people are here`, 3000)
  await world.end()
  await Promise.all(nodes.map(n => n.stop()))
  await redis.kill()
})

test('the first question after Redis began to hang is answered with the truth', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const server = await startServer({ store: redis.url })
  for (let i = 0; i < 3; i++) {
    await until(async () => (await server.get('/healthz')).status === 200, 'the store', 8000)
    await sleep(1200)
    redis.pause()
    const start = Date.now()
    const answer = await server.get('/healthz')
    const text = await answer.text()
    redis.resume()
    assert.equal(answer.status, 503, `after ${Date.now() - start} ms: ${text}`)
  }
  await server.stop()
  await redis.kill()
})

test('what two servers accepted at once can be opened by all', async t => {
  const redis = await startRedis({ fsync: 'no' })
  const nodes = await startNodes(2, redis, ['--unload-after', '300'])
  const a = await write(nodes[0], 'both', 'one')
  const sockets = await Promise.all(nodes.map(n => RawSocket.open(n.port, 'both')))
  await sleep(200)
  // Each waits for what will not come, and both together are more than a document may hold of that.
  sockets.forEach((s, i) => s.send(frame(change(insertion('x'.repeat(2.5 * 1024 * 1024), { client: 1000 + i, clock: 7 })))))
  await sleep(1500)
  if (sockets.some(s => s.ended)) t.diagnostic('one server had heard of the other, and refused')
  for (const s of sockets) s.close()
  a.text.insert(3, ' two')
  await until(() => a.saved, 'the receipt')
  a.close()
  await sleep(1500)
  for (const n of nodes) assert.equal(await n.raw('both'), 'one two')
  // Both still wait, also in the snapshot.
  const c = new Client()
  await c.connect(`${nodes[0].ws}/both`)
  if (!sockets.some(s => s.ended)) assert.equal(Y.encodeStateAsUpdate(c.doc).length > 5 * 1024 * 1024, true)
  c.close()
  await Promise.all(nodes.map(n => n.stop()))
  await redis.kill()
})

test('who missed what is in a snapshot now is told what is new, not all of it', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const nodes = await startNodes(2, redis, ['--unload-after', '300'])
  const a = await write(nodes[0], 'big', 'x'.repeat(3 * 1024 * 1024))
  const b = new Client()
  await b.connect(`${nodes[1].ws}/big`)
  await until(() => b.answered && b.text.length > 3e6, 'all of it')
  await sleep(500)
  const before = b.socket._socket.bytesRead
  nodes[1].child.kill('SIGSTOP')
  await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  a.text.insert(5, 'new')
  await until(() => a.saved, 'the receipt')
  a.text.delete(20, 5)
  await until(() => a.saved, 'the receipt')
  a.close()
  await until(async () => await redis.logLength('big') === 0, 'the snapshot')
  nodes[1].child.kill('SIGCONT')
  await until(() => b.text.toString() === a.text.toString(), 'what is new')
  const got = b.socket._socket.bytesRead - before
  assert.ok(got < 10000, `${got} bytes`)
  b.close()
  await Promise.all(nodes.map(n => n.stop()))
  await redis.kill()
})

test('what no replica has is not reported saved by another server either', async () => {
  const [redis, replica] = await startReplicated({ fsync: 'no' })
  const nodes = await startNodes(2, redis, ['--store-replicas', '1', '--store-timeout', '500'])
  const c = await write(nodes[0], 'here', 'one ')
  replica.pause()
  c.text.insert(4, 'two ')
  await until(() => c.failing, 'to be told', 5000)
  c.close()
  await c.connect(`${nodes[1].ws}/here`)
  await until(() => c.answered, 'the question')
  await sleep(1000)
  assert.equal(c.saved, false)
  replica.resume()
  await until(() => c.saved, 'the receipt')
  assert.match(await replica.call('XRANGE', '{bytecrowd:here}:updates', '-', '+').then(String), /two/)
  c.text.insert(8, 'three')
  await until(() => c.saved, 'the receipt')
  c.close()
  await Promise.all(nodes.map(n => n.stop()))
  await Promise.all([redis, replica].map(r => r.stop()))
})
