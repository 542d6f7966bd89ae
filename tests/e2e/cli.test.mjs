// The command line: options as flags and as environment variables, loud errors, logs, stopping.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Client } from './lib/client.mjs'
import { binary, freePort, launch, root, runOnce, startServer, tempFolder, until } from './lib/harness.mjs'
import { certificates } from './lib/redis.mjs'
import { RawSocket, Wire } from './lib/raw.mjs'
import { redis } from './lib/server.mjs'

const envName = name => 'BYTECROWDS_' + name.toUpperCase().replaceAll('-', '_')
const help = runOnce(['--help']).stdout
const OPTIONS = [...help.matchAll(/^ {2}--([a-z-]+) [A-Z:]+ /gm)].map(m => m[1])

/** Exit code 2, nothing on standard output, one line on standard error that says this. */
function refused (args, env, pattern) {
  const { status, stdout, stderr } = runOnce(args, { env })
  assert.equal(status, 2, `${args} ${JSON.stringify(env)}: ${stderr}`)
  assert.equal(stdout, '')
  assert.match(stderr, /^bytecrowds: [^\n]+\n$/)
  assert.match(stderr, pattern)
}

test('--help and --version', () => {
  const version = readFileSync(path.join(root, 'VERSION'), 'utf8').trim()
  for (const flag of ['--help', '-h']) {
    const { status, stdout, stderr } = runOnce([flag])
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.match(stdout, /^bytecrowds \S+: .*\n\nusage: bytecrowds/)
  }
  const { status, stdout } = runOnce(['--version'])
  assert.deepEqual({ status, stdout }, { status: 0, stdout: `bytecrowds ${version}\n` })
  assert.ok(OPTIONS.length > 10)
})

test('--help also works where the environment is wrong: the errors point to it', () => {
  const env = { BYTECROWDS_NONSENSE: '1', BYTECROWDS_LISTEN: 'x' }
  assert.equal(runOnce(['--help'], { env }).status, 0)
  assert.equal(runOnce(['--version'], { env }).status, 0)
})

