// Sign-in with GitHub and OpenID Connect by the addresses of Auth.js, sessions, and everything that is refused.

import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Agent, ending, opened } from './lib/auth.mjs'
import { Client } from './lib/client.mjs'
import { runOnce, sleep, startServer, tempFolder, until } from './lib/harness.mjs'
import { startGitHub } from './lib/github.mjs'
import { forged, signedWithSecret, startMock, startOidc, unsigned } from './lib/oidc.mjs'
import { startRedis } from './lib/redis.mjs'
import { authjs, site } from './lib/signin.mjs'
import { StandIn } from './lib/standin.mjs'

globalThis.crypto ??= webcrypto // Auth.js' adapter wants it; Node.js 18 has it elsewhere

const DAY = 86400000
const KINDS = ['SQLite', 'Redis']
const sites = {}
let github, oidc, redis
before(async () => {
  ;[github, oidc, redis] = await Promise.all([startGitHub({ users: { ada: {}, bob: {} } }), startOidc({ accounts: { eve: {}, lou: {} } }), startRedis({ fsync: null })])
  await Promise.all(KINDS.map(async kind => { sites[kind] = await site(kind, { redis, args: [...github.args, ...oidc.args] }) }))
})
after(async () => {
  await Promise.all(Object.values(sites).map(s => s.stop()))
  await Promise.all([github.close(), oidc.close(), redis.kill()])
})

const withServer = async (options, work) => {
  const server = await startServer({ ...options, args: ['--log-level', 'debug', ...options.args] })
  try { await work(server) } finally { await server.stop() }
}

/** Where a refused sign-in ends: the page of the error that is named, with its status. */
async function refused (agent, origin, answer, what = '') {
  assert.equal(answer.status, 302, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`)
  const at = new URL(answer.location)
  assert.equal(at.origin + at.pathname, `${origin}/api/auth/error`, `${what}: ${answer.location}`)
  assert.match(at.searchParams.get('error') ?? '', /^[A-Z]\w+$/, what)
  const page = await agent.get(answer.location)
  assert.equal(page.status === 403, at.searchParams.get('error') === 'AccessDenied', `${what}: ${at.search} is ${page.status}`)
  assert.ok([400, 403, 500, 502].includes(page.status), `${what}: ${page.status}`)
  assert.match(page.headers['content-type'], /^text\/html/)
  assert.deepEqual(await agent.whoami(origin), {}, `${what}: signed in all the same`)
  return { error: at.searchParams.get('error'), page }
}

for (const kind of KINDS) {
  test(`${kind}: signing in with GitHub and with OpenID, by the addresses and shapes of Auth.js`, async () => {
    const { origin, a, b } = sites[kind]
    const agent = new Agent()
    const providers = await agent.get(`${origin}/api/auth/providers`)
    assert.match(providers.headers['content-type'], /^application\/json/)
    const shape = (id, name) => ({ id, name, type: 'oauth', signinUrl: `${origin}/api/auth/signin/${id}`, callbackUrl: `${origin}/api/auth/callback/${id}` })
    assert.deepEqual(providers.json, { github: shape('github', 'GitHub'), oidc: shape('oidc', 'Example ID') })
    assert.deepEqual(await agent.whoami(origin), {})

    const csrf = await agent.get(`${origin}/api/auth/csrf`)
    assert.deepEqual(Object.keys(csrf.json), ['csrfToken'])
    assert.ok(csrf.json.csrfToken.length >= 32)
    const first = csrf.cookies.find(c => c.name === 'next-auth.csrf-token')
    assert.deepEqual([first.path, first.httponly, first.samesite, first.secure, first.domain], ['/', true, 'Lax', undefined, undefined])
    // Two pages of one browser have the same.
    assert.equal(await agent.csrf(origin), csrf.json.csrfToken)

    for (const [provider, account, user] of [
      ['github', 'ada', { name: 'Ada', email: 'ada@example.com', image: 'https://avatars.example/u/ada?v=4' }],
      ['oidc', 'eve', { name: 'Eve', email: 'eve@example.org', image: null }]
    ]) {
      const person = new Agent()
      const answer = await person.signIn(origin, provider, account, { callbackUrl: `${origin}/room?x=1#y` })
      assert.equal(answer.headers.location.replace(origin, ''), '/room?x=1#y')
      const cookie = answer.cookies.find(c => c.name === 'next-auth.session-token')
      assert.deepEqual([cookie.path, cookie.httponly, cookie.samesite, cookie.secure, cookie.domain], ['/', true, 'Lax', undefined, undefined])
      const lasts = cookie['max-age'] !== undefined ? Number(cookie['max-age']) * 1000 : Date.parse(cookie.expires) - Date.now()
      assert.ok(Math.abs(lasts - 30 * DAY) < 60000, `the cookie lasts ${lasts} ms`)
      assert.ok(cookie.value.length >= 32)
      const session = await person.get(`${origin}/api/auth/session`)
      assert.match(session.headers['cache-control'], /no-store|private|no-cache/)
      assert.deepEqual(session.json.user, user)
      assert.deepEqual(Object.keys(session.json).sort(), ['expires', 'user'])
      assert.match(session.json.expires, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.ok(Math.abs(Date.parse(session.json.expires) - Date.now() - 30 * DAY) < 60000)
      assert.deepEqual((await person.whoami(b.origin)).user, user, 'the other server knows, too')
      const left = [...person.jar.values()].filter(c => !/session-token|csrf-token|callback-url/.test(c.name) && c.value.length > 8 && c.host === '127.0.0.1' && !c.name.startsWith('_'))
      assert.deepEqual(left, [], 'what was for the way there is taken away')
      // What goes to the provider.
      const authorize = new URL(await person.begin(origin, provider)).searchParams
      assert.equal(authorize.get('code_challenge_method'), 'S256')
      assert.equal(authorize.get('code_challenge').length, 43)
      assert.ok(authorize.get('state').length >= 22)
      assert.equal(authorize.get('redirect_uri'), `${a.origin}/api/auth/callback/${provider}`)
      assert.equal(authorize.get('scope'), provider === 'github' ? 'read:user user:email' : 'openid email profile')
      if (provider === 'oidc') assert.ok(authorize.get('nonce').length >= 22)
      // Again is the same person, with another session.
      const users = (await sites[kind].keys()).filter(k => /^user:[0-9a-f-]{36}$/.test(k)).length
      const again = await sites[kind].person(account, provider)
      assert.notEqual(again.session, person.session)
      assert.equal((await sites[kind].keys()).filter(k => /^user:[0-9a-f-]{36}$/.test(k)).length, users)
      assert.deepEqual((await person.whoami(origin)).user, user)
    }
  })

  test(`${kind}: signing out, here and everywhere`, async () => {
    const { origin, nodes, a, b } = sites[kind]
    const [here, there, other] = [await sites[kind].person('ada'), await sites[kind].person('ada'), await sites[kind].person('bob')]
    // A GET ends nothing.
    await here.get(`${origin}/api/auth/signout`)
    assert.equal((await here.whoami(origin)).user.name, 'Ada')
    const stolen = here.session
    const answer = await here.signOut(origin, { callbackUrl: `${origin}/bye` })
    assert.deepEqual([answer.status, answer.json], [200, { url: `${origin}/bye` }])
    assert.equal(here.session, undefined, 'the cookie is taken away')
    here.session = stolen
    assert.deepEqual(await here.whoami(origin), {})
    assert.equal(await sites[kind].key(`user:session:${stolen}`), null)
    assert.equal((await there.whoami(origin)).user.name, 'Ada', 'the other browser stays')

    // Everywhere: also sockets that are open, on every server.
    const name = `everywhere-${kind}`
    const third = await sites[kind].person('ada')
    const ok = await third.post(`${origin}/api/authorize`, { json: { name, emails: ['bob@example.com'] } })
    assert.deepEqual([ok.status, ok.text], [200, 'success'])
    const sockets = await Promise.all([there, third].flatMap(p => nodes.map(n => opened(p.socket(`${n.ws}/${name}`)))))
    const stays = await Promise.all([a, b].map(n => opened(other.socket(`${n.ws}/${name}`))))
    const form = await there.signOut(b.origin, { everywhere: 'true' })
    const at = Date.now()
    assert.equal(form.status, 200)
    for (const end of await Promise.all(sockets.map(s => ending(s)))) {
      assert.equal(end.code, 4401)
      assert.ok(end.at - at < 1000, `after ${end.at - at} ms`)
    }
    assert.deepEqual(await third.whoami(origin), {})
    assert.ok(stays.every(s => s.readyState === 1), 'who is somebody else stays')
    for (const s of stays) s.terminate()
    assert.equal((await (await sites[kind].person('ada')).whoami(origin)).user.name, 'Ada', 'and signs in again')
  })

  test(`${kind}: a session that is older than a day is renewed, one that is over is nobody's`, async () => {
    const { origin } = sites[kind]
    const person = await sites[kind].person('lou', 'oidc')
    const key = `user:session:${person.session}`
    const stored = JSON.parse(await sites[kind].key(key))
    assert.deepEqual(Object.keys(stored).sort(), ['expires', 'sessionToken', 'userId'])
    const aged = ms => sites[kind].put(key, JSON.stringify({ ...stored, expires: new Date(Date.now() + ms).toISOString() }))
    const expires = async () => Date.parse(JSON.parse(await sites[kind].key(key)).expires) - Date.now()
    const near = (is, wanted) => assert.ok(Math.abs(is - wanted) < 30000, `${is} is not ${wanted}`)
    await aged(29 * DAY + 60000)
    near(Date.parse((await person.whoami(origin)).expires) - Date.now(), 29 * DAY + 60000)
    near(await expires(), 29 * DAY + 60000)
    await aged(29 * DAY - 60000)
    const answer = await person.get(`${origin}/api/auth/session`)
    near(Date.parse(answer.json.expires) - Date.now(), 30 * DAY)
    assert.ok(answer.cookies.some(c => c.name === 'next-auth.session-token' && c.value === stored.sessionToken), 'the cookie, too')
    await until(async () => await expires() > 29.9 * DAY, 'the renewed session in the store')
    if (kind === 'Redis') near(await redis.call('PEXPIRETIME', key) - Date.now(), 30 * DAY)
    await aged(-1000)
    assert.deepEqual(await person.whoami(origin), {})
    assert.equal((await person.post(`${origin}/api/authorize`, { json: { name: 'over', emails: ['a@b.example'] } })).status, 401)
  })
}

