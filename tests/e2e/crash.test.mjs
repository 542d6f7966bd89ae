// kill -9 while twenty people type: nothing that was reported saved is lost, and everybody agrees again.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { Client } from './lib/client.mjs'
import { freePort, redis, sleep, start, temporary, until } from './lib/server.mjs'

const CLIENTS = 20
const ROUNDS = 3

async function crash (store) {
  const port = await freePort()
  let server = await start({ store, port })
  const clients = Array.from({ length: CLIENTS }, () => new Client())
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(clients.map(c => c.connect(`${server.ws}/crash`)))
    // A mark is saved when a receipt covers everything sent up to it.
    const saved = new Set()
    const typing = clients.map(async (c, i) => {
      const marks = []
      c.onsaved = () => { for (const m of marks) if (m.sent <= c.acked) saved.add(m.mark) }
      for (let n = 0; c.socket.readyState === 1; n++) {
        const mark = `<${round}.${i}.${n}>`
        c.text.insert(c.text.length, mark)
        marks.push({ mark, sent: c.sent })
        await sleep(2 + Math.random() * 6)
      }
    })
    await sleep(300 + Math.random() * 400)
    await server.kill()
    await Promise.all(typing)
    assert.ok(saved.size > CLIENTS, `only ${saved.size} marks were reported saved`)
    server = await start({ store, port })
    // Before any of the old clients is back: what the store alone has.
    const fresh = new Client()
    await fresh.connect(`${server.ws}/crash`)
    const text = fresh.text.toString()
    for (const mark of saved) assert.ok(text.includes(mark), `${mark} was reported saved and is gone`)
    fresh.close()
  }
  await Promise.all(clients.map(c => c.connect(`${server.ws}/crash`)))
  await until('everything is saved', () => clients.every(c => c.saved))
  await until('all replicas agree', () => clients.every(c => c.text.toString() === clients[0].text.toString()))
  assert.equal(await server.raw('crash'), clients[0].text.toString())
  for (const c of clients) c.close()
  return { server, text: clients[0].text.toString() }
}

test('kill -9 on SQLite', async () => {
  const { server, text } = await crash(`sqlite:${temporary()}/crash.sqlite`)
  await server.stop()
  assert.ok(text.length > 0)
})

test('kill -9 on Redis', async () => {
  const store = await redis()
  const { server, text } = await crash(store.url)
  await server.stop()
  const { execFileSync } = await import('node:child_process')
  assert.equal(execFileSync('redis-cli', ['-p', String(store.port), '--raw', 'HGET', 'bytecrowd:crash', 'text']).toString().slice(0, -1), text)
  await store.kill()
})

test('a text that the original wrote opens once, however many open it', async () => {
  const store = await redis()
  const { execFileSync } = await import('node:child_process')
  const cli = (...args) => execFileSync('redis-cli', ['-p', String(store.port), '--raw', ...args]).toString().slice(0, -1)
  const text = '{"a": 1, "b":[2]}'
  cli('HSET', 'bytecrowd:old', 'text', text, 'language', 'json')
  const server = await start({ store: store.url })
  const clients = Array.from({ length: 10 }, () => new Client())
  await Promise.all(clients.map(c => c.connect(`${server.ws}/old`)))
  for (const c of clients) assert.equal(c.text.toString(), text)
  assert.equal(clients[0].doc.getMap('bytecrowd').get('language'), 'json')
  assert.equal(cli('HGET', 'bytecrowd:old', 'text'), text)
  for (const c of clients) c.close()
  await server.stop()
  await store.kill()
})

test('two servers on one Redis: what one of them saved is not cut off by the other', async () => {
  const store = await redis()
  const servers = [await start({ store: store.url, args: ['--unload-after', '100'] }), await start({ store: store.url, args: ['--unload-after', '100'] })]
  for (const order of [[0, 1], [1, 0]]) {
    const clients = []
    for (const server of servers) {
      const client = new Client()
      await client.connect(`${server.ws}/shared${order[0]}`)
      clients.push(client)
    }
    // Each loaded the empty bytecrowd; the one that wrote last has the end of the log, but not all of it.
    for (const i of order) {
      clients[i].text.insert(0, `from ${i} `)
      await until('saved', () => clients[i].saved)
    }
    for (const i of [...order].reverse()) {
      clients[i].close()
      await sleep(500)
    }
    const text = await servers[0].raw(`shared${order[0]}`)
    assert.match(text, /from 0/)
    assert.match(text, /from 1/)
  }
  for (const server of servers) await server.stop()
  const again = await start({ store: store.url })
  for (const name of ['shared0', 'shared1']) assert.match(await again.raw(name), /from 0.*from 1|from 1.*from 0/)
  await again.stop()
  await store.kill()
})

test('a log that another server, or an append sent twice, made longer is read again and compacted', async () => {
  const store = await redis()
  const servers = [await start({ store: store.url }), await start({ store: store.url })]
  const clients = []
  for (const server of servers) {
    const client = new Client()
    await client.connect(`${server.ws}/long`)
    clients.push(client)
  }
  clients[1].text.insert(0, 'from 1 ')
  await until('saved', () => clients[1].saved)
  const cli = (...args) => execFileSync('redis-cli', ['-p', String(store.port), ...args], { encoding: 'utf8' }).trim()
  // What is typed while an append is under way is one entry of the log: so more than 2 000 letters.
  let typed = 0
  for (; typed < 40000 && (typed % 200 || cli('EXISTS', '{bytecrowd:long}:snapshot') === '0'); typed++) {
    clients[0].text.insert(clients[0].text.length, 'x')
    while (!clients[0].saved) await new Promise(resolve => setImmediate(resolve))
  }
  await until('the other one\'s text', () => String(clients[0].text).includes('from 1 '))
  await until('saved', () => clients[0].saved)
  await until('the snapshot', () => cli('EXISTS', '{bytecrowd:long}:snapshot') === '1')
  assert.ok(Number(cli('XLEN', '{bytecrowd:long}:updates')) < 1000)
  for (const client of clients) client.close()
  for (const server of servers) await server.stop()
  const again = await start({ store: store.url })
  const text = await again.raw('long')
  assert.equal(text.replaceAll('x', ''), 'from 1 ')
  assert.equal(text.length, typed + 7)
  await again.stop()
  await store.kill()
})

test('a store that is away refuses, one that goes later is told and recovers', async () => {
  const store = await redis()
  const server = await start({ store: store.url, args: ['--store-timeout', '500'] })
  const a = new Client(), b = new Client()
  await a.connect(`${server.ws}/away`)
  await b.connect(`${server.ws}/away`)
  a.text.insert(0, 'one')
  await until('saved', () => a.saved)
  await store.kill()
  a.text.insert(3, ' two')
  await until('the room is alive', () => b.text.toString() === 'one two')
  await until('it is told', () => a.failing && b.failing)
  assert.equal(a.saved, false)
  const c = new Client()
  await c.connect(`${server.ws}/other`)
  await until('refused', () => c.closed)
  assert.equal(c.closed.code, 1013)
  const again = await redis({ port: store.port, dir: store.dir })
  await until('it recovers', () => a.saved && !a.failing, 15000)
  const d = new Client()
  await d.connect(`${server.ws}/other`)
  assert.equal(d.text.toString(), '')
  for (const x of [a, b, d]) x.close()
  await server.stop()
  await again.kill()
})