test('the README has every option that --help has, with the same default', () => {
  const readme = new Map([...readFileSync(path.join(root, 'README.md'), 'utf8').matchAll(/^\| `--([a-z-]+) [^`]*` \| (.*?) ?\| /gm)].map(m => [m[1], m[2].replaceAll('`', '')]))
  assert.deepEqual([...readme.keys()], OPTIONS)
  for (const [name, preset] of [...help.matchAll(/^ {2}--([a-z-]+) [A-Z:]+ .*?(?: \[(.*)\])?$/gm)].map(m => [m[1], m[2] ?? ''])) {
    if (name !== 'max-connections-per-address') assert.equal(readme.get(name), preset, name)
  }
})

const PROVIDERS = path.join(tempFolder(), 'providers.json')
writeFileSync(PROVIDERS, '[{"id":"work","type":"oidc","issuer":"https://id.example","clientId":"a","clientSecret":"b"}]')
const GOOD = { 'public-url': 'https://code.example', 'github-url': 'https://github.example', 'oidc-issuer': 'https://id.example', providers: PROVIDERS, 'trusted-proxies': '10.0.0.0/8, loopback', listen: '127.0.0.1:0', store: 'sqlite::memory:', 'store-replicas': '2', 'allowed-origins': 'https://a.example', 'log-level': 'debug', 'log-format': 'json' }
const BAD = {
  listen: ['', '8080', ':8080', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', '127.0.0.1:-1', '127.0.0.1:80x', '::1:80', `${'a'.repeat(300)}:80`],
  store: ['', 'mysql://x', 'sqlite', 'redis://', 'redis://host:99999', 'redis://host/x'],
  'store-replicas': ['', 'x', '-1', '17', '1K'],
  'trusted-proxies': ['x', '10.0.0.0/33', '10.0.0.0/8;::1', '1.2.3'],
  ...Object.fromEntries(['connects', 'creates', 'authorize', 'sign-ins'].map(of => [`limit-${of}`, ['', 'x', '-1', '1K', '99999999999']])),
  URL: [''],
  ID: [''],
  SECRET: [''],
  NAME: [''],
  'log-level': ['', 'INFO', 'verbose'],
  'log-format': ['', 'xml'],
  MS: ['', 'x', '-1', '1.5', '1m', '1 s', '99999999999999999999', '0x10', '1e3', ' 1'],
  BYTES: ['', 'x', '-1', '1.5M', '1MB', '1m', '1T', '0', '99999999999G', '1023'],
  N: ['', 'x', '-1', '0', '1K', '99999999999'],
  FILE: [''],
  DURATION: ['', 'x', '90', '-1d', '1.5h', '1w', '1 d', '999ms', '36501d', '99999999999999999d', '1D']
}
const placeholder = name => new RegExp(`^  --${name} ([A-Z:]+)`, 'm').exec(help)[1]

test('every bad value is refused, as a flag and as a variable', () => {
  for (const name of OPTIONS) {
    const values = BAD[name] ?? BAD[placeholder(name)] ?? []
    assert.ok(values.length || name === 'allowed-origins', `${name} is not tested`)
    for (const value of values) {
      // A store is opened only once all options are right; see below.
      if (name === 'store' && value) continue
      refused([`--${name}`, value], {}, new RegExp(`^bytecrowds: --${name}: bad value ".*" \\(`))
      if (value === values[1]) refused([`--${name}=${value}`], {}, new RegExp(`^bytecrowds: --${name}: bad value`))
      if (value === values[0]) refused([], { [envName(name)]: value }, new RegExp(`^bytecrowds: ${envName(name)}: bad value ".*" \\(`))
    }
  }
})

test('a store that cannot be: exit 1 and why', () => {
  for (const value of BAD.store.slice(1)) {
    const { status, stdout, stderr } = runOnce(['--listen', '127.0.0.1:0', '--store', value])
    assert.equal(status, 1, value)
    assert.equal(stdout, '')
    assert.match(stderr, /^bytecrowds: --store: [^\n]+\n$/, value)
    assert.doesNotMatch(stderr, /password/)
  }
})

test('without libcurl only the REST interface cannot be used', async () => {
  const folder = tempFolder()
  writeFileSync(path.join(folder, 'libcurl.so.4'), '') // found first, and is no library
  const env = { LD_LIBRARY_PATH: folder, UPSTASH_REDIS_REST_TOKEN: 'secret' }
  const { status, stdout, stderr } = runOnce(['--listen', '127.0.0.1:0', '--store', 'https://redis.example'], { env })
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^bytecrowds: --store: libcurl is needed: .*libcurl\.so\.4[^\n]*\n$/)
  const server = await startServer({ env })
  assert.ok(!/libcurl|libldap|libgssapi/.test(readFileSync(`/proc/${server.child.pid}/maps`, 'utf8')))
  await server.stop()
})

test('unknown flags, variables and left-overs are refused', () => {
  refused(['--nonsense'], {}, /unknown option --nonsense/)
  refused(['--listen-'], {}, /unknown option/)
  refused(['-l', 'x'], {}, /unknown option -l/)
  refused(['serve'], {}, /unknown option serve/)
  refused(['--'], {}, /unknown option --/)
  refused(['--stor=redis://:secret@h'], {}, /unknown option --stor=redis:\/\/ \(see/)
  refused(['redis://:secret@h'], {}, /unknown option redis:\/\/ \(see/)
  refused(['--Listen', '127.0.0.1:0'], {}, /unknown option/)
  refused(['--help=1'], {}, /unknown option/)
  refused(['--listen'], {}, /--listen needs a value/)
  refused([], { BYTECROWDS_NONSENSE: '1' }, /unknown environment variable BYTECROWDS_NONSENSE/)
  refused([], { BYTECROWDS_listen: '127.0.0.1:0' }, /unknown environment variable BYTECROWDS_listen/)
  refused([], { BYTECROWDS_: '' }, /unknown environment variable BYTECROWDS_/)
  refused([], { BYTECROWDS_PORT: '8080' }, /unknown environment variable BYTECROWDS_PORT/)
  // What belongs to another kind of store, or is half of it.
  const sqlite = ['--store', 'sqlite:x']
  refused([...sqlite, '--store-replicas', '1'], {}, /--store-replicas is for a Redis/)
  refused([...sqlite, '--store-ca', 'x'], {}, /--store-ca, --store-cert and --store-key are for rediss/)
  refused(['--store', 'redis://h', '--store-ca', 'x'], {}, /are for rediss/)
  refused(['--store', 'rediss://h', '--store-key', 'x'], {}, /go together/)
  refused([], { UPSTASH_REDIS_REST_URL: 'https://x.example' }, /needs a token: set UPSTASH_REDIS_REST_TOKEN/)
  refused(['--max-pending', '2M', '--max-document', '1M'], {}, /max-pending is more than --max-document/)
  refused(['--store-cert', '/dev/null'], {}, /--store-cert and --store-key go together/)
  refused(['--store', 'https://redis.example'], {}, /this URL needs a token: set UPSTASH_REDIS_REST_TOKEN/)
  refused(['--github-id', 'a'], {}, /--github-id and --github-secret go together/)
  refused(['--github-url', 'https://g.example'], {}, /--github-url needs --github-id/)
  refused(['--oidc-issuer', 'https://i.example', '--oidc-id', 'a'], {}, /--oidc-issuer, --oidc-id and --oidc-secret go together/)
  refused(['--oidc-issuer', 'i.example', '--oidc-id', 'a', '--oidc-secret', 'b'], {}, /has to be https/)
  refused(['--listen', '0.0.0.0:0', '--github-id', 'a', '--github-secret', 'b'], {}, /sign-in needs --public-url/)
  for (const url of ['code.example', 'https://code.example/path', 'https://Code.example', 'https://', 'ftp://code.example']) refused(['--public-url', url], {}, /--public-url: https:\/\/host/)
  for (const [text, why] of [['', /is no JSON/], ['{}', /not a JSON array/], ['[1]', /provider 1: a provider has/], ['[{"id":"A","type":"github","clientId":"a","clientSecret":"b"}]', /"id" has to be/],
    ['[{"id":"a","type":"oidc","clientId":"a","clientSecret":"b"}]', /"type" is/], ['[{"id":"a","type":"github","clientId":"a","clientSecret":"hidden","surprise":1}]', /a provider has/],
    ['[{"id":"a","type":"github","clientId":"a","clientSecret":"b"},{"id":"a","type":"github","clientId":"a","clientSecret":"b"}]', /provider 2: two providers/]]) {
    const file = path.join(tempFolder(), 'providers.json')
    writeFileSync(file, text)
    refused(['--providers', file], {}, why)
  }
  refused(['--providers', '/no/such/file'], {}, /cannot be read/)
  refused(['--force', '--existing=skip'], {}, /unknown option --force/)
})

test('every option is taken as a flag, as --flag=value and as a variable', async () => {
  const { ca, cert, key } = certificates()
  const files = { store: 'rediss://127.0.0.1:1/0', 'store-ca': ca, 'store-cert': cert, 'store-key': key }
  const value = name => files[name] ?? GOOD[name] ?? { MS: '2s', BYTES: '8M', N: '5000', FILE: '/dev/null', DURATION: '90d', ID: 'abc', SECRET: 'shh', NAME: 'Work' }[placeholder(name)]
  for (const how of ['flag', 'equals', 'variable']) {
    const args = []
    const env = {}
    for (const name of OPTIONS) {
      if (how === 'flag') args.push(`--${name}`, value(name))
      if (how === 'equals') args.push(`--${name}=${value(name)}`)
      if (how === 'variable') env[envName(name)] = value(name)
    }
    const child = launch(binary, args, { env: { PATH: process.env.PATH, ...env } })
    await until(() => child.out || child.exitCode !== null, 'the address')
    assert.match(child.out, /^Open http:\/\/127\.0\.0\.1:\d+\/\n$/, child.err)
    child.kill('SIGTERM')
    assert.deepEqual(await child.ended, { code: 0, signal: null })
  }
})

test('a flag wins over its variable', async () => {
  const server = await startServer({ args: ['--log-format', 'text', '--max-clients-per-room=1'], env: { BYTECROWDS_LOG_FORMAT: 'json', BYTECROWDS_MAX_CLIENTS_PER_ROOM: '9', BYTECROWDS_LISTEN: '127.0.0.1:1', BYTECROWDS_STORE: 'mysql://x' } })
  const one = await RawSocket.open(server.port, 'x')
  const two = await RawSocket.open(server.port, 'x')
  assert.equal(await two.closeCode(), 1013)
  one.close(); two.close()
  await server.stop()
  assert.match(server.child.err, /^ts=/)
})

test('the units of a value mean what they say', async () => {
  const server = await startServer({ args: ['--max-update', '1K', '--request-timeout', '300ms'] })
  const socket = await RawSocket.open(server.port, 'x')
  const { frame } = await import('./lib/raw.mjs')
  socket.send(frame('', { length: 1024 + 65 }))
  assert.equal(await socket.closeCode(), 1009)
  const began = Date.now()
  const wire = new Wire(server.port).send('GET')
  await wire.untilEnded()
  assert.equal(wire.status, 408)
  assert.ok(Date.now() - began >= 290)
  for (const w of [socket, wire]) w.close()
  await server.stop()
})

test('an address in use, a host that is none: exit 1 and why', async () => {
  const server = await startServer()
  const taken = runOnce(['--listen', `127.0.0.1:${server.port}`, '--store', 'sqlite::memory:'])
  assert.equal(taken.status, 1)
  assert.match(taken.stderr, new RegExp(`^bytecrowds: --listen: 127\\.0\\.0\\.1:${server.port}: address already in use\\n$`))
  await server.stop()
  const nowhere = runOnce(['--listen', 'no-such-host.invalid:80', '--store', 'sqlite::memory:'], { timeout: 30000 })
  assert.equal(nowhere.status, 1)
  assert.match(nowhere.stderr, /^bytecrowds: --listen: no-such-host\.invalid: .+\n$/)
})

test('a store file that cannot be opened: exit 1 and why', () => {
  const folder = tempFolder()
  const notOurs = path.join(folder, 'notes.txt')
  writeFileSync(notOurs, 'These are my notes, and no database at all.\n'.repeat(50))
  mkdirSync(path.join(folder, 'folder'))
  for (const file of [path.join(folder, 'no/such/folder.db'), path.join(folder, 'folder'), notOurs]) {
    const { status, stderr } = runOnce(['--listen', '127.0.0.1:0', '--store', `sqlite:${file}`])
    assert.equal(status, 1, file)
    assert.match(stderr, /^bytecrowds: --store: [^\n]+\n$/)
    assert.ok(stderr.includes(path.basename(file)), stderr)
  }
  assert.match(readFileSync(notOurs, 'utf8'), /^These are my notes/)
})

test('port 0 prints the address that it got; IPv6 has its brackets', async () => {
  for (const [listen, pattern] of [['127.0.0.1:0', /^Open (http:\/\/127\.0\.0\.1:\d+\/)\n$/], ['[::1]:0', /^Open (http:\/\/\[::1\]:\d+\/)\n$/], ['0.0.0.0:0', /^Open (http:\/\/localhost:\d+\/)\n$/], ['localhost:0', /^Open (http:\/\/localhost:\d+\/)\n$/]]) {
    const child = launch(binary, ['--listen', listen, '--store', 'sqlite::memory:'])
    await until(() => child.out.includes('\n') || child.exitCode !== null, 'the address')
    const url = pattern.exec(child.out)?.[1]
    assert.ok(url, `${listen}: ${child.out}${child.err}`)
    assert.equal((await fetch(url + 'healthz')).status, 200)
    child.kill('SIGTERM')
    assert.equal((await child.ended).code, 0)
  }
})

/** Makes it say something of each kind: a client that is refused, a stop. */
async function linesOf (format, level = 'debug') {
  const server = await startServer({ args: ['--log-format', format, '--log-level', level] })
  const socket = await RawSocket.open(server.port, 'log')
  socket.send(Buffer.from([0x82, 0x81, 0, 0, 0, 0, 77]))
  await socket.closeCode()
  socket.close()
  await server.stop()
  return server.child.err.split('\n').slice(0, -1)
}

test('logs: every line of json is an object, with the fields of the event', async () => {
  const lines = (await linesOf('json')).map(line => JSON.parse(line))
  for (const line of lines) {
    assert.match(line.ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(['debug', 'info', 'warn', 'error'].includes(line.level))
    assert.ok(line.event)
  }
  const serving = lines.find(l => l.event === 'serving')
  assert.equal(typeof serving.port, 'number')
  assert.equal(serving.store, 'sqlite')
  const cut = lines.find(l => l.event === 'client cut off')
  assert.deepEqual([cut.name, cut.peer, cut.code], ['log', '127.0.0.1', 1007])
  assert.ok(lines.some(l => l.event === 'stopping' && l.signal === 15))
})

test('logs: logfmt, and the levels', async () => {
  const lines = await linesOf('text')
  for (const line of lines) assert.match(line, /^(?:[a-z_]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]+)(?: |$))+$/)
  assert.ok(lines.some(l => l.includes(' level=debug ')))
  assert.ok((await linesOf('text', 'info')).every(l => !l.includes(' level=debug ')))
  assert.deepEqual(await linesOf('text', 'warn'), [])
  assert.deepEqual(await linesOf('text', 'off'), [])
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} saves everything, tells people (1012) and exits 0`, async () => {
    const store = `sqlite:${path.join(tempFolder(), 'stop.db')}`
    const server = await startServer({ store, args: ['--save-interval', '60s'] })
    const clients = Array.from({ length: 5 }, () => new Client())
    await Promise.all(clients.map((c, i) => c.connect(`${server.ws}/stop-${i}`)))
    const deaf = await RawSocket.open(server.port, 'stop-0')
    deaf.socket.pause()
    const idle = new Wire(server.port)
    clients.forEach((c, i) => c.text.insert(0, `text ${i}`))
    await until(() => clients.every(c => c.saved), 'saved')
    const began = Date.now()
    server.child.kill(signal)
    assert.deepEqual(await server.child.ended, { code: 0, signal: null })
    assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`)
    await until(() => clients.every(c => c.closed), 'the clients to be told')
    for (const c of clients) assert.equal(c.closed.code, 1012)
    assert.match(server.child.err, /event="stopped, everything is saved"/)
    const again = await startServer({ store })
    for (let i = 0; i < 5; i++) assert.equal(await again.raw(`stop-${i}`), `text ${i}`)
    await again.stop()
    for (const w of [deaf, idle]) w.close()
  })
}