test('sessions of Auth.js\' own adapter are honoured, and ours are its', async () => {
  const { adapter, close } = await authjs(redis)
  try {
    const { a, b } = sites.Redis
    const user = await adapter.createUser({ name: 'Grace', email: 'grace@example.com', image: null, emailVerified: null })
    await adapter.linkAccount({ provider: 'github', type: 'oauth', providerAccountId: '777', access_token: 'gho_old', userId: user.id })
    const { sessionToken } = await adapter.createSession({ sessionToken: crypto.randomUUID(), userId: user.id, expires: new Date(Date.now() + 20 * DAY) })
    const agent = new Agent()
    agent.session = sessionToken
    const session = await agent.whoami(b.origin)
    assert.deepEqual(session.user, { name: 'Grace', email: 'grace@example.com', image: null })
    assert.ok(Date.parse(session.expires) - Date.now() > 29.9 * DAY, 'renewed')
    await until(async () => (await adapter.getSessionAndUser(sessionToken)).session.expires - Date.now() > 29.9 * DAY, 'the renewed session for the adapter')
    const made = await agent.post(`${a.origin}/api/authorize`, { json: { name: 'of-grace', emails: ['grace@example.com'] } })
    assert.deepEqual([made.status, made.text], [200, 'success'])
    // Who signs in again with the same account is the user that there was.
    github.user('grace', { id: 777, name: 'Grace H.' })
    const again = await sites.Redis.person('grace')
    const found = await adapter.getSessionAndUser(again.session)
    assert.equal(found.user.id, user.id)
    assert.equal(found.user.email, 'grace@example.com')
    assert.ok(Math.abs(found.session.expires - Date.now() - 30 * DAY) < 60000)
    assert.equal((await adapter.getUserByAccount({ provider: 'github', providerAccountId: '777' })).id, user.id)
    // Somebody new is all there for it.
    const ada = await sites.Redis.person('ada')
    const ours = await adapter.getUserByAccount({ provider: 'github', providerAccountId: String(github.users.ada.id) })
    assert.deepEqual([ours.name, ours.email, ours.image], ['Ada', 'ada@example.com', github.users.ada.avatar_url])
    assert.equal((await adapter.getSessionAndUser(ada.session)).user.id, ours.id)
    assert.equal((await adapter.getUserByEmail('ada@example.com')).id, ours.id)
    // What the adapter ends is over here.
    await adapter.deleteSession(ada.session)
    await until(async () => !(await ada.whoami(a.origin)).user, 'the session to be over')
    for (const token of [`by-user-id:${user.id}`, '', ':', '../x', '*', 'a'.repeat(3000), `${sessionToken}x`, sessionToken.slice(1)]) {
      const nobody = new Agent()
      nobody.session = token
      assert.deepEqual(await nobody.whoami(a.origin), {}, token.slice(0, 50))
    }
  } finally { await close() }
})

