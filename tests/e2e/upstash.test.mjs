// The stand-in for Upstash's REST interface, which the store's tests rely on, against Upstash's own client and the examples
// of Upstash's documentation: https://upstash.com/docs/redis/features/restapi
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, beforeEach, test } from 'node:test'
import { Redis } from '@upstash/redis'
import { redis as startRedis, sleep, until } from './lib/server.mjs'
import { Upstash } from './lib/upstash.mjs'

let database, upstash
const cli = (...args) => execFileSync('redis-cli', ['-p', String(database.port), '--raw', ...args]).toString().slice(0, -1)
const client = options => new Redis({ url: upstash.url, token: upstash.token, enableTelemetry: false, retry: false, ...options })
const both = [['base64', client], ['plain', () => client({ responseEncoding: false })]]

before(async () => {
  database = await startRedis()
  upstash = await new Upstash({ redis: { port: database.port } }).listen()
})
after(async () => {
  await upstash.close()
  await database.kill()
})
beforeEach(() => { cli('flushall'); upstash.faults = [] })

async function ask (path, { method = 'POST', body, token = upstash.token, headers = {} } = {}) {
  const answer = await fetch(upstash.url + path, { method, body, headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers } })
  const text = await answer.text()
  return [answer.status, text && JSON.parse(text)]
}
const base64 = { 'upstash-encoding': 'base64' }

for (const [how, make] of both) {
  test(`strings and JSON, ${how}`, async () => {
    const redis = make()
    assert.equal(await redis.set('s', 'näïve 😀\n\u0000'), 'OK')
    assert.equal(await redis.get('s'), 'näïve 😀\n\u0000')
    assert.equal(cli('strlen', 's'), '14')
    await redis.set('json', { a: [1, 'two', null], b: true })
    assert.deepEqual(await redis.get('json'), { a: [1, 'two', null], b: true })
    assert.equal(cli('get', 'json'), '{"a":[1,"two",null],"b":true}')
    assert.equal(await redis.get('nothing'), null)
    assert.equal(await redis.set('s', 'x', { nx: true }), null)
    assert.equal(await redis.set('s', 'x', { ex: 100, get: true }), 'näïve 😀\n\u0000')
    assert.equal(await redis.ttl('s'), 100)
    assert.equal(await redis.incrby('n', 41), 41)
    assert.equal(await redis.incr('n'), 42)
    assert.equal(await redis.get('n'), 42)
    assert.deepEqual(await redis.mget('n', 'nothing', 's'), [42, null, 'x'])
    assert.equal(await redis.del('n', 's', 'nothing'), 2)
    assert.equal(await redis.ping(), 'PONG')
    await redis.set('ok', 'OK')
    assert.equal(await redis.get('ok'), 'OK')
    assert.deepEqual(await redis.mget('ok'), ['OK'])
  })

  test(`hashes, lists and sorted sets, ${how}`, async () => {
    const redis = make()
    assert.equal(await redis.hset('h', { text: '# hi', language: 'markdown', authorizedEmails: ['a@b.c'] }), 3)
    assert.equal(await redis.hget('h', 'text'), '# hi')
    assert.deepEqual(await redis.hgetall('h'), { text: '# hi', language: 'markdown', authorizedEmails: ['a@b.c'] })
    assert.equal(await redis.hgetall('nothing'), null)
    assert.deepEqual(await redis.hmget('h', 'language', 'none'), { language: 'markdown', none: null })
    assert.equal(await redis.hsetnx('h', 'text', 'no'), 0)
    assert.equal(cli('hget', 'h', 'authorizedEmails'), '["a@b.c"]')
    assert.equal(await redis.rpush('l', 'a', 'b', 'c'), 3)
    assert.deepEqual(await redis.lrange('l', 0, -1), ['a', 'b', 'c'])
    assert.equal(await redis.zadd('z', { score: 2, member: 'two' }, { score: 1.5, member: 'less' }), 2)
    assert.deepEqual(await redis.zrange('z', 0, -1, { withScores: true }), ['less', 1.5, 'two', 2])
    assert.deepEqual(cli('zrange', 'z', '0', '-1').split('\n'), ['less', 'two'])
    assert.deepEqual((await redis.scan(0))[1].sort(), ['h', 'l', 'z'])
  })

  test(`pipelines, transactions and scripts, ${how}`, async () => {
    const redis = make()
    assert.deepEqual(await redis.pipeline().set('k', 1).incr('k').hset('h', { a: 1 }).exec(), ['OK', 2, 1])
    const mixed = await redis.pipeline().set('s', 'x').incr('s').get('s').exec({ keepErrors: true })
    assert.deepEqual(mixed.map(r => r.result), ['OK', undefined, 'x'])
    assert.match(mixed[1].error, /^ERR value is not an integer/)
    assert.deepEqual(await redis.multi().set('t', 1).incr('t').get('t').exec(), ['OK', 2, 2])
    assert.deepEqual(await redis.eval("return {ARGV[1], redis.call('INCR', KEYS[1]), {'OK', false}}", ['e'], ['x']), ['x', 1, ['OK', null]])
    assert.equal(await redis.scriptLoad('return KEYS[1]'), '4a2267357833227dd98abdedb8cf24b15a986445')
    assert.equal(await redis.evalsha('4a2267357833227dd98abdedb8cf24b15a986445', ['key'], []), 'key')
  })

  test(`streams, ${how}`, async () => {
    const redis = make()
    const id = await redis.xadd('x', '*', { u: 'one', n: 2 })
    assert.match(id, /^\d+-\d+$/)
    await redis.xadd('x', '*', { u: 'two' })
    const entries = await redis.xrange('x', '-', '+')
    assert.deepEqual(Object.values(entries), [{ u: 'one', n: 2 }, { u: 'two' }])
    assert.equal(Object.keys(entries)[0], id)
    assert.equal(await redis.xlen('x'), 2)
    assert.equal(await redis.xtrim('x', { strategy: 'MAXLEN', threshold: 1, exactness: '=' }), 1)
  })

  test(`errors, ${how}`, async () => {
    const redis = make()
    await redis.set('s', 'x')
    await assert.rejects(redis.incr('s'), /ERR value is not an integer or out of range/)
    await assert.rejects(redis.hget('s', 'f'), /WRONGTYPE/)
    await assert.rejects(redis.eval("return redis.error_reply('MY words')", [], []), /MY words/)
    await assert.rejects(client({ token: 'wrong' }).get('s'), /WRONGPASS invalid or missing auth token/)
  })
}

