// What operators rely on: the health endpoint names what is down, expiry removes what nobody opens.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { Client } from './lib/client.mjs'
import { redis, sleep, start, temporary, until } from './lib/server.mjs'

async function health (server) {
  const answer = await fetch(`${server.url}/healthz`)
  return { code: answer.status, ...await answer.json() }
}

const cli = (store, ...args) => execFileSync('redis-cli', ['-p', String(store.port), '--raw', ...args], { encoding: 'utf8' }).trim()

test('healthz: the store that went away is named, and is back by itself', async () => {
  const store = await redis()
  const server = await start({ store: store.url, args: ['--store-timeout', '400'] })
  const other = await start({ store: store.url })
  // Another server is known when it has somebody and says so.
  const person = new Client(), here = new Client()
  await person.connect(`${other.ws}/elsewhere`)
  await here.connect(`${server.ws}/here`)
  await until('the other server', async () => (await health(server)).servers.others === 1)
  assert.deepEqual(await health(server), { code: 200, status: 'ok', store: { kind: 'redis', status: 'ok' }, servers: { status: 'ok', others: 1 } })
  await store.kill()
  const down = await until('the news', async () => { const h = await health(server); return h.code === 503 && h })
  assert.equal(down.status, 'down')
  assert.equal(down.store.status, 'down')
  assert.match(down.store.error, /\S/)
  assert.equal((await fetch(`${server.url}/livez`)).status, 200)
  const again = await redis({ port: store.port, dir: store.dir })
  await until('its recovery', async () => (await health(server)).status === 'ok')
  // Hangs instead of refusing: asked for, it is said within about a second all the same.
  again.child.kill('SIGSTOP')
  await sleep(1200)
  const asked = Date.now()
  const hung = await health(server)
  assert.ok(Date.now() - asked < 1800, `it took ${Date.now() - asked} ms`)
  assert.equal(hung.code, 503)
  again.child.kill('SIGCONT')
  await until('its recovery', async () => (await health(server)).status === 'ok')
  for (const client of [person, here]) client.close()
  await server.stop()
  await other.stop()
  await again.kill()
})

test('healthz: a user who may not subscribe; others\' edits come all the same', async () => {
  const store = await redis()
  cli(store, 'ACL', 'SETUSER', 'mute', 'on', '>pw', '~*', '+@all', 'resetchannels')
  const url = `redis://mute:pw@127.0.0.1:${store.port}/0`
  const servers = [await start({ store: url }), await start({ store: url })]
  const clients = [new Client(), new Client()]
  for (const i of [0, 1]) await clients[i].connect(`${servers[i].ws}/deaf`)
  const h = await until('the news', async () => { const h = await health(servers[0]); return h.status === 'degraded' && h })
  assert.equal(h.code, 200)
  assert.match(h.servers.error, /NOPERM|permission/)
  clients[0].text.insert(0, 'heard late')
  await until('the other one', () => clients[1].text.toString() === 'heard late', 8000)
  for (const client of clients) client.close()
  for (const server of servers) await server.stop()
  await store.kill()
})

for (const kind of ['sqlite', 'redis']) {
  test(`expiry on ${kind}: what nobody opens goes, what is open stays`, async () => {
    const store = kind === 'redis' ? await redis() : null
    const url = store?.url ?? `sqlite:${temporary()}/expiry.sqlite`
    const args = ['--expire-after', '1500ms', '--unload-after', '50']
    const server = await start({ store: url, args })
    // The other server may look through the store as well; a SQLite file has only one.
    const other = store ? await start({ store: url, args }) : null
    const open = new Client(), left = new Client()
    await open.connect(`${(other ?? server).ws}/open`)
    await left.connect(`${server.ws}/left`)
    open.text.insert(0, 'open')
    left.text.insert(0, 'left')
    await until('saved', () => open.saved && left.saved)
    if (store) cli(store, 'HSET', 'bytecrowd:legacy', 'text', 'of the original')
    left.close()
    await sleep(5000)
    open.close()
    await sleep(300)
    assert.equal(await server.raw('open'), 'open')
    assert.equal(await server.raw('left'), '')
    if (store) {
      assert.equal(await server.raw('legacy'), '')
      assert.deepEqual(cli(store, 'KEYS', '*left*'), '')
    }
    await server.stop()
    await other?.stop()
    await store?.kill()
  })
}

test('nothing expires unless it is asked for', async () => {
  const store = await redis()
  const server = await start({ store: store.url, args: ['--unload-after', '0'] })
  const client = new Client()
  await client.connect(`${server.ws}/kept`)
  client.text.insert(0, 'kept')
  await until('saved', () => client.saved)
  client.close()
  await sleep(500)
  assert.equal(cli(store, 'HGET', '{bytecrowd:kept}:meta', 'opened'), '')
  assert.equal(cli(store, 'TTL', 'bytecrowd:kept'), '-1')
  await server.stop()
  await store.kill()
})