test('what was typed right before SIGTERM is saved too', async () => {
  const store = `sqlite:${path.join(tempFolder(), 'stop.db')}`
  const server = await startServer({ store })
  const client = new Client()
  await client.connect(`${server.ws}/last`)
  const seen = new Client()
  await seen.connect(`${server.ws}/last`)
  for (let i = 0; i < 200; i++) client.text.insert(i, 'x')
  await until(() => seen.text.length > 0, 'the first keystroke')
  assert.equal((await server.stop()).code, 0)
  await until(() => seen.closed, 'the end')
  const again = await startServer({ store })
  assert.ok((await again.raw('last')).length >= seen.text.length)
  await again.stop()
})

test('a stop that cannot save says so and exits 1', async () => {
  const store = await redis()
  const server = await startServer({ store: store.url, args: ['--shutdown-timeout', '300', '--store-timeout', '200'] })
  const client = new Client()
  await client.connect(`${server.ws}/lost`)
  client.text.insert(0, 'a')
  await until(() => client.saved, 'saved')
  await store.kill()
  client.text.insert(0, 'b')
  await until(() => client.failing, 'to be told')
  assert.deepEqual(await server.stop(), { code: 1, signal: null })
  assert.match(server.child.err, /level=error event="stopped without saving" name=lost/)
  client.close()
})

