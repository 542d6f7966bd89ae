// The page's files, names, /raw: what each address answers, down to its headers.

import assert from 'node:assert/strict'
import http from 'node:http'
import path from 'node:path'
import { after, before, test } from 'node:test'
import zlib from 'node:zlib'
import { Client } from './lib/client.mjs'
import { startServer, tempFolder, until } from './lib/harness.mjs'
import { exchange, RawSocket } from './lib/raw.mjs'
import { redis } from './lib/server.mjs'

let server, script
before(async () => {
  server = await startServer()
  script = /<script type="module" src="([^"]+)"/.exec(await (await server.get('/')).text())[1]
})
after(() => server.stop())

/** The bare answer: fetch() would decode the body and hide its encoding. */
function request (url, headers = {}, method = 'GET', port = server.port) {
  return new Promise((resolve, reject) => {
    http.request({ port, host: '127.0.0.1', path: url, headers, method, agent: false }, response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }))
    }).on('error', reject).end()
  })
}

function secure ({ headers }, what) {
  assert.equal(headers['x-content-type-options'], 'nosniff', what)
  assert.equal(headers['referrer-policy'], 'no-referrer', what)
  assert.match(headers['content-security-policy'], /default-src 'none'/, what)
  assert.match(headers['content-security-policy'], /frame-ancestors 'none'/, what)
  assert.doesNotMatch(headers['content-security-policy'], /script-src[^;]*(unsafe|\*|data:|https?:)/, what)
}

test('pages: html, never cached without asking, no script in them', async () => {
  for (const url of ['/', '/a-room', '/healthz', '/a-room/raw', '/assets/no', '/a%20b', '/ws/x', '/robots.txt', script]) secure(await request(url), url)
  for (const url of ['/', '/a-room']) {
    const { status, headers, body } = await request(url)
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(headers['cache-control'], 'no-cache')
    assert.equal(headers['x-frame-options'], 'DENY')
    const html = body.toString()
    for (const [tag, text] of [...html.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)].map(m => m.slice(1))) {
      assert.match(tag, /src="\/assets\//)
      assert.equal(text, '')
    }
    assert.doesNotMatch(html, /<[^>]* on[a-z]+=|javascript:/)
    assert.doesNotMatch(html, /(src|href)="(https?:)?\/\//, 'something comes from elsewhere')
  }
})

test('pages: every file that they name is there, hashed, immutable, of the right type', async () => {
  const seen = new Set()
  const queue = ['/', '/a-room', '/a%20b']
  while (queue.length) {
    const url = queue.pop()
    const { status, headers, body } = await request(url)
    if (url.startsWith('/assets/')) {
      assert.equal(status, 200, url)
      assert.match(url, /[.-][A-Za-z0-9_]{6,}\.\w+$/, 'no hash in its name')
      assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable', url)
      assert.match(headers['content-type'], { js: /^text\/javascript/, css: /^text\/css/ }[url.split('.').pop()] ?? /./, url)
    }
    const text = body.toString()
    const names = [...text.matchAll(/(?:src|href)="(\/[^"]*\.[a-z]+)"|["'`(]((?:\.\/|\/assets\/)[\w./-]+\.(?:js|css|woff2))["'`)]/g)].map(m => m[1] ?? m[2])
    for (const name of names) {
      const next = new URL(name, `http://x${url}`).pathname
      if (!seen.has(next)) { seen.add(next); queue.push(next) }
    }
  }
  assert.ok([...seen].filter(s => s.endsWith('.js')).length > 3, [...seen].join())
})

test('files: ETag and If-None-Match', async () => {
  for (const url of ['/', script, '/favicon.svg']) {
    const { headers } = await request(url)
    assert.match(headers.etag, /^"[^"]+"$/)
    for (const match of [headers.etag, `W/${headers.etag}`, `"x", ${headers.etag}`, '*']) {
      const again = await request(url, { 'if-none-match': match })
      assert.equal(again.status, 304, `${url} ${match}`)
      assert.equal(again.body.length, 0)
      assert.equal(again.headers.etag, headers.etag)
      assert.equal(again.headers['cache-control'], headers['cache-control'])
      assert.equal(again.headers['content-length'], undefined)
      assert.match(again.headers.vary, /accept-encoding/i)
    }
    for (const match of ['"x"', headers.etag.slice(1, -1), '']) assert.equal((await request(url, { 'if-none-match': match })).status, 200, `${url} ${match}`)
  }
})