test('several providers of one file, each with its own way to sign and to be told the secret', async () => {
  const list = [
    { id: 'es', alg: 'ES256' }, { id: 'ps', alg: 'PS256', method: 'client_secret_post' }, { id: 'ed', alg: 'EdDSA', inToken: true }, { id: 'es-384', alg: 'ES384', clientSecret: 'with: "odd" & %+/= characters' }
  ]
  const running = await Promise.all(list.map(p => startOidc({ ...p, accounts: { kim: { email: 'kim@example.net' }, loose: { email: 'loose@example.net', email_verified: undefined } } })))
  const file = path.join(tempFolder(), 'providers.json')
  writeFileSync(file, JSON.stringify([
    ...running.map(p => ({ id: p.id, type: 'oidc', name: `By ${p.id}`, issuer: p.issuer, clientId: p.clientId, clientSecret: p.clientSecret, ...(p.id === 'es' && { trustEmail: true }) })),
    { id: 'work', type: 'github', name: 'GitHub at work', url: github.url, clientId: github.clientId, clientSecret: github.clientSecret }
  ]))
  github.callback = 'http://127.0.0.1/api/auth/callback/work'
  try {
    await withServer({ args: ['--providers', file] }, async ({ origin }) => {
      const agent = new Agent()
      assert.deepEqual(Object.keys((await agent.get(`${origin}/api/auth/providers`)).json), ['es', 'ps', 'ed', 'es-384', 'work'])
      const page = await agent.get(`${origin}/api/auth/signin?callbackUrl=/x`)
      assert.equal(page.status, 200)
      assert.deepEqual((await agent.get(`${origin}/api/access?name=x`)).json.signIn, [...running.map(p => ({ id: p.id, name: `By ${p.id}` })), { id: 'work', name: 'GitHub at work' }])
      for (const p of running) {
        p.account('kim', { email: `kim@${p.id}.example` })
        const kim = new Agent()
        await kim.signIn(origin, p.id, 'kim').catch(error => { error.message += ` (${p.id}, ${p.failure})`; throw error })
        assert.equal((await kim.whoami(origin)).user.email, `kim@${p.id}.example`)
      }
      const ada = new Agent()
      await ada.signIn(origin, 'work', 'ada')
      assert.equal((await ada.whoami(origin)).user.email, 'ada@example.com')
      // trustEmail: what is not said to be verified is as good.
      const trusted = new Agent()
      await trusted.signIn(origin, 'es', 'loose')
      assert.equal((await trusted.whoami(origin)).user.email, 'loose@example.net')
    })
  } finally {
    github.callback = 'http://127.0.0.1/api/auth/callback/github'
    await Promise.all(running.map(p => p.close()))
  }
})

test('an address that nobody has verified is nobody\'s', async () => {
  const { origin } = sites.SQLite
  const owner = await sites.SQLite.person('ada')
  const name = 'only-for-ada'
  assert.equal((await owner.post(`${origin}/api/authorize`, { json: { name, emails: ['ada@example.com', 'late@example.com'] } })).text, 'success')
  const mail = (email, more) => ({ email, primary: true, verified: true, ...more })
  const cases = [
    ['primary, not verified', mail('ada@example.com', { verified: false })],
    ['verified, not primary', mail('late@example.com', { primary: false }), mail('m2@example.com', { verified: false })],
    ['public only']
  ]
  for (const [i, [what, ...emails]] of cases.entries()) {
    github.user(`mallory${i}`, { email: 'ada@example.com', emails })
    const mallory = new Agent()
    await mallory.signIn(origin, 'github', `mallory${i}`, { failing: true })
    assert.equal((await mallory.whoami(origin)).user?.email ?? null, null, what)
    assert.equal((await mallory.get(`${origin}/${name}/raw`)).status, 401, what)
    assert.equal((await ending(mallory.socket(`${sites.SQLite.a.ws}/${name}`))).code, 4401, what)
  }
  for (const [i, verified] of [false, undefined, 'false', 'true', 1, null].entries()) {
    oidc.account(`mallory${i}`, { email: 'late@example.com', email_verified: verified })
    const mallory = new Agent()
    await mallory.signIn(origin, 'oidc', `mallory${i}`, { failing: true })
    // Some providers write true as a string; nobody means something else by it.
    if (verified !== 'true') assert.equal((await mallory.whoami(origin)).user?.email ?? null, null, String(verified))
    if (verified !== 'true') assert.equal((await mallory.get(`${origin}/${name}/raw`)).status, 401, String(verified))
  }
  // One of many addresses, the public one hidden.
  github.user('hidden', { email: null, emails: [...Array.from({ length: 5 }, (_, i) => mail(`h${i}@example.com`, { primary: false })), mail('hidden@example.com')] })
  assert.equal((await (await sites.SQLite.person('hidden')).whoami(origin)).user.email, 'hidden@example.com')
})

