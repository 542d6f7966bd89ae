// Long logs: nodes that compact one at once, and how fast a document of a million updates opens.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'
import { startNodes, World } from './lib/checker.mjs'
import { random, sanitized, sleep, startServer, tempFolder, until } from './lib/harness.mjs'
import { Typist } from './lib/load.mjs'
import { LightSocket } from './lib/net.mjs'
import { startRedis } from './lib/redis.mjs'

test('two nodes compact one log at once', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const nodes = await startNodes(2, redis, ['--unload-after', '300'])
  const world = new World({ store: redis, nodes })
  await world.join(4, ['log'])
  const EACH = 3000
  const typists = nodes.map((node, i) => new Typist(node.port, 'log', 1001 + i))
  assert.deepEqual(await Promise.all(typists.map(t => t.ready)), [true, true])
  world.base.set('log', 'x'.repeat(2 * EACH))
  // One at a time, or they would be a few entries of many updates each.
  const load = Promise.all(typists.map(t => t.typeAll(EACH, { frame: 1, window: 0 })))
  await world.typeDuring(load, { pause: 50 })
  await world.check({ slack: 4000 })
  const length = await redis.logLength('log'), added = await redis.logAdded('log')
  console.log(`${2 * EACH + world.marks.size} updates in ${added} entries: the log is ${length} long now`)
  assert.ok(added > 2500, `there were only ${added} entries`)
  assert.ok(await redis.call('EXISTS', '{bytecrowd:log}:snapshot'), 'there is no snapshot')
  assert.ok(length < 3000, `the log is ${length} long`)
  for (const t of typists) t.close()
  // Both nodes unload it at the same time, again and again.
  const people = world.here
  for (let round = 0; round < 4; round++) {
    await Promise.all(people.map(p => p.here || p.arrive()))
    await world.type(100)
    await world.settle()
    await world.offline()
    // Nobody has it open: a snapshot, and next to nothing else.
    await until(async () => await redis.logLength('log') === 0, () => 'the log to be cut when it is unloaded', 8000)
  }
  const sizes = {}
  for (const key of await redis.call('KEYS', '*bytecrowd:log*')) sizes[key] = await redis.call('MEMORY', 'USAGE', key)
  console.log('unloaded:', sizes)
  for (const [key, size] of Object.entries(sizes)) if (!/^bytecrowd:log$|:snapshot$/.test(key)) assert.ok(size < 1500, `${key} costs ${size} bytes`)
  await world.checkSaved(1)
  await Promise.all(people.map(p => p.arrive()))
  await world.check()
  await world.end()
  await Promise.all(nodes.map(n => n.stop()))
  await redis.kill()
})

test('all nodes are killed when one of them has just compacted: nothing is cut off that its snapshot lacks', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const nodes = await startNodes(2, redis)
  const world = new World({ store: redis, nodes })
  for (let round = 0; round < (process.env.CHAOS === 'long' ? 30 : 4); round++) {
    const room = `cut${round}`
    const typists = nodes.map((node, i) => new Typist(node.port, room, 1001 + i))
    assert.deepEqual(await Promise.all(typists.map(t => t.ready)), [true, true])
    const load = Promise.all(typists.map(t => t.typeAll(20000, { frame: 1, window: 2, character: 120 + t.client - 1001 }).catch(error => error)))
    await until(() => redis.call('EXISTS', `{bytecrowd:${room}}:snapshot`), 'a snapshot', 20000)
    await Promise.all(nodes.map(n => n.kill()))
    await load
    for (const i of [0, 1]) nodes[i] = await nodes[i].restart()
    const text = await world.look(room, 0)
    for (const [i, t] of typists.entries()) {
      const n = text.split('xy'[i]).length - 1
      assert.ok(n >= t.acked && n <= t.sent, `${n} characters of ${t.sent}, of which ${t.acked} were reported saved; ${world.told}`)
    }
  }
  await Promise.all(nodes.map(n => n.stop()))
  await redis.kill()
})

// --- a million updates -----------------------------------------------------------------------------------

const UPDATES = sanitized ? 100000 : 1000000

/** Somebody who types and now and then goes elsewhere: after each run of about 30, behind some earlier character. */
function wanderer (rng) {
  const next = new Int32Array(UPDATES).fill(-1)
  return clock => {
    const left = clock === 0 ? -1 : rng() < 1 / 30 ? rng.below(clock) : clock - 1
    const right = left < 0 ? -1 : next[left]
    if (left >= 0) { next[clock] = right; next[left] = clock }
    return [left, right]
  }
}

/** Opens a document and waits for all of it: { ms, update }. */
async function open (port, id) {
  let found
  const got = new Promise(resolve => { found = resolve })
  const start = performance.now()
  const socket = new LightSocket(port, `/ws/${id}`, (b, from, to) => { if (b[from] === 0 && b[from + 1] === 1) found({ ms: performance.now() - start, message: Buffer.from(b.subarray(from, to)) }) })
  await socket.ready
  socket.send(Buffer.from([0, 0, 1, 0])) // "I have nothing"
  const { ms, message } = await got
  socket.close()
  const d = decoding.createDecoder(message)
  decoding.readVarUint(d)
  decoding.readVarUint(d)
  return { ms, update: decoding.readVarUint8Array(d) }
}

async function million (t, store, stored) {
  const id = 'million'
  let server = await startServer({ store, args: ['--unload-after', '200'] })
  const typist = new Typist(server.port, id, 77)
  await typist.ready
  const start = performance.now()
  await typist.typeAll(UPDATES, { window: 20000, where: wanderer(random(1)) })
  const typed = performance.now() - start
  typist.close()
  // The first opening may find the log, the others a snapshot: those are after a restart and after unloading.
  const times = []
  let update
  for (let i = 0; i < 5; i++) {
    if (i === 2) { await server.stop(); server = await startServer({ store, args: ['--unload-after', '200'] }) } else await sleep(600)
    const opened = await open(server.port, id)
    update = opened.update
    times.push(opened.ms)
  }
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  assert.equal(doc.getText('bytecrowdText').length, UPDATES)
  t.diagnostic(`${UPDATES} updates in ${(typed / 1000).toFixed(1)} s; opened in ${times.map(ms => ms.toFixed(0)).join(', ')} ms; ${(update.length / 1e6).toFixed(1)} MB${stored ? `, ${await stored(id)}` : ''}`)
  if (!sanitized) assert.ok(Math.min(...times) < 100, `opened in ${Math.min(...times).toFixed(0)} ms at best`)
  await server.stop()
}

test('a document of a million updates opens at once: Redis', async t => {
  const redis = await startRedis({ fsync: 'everysec' })
  await million(t, redis.url, async id => `log ${await redis.logLength(id)}`)
  await redis.kill()
})

test('a document of a million updates opens at once: SQLite', async t => {
  await million(t, `sqlite:${tempFolder()}/million.sqlite`)
})