test('files: the encoding that is asked for', async () => {
  const plain = (await request(script)).body
  const decode = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync, undefined: b => b }
  for (const [accept, coding] of [
    [undefined, undefined], ['', undefined], ['identity', undefined], ['deflate', undefined], ['brotli', undefined], ['gzipped', undefined],
    ['br', 'br'], ['BR', 'br'], ['gzip', 'gzip'], ['gzip, deflate, br', 'br'], ['gzip,br', 'br'], ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['br;q=0', undefined], ['br;q=0.000', undefined], ['br ; q=0', undefined], ['br;q=0, gzip', 'gzip'], ['br;q=0.001', 'br'], ['br; q=0.1', 'br'],
    ['br;Q=0.5,gzip;Q=0.4', 'br'], ['br;q=0.5,gzip;q=0.5', 'br'], ['br;q=0.123, gzip;q=0.124', 'gzip'], ['gzip;q=', undefined], ['gzip;q=x', undefined]
  ]) {
    const { headers, body } = await request(script, accept === undefined ? {} : { 'accept-encoding': accept })
    assert.equal(headers['content-encoding'], coding, JSON.stringify(accept))
    assert.equal(Number(headers['content-length']), body.length)
    assert.match(headers.vary, /accept-encoding/i)
    if (coding) assert.ok(body.length < plain.length, `${coding}: ${body.length} of ${plain.length}`)
    assert.ok(decode[coding](body).equals(plain), `another content as ${coding}`)
  }
})

test('files: HEAD is GET without the body', async () => {
  for (const url of ['/', '/a-room', script, '/favicon.svg', '/healthz', '/a%20b', '/nothing/here', '/a-room/raw']) {
    for (const encoding of ['', 'br']) {
      const headers = { 'accept-encoding': encoding }
      const [get, head] = [await request(url, headers), await request(url, headers, 'HEAD')]
      assert.equal(head.body.length, 0)
      delete get.headers.date
      delete head.headers.date
      assert.deepEqual([head.status, head.headers], [get.status, get.headers], url)
    }
  }
})

test('files: other methods are not allowed', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const { status, headers } = await request('/', {}, method)
    assert.equal(status, 405, method)
    assert.equal(headers.allow, 'GET, HEAD')
  }
})

test('files: what is not there', async () => {
  for (const url of ['/assets/', '/assets/app.js', '/assets/../index.html', script + 'x', script + '/', script.slice(0, -1), '/index.html', '/editor.html', '/error.html', '/a/b', '/a//', '/api/', '/a/raw/', '/a/raw/b', '/raw/raw', '/ws', '/api', '/admin', '/metrics']) {
    const { status, headers, body } = await request(url)
    assert.equal(status, 404, url)
    assert.match(headers['content-type'], /^text\/html/)
    assert.equal(headers['cache-control'], 'no-store')
    assert.match(body.toString(), /404/)
  }
  assert.equal((await request('/favicon.ico')).headers.location, '/favicon.svg')
  assert.equal((await request('/robots.txt')).status, 200)
})

test('names: what works', async () => {
  for (const name of ['a', '7', '-', '_', '...', 'a.b', 'A-Za-z0-9_.', 'x'.repeat(128), '%61bc', '%2E%2E%2E', 'WS', 'ws1', 'raw.', 'Healthz']) {
    assert.equal((await request(`/${name}`)).status, 200, name)
    assert.equal((await request(`/${name}/raw`)).status, 200, name)
  }
  assert.equal((await request('/name?and=query')).status, 200)
})