test('an address that two providers say is verified is one person\'s', async () => {
  const { origin } = sites.Redis
  const { adapter, close } = await authjs(redis)
  try {
    github.user('twin')
    const twin = await sites.Redis.person('twin')
    const { user } = await adapter.getSessionAndUser(twin.session)
    oidc.account('twin-elsewhere', { email: 'twin@example.com', name: 'Twin' })
    const other = await sites.Redis.person('twin-elsewhere', 'oidc')
    assert.equal((await adapter.getSessionAndUser(other.session)).user.id, user.id)
    assert.equal((await adapter.getUserByAccount({ provider: 'oidc', providerAccountId: 'twin-elsewhere' })).id, user.id)
    // One that is not verified, and one that was and has another address since, lead nowhere.
    oidc.account('twin-unverified', { email: 'twin@example.com', email_verified: false, name: 'Not Twin' })
    const stranger = await sites.Redis.person('twin-unverified', 'oidc')
    assert.notEqual((await adapter.getSessionAndUser(stranger.session)).user.id, user.id)
    assert.equal((await stranger.whoami(origin)).user.email, null)
    github.user('twin', { emails: [{ email: 'moved@example.com', primary: true, verified: true }] })
    await sites.Redis.person('twin')
    assert.equal((await twin.whoami(origin)).user.email, 'moved@example.com')
    oidc.account('newcomer', { email: 'twin@example.com', name: 'Newcomer' })
    const newcomer = await sites.Redis.person('newcomer', 'oidc')
    assert.notEqual((await adapter.getSessionAndUser(newcomer.session)).user.id, user.id)
    assert.deepEqual((await newcomer.whoami(origin)).user, { name: 'Newcomer', email: 'twin@example.com', image: null })
    assert.equal((await twin.whoami(origin)).user.email, 'moved@example.com')
  } finally { await close() }
})

test('state: what began elsewhere, with another provider, before, or never does not end here', async () => {
  const { origin } = sites.SQLite
  const start = async (agent, provider, account) => agent.consent(origin, await agent.begin(origin, provider), account)
  const changed = (url, change) => { const u = new URL(url); change(u.searchParams, u); return u.href }
  const attacker = new Agent()
  const theirs = await start(attacker, 'github', 'bob')
  const victim = new Agent()
  await refused(victim, origin, await victim.get(theirs), 'somebody else\'s code and state')
  await victim.begin(origin, 'github')
  await refused(victim, origin, await victim.get(theirs), 'the same after one has begun oneself')

  for (const [what, change] of [
    ['another state', q => q.set('state', q.get('state').replace(/.$/, c => c === 'A' ? 'B' : 'A'))],
    ['no state', q => q.delete('state')],
    ['an empty one', q => q.set('state', '')],
    ['no code', q => q.delete('code')],
    ['an empty code', q => q.set('code', '')],
    ['a code that GitHub never gave', q => q.set('code', 'f'.repeat(20))],
    ['an error beside the code', q => q.set('error', 'access_denied')],
    ['another provider', (q, u) => { u.pathname = '/api/auth/callback/oidc' }]
  ]) {
    const agent = new Agent()
    await refused(agent, origin, await agent.get(changed(await start(agent, 'github', 'ada'), change)), what)
  }
  const unknown = await victim.get(changed(theirs, (q, u) => { u.pathname = '/api/auth/callback/nobody' }))
  assert.ok([302, 400, 404].includes(unknown.status) && !victim.session, String(unknown.status))

  // PKCE: a code is of no use with another's verifier, even to who has the right state.
  const [one, two] = [new Agent(), new Agent()]
  const code = new URL(await start(one, 'github', 'ada')).searchParams.get('code')
  await refused(two, origin, await two.get(changed(await start(two, 'github', 'bob'), q => q.set('code', code))), 'a code of another flow')

  // Once only; whoever is signed in by it stays.
  const agent = new Agent()
  const url = await start(agent, 'github', 'ada')
  await agent.get(url)
  const cookies = agent.session
  const again = await agent.get(url)
  assert.equal(again.status, 302)
  assert.match(again.location, /\/api\/auth\/error\?/)
  assert.equal(agent.session, cookies)
  assert.equal((await agent.whoami(origin)).user.name, 'Ada')
  // The cookies of the way there are sealed: a changed one is none.
  const bent = new Agent()
  const back = await start(bent, 'oidc', 'eve')
  for (const c of bent.jar.values()) if (!/csrf|callback-url/.test(c.name)) c.value = c.value.replace(/^.{3}/, x => x === 'AAA' ? 'BBB' : 'AAA')
  await refused(bent, origin, await bent.get(back), 'a changed cookie')

  const no = new Agent()
  const { error } = await refused(no, origin, await no.get(await start(no, 'github', '')), 'who says no')
  assert.equal(error, 'AccessDenied')
})

