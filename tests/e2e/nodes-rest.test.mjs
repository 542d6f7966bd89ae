// Servers that reach Redis by Upstash's REST interface (a stand-in on a real redis-server), alone and beside one that
// speaks Redis' own protocol: the same documents for all of them, and nothing is written twice whatever becomes of a request.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Redis as UpstashClient } from '@upstash/redis'
import { SAVE_INTERVAL, World } from './lib/checker.mjs'
import { Client } from './lib/client.mjs'
import { startServer, until } from './lib/harness.mjs'
import { quietPort } from './lib/net.mjs'
import { startRedis } from './lib/redis.mjs'
import { Upstash } from './lib/upstash.mjs'

const TOKEN = 'AX2zASQg-secret-of-the-test_0='
let redis, upstash
before(async () => {
  redis = await startRedis()
  upstash = await new Upstash({ redis: { port: redis.port, host: '127.0.0.1' }, token: TOKEN }).listen()
})
after(async () => { await upstash.close(); await redis.kill() })

const args = ['--save-interval', String(SAVE_INTERVAL), '--store-timeout', '2000']
const byRest = async (more = []) => startServer({ store: upstash.url, port: await quietPort(), args: [...args, ...more], env: { UPSTASH_REDIS_REST_TOKEN: TOKEN } })
const direct = async () => startServer({ store: redis.url, port: await quietPort(), args })
const stopAll = nodes => Promise.all(nodes.map(n => n.stop()))

/** Every entry of a log once: what is typed between two appends differs, so equal entries are one that was written twice. */
async function nothingTwice (rooms) {
  for (const room of rooms) {
    const [entries, twice] = await redis.call('EVAL', `local seen, twice, log = {}, 0, redis.call('XRANGE', KEYS[1], '-', '+')
      for _, e in ipairs(log) do if seen[e[2][2]] then twice = twice + 1 end seen[e[2][2]] = true end return {#log, twice}`, 1, `{bytecrowd:${room}}:updates`)
    assert.equal(twice, 0, `${twice} of ${entries} entries of ${room} are there twice`)
    assert.ok(entries > 0)
  }
}

test('two servers by REST and one by Redis\' own protocol are one', async () => {
  const nodes = [await byRest(), await byRest(), await direct()]
  const world = new World({ store: redis, nodes })
  await world.join(6, ['mixed', 'other'])
  await world.checkPresence()
  await world.type(1500)
  await world.checkPresence()
  await world.check()
  await nothingTwice(['mixed', 'other'])
  // The original's own way to look at it.
  const client = new UpstashClient({ url: upstash.url, token: TOKEN, automaticDeserialization: false })
  assert.equal(await client.hget('bytecrowd:mixed', 'text'), await nodes[2].raw('mixed'))
  await world.end()
  await stopAll(nodes)
})

test('a text that looks like JSON stays as it is, and one that the original wrote is opened', async () => {
  const client = new UpstashClient({ url: upstash.url, token: TOKEN })
  await client.hset('bytecrowd:json', { text: '{"a": 1}', language: 'json' })
  const node = await byRest()
  assert.equal(await node.raw('json'), '{"a": 1}')
  const person = new Client()
  await person.connect(`${node.ws}/json`)
  person.text.insert(0, '[ "ä😀\u0000\\ud800" ]\r\n')
  await until(async () => String(await redis.call('HGET', 'bytecrowd:json', 'text')) === '[ "ä😀\u0000\\ud800" ]\r\n{"a": 1}', 'the text in Redis')
  person.close()
  await node.stop()
})

test('requests that are lost before or after they were executed, refused or late: nothing is lost, nothing is twice', async () => {
  const nodes = [await byRest(), await byRest()]
  const world = new World({ store: redis, nodes })
  await world.join(4, ['faulty'])
  const trouble = async () => {
    for (let round = 0; round < 4; round++) {
      for (const fault of [{ kind: 'drop-before' }, { kind: 'drop-after' }, { kind: 'drop-during' }, { kind: 'status', status: 429, headers: { 'retry-after': '1' } }, { kind: 'status', status: 503 }, { kind: 'delay', ms: 100 }]) {
        upstash.fault({ path: '/pipeline', ...fault })
        await new Promise(resolve => setTimeout(resolve, 60 + world.random.below(120)))
      }
      upstash.cut()
    }
  }
  await world.typeDuring(trouble())
  assert.ok(upstash.faults.filter(f => !f.times).length > 12, 'nothing went wrong')
  upstash.faults = []
  await world.check()
  await nothingTwice(['faulty'])
  await world.checkPresence()
  await world.end()
  await stopAll(nodes)
})

test('an answer that never comes: told that it is not saved, then saved once', async () => {
  const node = await byRest()
  const person = new Client()
  await person.connect(`${node.ws}/hang`)
  upstash.fault({ kind: 'hang', path: '/pipeline', times: 2 })
  person.text.insert(0, 'x')
  await until(() => person.failing, 'to be told')
  await until(() => person.saved && !person.failing, 'to be saved', 15000)
  await nothingTwice(['hang'])
  person.close()
  await node.stop()
})

test('without the subscribe stream others are heard by reading the log', async () => {
  upstash.fault({ kind: 'status', status: 404, path: '/subscribe', times: Infinity })
  const nodes = [await byRest(), await byRest()]
  const people = [new Client(), new Client()]
  for (const i of [0, 1]) await people[i].connect(`${nodes[i].ws}/polled`)
  people[0].text.insert(0, 'polled')
  await until(() => people[1].text.toString() === 'polled', 'the other one', 8000)
  const health = await (await nodes[0].get('/healthz')).json()
  assert.equal(health.status, 'degraded')
  upstash.faults = []
  for (const person of people) person.close()
  await stopAll(nodes)
})

test('the original\'s own settings are enough; the token is not told to anybody', async () => {
  const env = { UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: TOKEN }
  const node = await startServer({ store: null, args, env })
  const person = new Client()
  await person.connect(`${node.ws}/settings`)
  person.text.insert(0, 'by the environment')
  await until(async () => String(await redis.call('HGET', 'bytecrowd:settings', 'text')) === 'by the environment', 'the text in Redis')
  person.close()
  await node.stop()
  const wrong = await startServer({ store: upstash.url, args, env: { UPSTASH_REDIS_REST_TOKEN: `${TOKEN.slice(0, -1)}x` } })
  const refused = await wrong.get('/healthz')
  assert.equal(refused.status, 503)
  const said = await refused.text()
  assert.match(said, /token/)
  await wrong.stop()
  for (const text of [said, node.child.err, node.child.out, wrong.child.err, wrong.child.out]) assert.ok(!text.includes(TOKEN.slice(0, -1)))
})

test('what is too large for a request of Upstash\'s is refused, not lost', async () => {
  const node = await byRest()
  const person = new Client()
  await person.connect(`${node.ws}/large`)
  person.text.insert(0, 'x'.repeat(6_500_000))
  await until(() => person.saved, '6.5 MB to be saved', 30000)
  person.text.insert(0, 'y'.repeat(1_000_000))
  await until(() => person.closed, 'the refusal')
  assert.equal(person.closed.code, 4413)
  const again = new Client()
  await again.connect(`${node.ws}/large`)
  assert.equal(again.text.length, 6_500_000)
  again.close()
  await node.stop()
})