test('publish and subscribe', async () => {
  const redis = client()
  const heard = []
  const subscriber = redis.subscribe(['chat', 'other'])
  const counts = []
  subscriber.on('subscribe', count => counts.push(count))
  subscriber.on('message', ({ channel, message }) => heard.push([channel, message]))
  await until('the subscriptions', () => counts.length === 2)
  assert.deepEqual(counts, [1, 1])
  assert.equal(await redis.publish('chat', { a: 'ü, 1' }), 1)
  assert.equal(await redis.publish('nobody', 'x'), 0)
  cli('publish', 'other', 'how are you, today?')
  await until('two messages', () => heard.length === 2)
  assert.deepEqual(heard, [['chat', { a: 'ü, 1' }], ['other', 'how are you, today?']])
  await subscriber.unsubscribe()
  await until('the end of the streams', () => upstash.streams.size === 0)
  const patterns = redis.psubscribe('room:*')
  let subscribed
  patterns.on('psubscribe', count => { subscribed = count })
  patterns.on('pmessage', ({ pattern, channel, message }) => heard.push([pattern, channel, message]))
  await until('the pattern', () => subscribed === 1)
  await redis.publish('room:1', { n: 1 })
  await until('the message', () => heard.length === 3)
  assert.deepEqual(heard[2], ['room:*', 'room:1', { n: 1 }])
  await patterns.unsubscribe()
})

test('the stream as it is documented, with several channels', async () => {
  const stop = new AbortController()
  const answer = await fetch(`${upstash.url}/subscribe/chat/more%2Fchat`, {
    method: 'POST', signal: stop.signal, headers: { authorization: `Bearer ${upstash.token}`, accept: 'text/event-stream' }
  })
  assert.equal(answer.headers.get('content-type'), 'text/event-stream')
  let text = ''
  const reading = (async () => { for await (const part of answer.body) text += Buffer.from(part) })().catch(() => {})
  await until('both', () => text.includes('more/chat'))
  await ask('/publish/chat/hello')
  await ask('/publish/more%2Fchat', { body: 'two\nlines' })
  await until('the messages', () => text.includes('lines'))
  assert.equal(text, 'data: subscribe,chat,1\n\ndata: subscribe,more/chat,2\n\ndata: message,chat,hello\n\ndata: message,more/chat,two\ndata: lines\n\n')
  stop.abort()
  await reading
  assert.equal((await ask('/subscribe/chat'))[0], 400)
})

test('the examples of the documentation', async () => {
  assert.deepEqual(await ask('/set/foo/bar', { method: 'GET' }), [200, { result: 'OK' }])
  assert.deepEqual(await ask('/get/foo', { method: 'GET' }), [200, { result: 'bar' }])
  assert.deepEqual(await ask('/set/foo/bar/EX/100', { method: 'PUT' }), [200, { result: 'OK' }])
  assert.deepEqual(await ask('/mget/foo/foo2', { method: 'GET' }), [200, { result: ['bar', null] }])
  assert.deepEqual(await ask(`/get/foo?_token=${upstash.token}`, { token: null }), [200, { result: 'bar' }])
  assert.deepEqual(await ask('/set/foo?EX=100', { body: 'a "value"\n' }), [200, { result: 'OK' }])
  assert.equal(cli('get', 'foo'), 'a "value"\n')
  assert.equal(cli('ttl', 'foo'), '100')
  assert.deepEqual(await ask('/', { body: '["SET", "foo", "bar", "EX", 100]' }), [200, { result: 'OK' }])
  assert.deepEqual(await ask('/get/foo', { method: 'HEAD' }), [200, ''])
  const commands = '[["SET","key1","valuex"],["SETEX","key2",13,"valuez"],["INCR","key1"],["ZADD","myset",11,"item1",22,"item2"]]'
  for (const path of ['/pipeline', '/multi-exec']) {
    cli('flushall')
    assert.deepEqual(await ask(path, { body: commands }),
      [200, [{ result: 'OK' }, { result: 'OK' }, { error: 'ERR value is not an integer or out of range' }, { result: 2 }]])
  }
  assert.deepEqual(await ask('/SET/foo/bar', { headers: base64 }), [200, { result: 'OK' }])
  assert.deepEqual(await ask('/GET/foo', { headers: base64 }), [200, { result: 'YmFy' }])
})