test('wrong answers of an OpenID provider sign nobody in', async () => {
  const mock = await startMock()
  try {
    await withServer({ args: mock.args }, async server => {
      const { origin, child } = server
      const now = () => Math.floor(Date.now() / 1000)
      const sign = async () => { const agent = new Agent(); return [agent, await agent.signIn(origin, 'oidc', 'x', { failing: true })] }
      const good = async what => {
        mock.next()
        const [agent, answer] = await sign()
        assert.ok(agent.session, `${what}: ${answer.location} ${child.err.slice(-500)}`)
        assert.deepEqual((await agent.whoami(origin)).user, { name: 'John', email: 'john@example.net', image: null })
      }
      await good('as it should be')
      const claims = (change, what) => [what, { claims: change }]
      const idToken = (make, what) => [what, { response: r => { r.body.id_token = make(r.body.id_token) } }]
      const answer = (status, body, what) => [what, { response: r => { r.statusCode = status; r.body = body } }]
      for (const [what, change] of [
        claims(c => { c.nonce = 'another' }, 'another nonce'),
        claims(c => { delete c.nonce }, 'no nonce'),
        claims(c => { c.aud = 'somebody-else' }, 'for somebody else'),
        claims(c => { c.aud = [mock.clientId, 'somebody-else'] }, 'for two, without azp'),
        claims(c => { c.azp = 'somebody-else' }, 'azp is somebody else'),
        claims(c => { delete c.aud }, 'for nobody'),
        claims(c => { c.iss = 'http://127.0.0.1:1' }, 'of another issuer'),
        claims(c => { c.iss += '/' }, 'of nearly the issuer'),
        claims(c => { c.exp = now() - 3600 }, 'expired'),
        claims(c => { delete c.exp }, 'without an end'),
        claims(c => { c.exp = String(c.exp) }, 'an end that is a string'),
        claims(c => { c.iat = now() + 3600 }, 'of the future'),
        claims(c => { c.nbf = now() + 3600 }, 'not valid yet'),
        claims(c => { delete c.sub }, 'about nobody'),
        claims(c => { c.sub = '' }, 'about an empty sub'),
        claims(c => { c.sub = 42 }, 'about a number'),
        claims(c => { c.sub = 'x'.repeat(3000) }, 'about somebody whose name never ends'),
        ['a key that there is not', { header: h => { h.kid = 'nobody' } }],
        ['an extension that must be understood', { header: h => { h.crit = ['b64']; h.b64 = true } }],
        idToken(t => unsigned(t), 'signed by nobody'),
        idToken(t => unsigned(t, 'None'), 'signed by Nobody'),
        idToken(t => signedWithSecret(t, mock.clientSecret, JSON.parse(Buffer.from(t.split('.')[0], 'base64url')).kid), 'signed with what the client knows'),
        idToken(t => forged(t, c => { c.email = 'root@example.net' }), 'changed'),
        idToken(t => t.replace(/.{4}$/, x => x === 'AAAA' ? 'BBBB' : 'AAAA'), 'with another signature'),
        idToken(t => t.split('.').slice(0, 2).join('.'), 'without a signature'),
        idToken(() => 'x.y.z', 'no token at all'),
        idToken(() => undefined, 'no ID token'),
        idToken(() => 7, 'a number'),
        answer(400, { error: 'invalid_grant' }, 'an error'),
        answer(200, { error: 'invalid_grant' }, 'an error with 200'),
        answer(200, {}, 'nothing'),
        answer(200, [], 'a list'),
        answer(500, { access_token: 'x' }, 'a failure'),
        ['userinfo about somebody else', { userinfo: r => { r.body.sub = 'janedoe' }, claims: c => { delete c.email; delete c.email_verified; delete c.name } }],
        ['an issuer in the answer that is another (RFC 9207)', { redirect: url => url.searchParams.set('iss', 'http://127.0.0.1:1') }],
        ['another state', { redirect: url => url.searchParams.set('state', 'x'.repeat(43)) }],
        ['an error of theirs', { redirect: url => { url.searchParams.delete('code'); url.searchParams.set('error', 'server_error') } }]
      ]) {
        mock.next(change)
        const [agent, end] = await sign()
        assert.equal(agent.session, undefined, `${what}: a session`)
        await refused(agent, origin, end, what)
      }
      await good('after all of that')
      // Keys rotate: a token that is signed with a new one.
      await mock.rotate()
      for (let i = 0; i < 3; i++) await good('keys rotate')
    })
  } finally { await mock.close() }
})

test('a provider that is down or talks nonsense: a clear error at once, and all is well when it is back', async () => {
  const shape = new StandIn()
  await shape.listen()
  let discovery = {}
  shape.respond = (request, response) => { response.setHeader('content-type', 'application/json'); response.end(typeof discovery === 'string' ? discovery : JSON.stringify(discovery)) }
  const args = [...github.args, '--oidc-issuer', shape.url, '--oidc-id', 'x', '--oidc-secret', 'oidc-secret-1']
  try {
    await withServer({ args }, async server => {
      const { origin } = server
      const good = { issuer: shape.url, authorization_endpoint: `${shape.url}/a`, token_endpoint: `${shape.url}/t`, jwks_uri: `${shape.url}/k`, userinfo_endpoint: `${shape.url}/u` }
      const begin = async () => {
        const agent = new Agent()
        return [agent, await agent.post(`${origin}/api/auth/signin/oidc`, { form: { csrfToken: await agent.csrf(origin), callbackUrl: '/' } })]
      }
      for (const [what, value] of [
        ['nonsense', '<html>'], ['a list', '[]'], ['another issuer', { ...good, issuer: oidc.issuer }], ['no authorization endpoint', { ...good, authorization_endpoint: undefined }],
        ['no token endpoint', { ...good, token_endpoint: undefined }], ['an endpoint that is a script', { ...good, authorization_endpoint: 'javascript:alert(1)' }], ['a file', { ...good, token_endpoint: 'file:///etc/passwd' }],
        ['megabytes', ' '.repeat(3 << 20) + JSON.stringify(good)], ['deep', '['.repeat(100000)]
      ]) {
        discovery = value
        const [agent, answer] = await begin()
        await refused(agent, origin, answer, what)
      }
      shape.fault({ kind: 'answer', status: 302, headers: { location: `${oidc.issuer}/.well-known/openid-configuration` } })
      const [redirected, to] = await begin()
      await refused(redirected, origin, to, 'a redirect')
      await shape.close()
      const [down, at] = await begin()
      const { page } = await refused(down, origin, at, 'nobody listens')
      assert.ok([500, 502].includes(page.status))
      await shape.listen(shape.port)
      discovery = good
      const [, fine] = await begin()
      assert.ok(fine.location.startsWith(`${shape.url}/a?`), `it is asked again: ${fine.location}`)

      // GitHub, at each of its three requests.
      for (const path of ['/login/oauth/access_token', '/api/v3/user', '/api/v3/user/emails']) {
        for (const [what, fault] of [
          ['500', { kind: 'answer', status: 500, body: '{"access_token":"x","id":1,"login":"x"}' }], ['nonsense', { kind: 'answer', body: '<html>' }], ['nothing', { kind: 'answer', body: '' }], ['an empty object', { kind: 'answer', body: '{}' }],
          ['no list, no object', { kind: 'answer', body: '"x"' }], ['cut', { kind: 'drop', times: 9 }], ['megabytes', { kind: 'answer', body: ' '.repeat(3 << 20) }], ['wrong kinds', { kind: 'answer', body: path.endsWith('emails') ? '[1,{"email":7,"primary":true,"verified":true}]' : '{"access_token":{},"id":{},"login":[]}' }],
          ['a redirect', { kind: 'answer', status: 301, headers: { location: `${github.url}/login` } }]
        ]) {
          const agent = new Agent()
          github.fault({ path, ...fault })
          const end = await agent.signIn(origin, 'github', 'ada', { failing: true })
          github.mend()
          if (path.endsWith('emails') && agent.session) {
            // Their addresses cannot be had: then at most they are somebody without one.
            assert.equal((await agent.whoami(origin)).user.email ?? null, null, `${path}: ${what}`)
          } else await refused(agent, origin, end, `${path}: ${what}`)
        }
      }
      const fineAgain = new Agent()
      await fineAgain.signIn(origin, 'github', 'ada')
      assert.equal((await (await fetch(`${origin}/healthz`)).json()).status, 'ok')
    })
  } finally { await shape.close() }
})

