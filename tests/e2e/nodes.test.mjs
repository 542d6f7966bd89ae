// Several servers ("nodes") on one Redis: what is typed and pointed at on one of them is on the others at once.
// SEED=n runs the same schedule of people again.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as Y from 'yjs'
import { SAVE_INTERVAL, startNodes, World } from './lib/checker.mjs'
import { Client } from './lib/client.mjs'
import { sleep, startServer, until } from './lib/harness.mjs'
import { certificates, Redis, startRedis } from './lib/redis.mjs'
import { closeAll, providers, stock } from './lib/stock.mjs'

let redis
before(async () => { redis = await startRedis() })
after(() => redis.kill())
const stopAll = nodes => Promise.all(nodes.map(n => n.stop()))
const AGE_SLACK = 700 // of the field text on a busy machine

test('keystrokes and cursors reach the other nodes, and who comes late sees all of it', async () => {
  const nodes = await startNodes(3, redis)
  const world = new World({ store: redis, nodes })
  const people = await world.join(6, ['reach'])
  await world.checkPresence()
  const times = []
  for (let i = 0; i < 20; i++) {
    const writer = people[world.random.below(people.length)]
    const start = performance.now()
    writer.type()
    writer.awareness.setLocalStateField('at', 1000 + i)
    const cursor = p => p.awareness.states.get(writer.doc.clientID)?.at
    await until(() => people.every(p => p.text.toString() === writer.text.toString() && cursor(p) === 1000 + i), `change ${i} to be everywhere; ${world.told}`)
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  console.log(`a change and a cursor were seen by all of 3 nodes after ${times[10].toFixed(1)} ms (median), at most ${times[19].toFixed(1)} ms`)
  assert.ok(times[10] < 500, 'not at once')
  await world.type(300)
  const [late] = await world.join(1, ['reach'], { nodes: [2] })
  assert.deepEqual(world.wrong('reach', late.text.toString(), { all: false }), [])
  await world.checkPresence()
  // Who goes, goes everywhere, and at once: that is not left to a time-out.
  people[0].leave()
  assert.ok(await world.checkPresence() < 2000)
  await world.check()
  await world.end()
  await stopAll(nodes)
})

test('a document that nobody has open anywhere is the same on a node that never saw it', async () => {
  const nodes = await startNodes(2, redis, ['--unload-after', '100'])
  const world = new World({ store: redis, nodes })
  const people = await world.join(2, ['closed'], { nodes: [0] })
  await world.type(300)
  await world.settle()
  for (const p of people) p.leave()
  await sleep(300)
  await world.checkSaved(1)
  await world.end()
  await stopAll(nodes)
})

test('the field text is written once per save interval over all nodes, and is never older', async () => {
  const nodes = await startNodes(3, redis)
  const world = new World({ store: redis, nodes })
  await world.join(12, ['field1', 'field2'])
  const written = new Map([['field1', []], ['field2', []]])
  const endMonitor = await redis.monitor((seconds, [command, key, ...args]) => {
    if (/^hm?set$/i.test(command) && args.includes('text')) written.get(key.slice('bytecrowd:'.length))?.push(seconds * 1000)
  })
  let oldest = 0
  const look = async () => {
    for (const room of written.keys()) {
      const text = await redis.text(room) ?? ''
      for (const mark of world.marks.values()) {
        if (mark.room !== room || mark.inField || mark.deleted) continue
        if (text.includes(mark.id)) mark.inField = true
        else oldest = Math.max(oldest, Date.now() - mark.typed)
      }
    }
  }
  let done = false
  const watching = (async () => { while (!done) { await look(); await sleep(20) } })()
  await world.type(2500, { pause: 30 })
  const { fieldsAfter } = await world.check()
  done = true
  await watching
  endMonitor()
  for (const [room, times] of written) {
    const gaps = times.slice(1).map((t, i) => t - times[i])
    console.log(`${room}: written ${times.length} times, at least ${Math.min(...gaps).toFixed(0)} ms apart; oldest change that was not in it ${oldest} ms; complete ${fieldsAfter} ms after the last change`)
    assert.ok(Math.min(...gaps) >= SAVE_INTERVAL - 25, `${room}: written twice within ${Math.min(...gaps).toFixed(1)} ms`)
    assert.ok(times.length >= 2500 / (SAVE_INTERVAL + AGE_SLACK), `${room}: written only ${times.length} times`)
  }
  assert.ok(oldest <= SAVE_INTERVAL + AGE_SLACK, `a change was not in the field after ${oldest} ms; ${world.told}`)
  await world.end()
  await stopAll(nodes)
})

test('a text of the original that two nodes open at once is inserted once', async () => {
  const nodes = await startNodes(2, redis)
  const rooms = Array.from({ length: 8 }, (_, i) => `legacy${i}`)
  for (const room of rooms) await redis.call('HSET', `bytecrowd:${room}`, 'text', `print("${room}")\n`, 'language', 'python')
  const clients = rooms.map(() => [new Client(), new Client()])
  await Promise.all(rooms.flatMap((room, i) => clients[i].map((c, n) => c.connect(`${nodes[n].ws}/${room}`))))
  for (const [i, room] of rooms.entries()) {
    for (const c of clients[i]) {
      assert.equal(c.text.toString(), `print("${room}")\n`)
      assert.equal(c.doc.getMap('bytecrowd').get('language'), 'python')
    }
    clients[i][0].text.insert(0, '# first\n')
    clients[i][1].text.insert(clients[i][1].text.length, '# last\n')
  }
  for (const [i, room] of rooms.entries()) {
    const want = `# first\nprint("${room}")\n# last\n`
    await until(() => clients[i].every(c => c.saved && c.text.toString() === want), () => `${room}: ${JSON.stringify(clients[i].map(c => c.text.toString()))}`)
    await until(async () => await redis.text(room) === want, `the field of ${room}`)
  }
  // A language that is chosen on one node is the other's, and the store's.
  const [a, b] = clients[0]
  a.doc.getMap('bytecrowd').set('language', 'rust')
  await until(() => b.doc.getMap('bytecrowd').get('language') === 'rust', 'the language on the other node')
  await until(async () => await redis.call('HGET', `bytecrowd:${rooms[0]}`, 'language') === 'rust', 'the field language')
  for (const c of clients.flat()) c.close()
  await stopAll(nodes)
})

test('stock providers on two nodes', async () => {
  const nodes = await startNodes(2, redis)
  const clients = []
  try {
    const [a, b, c] = ['2.1', '3.1', '3.1'].map((version, i) => stock(providers[version], nodes[i % 2], 'stock', { clients }))
    await until(() => clients.every(x => x.provider.synced), 'everybody in step')
    a.text.insert(0, 'hello')
    await until(() => b.text.toString() === 'hello', 'the text')
    b.text.insert(5, ' world')
    b.text.delete(0, 1)
    await until(() => [a, c].every(x => x.text.toString() === 'ello world'), 'the answer')
    a.provider.awareness.setLocalState({ user: { name: 'Ann' } })
    await until(() => b.provider.awareness.getStates().get(a.doc.clientID)?.user.name === 'Ann', 'the name')
    assert.equal(c.provider.awareness.getStates().get(a.doc.clientID)?.user.name, 'Ann')
    a.provider.destroy()
    await until(() => !b.provider.awareness.getStates().has(a.doc.clientID), 'Ann to be gone', 2000)
    // Formats and other roots pass through like text.
    c.doc.getMap('notes').set('list', new Y.Array())
    c.doc.getMap('notes').get('list').push([1, 'two', null])
    await until(() => JSON.stringify(b.doc.getMap('notes')) === '{"list":[1,"two",null]}', 'the map')
  } finally {
    closeAll(clients)
  }
  await stopAll(nodes)
})

// --- ways to reach a Redis -------------------------------------------------------------------------------

let sessions = 0
async function session (store, url, args = []) {
  const nodes = await startNodes(2, url, args)
  const world = new World({ store, nodes })
  await world.join(4, [`smoke${++sessions}`])
  await world.type(300)
  await world.checkPresence()
  await world.check()
  assert.ok(world.savedCount > 10)
  await world.end()
  await stopAll(nodes)
}

/** A server that starts and can do nothing with its store. */
async function cannot (url, args, why) {
  const node = await startServer({ store: url, args: ['--store-timeout', '2000', ...args] })
  assert.equal((await node.get('/never/raw')).status, 503)
  await until(() => why.test(node.child.err), () => `the log to say ${why}: ${node.child.err}`)
  await node.stop()
}

test('TLS, with and without a client certificate; who cannot be verified is not spoken to', async () => {
  const files = certificates()
  const others = certificates()
  const secure = await startRedis({ tls: files, args: ['--bind', '127.0.0.1', '127.0.0.2'] })
  await session(secure, secure.url, ['--store-ca', files.ca])
  await session(secure, `rediss://localhost:${secure.port}/0`, ['--store-ca', files.ca])
  await cannot(secure.url, [], /certificate|verif/i)
  await cannot(secure.url, ['--store-ca', others.ca], /certificate|verif/i)
  // The right CA, but the certificate is for another address.
  await cannot(`rediss://127.0.0.2:${secure.port}/0`, ['--store-ca', files.ca], /certificate|verif|mismatch|address/i)
  await secure.kill()
  const strict = await startRedis({ tls: files, clientCertificates: true })
  await session(strict, strict.url, ['--store-ca', files.ca, '--store-cert', files.cert, '--store-key', files.key])
  await cannot(strict.url, ['--store-ca', files.ca], /certificate|alert|closed|reset/i)
  await strict.kill()
})

test('a unix socket', async () => {
  const local = await startRedis({ unix: true })
  await session(local, local.url)
  await local.kill()
})

test('a user who may do no more than the manual says', async () => {
  const guarded = await new Redis({ password: 'admin' }).start()
  await guarded.call('ACL', 'SETUSER', 'bytecrowds', 'on', '>pass:w/rd', 'resetchannels', '~bytecrowd*', '~{bytecrowd*', '~user:*', '~{user:*', '~sign-in:*', '~signed-out:*', '&bytecrowd*', '+@all', '-@dangerous', '+role')
  await session(guarded, `redis://bytecrowds:pass%3Aw%2Frd@127.0.0.1:${guarded.port}`)
  await guarded.kill()
})

test('databases of one Redis do not hear of each other', async () => {
  const store = { text: async id => { const c = redis.connect(); await c.call('SELECT', 3); const text = await c.call('HGET', `bytecrowd:${id}`, 'text'); c.close(); return text } }
  const at = db => redis.url.replace(/0$/, db)
  const [stranger] = await startNodes(1, at(4))
  const other = new Client()
  const room = `smoke${sessions + 1}`
  await other.connect(`${stranger.ws}/${room}`)
  await session(store, at(3))
  assert.equal(other.text.toString(), '')
  other.text.insert(0, 'database 4')
  await until(() => other.saved, 'saved')
  assert.equal(await stranger.raw(room), 'database 4')
  other.close()
  await stranger.stop()
})