test('names: what does not gets a clear page', async () => {
  for (const name of ['x'.repeat(129), 'x'.repeat(3000), '%2e', '%2E%2e', '.', '..', 'a%20b', '%20', 'a+b', 'a%2Fb', '%2fetc%2fpasswd', '%00', 'a%00', '%', '%4', '%zz', '%C3%A9', '%ff', '%F0%9F%98%80', 'a,b', 'a;b', 'a@b', '~a', '%0d%0a', "'", '%22%3E%3Cscript%3E', '<script>']) {
    for (const url of [`/${name}`, `/${name}/raw`]) {
      const answer = await exchange(server.port, `GET ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      assert.equal(answer.status, 400, url.slice(0, 50))
      assert.match(answer.text, /\r\nContent-Type: text\/html; charset=utf-8\r\n/)
      assert.match(answer.text, /letters, digits, - _ and \. only, 1 to 128 of them/)
      assert.doesNotMatch(answer.text, /passwd|<script>/)
    }
  }
})

test('names: a page\'s reserved ones', async () => {
  for (const name of ['api', 'ws', 'admin', 'raw', 'new', 'index.html', '%61pi', '%77s']) {
    for (const url of [`/${name}`, `/${name}/raw`]) {
      const { status, body } = await request(url)
      assert.equal(status, 404, url)
      assert.match(body.toString(), /used by the server itself|nothing at this address/)
    }
  }
})

test('names: a slash behind one leads to it', async () => {
  for (const [url, to] of [['/a/', '/a'], ['/%61.b/?q=1', '/a.b'], [`/${'x'.repeat(128)}/`, `/${'x'.repeat(128)}`]]) {
    const { status, headers } = await request(url)
    assert.deepEqual([status, headers.location], [308, to], url)
  }
  assert.equal((await request(`/${'x'.repeat(129)}/`)).status, 400)
})

test('names: one is the same however it is written', async () => {
  const client = new Client()
  await client.connect(`${server.ws}/%73ame`)
  client.text.insert(0, 'one text')
  await until(() => client.saved, 'saved')
  assert.equal(await server.raw('same'), 'one text')
  assert.equal(await server.raw('%73%61me'), 'one text')
  client.close()
})

test('raw: the text as it is, always fresh', async () => {
  const text = 'line\r\n\ttab é 😀 <b>&amp;</b> \u2028 {"a":1}\n'
  const client = new Client()
  await client.connect(`${server.ws}/text`)
  client.text.insert(0, text)
  await until(() => client.saved, 'saved')
  const { status, headers, body } = await request('/text/raw', { 'accept-encoding': 'gzip, br' })
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['content-encoding'], undefined)
  assert.equal(body.toString(), text)
  const none = await request('/nobody-wrote-here/raw')
  assert.deepEqual([none.status, none.body.length], [200, 0])
  client.close()
})

test('raw: 503 when the store is away, never an empty text; the page stays', async () => {
  const store = await redis()
  const first = await startServer({ store: store.url, args: ['--store-timeout', '300'] })
  const client = new Client()
  await client.connect(`${first.ws}/kept`)
  client.text.insert(0, 'kept')
  await until(() => client.saved, 'saved')
  client.close()
  await first.stop()
  // One that does not have it in memory.
  const other = await first.restart()
  await store.kill()
  const { status, headers, body } = await request('/kept/raw', {}, 'GET', other.port)
  assert.equal(status, 503)
  assert.match(headers['retry-after'], /^\d+$/)
  assert.match(body.toString(), /cannot be read/)
  assert.equal((await request('/kept', {}, 'GET', other.port)).status, 200)
  assert.equal((await request('/livez', {}, 'GET', other.port)).status, 200)
  const again = await redis({ port: store.port, dir: store.dir })
  await until(async () => (await request('/kept/raw', {}, 'GET', other.port)).body.toString() === 'kept', 'the text again')
  await other.stop()
  await again.kill()
})

test('healthz: ok while serving, and nobody else is let in while it stops', async () => {
  const { status, headers, body } = await request('/healthz')
  assert.deepEqual([status, headers['content-type'], headers['cache-control']], [200, 'application/json', 'no-store'])
  assert.deepEqual(JSON.parse(body), { status: 'ok', store: { kind: 'sqlite', status: 'ok' } })
  assert.deepEqual([(await request('/livez')).status, (await request('/livez')).body.toString()], [200, 'ok\n'])
  const store = await redis()
  const other = await startServer({ store: store.url, args: ['--store-timeout', '300', '--shutdown-timeout', '1500'] })
  const client = new Client()
  await client.connect(`${other.ws}/stopping`)
  await store.kill()
  client.text.insert(0, 'cannot be saved')
  await until(() => client.failing, 'to be told')
  const ended = other.stop()
  await until(() => client.closed, 'the end')
  assert.equal(client.closed.code, 1012)
  await assert.rejects(request('/healthz', {}, 'GET', other.port))
  assert.equal((await ended).code, 1)
})

test('rooms that only strangers\' guesses opened are not kept', async () => {
  const rss = server.rss()
  for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 50 }, (_, k) => request(`/guess-${i}-${k}/raw`)))
  const grown = server.rss() - rss
  // 2000 rooms with their timers, lists and documents take more than 3 MiB.
  assert.ok(process.env.BYTECROWDS?.includes('asan') || grown < 2 * 1024 * 1024, `${grown} bytes for 2000 names`)
})

test('subprotocols: the first that is offered is chosen, or stock clients would give up', async () => {
  const { default: WebSocket } = await import('ws')
  const open = protocols => new Promise((resolve, reject) => {
    const socket = new WebSocket(`${server.ws}/protocols`, protocols)
    socket.on('open', () => { resolve(socket.protocol); socket.terminate() })
    socket.on('error', reject)
  })
  assert.equal(await open([]), '')
  assert.equal(await open(['bytecrowds']), 'bytecrowds')
  assert.equal(await open(['v2.y', 'v1.y']), 'v2.y')
  for (const bad of ['a b\r\nX: y', '', ',', 'a"b', 'x'.repeat(300)]) {
    await assert.rejects(RawSocket.open(server.port, 'protocols', { more: `Sec-WebSocket-Protocol: ${bad.split('\r\n')[0].replace('a b', '(a)')}\r\n` }), /400/)
  }
})

test('the store has only what was written: pages and guesses leave no rows', async () => {
  const store = `sqlite:${path.join(tempFolder(), 'rows.db')}`
  const other = await startServer({ store, args: ['--unload-after', '0'] })
  for (let i = 0; i < 20; i++) { await request(`/guess-${i}`, {}, 'GET', other.port); await request(`/guess-${i}/raw`, {}, 'GET', other.port) }
  const socket = await RawSocket.open(other.port, 'looked-at')
  await until(() => socket.frames.length, 'the first sync')
  socket.close()
  await other.stop()
  const { execFileSync } = await import('node:child_process')
  const dump = execFileSync('sqlite3', [store.slice(7), '.dump']).toString()
  assert.doesNotMatch(dump, /guess-|looked-at/)
})
