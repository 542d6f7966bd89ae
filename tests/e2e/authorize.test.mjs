// bytecrowds authorize: who may enter, read and set by an operator.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Client } from './lib/client.mjs'
import { binary, launch, runOnce, sanitized, startServer, tempFolder, until } from './lib/harness.mjs'
import { redis } from './lib/server.mjs'
import { Upstash } from './lib/upstash.mjs'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

/** Standard output and, without "bytecrowds: ", the lines on standard error. */
function authorize (store, args, code = 0, env = {}) {
  const { status, stdout, stderr } = runOnce(['authorize', '--store', store, ...args], { env })
  assert.equal(status, code, `${args}: ${stderr}`)
  assert.match(stderr, /^(bytecrowds: [^\n]*\n)*$/)
  return { out: stdout, said: stderr.replace(/^bytecrowds: /gm, '').trimEnd() }
}
const sqlite = (file, sql) => execFileSync('sqlite3', [file, sql], { encoding: 'utf8' }).trimEnd()

function newStore (...bytecrowds) {
  const folder = tempFolder()
  const all = path.join(folder, 'all.ndjson')
  const file = path.join(folder, 'db.sqlite')
  writeFileSync(all, ['{"bytecrowds-export":2,"store":"x"}', ...bytecrowds.map(b => JSON.stringify(b)),
    `{"bytecrowds":${bytecrowds.length},"keys":0}`, ''].join('\n'))
  assert.equal(runOnce(['import', '--store', `sqlite:${file}`, all]).status, 0)
  return { file, all, url: `sqlite:${file}` }
}

/** The same of any store where nobody has been yet. */
function checkEmails (store) {
  assert.deepEqual(authorize(store, ['fresh']), { out: '', said: 'fresh is public: everybody may enter' })
  assert.deepEqual(authorize(store, ['fresh', 'b@x.museum', 'ännä@a.example', 'b@x.museum']),
    { out: '', said: 'until now fresh was public\nnow 2 addresses may enter fresh' })
  assert.deepEqual(authorize(store, ['fresh']), { out: 'b@x.museum\nännä@a.example\n', said: '' })
  assert.deepEqual(authorize(store, ['fresh', 'only@b.info']),
    { out: 'b@x.museum\nännä@a.example\n', said: 'until now these could enter fresh:\nnow 1 address may enter fresh' })
  assert.deepEqual(authorize(store, ['--public', 'fresh']),
    { out: 'only@b.info\n', said: 'until now these could enter fresh:\nnow fresh is public: everybody may enter' })
  assert.deepEqual(authorize(store, ['fresh']), { out: '', said: 'fresh is public: everybody may enter' })
  // What begins like an option is a name and an address behind --.
  authorize(store, ['--', '--links', '-a@b'])
  assert.deepEqual(authorize(store, ['--', '--links']), { out: '-a@b\n', said: '' })
}

test('of SQLite, without a server', () => {
  const { url, file } = newStore()
  checkEmails(url)
  assert.equal(sqlite(file, "SELECT authorized_emails, quote(text) FROM bytecrowds WHERE id = '--links'"), '["-a@b"]|NULL')
  assert.deepEqual(readdirSync(path.dirname(file)).filter(f => /-(wal|shm)$/.test(f)), [])
})

/** The same without holding up what this process does. */
async function authorizeMeanwhile (store, ...args) {
  const child = launch(binary, ['authorize', '--store', store, ...args])
  assert.equal((await child.ended).code, 0, child.err)
  return child.out
}

test('of SQLite, while a server has the file and people type', async () => {
  const { url } = newStore()
  const server = await startServer({ store: url, args: ['--save-interval', '1'] })
  const client = new Client()
  await client.connect(`${server.ws}/busy`)
  const typing = setInterval(() => client.text.insert(client.text.length, 'x'), 2)
  for (let i = 0; i < (sanitized ? 6 : 15); i++) {
    await Promise.all([1, 2].map(n => authorizeMeanwhile(url, `other-${n}`, `${i}@a.example`)))
    assert.equal(await authorizeMeanwhile(url, 'other-1'), `${i}@a.example\n`)
  }
  clearInterval(typing)
  await until(() => client.saved, 'saved')
  const length = client.text.length
  client.close()
  // Not a single write had to be tried again.
  assert.doesNotMatch(server.child.err, /level=(warn|error)/)
  checkEmails(url)
  assert.equal((await server.raw('busy')).length, length)
  await server.stop()
  authorize(url, ['busy', 'last@a.example'])
  const again = await startServer({ store: url })
  assert.deepEqual(authorize(url, ['busy']), { out: 'last@a.example\n', said: '' })
  await again.stop()
})

