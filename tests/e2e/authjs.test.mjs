// What Auth.js keeps of people and sessions: its own adapter (@auth/upstash-redis-adapter, through @upstash/redis) and
// src/store/authjs.c read what the other wrote, on a real Redis.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'
import { after, before, beforeEach, test } from 'node:test'
import { UpstashRedisAdapter } from '@auth/upstash-redis-adapter'
import { Redis } from '@upstash/redis'
import { redis as startRedis, root, sleep, track } from './lib/server.mjs'
import { Upstash } from './lib/upstash.mjs'

globalThis.crypto ??= webcrypto // the adapter wants it; Node.js 18 has it elsewhere

let database, upstash, adapter
const ours = []
const cli = (...args) => execFileSync('redis-cli', ['-p', String(database.port), '--raw', ...args]).toString().slice(0, -1)

/** A function that gives the driver a line and resolves with its answer. */
function driver (...args) {
  const child = track(spawn(`${root}/build/asan/authjs-oracle`, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  const lines = createInterface(child.stdout)
  const waiting = []
  lines.on('line', line => waiting.shift().resolve(JSON.parse(line)))
  child.once('close', code => { for (const w of waiting) w.reject(new Error(`the driver ended: ${code}`)) })
  const ask = (what, members) => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject })
    child.stdin.write(JSON.stringify({ do: what, ...members }) + '\n')
  })
  ask.end = async () => { child.stdin.end(); return (await child.ended).code }
  return ask
}

before(async () => {
  execFileSync('make', ['--no-print-directory', 'MODE=asan', 'build/asan/authjs-oracle'], { cwd: root, stdio: 'ignore' })
  database = await startRedis()
  upstash = await new Upstash({ redis: { port: database.port } }).listen()
  adapter = UpstashRedisAdapter(new Redis({ url: upstash.url, token: upstash.token, enableTelemetry: false, retry: false }))
  ours.push(['by Redis', driver(database.url)], ['by REST', driver(upstash.url, upstash.token)])
})
after(async () => {
  // What it holds at its end would be a leak.
  for (const [how, ask] of ours) assert.equal(await ask.end(), 0, how)
  await upstash.close()
  await database.kill()
})
beforeEach(() => cli('flushall'))

const profiles = [
  { name: 'Ann', email: 'ann@example.org', image: 'https://avatars.example/u/1?v=4', emailVerified: null },
  { name: 'Jürgen "J" \\ 😀\u2028', email: 'Jürgen+x@bücher.example', image: null, emailVerified: new Date('2026-03-07T09:30:00.123Z') },
  { name: '42', email: '1@2.3', image: 'true', emailVerified: new Date(0) },
  { name: '', email: "o'hara@example.org", emailVerified: null },
  { email: 'no-name@example.org' }
]
const asOurs = u => ({ id: u.id, name: u.name || null, email: u.email, image: u.image || null, verified: u.emailVerified?.getTime() ?? 0, signedOut: u.signedOutAt?.getTime() ?? 0 })
const account = (user, id = '583231') => ({ provider: 'github', type: 'oauth', providerAccountId: id, access_token: 'gho_secret', token_type: 'bearer', scope: 'read:user,user:email', expires_at: 1772875800, userId: user.id })
const session = (user, token = crypto.randomUUID(), expires = new Date(Date.now() + 30 * 86400000)) => ({ sessionToken: token, userId: user.id, expires })

test('what the adapter writes is read', async () => {
  for (const profile of profiles) {
    const user = await adapter.createUser(profile)
    const link = account(user, String(Math.floor(Math.random() * 1e9)))
    await adapter.linkAccount(link)
    const begun = await adapter.createSession(session(user))
    for (const [how, ask] of ours) {
      assert.deepEqual(await ask('user', { id: user.id }), asOurs(user), how)
      assert.deepEqual(await ask('email', { email: profile.email }), { id: user.id }, how)
      assert.deepEqual(await ask('account', { provider: 'github', id: link.providerAccountId }), { userId: user.id, type: 'oauth', provider: 'github', id: link.providerAccountId })
      assert.deepEqual(await ask('session', { token: begun.sessionToken }), { token: begun.sessionToken, userId: user.id, expires: begun.expires.getTime(), ends: 0 })
      assert.deepEqual(await ask('last', { of: 'account', id: user.id }), { key: `user:account:github:${link.providerAccountId}` })
      assert.deepEqual(await ask('last', { of: 'session', id: user.id }), { key: `user:session:${begun.sessionToken}` })
    }
  }
})

test('what the adapter changes and deletes is seen', async () => {
  const user = await adapter.createUser(profiles[0])
  const begun = await adapter.createSession(session(user))
  await adapter.linkAccount(account(user))
  const later = new Date(Date.now() + 60 * 86400000)
  await adapter.updateSession({ sessionToken: begun.sessionToken, expires: later })
  const changed = await adapter.updateUser({ id: user.id, name: 'Ann B.', emailVerified: new Date('2026-01-02T03:04:05.006Z') })
  for (const [, ask] of ours) {
    assert.equal((await ask('session', { token: begun.sessionToken })).expires, later.getTime())
    assert.deepEqual(await ask('user', { id: user.id }), asOurs(changed))
  }
  await adapter.deleteSession(begun.sessionToken)
  for (const [, ask] of ours) assert.equal(await ask('session', { token: begun.sessionToken }), null)
  await adapter.deleteUser(user.id)
  for (const [, ask] of ours) {
    assert.equal(await ask('user', { id: user.id }), null)
    assert.equal(await ask('email', { email: user.email }), null)
    assert.equal(await ask('account', { provider: 'github', id: '583231' }), null)
  }
})