test('what base64 encodes', async () => {
  cli('eval', "redis.call('SET', 'b', '\\255\\0\\1') redis.call('SET', 'ok', 'OK')", '0')
  assert.deepEqual(await ask('/get/b'), [200, { result: '\ufffd\u0000\u0001' }])
  assert.deepEqual(await ask('/get/b', { headers: base64 }), [200, { result: '/wAB' }])
  assert.deepEqual(await ask('/mget/ok/b/none', { headers: base64 }), [200, { result: ['T0s=', '/wAB', null] }])
  assert.deepEqual(await ask('/get/ok', { headers: base64 }), [200, { result: 'T0s=' }])
  assert.deepEqual(await ask('/ping', { headers: base64 }), [200, { result: 'UE9ORw==' }])
  assert.deepEqual(await ask('/', { headers: base64, body: JSON.stringify(['EVAL', "return {redis.status_reply('OK'), {1, 'x'}}", 0]) }),
    [200, { result: ['T0s=', [1, 'eA==']] }])
  assert.deepEqual(await ask('/incr/ok', { headers: base64 }), [400, { error: 'ERR value is not an integer or out of range' }])
})

test('what is refused', async () => {
  assert.deepEqual(await ask('/get/a', { token: null }), [401, { error: 'WRONGPASS invalid or missing auth token' }])
  assert.equal((await ask('/get/a', { token: 'other' }))[0], 401)
  assert.equal((await ask('/get/a', { method: 'DELETE' }))[0], 405)
  assert.deepEqual(await ask('/get'), [400, { error: "ERR wrong number of arguments for 'get' command" }])
  assert.match((await ask('/nosuch/a'))[1].error, /^ERR Command is not available: 'NOSUCH'/)
  assert.match((await ask('/pipeline', { body: '[["MULTI"],["blpop","a",0]]' }))[1].map(e => e.error).join(), /"MULTI" is not allowed in REST.*'BLPOP'/)
  for (const body of ['', '{}', '[]', '[{}]', '["SET","a",null]', 'no JSON']) {
    assert.equal((await ask('/', { body }))[0], 400, body)
    assert.equal((await ask('/pipeline', { body }))[0], 400, body)
  }
  assert.equal((await ask('/multi-exec', { body: '[["SET","a"],["SET","b","x"]]' }))[0], 400)
  assert.equal(cli('exists', 'a', 'b'), '0')
})

test('a request may have 10 MB, an answer more', async () => {
  const value = 'x'.repeat(9_000_000)
  for (const key of ['a', 'b']) assert.deepEqual(await ask('/', { body: JSON.stringify(['SET', key, value]) }), [200, { result: 'OK' }])
  const [status, answer] = await ask('/', { body: JSON.stringify(['SET', 'c', value + 'x'.repeat(2_000_000)]) })
  assert.equal(status, 413)
  assert.match(answer.error, /^ERR max request size exceeded/)
  assert.deepEqual(await client().mget('a', 'b', 'c'), [value, value, null])
})

test('faults', async () => {
  upstash.fault({ kind: 'drop-before' })
  await assert.rejects(ask('/incr/n'))
  assert.equal(cli('exists', 'n'), '0')
  upstash.fault({ kind: 'drop-after', path: '/incr' })
  await ask('/get/n')
  await assert.rejects(ask('/incr/n'))
  assert.equal(cli('get', 'n'), '1')
  upstash.fault({ kind: 'drop-during' })
  await assert.rejects(ask('/incr/n'))
  assert.equal(cli('get', 'n'), '2')
  upstash.fault({ kind: 'status', status: 429, headers: { 'retry-after': '1' }, times: 2 })
  assert.equal((await ask('/incr/n'))[0], 429)
  assert.equal((await ask('/incr/n'))[0], 429)
  upstash.fault({ kind: 'delay', ms: 200 })
  const start = Date.now()
  assert.deepEqual(await ask('/incr/n'), [200, { result: 3 }])
  assert.ok(Date.now() - start >= 190)
  upstash.fault({ kind: 'drop-before', skip: 1 })
  await ask('/incr/n')
  await assert.rejects(ask('/incr/n'))
  await sleep(1)
})