test('providers that hang: an error once their time is over, and everybody else types on', async () => {
  const hanging = await new StandIn().listen()
  hanging.fault({ kind: 'hang', times: Infinity })
  const slow = await startGitHub({ users: { ada: {} } })
  const args = [...slow.args, '--oidc-issuer', hanging.url, '--oidc-id', 'x', '--oidc-secret', 'oidc-secret-1', '--sign-in-timeout', '2000']
  try {
    await withServer({ args }, async server => {
      const { origin } = server
      const [x, y] = [new Client(), new Client()]
      await Promise.all([x, y].map(c => c.connect(`${server.ws}/typing`)))
      const ways = [['/login/oauth/access_token', 'hang'], ['/api/v3/user', 'hang'], ['/login/oauth/access_token', 'trickle']]
      const flows = []
      for (const [path, kind] of ways) {
        const agent = new Agent()
        const url = await agent.consent(origin, await agent.begin(origin, 'github'), 'ada')
        slow.fault({ path, kind, ms: 400 })
        flows.push([`${kind} at ${path}`, agent, agent.get(url)])
        await until(() => slow.faults.every(f => !f.times), 'the request to arrive')
        slow.mend()
      }
      for (let i = 0; i < 20; i++) {
        const agent = new Agent()
        const csrfToken = await agent.csrf(origin)
        flows.push([`discovery ${i}`, agent, agent.post(`${origin}/api/auth/signin/oidc`, { form: { csrfToken, callbackUrl: '/' } })])
      }
      const started = Date.now()
      let worst = 0
      const over = Promise.all(flows.map(f => f[2]))
      let done = false
      over.then(() => { done = true }, () => { done = true })
      while (!done) {
        const from = performance.now()
        x.text.insert(0, 'a')
        await until(() => y.text.length === x.text.length, 'what was typed to arrive')
        worst = Math.max(worst, performance.now() - from)
        await sleep(20)
      }
      await over
      const took = Date.now() - started
      assert.ok(took > 1000 && took < 5000, `it took ${took} ms`)
      assert.ok(worst < 500, `a change took ${worst} ms`)
      assert.ok(x.text.length > 20)
      for (const [what, agent, answer] of flows) await refused(agent, origin, await answer, what)
      // Somebody who gives up while it hangs takes nothing with them.
      const gone = new Agent()
      const url = await gone.consent(origin, await gone.begin(origin, 'github'), 'ada')
      slow.fault({ path: '/login/oauth/access_token', kind: 'hang' })
      await assert.rejects(gone.get(url, { timeout: 200 }))
      const fine = new Agent()
      await fine.signIn(origin, 'github', 'ada')
      slow.fault({ path: '/login/oauth/access_token', kind: 'slow', ms: 1000 })
      const late = new Agent()
      await late.signIn(origin, 'github', 'ada')
      x.close(); y.close()
    })
  } finally { await Promise.all([hanging.close(), slow.close()]) }
})

test('behind https: cookies with their prefixes, addresses of the public URL, whatever the Host says', async () => {
  const site = 'https://code.example'
  github.callback = `${site}/api/auth/callback/github`
  try {
    await withServer({ args: [...github.args, '--public-url', site] }, async server => {
      const agent = new Agent({ hosts: { 'code.example': server.port } })
      const providers = (await agent.get(`${site}/api/auth/providers`)).json
      assert.deepEqual([providers.github.signinUrl, providers.github.callbackUrl], [`${site}/api/auth/signin/github`, `${site}/api/auth/callback/github`])
      const answer = await agent.signIn(site, 'github', 'ada', { callbackUrl: '/room' })
      assert.equal(new URL(answer.headers.location, site).href, `${site}/room`)
      const given = new Map(agent.history.flatMap(h => h.url.startsWith(site) ? h.cookies : []).map(c => [c.name, c]))
      assert.ok(given.has('__Secure-next-auth.session-token') && given.has('__Host-next-auth.csrf-token'), [...given.keys()].join())
      for (const c of given.values()) {
        assert.match(c.name, /^__(Secure|Host)-/)
        assert.deepEqual([c.secure, c.httponly, c.samesite, c.path, c.domain], [true, true, 'Lax', '/', undefined], c.name)
      }
      assert.equal((await agent.whoami(site)).user.name, 'Ada')
      // A cookie of the other name is none: a page on http could have set it.
      const plain = new Agent({ hosts: { 'code.example': server.port } })
      const cookie = `next-auth.session-token=${agent.session}`
      assert.deepEqual((await plain.get(`${site}/api/auth/session`, { headers: { cookie } })).json, {})
      assert.equal((await plain.get(`${site}/api/auth/session`, { headers: { cookie: `__Secure-${cookie}` } })).json.user.name, 'Ada')
      const evil = (await plain.get(`${server.origin}/api/auth/providers`, { headers: { host: 'evil.example' } }))
      assert.ok(!evil.text.includes('evil.example'))
      // The page's own requests and sockets have this origin; others do not.
      const post = origin => agent.post(`${site}/api/update`, { json: { name: 'public', text: 'x' }, headers: { origin } })
      assert.equal((await post(site)).status, 200)
      for (const origin of ['https://evil.example', 'http://code.example', 'https://code.example.evil.example', 'https://evil-code.example', 'null']) assert.equal((await post(origin)).status, 403, origin)
      const sessionCookie = agent.header(`${site}/`)
      const dial = origin => new Agent().socket(`${server.ws}/public`, [], { headers: { host: 'code.example', origin, cookie: sessionCookie } })
      assert.equal((await ending(dial('https://evil.example'))).status, 403)
      const socket = await opened(dial(site))
      socket.terminate()
    })
    // Without it, only loopback is answered: the address that a provider sends people back to must not be a stranger's choice.
    await withServer({ args: github.args }, async server => {
      const agent = new Agent()
      const answer = await agent.get(`${server.origin}/api/auth/providers`, { headers: { host: 'evil.example' } })
      assert.ok(answer.status >= 400 || !answer.text.includes('evil.example'), answer.text)
      const csrfToken = await agent.csrf(server.origin)
      const begin = await agent.post(`${server.origin}/api/auth/signin/github`, { form: { csrfToken, json: 'true' }, headers: { host: 'evil.example', origin: undefined } })
      assert.ok(begin.status >= 400, `${begin.status} ${begin.text}`)
      assert.ok(!begin.text.includes('evil.example'))
    })
  } finally { github.callback = 'http://127.0.0.1/api/auth/callback/github' }
})

