// Nodes on a Redis that fails over (Sentinel) or moves its slots (Cluster) while people type.
// SEED=n runs the same schedule again; CHAOS=long repeats the faults.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startNodes, World } from './lib/checker.mjs'
import { sleep, until } from './lib/harness.mjs'
import { startCluster, startSentinels } from './lib/redis.mjs'

const long = process.env.CHAOS === 'long'
const WAIT = ['--store-replicas', '1']
// Until the Sentinels have made a replica of the old master, it takes writes that will be lost.
const demoted = (store, old) => until(async () => await store.role(old).catch(() => '') === 'slave', 'the old master to be a replica', 30000)

async function begin (store, args) {
  const nodes = await startNodes(2, store, args)
  const world = new World({ store, nodes })
  await world.join(6, ['one', 'two'])
  await world.type(400)
  await world.settle()
  return { nodes, world }
}

async function finish ({ nodes, world }, store) {
  await world.end()
  await Promise.all(nodes.map(n => n.stop()))
  await store.stop()
}

/** Nobody is left but the store: what was reported saved is in it. */
async function killNodes ({ nodes, world }) {
  await Promise.all(nodes.map(n => n.kill()))
  await sleep(50)
  return world.offline()
}

async function lookAgain ({ nodes, world }, people) {
  for (const i of [0, 1]) nodes[i] = await nodes[i].restart()
  await until(async () => (await nodes[0].get('/one/raw')).status === 200 && (await nodes[1].get('/two/raw')).status === 200, 'the nodes to reach the new master', 20000)
  await world.checkSaved(0)
  await Promise.all(people.map(p => p.arrive()))
  await world.type(300)
  await world.check({ slack: 8000 })
}

describe('Sentinel', { concurrency: 5 }, () => {
  for (const args of [[], WAIT]) {
    test(`an orderly failover ${args.join(' ')}`, async () => {
      const store = await startSentinels({ replicas: 1 })
      const all = await begin(store, args)
      const { world } = all
      for (let round = 0; round < (long ? 3 : 1); round++) {
        const old = await store.master()
        await store.failover()
        const now = await world.typeDuring(store.failedOver(old), { pause: 50 })
        assert.notEqual(now, old)
        await world.typeDuring(demoted(store, old), { pause: 100 })
        await world.type(1000, { pause: 50 })
        await world.check({ slack: 8000 })
        await world.checkPresence()
      }
      await finish(all, store)
    })
  }

  test('the master is killed', async () => {
    const store = await startSentinels({ replicas: 1 })
    const all = await begin(store, [])
    const old = await store.master()
    await all.world.type(200)
    await old.kill()
    await all.world.typeDuring(store.failedOver(old), { pause: 50 })
    await all.world.type(500, { pause: 50 })
    await all.world.check({ slack: 8000 })
    // The old one comes back, and is a master for a while: nobody goes there.
    await old.start()
    await all.world.typeDuring(demoted(store, old), { pause: 100 })
    await all.world.check({ slack: 8000 })
    await all.world.checkPresence()
    await finish(all, store)
  })

  test('the master and all nodes are killed at once, with WAIT: what was reported saved is there', async () => {
    const store = await startSentinels({ replicas: 2 })
    const all = await begin(store, WAIT)
    for (let round = 0; round < (long ? 2 : 1); round++) {
      const old = await store.master()
      const typing = all.world.type(900)
      await sleep(300 + all.world.random.below(100))
      // What is written now, no replica has: without WAIT it would be reported saved, and be lost.
      const replicas = store.redises.filter(r => r !== old)
      for (const r of replicas) r.pause()
      await sleep(100)
      const before = all.world.savedCount
      await sleep(200)
      assert.equal(all.world.savedCount, before, 'something was reported saved that no replica had')
      await Promise.all([old.kill(), killNodes(all)])
      for (const r of replicas) r.resume()
      await typing
      await store.failedOver(old)
      await lookAgain(all, all.world.people)
      await old.start()
      await demoted(store, old)
      await until(async () => (await (await store.master()).call('INFO', 'replication')).match(/state=online/g)?.length === 2, 'both replicas to be in step', 20000)
    }
    await finish(all, store)
  })

  test('all nodes are killed in an orderly failover, with WAIT: what was reported saved is there', async () => {
    const store = await startSentinels({ replicas: 1 })
    const all = await begin(store, WAIT)
    const old = await store.master()
    await store.failover()
    await all.world.typeDuring(store.failedOver(old), { pause: 50 })
    // The nodes find out within two seconds. What they write to the old master until then nobody else has.
    await all.world.type(all.world.random.below(1500), { pause: 50 })
    const people = await killNodes(all)
    await demoted(store, old)
    await lookAgain(all, people)
    await finish(all, store)
  })
})

test('Cluster: slots move while people type, a node of it is restarted', async () => {
  const store = await startCluster()
  // Some documents in the slots that will move, some elsewhere.
  const names = { moving: [], other: [] }
  for (let i = 0; names.moving.length < 3 || names.other.length < 2; i++) {
    const slot = await store.slot(`doc${i}`)
    if (slot < 250 && names.moving.length < 3) names.moving.push(`doc${i}`)
    if (slot > 6000 && names.other.length < 2) names.other.push(`doc${i}`)
  }
  const nodes = await startNodes(2, store)
  const world = new World({ store, nodes })
  await world.join(20, [...names.moving, ...names.other])
  await world.type(300)
  const [from, to] = store.nodes
  for (let round = 0; round < (long ? 6 : 2); round++) {
    await world.typeDuring(store.reshard(round % 2 ? to : from, round % 2 ? from : to, 250))
    await world.type(200)
  }
  await world.check({ slack: 4000 })
  // A node of the Cluster dies and comes back: meanwhile nothing can be saved, which everybody is told.
  const owner = await store.owner(names.moving[0])
  await owner.kill()
  await world.type(1500, { pause: 50 })
  await owner.start()
  await world.typeDuring(until(() => store.ok(), 'the cluster to be in order', 20000), { pause: 50 })
  await world.check({ slack: 8000 })
  await world.checkPresence()
  await world.end()
  await Promise.all(nodes.map(n => n.stop()))
  await store.stop()
})