test('of Redis', async () => {
  const store = await redis()
  checkEmails(store.url)
  const get = key => execFileSync('redis-cli', ['-p', String(store.port), 'HGET', `bytecrowd:${key}`, 'authorizedEmails'], { encoding: 'utf8' }).trimEnd()
  assert.equal(get('--links'), '["-a@b"]')
  assert.equal(get('fresh'), '')
  await store.kill()
  assert.match(authorize(store.url, ['fresh'], 1, { BYTECROWDS_STORE_TIMEOUT: '200' }).said, /^--store: .*refused/)
})

test('of Upstash by REST', async () => {
  const store = await redis()
  const upstash = await new Upstash({ redis: { port: store.port } }).listen()
  const env = { UPSTASH_REDIS_REST_TOKEN: upstash.token }
  const run = async (...args) => {
    const child = launch(binary, ['authorize', '--store', upstash.url, ...args], { env: { ...process.env, ...env } })
    assert.equal((await child.ended).code, 0, child.err)
    return child.out
  }
  await run('x', 'ä@b.example')
  assert.equal(await run('x'), 'ä@b.example\n')
  await upstash.close()
  await store.kill()
})

const linked = { id: 'linked', text: 't', links: { [A]: JSON.stringify({ label: 'for\tthe \u001b[31mclass', by: 'a@b', at: 1772875800000 }), [B]: 'nonsense' } }
const other = { id: 'other', text: 't', links: { ['c'.repeat(64)]: '{"label":"näme"}' } }
function checkLinks (store) {
  assert.deepEqual(authorize(store, ['none', '--links']), { out: '', said: 'none has no read-only links' })
  assert.deepEqual(authorize(store, ['linked', '--links']),
    { out: `${A}\tfor?the ?[31mclass\ta@b\t2026-03-07T09:30:00.000Z\n${B}\t-\t-\t-\n`, said: '' })
  assert.equal(authorize(store, ['linked', '--revoke', A]).said, 'revoked 1 link of linked')
  assert.equal(authorize(store, ['linked', '--revoke', A], 1).said, 'linked has no such link')
  assert.equal(authorize(store, ['linked', '--links']).out, `${B}\t-\t-\t-\n`)
  assert.equal(authorize(store, ['linked', '--revoke=all']).said, 'revoked 1 link of linked')
  assert.equal(authorize(store, ['linked', '--revoke', 'all']).said, 'revoked 0 links of linked')
  assert.equal(authorize(store, ['linked', '--links']).out, '')
  assert.equal(authorize(store, ['other', '--links']).out, `${'c'.repeat(64)}\tnäme\t-\t-\n`)
}

test('read-only links', async () => {
  const { url, all } = newStore(linked, other)
  const server = await startServer({ store: url })
  checkLinks(url)
  await server.stop()
  const store = await redis()
  assert.equal(runOnce(['import', '--store', store.url, all]).status, 0)
  checkLinks(store.url)
  assert.equal(execFileSync('redis-cli', ['-p', String(store.port), 'KEYS', 'bytecrowds:link:*'], { encoding: 'utf8' }), `bytecrowds:link:${'c'.repeat(64)}\n`)
  await store.kill()
})

