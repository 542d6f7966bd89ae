// Nodes that die, stop and hang, a Redis that does, and a network between them that breaks, while people type.
// SEED=n runs the same schedule again; CHAOS=long takes longer over each fault.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startNodes, World } from './lib/checker.mjs'
import { sleep, until } from './lib/harness.mjs'
import { Proxy } from './lib/net.mjs'
import { startRedis } from './lib/redis.mjs'

const long = process.env.CHAOS === 'long'
const GONE = 10000 // within that time the people of a dead node are gone from the others
const stopAll = async (nodes, ...redises) => { await Promise.all(nodes.map(n => n.stop())); await Promise.all(redises.map(r => r.kill())) }

/** All nodes are killed: what was reported saved must be in the store itself. */
async function askTheStore (world) {
  const people = await world.offline()
  await Promise.all(world.nodes.map(n => n.kill()))
  for (const i of world.nodes.keys()) world.nodes[i] = await world.nodes[i].restart()
  await world.checkSaved(0)
  await Promise.all(people.map(p => p.arrive()))
}

test('a node is killed and comes back, another is stopped', async () => {
  const redis = await startRedis()
  const nodes = await startNodes(3, redis)
  const world = new World({ store: redis, nodes })
  await world.join(9, ['one', 'two', 'three'])
  await world.join(3, ['one'], { roam: true })
  for (let round = 0; round < (long ? 10 : 2); round++) {
    const victim = world.random.below(3)
    await world.type(300)
    await nodes[victim].kill()
    await world.type(300)
    nodes[victim] = await nodes[victim].restart()
    await world.type(300)
    const other = (victim + 1) % 3
    assert.equal((await world.typeDuring(nodes[other].stop())).code, 0)
    await world.type(200)
    nodes[other] = await nodes[other].restart()
  }
  await world.type(300)
  await world.check()
  await world.checkPresence(GONE + 3000)
  await world.end()
  await stopAll(nodes, redis)
})

test('every node and Redis are killed at once: what was reported saved is there', async () => {
  const redis = await startRedis({ fsync: 'always' })
  const nodes = await startNodes(2, redis)
  const world = new World({ store: redis, nodes })
  await world.join(8, ['one', 'two'])
  for (let round = 0; round < (long ? 10 : 2); round++) {
    const before = world.savedCount
    await world.type(300 + world.random.below(300))
    const typing = world.type(150)
    const victims = [redis, ...nodes].sort(() => world.random() - 0.5)
    await Promise.all(victims.map(async (v, i) => { await sleep(i * world.random.below(20)); await v.kill() }))
    await typing
    const people = await world.offline()
    assert.ok(world.savedCount > before + 10, `only ${world.savedCount - before} marks were reported saved`)
    await redis.restart()
    for (const i of [0, 1]) nodes[i] = await nodes[i].restart()
    for (const i of [0, 1]) await world.checkSaved(i)
    await Promise.all(people.map(p => p.arrive()))
  }
  await world.check()
  await world.end()
  await stopAll(nodes, redis)
})

test('Redis loses what it had acknowledged: the nodes write it again', async () => {
  const redis = await startRedis({ fsync: 'everysec' })
  const nodes = await startNodes(2, redis)
  const world = new World({ store: redis, nodes })
  await world.join(8, ['one', 'two'])
  for (let round = 0; round < (long ? 10 : 3); round++) {
    const before = redis.aofBytes
    await world.type(400 + world.random.below(300))
    await redis.kill()
    // A power failure takes some of this round's, or all of it and something of the rounds before. Never the base file.
    const written = redis.aofBytes - before
    redis.loseTail(Math.floor(written * (0.2 + world.random())))
    await world.type(200)
    await redis.restart()
    await world.type(300)
    // Nobody types any more: the nodes do not need a change to find out.
    await world.check({ slack: 8000 })
  }
  await redis.kill()
  redis.loseTail(Infinity)
  await redis.restart()
  await world.check({ slack: 8000 })
  await askTheStore(world)
  await world.end()
  await stopAll(nodes, redis)
})

test('a Redis that keeps nothing is restarted: the nodes write everything again', async () => {
  const redis = await startRedis({ fsync: null })
  const nodes = await startNodes(3, redis)
  const world = new World({ store: redis, nodes })
  await world.join(9, ['one', 'two', 'three'])
  for (let round = 0; round < 2; round++) {
    await world.type(500)
    await world.typeDuring(redis.restart())
    await world.type(300)
    await world.check({ slack: 8000 })
    await askTheStore(world)
  }
  await world.end()
  await stopAll(nodes, redis)
})

