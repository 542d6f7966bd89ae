// A seeded network simulation: real Yjs clients behind a network that delays and cuts. SEED=n repeats a run
// (the edits and faults are the same; the kernel's timing is not).

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as Y from 'yjs'
import { FaultyNetwork } from './lib/faults.mjs'
import { peer, random, sleep, startServer, until } from './lib/harness.mjs'
import { closeAll, providers, sameBytes, stock } from './lib/stock.mjs'

const PEOPLE = 6
const EDITS = 400

let server
before(async () => { server = await startServer() })
after(() => server.kill())

function edit (text, rng) {
  const at = rng.below(text.length + 1)
  const dice = rng()
  if (dice < 0.7 || text.length < 5) text.insert(at, ['a', 'word ', 'é', '😀', 'line\n', 'long '.repeat(20)][rng.below(6)])
  else if (dice < 0.95) text.delete(Math.min(at, text.length - 1), Math.min(1 + rng.below(8), text.length - Math.min(at, text.length - 1)))
  else text.doc.transact(() => { text.insert(at, '<>'); text.insert(at + 1, 'both') })
}

const first = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const seeds = process.env.SEED ? [first] : [first, first + 1, first + 2]

for (const seed of seeds) {
  test(`every replica is the same after a bad network, SEED=${seed}`, async () => {
    console.log(`SEED=${seed}`)
    const rng = random(seed)
    const network = new FaultyNetwork(server.port, random(seed + 1))
    const url = await network.listen()
    const clients = []
    const id = `sim-${seed}`
    try {
      const people = Array.from({ length: PEOPLE }, (_, i) => {
        const doc = new Y.Doc()
        doc.clientID = 1000 + i + seed % 1000 * 10
        return stock(providers[i % 2 ? '2.1' : '3.1'], url, id, { clients, doc, maxBackoffTime: 50 })
      })
      for (let i = 0; i < EDITS; i++) {
        edit(people[rng.below(PEOPLE)].text, rng)
        if (i % 4 === 0) await sleep(rng.below(10))
      }
      assert.ok(network.cuts > 0, 'the network cut nothing')
      network.heal()
      const witness = stock(providers['3.1'], server, id, { clients })
      const all = [...people, witness]
      const state = c => Y.encodeStateAsUpdate(c.doc)
      await until(() => all.every(c => c.provider.synced), 'sync after healing', 20000)
      await until(() => all.every(c => sameBytes(Y.encodeStateVector(c.doc), Y.encodeStateVector(all[0].doc)) && sameBytes(state(c), state(all[0]))),
        () => `equal replicas, lengths ${all.map(c => c.text.length)}; SEED=${seed}`, 20000)
      assert.ok(all[0].text.length > 0)
      if (!peer) await until(async () => await server.raw(id) === all[0].text.toString(), `equal raw text; SEED=${seed}`)
    } finally {
      closeAll(clients)
      network.close()
    }
  })
}