test('nobody is sent elsewhere', async () => {
  const { origin, a } = sites.SQLite
  const bad = ['//evil.example', 'https://evil.example', 'https://evil.example/x', '/\\evil.example', '\\\\evil.example', '/\\/evil.example', '///evil.example', 'http:evil.example', 'http:/evil.example', 'javascript:alert(1)', 'JavaScript://%0aalert(1)',
    'data:text/html,x', `${origin}.evil.example`, `${origin}@evil.example/`, `http://127.0.0.1:${a.port}:80@evil.example`, `https://127.0.0.1:${a.port}/`, `http://localhost:${a.port}/`, '/\t/evil.example', '\t//evil.example', ' https://evil.example', '/\n/evil.example', '/x\r\nSet-Cookie: a=b',
    '', '.', 'x', '?x', '/x\0', `http://127.0.0.1:${a.port + 1}/`, '/%0d%0aSet-Cookie:%20a=b', '/a'.repeat(5000)]
  const good = ['/', '/room', '/room?a=b&c=d', '/r%C3%A9', `${origin}/room`, origin]
  const elsewhere = url => { const u = new URL(url, `${origin}/`); return u.origin !== origin || !/^https?:$/.test(u.protocol) }
  const agent = new Agent()
  const csrfToken = await agent.csrf(origin)
  for (const callbackUrl of [...bad, ...good]) {
    const what = JSON.stringify(callbackUrl.slice(0, 60))
    const begun = await agent.post(`${origin}/api/auth/signin/github`, { form: { csrfToken, callbackUrl } })
    assert.equal(begun.status, 302, `${what}: ${begun.text}`)
    assert.ok(begun.location.startsWith(github.url), `${what}: ${begun.location}`)
    const end = await agent.get(await agent.consent(origin, begun.location, 'ada'))
    assert.equal(end.status, 302, what)
    assert.ok(!elsewhere(end.headers.location), `${what}: sent to ${end.headers.location}`)
    assert.doesNotMatch(end.headers.location, /[\x00-\x20\\]/, what) // eslint-disable-line no-control-regex
    assert.ok(!end.headers['set-cookie']?.some(c => c.startsWith('a=')), what)
    const went = new URL(end.headers.location, `${origin}/`)
    if (good.includes(callbackUrl)) assert.equal(went.href, new URL(callbackUrl, `${origin}/`).href, what)
    const out = await agent.signOut(origin, { callbackUrl })
    assert.equal(out.status, 200, what)
    assert.ok(!elsewhere(out.json.url), `${what}: signed out to ${out.json.url}`)
    const page = await agent.get(`${origin}/api/auth/signin?callbackUrl=${encodeURIComponent(callbackUrl)}`)
    assert.ok(!/(?:href|action|value)="(?:javascript|data|[^"]*\/\/evil|\\)/i.test(page.text.replaceAll(encodeURIComponent(callbackUrl), '')), what)
  }
  // What is put into pages is put as text.
  for (const at of ['signin?callbackUrl=', 'error?error=', 'signin?error=']) {
    const page = await agent.get(`${origin}/api/auth/${at}${encodeURIComponent('"><script>alert(1)</script>')}`)
    assert.ok(!page.text.includes('<script>alert'), at)
  }
})

test('a form of another site does nothing: CSRF and Origin', async () => {
  const { origin } = sites.SQLite
  const agent = await sites.SQLite.person('ada')
  const csrfToken = await agent.csrf(origin)
  const others = await new Agent().csrf(origin)
  const post = (path, form, headers) => agent.post(`${origin}/api/auth/${path}`, { form: { callbackUrl: '/', json: 'true', ...form }, headers })
  for (const [what, form] of [['none', {}], ['an empty one', { csrfToken: '' }], ['somebody else\'s', { csrfToken: others }], ['a changed one', { csrfToken: csrfToken.replace(/^./, c => c === '0' ? '1' : '0') }]]) {
    const begun = await post('signin/github', form)
    assert.ok(!begun.text.includes(github.url) && !begun.location?.startsWith(github.url), `${what}: ${begun.text}`)
    await post('signout', form)
    await post('signout', { everywhere: 'true', ...form })
    assert.equal((await agent.whoami(origin)).user?.name, 'Ada', what)
  }
  // The token alone, without its cookie, and a cookie that somebody made up.
  const stranger = new Agent()
  for (const cookie of [undefined, `next-auth.csrf-token=${csrfToken}`, `next-auth.csrf-token=${csrfToken}%7C${csrfToken}`]) {
    const begun = await stranger.post(`${origin}/api/auth/signin/github`, { form: { csrfToken, json: 'true' }, headers: { cookie } })
    assert.ok(!begun.text.includes(github.url), `${cookie}`)
  }
  for (const foreign of ['https://evil.example', 'null', origin.replace('127.0.0.1', 'localhost'), origin + '0', 'http://127.0.0.1']) {
    assert.equal((await post('signout', { csrfToken }, { origin: foreign })).status, 403, foreign)
    assert.equal((await post('signin/github', { csrfToken }, { origin: foreign })).status, 403, foreign)
    for (const [path, json] of [['update', { name: 'csrf', text: 'x' }], ['authorize', { name: 'csrf', emails: ['a@b.example'] }], ['links', { name: 'csrf' }]]) {
      assert.equal((await agent.post(`${origin}/api/${path}`, { json, headers: { origin: foreign } })).status, 403, `${path} from ${foreign}`)
    }
    assert.equal((await ending(agent.socket(`${sites.SQLite.a.ws}/csrf`, [], { headers: { origin: foreign } }))).status, 403, foreign)
  }
  assert.equal((await agent.get(`${origin}/csrf/raw`)).text, '')
  assert.equal((await agent.get(`${origin}/api/access?name=csrf`)).json.restricted, false)
  assert.equal((await agent.whoami(origin)).user.name, 'Ada')
  // What a form can send is no JSON, whatever is in it.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
    const answer = await agent.post(`${origin}/api/update`, { body: '{"name":"csrf","text":"x"}', headers: { 'content-type': type || undefined } })
    assert.ok([400, 415].includes(answer.status), `${type}: ${answer.status}`)
  }
  assert.equal((await agent.get(`${origin}/csrf/raw`)).text, '')
  // JSON is as good as a form; without an Origin (no browser) it goes as well.
  const json = await agent.post(`${origin}/api/auth/signout`, { json: { csrfToken, callbackUrl: '/', json: true }, headers: { origin: undefined } })
  assert.deepEqual([json.status, Object.keys(json.json)], [200, ['url']])
  assert.deepEqual(await agent.whoami(origin), {})
})