test('connections to Redis are dropped again and again', async () => {
  const redis = await startRedis()
  const nodes = await startNodes(3, redis)
  const world = new World({ store: redis, nodes })
  await world.join(9, ['one', 'two', 'three'])
  let killed = 0
  const dropping = (async () => {
    const end = Date.now() + (long ? 30000 : 3000)
    while (Date.now() < end) {
      await sleep(world.random.below(250))
      killed += await redis.call('CLIENT', 'KILL', 'TYPE', world.random() < 0.75 ? 'pubsub' : 'normal', 'SKIPME', 'yes')
      if (world.random() < 0.2) world.here[world.random.below(9)].drop()
    }
  })()
  await world.typeDuring(dropping)
  assert.ok(killed > 10, `only ${killed} connections were dropped`)
  await world.check({ slack: 4000 })
  await world.checkPresence(GONE)
  // Changes that nobody follows up: what was missed in the last gap is read all the same.
  for (let i = 0; i < 5; i++) {
    const writer = world.here[world.random.below(9)]
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    writer.type()
    await world.settle(8000)
  }
  await world.check({ slack: 4000 })
  await world.end()
  await stopAll(nodes, redis)
})

test('people who move from node to node are seen where they are', async () => {
  const redis = await startRedis()
  const nodes = await startNodes(3, redis)
  const world = new World({ store: redis, nodes })
  await world.join(8, ['moving'], { roam: true })
  const end = Date.now() + (long ? 20000 : 2000)
  await world.typeDuring((async () => { while (Date.now() < end) { world.here[world.random.below(8)].drop(); await sleep(world.random.below(60)) } })())
  console.log(`everybody was seen again after ${await world.checkPresence(GONE)} ms`)
  await world.check()
  await world.end()
  await stopAll(nodes, redis)
})

