// What plays GitHub and an OpenID provider in the tests of sign-in does what it says: a scripted client goes through it,
// and every check that a real one makes is made.

import assert from 'node:assert/strict'
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Agent, formOf, parseCookie } from './lib/auth.mjs'
import { startGitHub } from './lib/github.mjs'
import { forged, startMock, startOidc, unsigned } from './lib/oidc.mjs'

const ORIGIN = 'http://127.0.0.1:9'
const s256 = text => createHash('sha256').update(text).digest('base64url')
let github, oidc, mock
before(async () => {
  github = await startGitHub({ users: { ada: {}, hidden: { email: null }, many: { emails: Array.from({ length: 35 }, (_, i) => ({ email: `m${i}@example.com`, primary: i === 34, verified: true })) } } })
  oidc = await startOidc({ accounts: { eve: {} } })
  mock = await startMock()
})
after(() => Promise.all([github.close(), oidc.close(), mock.close()]))

async function code (authorize, more, account, path) {
  const verifier = randomBytes(32).toString('base64url')
  const redirect = `${ORIGIN}/api/auth/callback/${path}`
  const query = new URLSearchParams({ redirect_uri: redirect, state: 'st&1', code_challenge: s256(verifier), code_challenge_method: 'S256', ...more })
  const back = new URL(await new Agent().consent(ORIGIN, `${authorize}?${query}`, account))
  return { back: back.searchParams, verifier, redirect }
}

const form = (url, values, headers) => fetch(url, { method: 'POST', body: new URLSearchParams(values), headers })

test('GitHub: a code is good once, for its client, address and verifier', async () => {
  const api = (path, headers) => fetch(github.url + path, { headers })
  const start = account => code(`${github.url}/login/oauth/authorize`, { client_id: github.clientId, scope: 'read:user user:email' }, account, 'github')
  const { back, verifier, redirect } = await start('ada')
  assert.equal(back.get('state'), 'st&1')
  const good = { client_id: github.clientId, client_secret: github.clientSecret, code: back.get('code'), redirect_uri: redirect, code_verifier: verifier }
  const redeem = (change, headers = { accept: 'application/json' }) => form(`${github.url}/login/oauth/access_token`, { ...good, ...change }, headers)
  for (const [change, error] of [[{ client_secret: 'x' }, 'incorrect_client_credentials'], [{ code: 'x' }, 'bad_verification_code'], [{ code_verifier: 'x' }, 'bad_verification_code']]) {
    const fresh = change.code_verifier ? (await start('ada')).back.get('code') : good.code
    const answer = await redeem({ ...change, code: change.code ?? fresh })
    assert.equal(answer.status, 200)
    assert.equal((await answer.json()).error, error)
  }
  const tokens = await (await redeem({})).json()
  assert.deepEqual({ ...tokens, access_token: '' }, { access_token: '', token_type: 'bearer', scope: 'read:user,user:email' })
  assert.equal((await (await redeem({})).json()).error, 'bad_verification_code')
  assert.match(await (await redeem({}, { accept: '*/*' })).text(), /^error=bad_verification_code&/)
  const headers = { authorization: `Bearer ${tokens.access_token}`, 'user-agent': 'test' }
  assert.equal((await (await api('/api/v3/user', headers)).json()).login, 'ada')
  assert.deepEqual(await (await api('/api/v3/user/emails', headers)).json(), [{ email: 'ada@example.com', primary: true, verified: true, visibility: 'public' }])
  assert.equal((await api('/api/v3/user', { 'user-agent': 'test', authorization: 'Bearer x' })).status, 401)
  const denied = await code(`${github.url}/login/oauth/authorize`, { client_id: github.clientId }, '', 'github')
  assert.equal(denied.back.get('error'), 'access_denied')
  assert.equal((await fetch(`${github.url}/login/oauth/authorize?client_id=x`)).status, 404)
})

test('GitHub: lists come in pages, scopes are kept, faults befall', async () => {
  const got = await code(`${github.url}/login/oauth/authorize`, { client_id: github.clientId, scope: 'user:email' }, 'many', 'github')
  const tokens = await (await form(`${github.url}/login/oauth/access_token`, { client_id: github.clientId, client_secret: github.clientSecret, code: got.back.get('code'), code_verifier: got.verifier }, { accept: 'application/json' })).json()
  const headers = { authorization: `Bearer ${tokens.access_token}`, 'user-agent': 'test' }
  const first = await fetch(`${github.url}/api/v3/user/emails`, { headers })
  assert.equal((await first.json()).length, 30)
  const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link'))[1]
  assert.equal((await (await fetch(next, { headers })).json()).length, 5)
  github.fault({ kind: 'answer', status: 500, body: 'oops', path: '/api/v3/user' })
  assert.equal((await fetch(`${github.url}/api/v3/user`, { headers })).status, 500)
  assert.equal((await fetch(`${github.url}/api/v3/user`, { headers })).status, 200)
})