test('a store that hangs cannot hold up a stop for longer than --shutdown-timeout', async () => {
  const store = await redis()
  const server = await startServer({ store: store.url, args: ['--shutdown-timeout', '500', '--store-timeout', '8000'] })
  const client = new Client()
  await client.connect(`${server.ws}/lost`)
  client.text.insert(0, 'a')
  await until(() => client.saved, 'saved')
  store.child.kill('SIGSTOP')
  client.text.insert(0, 'b')
  await until(async () => await server.raw('lost') === 'ba', 'the change')
  const start = Date.now()
  assert.deepEqual(await server.stop(), { code: 1, signal: null })
  assert.ok(Date.now() - start < 3000, `${Date.now() - start} ms`)
  assert.match(server.child.err, /level=error event="stopped without saving" name=lost/)
  client.close()
  await store.kill()
})

test('more people than a shell\'s limit of open files', async () => {
  const shell = (limit, more = []) => launch('/bin/sh', ['-c', `ulimit ${limit} && exec "$0" "$@"`, binary, '--listen', '127.0.0.1:0', '--store', 'sqlite::memory:', ...more])
  const portOf = async child => { await until(() => child.out.includes('\n') || child.exitCode !== null, 'the address'); return Number(/:(\d+)\//.exec(child.out)?.[1]) }
  const soft = shell('-Sn 100')
  const port = await portOf(soft)
  const sockets = []
  const open = async (at, n) => { for (let i = 0; i < n; i += 25) sockets.push(...await Promise.all(Array.from({ length: Math.min(25, n - i) }, (_, k) => RawSocket.open(at, `x-${k}`)))) }
  await open(port, 300)
  soft.kill('SIGTERM')
  assert.equal((await soft.ended).code, 0)
  // Where there are no more, the next one is told.
  const hard = shell('-n 300')
  const small = await portOf(hard)
  assert.match(hard.err, /level=info event="fewer connections than configured.*" files=300 max_connections=(\d+)/)
  const seats = Number(/max_connections=(\d+)/.exec(hard.err)[1])
  await open(small, seats)
  for (let i = 0; i < 20; i++) {
    const wire = new Wire(small).send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    await wire.untilEnded()
    assert.equal(wire.status, 503)
    sockets.push(wire)
  }
  for (const socket of sockets) socket.close()
  hard.kill('SIGTERM')
  assert.equal((await hard.ended).code, 0)
})

test('--listen takes a port of one\'s own', async () => {
  const port = await freePort()
  const server = await startServer({ port })
  assert.equal(server.port, port)
  await server.stop()
})