test('who comes, moves and goes while a node does not hear it: it is known there afterwards', async () => {
  const redis = await startRedis()
  const proxy = new Proxy(redis.port)
  await proxy.listen()
  const nodes = await startNodes(2, [`redis://127.0.0.1:${proxy.port}`, redis.url])
  const world = new World({ store: redis, nodes })
  const [observer] = await world.join(1, ['quiet'], { nodes: [0] })
  const others = await world.join(3, ['quiet'], { nodes: [1] })
  await world.checkPresence()
  for (const outage of [async () => { await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub') }, async () => { proxy.refuse(); proxy.cut(); await sleep(1500) }]) {
    const broken = outage()
    others.shift().leave()
    others[0].awareness.setLocalStateField('at', 77 + others.length)
    others.push(...await world.join(1, ['quiet'], { nodes: [1] }))
    await broken
    await proxy.heal()
    await until(() => observer.awareness.states.get(others[0].doc.clientID)?.at === 77 + others.length - 1, 'the cursor of who moved')
    await world.checkPresence(GONE)
    // Somebody new hears what the node knows.
    await world.join(1, ['quiet'], { nodes: [0] })
    await world.checkPresence(2000)
  }
  await world.end()
  await stopAll(nodes, redis)
  proxy.close()
})

const PASTE = 'a paste of sixty-four bytes, which is repeated until it is long\n'.repeat(16384) // 1 MiB

test('a node that has too much to write while Redis is away writes its whole document', async () => {
  const redis = await startRedis({ fsync: 'no' })
  const proxy = new Proxy(redis.port)
  await proxy.listen()
  const nodes = await startNodes(2, [`redis://127.0.0.1:${proxy.port}`, redis.url])
  const world = new World({ store: redis, nodes })
  const [a, b] = await world.join(2, ['big'])
  await world.type(100)
  await world.settle()
  proxy.refuse()
  proxy.cut()
  for (let i = 0; i < 6; i++) {
    a.text.insert(a.text.length, PASTE)
    await world.type(100)
  }
  await until(() => a.failing, 'those on the cut-off node to be told')
  assert.ok(b.text.length < PASTE.length)
  world.base.set('big', PASTE.repeat(6))
  await proxy.heal()
  await world.check({ slack: 8000 })
  await world.end()
  await stopAll(nodes, redis)
  proxy.close()
})

test('a node that takes the news too slowly for Redis reads the log', async () => {
  const redis = await startRedis({ fsync: 'no', args: ['--client-output-buffer-limit', 'pubsub', '2mb', '1mb', '1'] })
  const nodes = await startNodes(2, redis, ['--store-timeout', '5000'])
  const world = new World({ store: redis, nodes })
  const [a, b] = await world.join(2, ['slow'])
  await world.type(100)
  await world.settle()
  const lost = async () => Number(/client_output_buffer_limit_disconnections:(\d+)/.exec(await redis.call('INFO', 'stats'))?.[1] ?? 0)
  nodes[1].child.kill('SIGSTOP')
  for (let i = 0; i < 9; i++) {
    a.text.insert(a.text.length, PASTE)
    await world.type(50)
  }
  await until(() => a.saved, 'the big paste to be saved', 20000)
  // What the kernel keeps for a connection counts for nothing yet.
  const names = await redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub')
  assert.ok(await lost() > 0 || names.trim().split('\n').length < 2, 'Redis kept the subscription')
  world.base.set('slow', PASTE.repeat(9))
  nodes[1].child.kill('SIGCONT')
  b.type()
  await world.check({ slack: 8000 })
  await world.end()
  await stopAll(nodes, redis)
})

describe('with patience', { concurrency: 4 }, () => {
  test('people of a node that hangs, and of one that was killed, vanish and come back', async () => {
    const redis = await startRedis()
    const nodes = await startNodes(4, redis)
    const world = new World({ store: redis, nodes })
    await world.join(8, ['people']) // a0 and e4 on node 0, b1 and f5 on node 1, ...
    const [observer, healthy] = [world.on(0)[0], world.on(3)[0]]
    await world.checkPresence()
    const hung = world.on(1)
    const dead = world.on(2)
    const start = Date.now()
    nodes[1].child.kill('SIGSTOP')
    for (const p of dead) p.goOffline()
    nodes[2].child.kill('SIGKILL')
    const gone = { hung: 0, dead: 0 }
    const stays = []
    while (Date.now() - start < (long ? 30000 : 11500)) {
      for (const p of world.on(0).concat(world.on(3))) if (world.random() < 0.05) p.type()
      for (const p of hung) if (world.random() < 0.02) p.type()
      if (!hung.some(p => observer.sees.has(p.name))) gone.hung ||= Date.now() - start
      if (!dead.some(p => observer.sees.has(p.name))) gone.dead ||= Date.now() - start
      if (!observer.sees.has(healthy.name) || !healthy.sees.has(observer.name)) stays.push(Date.now() - start)
      await sleep(20)
    }
    console.log(`gone after: those of the node that hangs ${gone.hung} ms, of the one that was killed ${gone.dead} ms`)
    for (const [who, ms] of Object.entries(gone)) assert.ok(ms > 0 && ms <= GONE + 500, `people of the ${who} node were gone after ${ms} ms`)
    assert.deepEqual(stays, [], 'people of healthy nodes vanished')
    nodes[1].child.kill('SIGCONT')
    nodes[2] = await nodes[2].restart()
    await Promise.all(dead.map(p => p.arrive()))
    console.log(`back after ${await world.checkPresence(GONE)} ms`)
    await world.type(300)
    await world.check()
    await world.end()
    await stopAll(nodes, redis)
  })

  for (const kind of ['cut', 'blackhole both', 'blackhole up', 'blackhole down', 'stall both']) {
    test(`a partition between a node and Redis: ${kind}`, async () => {
      const redis = await startRedis()
      const proxy = new Proxy(redis.port)
      await proxy.listen()
      const nodes = await startNodes(2, [`redis://127.0.0.1:${proxy.port}`, redis.url], ['--store-timeout', '800'])
      const world = new World({ store: redis, nodes })
      await world.join(8, ['one', 'two'])
      await world.type(300)
      const [fault, way] = kind.split(' ')
      for (let round = 0; round < (long ? 4 : 1); round++) {
        const start = Date.now()
        if (fault === 'cut') { proxy.refuse(); proxy.cut() } else proxy[fault](way)
        let told = 0
        const telling = until(() => world.on(0).every(p => p.failing), 'those on the cut-off node to be told', 5000).then(() => { told = Date.now() - start }, error => error)
        await world.type(long ? 10000 : 3000, { pause: 40 })
        assert.equal(await telling, undefined)
        assert.ok(!world.on(1).some(p => p.failing), 'those on the other node are not concerned')
        console.log(`${kind}: told after ${told} ms`)
        await proxy.heal()
        const healed = Date.now()
        await until(() => world.here.every(p => !p.failing), 'everybody to be told that it works again', 8000)
        console.log(`${kind}: ${Date.now() - healed} ms after it was mended everything was saved`)
        await world.type(500, { pause: 40 })
        await world.check({ slack: 8000 })
        await world.checkPresence(GONE)
      }
      await world.end()
      await stopAll(nodes, redis)
      proxy.close()
    })
  }
})