test('without a provider nobody signs in, and nothing is said of it', async () => {
  await withServer({ args: [] }, async ({ origin }) => {
    const agent = new Agent()
    for (const path of ['providers', 'session']) assert.deepEqual((await agent.get(`${origin}/api/auth/${path}`)).json, {})
    assert.deepEqual((await agent.get(`${origin}/api/access?name=x`)).json, { signIn: [], user: null, restricted: false, may: 'edit' })
    assert.equal((await agent.post(`${origin}/api/authorize`, { json: { name: 'x', emails: ['a@b.example'] } })).status, 401)
    const begin = await agent.post(`${origin}/api/auth/signin/github`, { form: { json: 'true' } })
    assert.ok(begin.status >= 300 && !begin.text.includes('github.com'), String(begin.status))
  })
})

test('options that cannot be are refused', async () => {
  const file = path.join(tempFolder(), 'providers.json')
  const refuse = (args, pattern, env) => {
    const { status, stdout, stderr } = runOnce(['--store', 'sqlite::memory:', '--listen', '127.0.0.1:0', ...args], { env, timeout: 5000 })
    assert.ok(status === 1 || status === 2, `${args}: ${status} ${stdout}`)
    assert.match(stderr, /^bytecrowds: [^\n]+\n$/)
    assert.match(stderr, pattern)
    assert.doesNotMatch(stderr, /very-secret/)
  }
  refuse(['--github-id', 'x'], /secret/)
  refuse(['--github-secret', 'very-secret'], /github-id/)
  refuse(['--oidc-id', 'x', '--oidc-secret', 'very-secret'], /issuer/)
  refuse(['--oidc-issuer', 'https://id.example', '--oidc-id', 'x'], /secret/)
  refuse(['--oidc-issuer', 'ftp://id.example', '--oidc-id', 'x', '--oidc-secret', 'very-secret'], /issuer/)
  for (const url of ['code.example', 'ftp://code.example', 'https://code.example/path', 'https://', 'https://user:very-secret@code.example']) refuse(['--public-url', url], /public-url/)
  refuse(['--providers', '/nowhere/providers.json'], /providers/)
  const good = { id: 'a', type: 'oidc', issuer: 'https://id.example', clientId: 'x', clientSecret: 'very-secret' }
  for (const list of ['{', '{}', '[1]', [{ ...good, id: 'A b' }], [{ ...good, id: undefined }], [{ ...good, type: 'saml' }], [good, good], [{ ...good, clientSecret: undefined }], [{ ...good, issuer: undefined }], [{ ...good, clientId: 7 }],
    Array.from({ length: 17 }, (_, i) => ({ ...good, id: `p${i}` }))]) {
    writeFileSync(file, typeof list === 'string' ? list : JSON.stringify(list))
    refuse(['--providers', file], /providers/)
  }
})

test('no secret of anybody is in what the servers say', async () => {
  const secrets = new Set([...github.secrets, ...oidc.secrets])
  for (const s of Object.values(sites)) {
    const agent = new Agent()
    const url = await agent.consent(s.origin, await agent.begin(s.origin, 'github'), 'ada')
    for (const name of ['code', 'state']) secrets.add(new URL(url).searchParams.get(name))
    for (const c of agent.jar.values()) if (c.value.length > 15 && /next-auth|bytecrowds/.test(c.name)) secrets.add(c.value)
    await agent.get(url)
    secrets.add(agent.session)
    secrets.add(await agent.csrf(s.origin))
    const link = await agent.post(`${s.origin}/api/links`, { json: { name: 'logged' } })
    const token = link.json.link.split('#')[1]
    secrets.add(token)
    await agent.get(`${s.origin}/~watch/raw`, { headers: { authorization: `Bearer ${token}` } })
    const socket = await opened(agent.socket(`${s.a.ws}/~watch`, ['bytecrowds.watch', `bytecrowds.watch.${token}`]))
    socket.terminate()
    for (const c of agent.jar.values()) if (c.value.length > 15 && /next-auth|bytecrowds/.test(c.name)) secrets.add(c.value)
    await agent.signOut(s.origin)
  }
  for (const key of await sites.Redis.keys()) if (key.startsWith('user:session:') && !key.includes('by-user-id')) secrets.add(key.slice('user:session:'.length))
  assert.ok(secrets.size > 40)
  for (const s of Object.values(sites)) {
    assert.ok(s.said.split('\n').length > 10, 'something was said')
    for (const secret of secrets) assert.ok(!s.said.includes(secret), `the log has ${secret}: ${s.said.split('\n').find(l => l.includes(secret))}`)
  }
})