test('what we write is read by the adapter', async () => {
  for (const [how, ask] of ours) {
    for (const profile of profiles) {
      const id = crypto.randomUUID()
      const token = crypto.randomUUID()
      const expires = new Date(Date.now() + 30 * 86400000)
      await ask('put-user', { id, name: profile.name ?? null, email: profile.email, image: profile.image ?? null, verified: profile.emailVerified?.getTime() ?? 0 })
      await ask('put-account', { userId: id, provider: 'github', id: '7' + id.replace(/\D/g, '') })
      await ask('put-session', { token, userId: id, expires: expires.getTime(), ends: expires.getTime() })
      // The moment that begins time is none here: a date of 0 is no date.
      const verified = profile.emailVerified?.getTime() ? profile.emailVerified : null
      const user = { id, name: profile.name || null, email: profile.email, image: profile.image || null, emailVerified: verified }
      assert.deepEqual(await adapter.getUser(id), user, how)
      assert.deepEqual(await adapter.getUserByEmail(profile.email), user)
      assert.deepEqual(await adapter.getUserByAccount({ provider: 'github', providerAccountId: '7' + id.replace(/\D/g, '') }), user)
      assert.deepEqual(await adapter.getSessionAndUser(token), { session: { sessionToken: token, userId: id, expires }, user })
      assert.equal(cli('pexpiretime', `user:session:${token}`), String(expires.getTime()))
    }
  }
})

test('the same keys and the same values', async () => {
  const [, ask] = ours[0]
  const user = await adapter.createUser({ name: 'Ann', email: 'ann@example.org', image: 'https://i', emailVerified: null })
  const plain = { provider: 'github', type: 'oauth', providerAccountId: '1', userId: user.id }
  await adapter.linkAccount(plain)
  const begun = await adapter.createSession(session(user))
  const all = () => Object.fromEntries(cli('keys', '*').split('\n').sort().map(k => [k, cli('get', k)]))
  const theirs = all()
  assert.equal(Object.keys(theirs).length, 6)
  cli('flushall')
  await ask('put-user', { id: user.id, name: 'Ann', email: 'ann@example.org', image: 'https://i' })
  await ask('put-account', { userId: user.id, provider: 'github', id: '1' })
  await ask('put-session', { token: begun.sessionToken, userId: user.id, expires: begun.expires.getTime(), ends: begun.expires.getTime() })
  const mine = all()
  assert.deepEqual(Object.keys(mine), Object.keys(theirs))
  for (const key of Object.keys(theirs)) {
    const parse = v => v.startsWith('{') ? JSON.parse(v) : v
    assert.deepEqual(parse(mine[key]), parse(theirs[key]), key)
  }
})

test('what the adapter has beside it is kept, and it deletes what we wrote', async () => {
  const [, ask] = ours[1]
  const user = await adapter.createUser({ ...profiles[0], role: 'teacher' })
  await adapter.linkAccount(account(user))
  await ask('put-user', { id: user.id, name: 'Ann B.', email: user.email, image: null })
  await ask('put-account', { userId: user.id, type: 'oauth', provider: 'github', id: '583231' })
  assert.deepEqual(await adapter.getUser(user.id), { ...user, name: 'Ann B.', image: null })
  assert.deepEqual(JSON.parse(cli('get', 'user:account:github:583231')), { ...account(user), id: 'github:583231' })
  await ask('put-session', { token: 't', userId: user.id, expires: Date.now() + 1e6, ends: Date.now() + 1e6 })
  await adapter.deleteUser(user.id)
  assert.equal(cli('keys', '*'), '')
})

test('that somebody signed out everywhere is kept by the adapter', async () => {
  for (const [how, ask] of ours) {
    const user = await adapter.createUser(profiles[0])
    const signedOut = Date.now()
    await ask('put-user', { id: user.id, name: 'Ann', email: user.email, image: null, signedOut })
    assert.equal((await adapter.getUser(user.id)).signedOutAt.getTime(), signedOut, how)
    await adapter.updateUser({ id: user.id, name: 'Ann B.' })
    assert.equal((await ask('user', { id: user.id })).signedOut, signedOut)
    await ask('put-user', { id: user.id, name: 'Ann C.', email: user.email, image: null })
    assert.deepEqual(await ask('user', { id: user.id }), { id: user.id, name: 'Ann C.', email: user.email, image: null, verified: 0, signedOut })
  }
})

test('a session ends by itself when its time is over', async () => {
  const [, ask] = ours[0]
  const user = await adapter.createUser(profiles[0])
  await ask('put-session', { token: 'short', userId: user.id, expires: Date.now() + 300, ends: Date.now() + 300 })
  assert.notEqual(await adapter.getSessionAndUser('short'), null)
  await sleep(400)
  assert.equal(await adapter.getSessionAndUser('short'), null)
  assert.equal(await ask('session', { token: 'short' }), null)
  await ask('put-session', { token: 'ended', userId: user.id, expires: Date.now() + 1e6, ends: Date.now() + 1e6 })
  await ask('delete', { key: 'user:session:ended' })
  assert.equal(await adapter.getSessionAndUser('ended'), null)
})

test('a token that leads elsewhere is nobody\'s', async () => {
  const [, ask] = ours[0]
  const user = await adapter.createUser(profiles[0])
  await adapter.createSession(session(user, 'real'))
  for (const token of [`by-user-id:${user.id}`, '', ':', 'real\n', 'real:', ' real', '../real', '*']) {
    assert.equal(await ask('session', { token }), null, token)
  }
  cli('set', 'user:session:half', `{"sessionToken":"half","userId":"${user.id}"}`)
  cli('set', 'user:session:text', user.id)
  for (const token of ['half', 'text']) assert.equal(await ask('session', { token }), null, token)
  assert.equal(await ask('email', { email: 'null' }), null)
})