test('OpenID: certified, with PKCE, an account to choose, claims at userinfo or in the token', async () => {
  const discovery = await (await fetch(`${oidc.issuer}/.well-known/openid-configuration`)).json()
  assert.equal(discovery.issuer, oidc.issuer)
  const { back, verifier, redirect } = await code(discovery.authorization_endpoint, { client_id: oidc.clientId, response_type: 'code', scope: 'openid email profile', nonce: 'n1' }, 'eve', 'oidc')
  assert.equal(back.get('iss'), oidc.issuer)
  const basic = { authorization: `Basic ${Buffer.from(`${oidc.clientId}:${oidc.clientSecret}`).toString('base64')}` }
  const body = { grant_type: 'authorization_code', code: back.get('code'), redirect_uri: redirect, code_verifier: verifier }
  assert.equal((await form(discovery.token_endpoint, { ...body, code_verifier: 'x'.repeat(43) }, basic)).status, 400)
  const again = await code(discovery.authorization_endpoint, { client_id: oidc.clientId, response_type: 'code', scope: 'openid email profile', nonce: 'n1' }, 'eve', 'oidc')
  const answer = await form(discovery.token_endpoint, { ...body, code: again.back.get('code'), code_verifier: again.verifier }, basic)
  const tokens = await answer.json()
  const claims = JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url'))
  assert.equal(claims.nonce, 'n1')
  assert.equal(claims.email, undefined)
  const who = await (await fetch(discovery.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } })).json()
  assert.deepEqual(who, { sub: 'eve', email: 'eve@example.org', email_verified: true, name: 'Eve' })
  assert.ok(oidc.secrets.has(again.back.get('code')) && oidc.secrets.has(tokens.access_token), 'what must not be logged is known')
  const denied = await code(discovery.authorization_endpoint, { client_id: oidc.clientId, response_type: 'code', scope: 'openid' }, '', 'oidc')
  assert.equal(denied.back.get('error'), 'access_denied')
  const unknown = await fetch(`${discovery.authorization_endpoint}?${new URLSearchParams({ client_id: oidc.clientId, response_type: 'code', scope: 'openid', redirect_uri: 'http://127.0.0.1:9/elsewhere' })}`, { redirect: 'manual' })
  assert.equal(unknown.status, 400)
})

test('the one that says what it is told to: good tokens, and bad ones', async () => {
  const discovery = await (await fetch(`${mock.issuer}/.well-known/openid-configuration`)).json()
  const keys = async () => (await (await fetch(discovery.jwks_uri)).json()).keys
  const token = async () => {
    const { back, verifier, redirect } = await code(discovery.authorization_endpoint, { client_id: mock.clientId, response_type: 'code', scope: 'openid', nonce: 'n2' }, 'x', 'oidc')
    return (await (await form(discovery.token_endpoint, { grant_type: 'authorization_code', client_id: mock.clientId, code: back.get('code'), redirect_uri: redirect, code_verifier: verifier })).json()).id_token
  }
  const check = async text => {
    const [head, claims, signature] = text.split('.')
    const { alg, kid } = JSON.parse(Buffer.from(head, 'base64url'))
    const key = (await keys()).find(k => k.kid === kid)
    const good = alg === 'RS256' && key && verify('sha256', Buffer.from(`${head}.${claims}`), createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url'))
    return good && JSON.parse(Buffer.from(claims, 'base64url'))
  }
  const good = await check(await token())
  assert.deepEqual([good.sub, good.aud, good.nonce, good.iss, good.email], ['johndoe', mock.clientId, 'n2', mock.issuer, 'john@example.net'])
  assert.equal(await check(unsigned(await token())), false)
  assert.equal(await check(forged(await token(), claims => { claims.sub = 'root' })), false)
  mock.next({ claims: claims => { claims.aud = 'somebody else' } })
  assert.equal((await check(await token())).aud, 'somebody else')
  mock.next()
})

test('the jar does as a browser does', async () => {
  assert.deepEqual(parseCookie('a=b=c; Path=/; HttpOnly; SameSite=Lax'), { name: 'a', value: 'b=c', path: '/', httponly: true, samesite: 'Lax' })
  assert.equal(formOf('<p>'), null)
  github.fault({ kind: 'answer', times: 1, headers: { 'set-cookie': ['a=1; Path=/', 'b=2; Path=/x', 'c=3; Secure', '__Host-d=4; Path=/', 'e=5; Max-Age=0'] } })
  const agent = new Agent()
  await agent.get(github.url)
  assert.equal(agent.header(`${github.url}/`), 'a=1')
  assert.equal(agent.header(`${github.url}/x/y`), 'a=1; b=2')
  assert.equal(agent.header('http://localhost/'), '')
})