test('what is set and makes no sense admits nobody, and can be replaced', () => {
  const { url, file } = newStore({ id: 'x', authorizedEmails: '{"a@b":1}' }, { id: 'y', authorizedEmails: '["a@b","\\u001b[2Jc\\n@d"]' }, { id: 'z', authorizedEmails: '[]' })
  assert.deepEqual(authorize(url, ['x']), { out: '', said: 'nobody may enter x: what is set makes no sense' })
  assert.deepEqual(authorize(url, ['y']), { out: 'a@b\n?[2Jc?@d\n', said: '' })
  assert.deepEqual(authorize(url, ['z']), { out: '', said: 'nobody may enter z' })
  assert.equal(authorize(url, ['x', 'a@b']).said, 'until now nobody may enter x: what is set makes no sense\nnow 1 address may enter x')
  // A link that is none hides what was set before; that is told, and done all the same.
  sqlite(file, "INSERT INTO links VALUES ('z', '*', '')")
  assert.match(authorize(url, ['z'], 1).said, /did not write/)
  assert.match(authorize(url, ['z', 'a@b'], 3).said, /^what was set for z cannot be read: /)
  assert.equal(sqlite(file, "SELECT authorized_emails FROM bytecrowds WHERE id = 'z'"), '["a@b"]')
})

test('a SQLite file that is not there is not made, and one of others is left alone', async () => {
  const folder = tempFolder()
  const file = path.join(folder, 'none.sqlite')
  for (const args of [['x'], ['x', 'a@b'], ['--public', 'x'], ['--revoke', 'all', 'x']]) {
    assert.match(authorize(`sqlite:${file}`, args, 1).said, /^--store: .*No such file/)
  }
  assert.deepEqual(readdirSync(folder), [])
  sqlite(file, 'CREATE TABLE mine (x)')
  for (const args of [['x'], ['x', 'a@b']]) assert.match(authorize(`sqlite:${file}`, args, 1).said, /holds no bytecrowds/)
  assert.equal(sqlite(file, '.tables'), 'mine')
})

test('bad command lines', () => {
  const long = Array.from({ length: 1001 }, (_, i) => `${i}@a.example`)
  const bad = [
    [[], /NAME is missing/],
    [[''], /name/],
    [['a b'], /no bytecrowd can have this name: "a b"/],
    [['n'.repeat(129)], /no bytecrowd can have this name/],
    [['..'], /no bytecrowd can have this name/],
    [['api'], /\/api is an address of the server's own/],
    [['x', 'nobody'], /this is no email address: "nobody"/],
    [['x', 'a@b', 'c@d,e@f'], /this is no email address: "c@d,e@f"/],
    [['x', 'a@b\nbytecrowds: done'], /this is no email address: "a@b\?bytecrowds: done"/],
    [['x', ''], /this is no email address: ""/],
    [['x', ...long], /more than 1000 addresses/],
    [['x', 'a@b', '--public'], /one at a time/],
    [['x', '--links', '--public'], /one at a time/],
    [['x', '--links', '--revoke', 'all'], /one at a time/],
    [['x', '--revoke', 'a'], /--revoke: the hash of a link/],
    [['x', '--revoke', 'A'.repeat(64)], /--revoke: the hash of a link/],
    [['x', '--revoke', ''], /--revoke: bad value/],
    [['x', '--revoke'], /--revoke needs a value/],
    [['x', '--public=yes'], /no value belongs to --public/],
    [['x', '--force'], /unknown option --force \(see bytecrowds authorize --help\)/],
    [['x', '--listen', '1:1'], /unknown option/],
    [['x', '--store', 'mysql://x'], /--store: must begin/, 1]
  ]
  for (const [args, pattern, code = 2] of bad) {
    const { status, stdout, stderr } = runOnce(['authorize', ...args])
    assert.equal(status, code, `${args}: ${stderr}`)
    assert.equal(stdout, '')
    assert.match(stderr, /^bytecrowds: [^\n]+\n$/)
    assert.match(stderr, pattern)
  }
  const { status, stdout, stderr } = runOnce(['authorize', '--help'])
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  assert.match(stdout, /^bytecrowds authorize: [^\n]*\n\nusage: bytecrowds authorize \[--option value\]\.\.\. NAME \[EMAIL\]\.\.\.\n/)
})

test('what cannot be printed is told', () => {
  const { url } = newStore({ id: 'x', authorizedEmails: '["a@b"]' })
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = spawnSync(binary, ['authorize', '--store', url, 'x'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' })
  closeSync(full)
  assert.equal(status, 1)
  assert.match(stderr, /standard output cannot be written/)
})
