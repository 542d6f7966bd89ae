// OpenID Connect: a certified provider (npm's oidc-provider, the newest that runs on Node.js 18) with accounts to choose
// from, which does it right; and npm's oauth2-mock-server, which says what one wants, for answers that are wrong.

import { createHmac, generateKeyPairSync, webcrypto } from 'node:crypto'
import { OAuth2Server } from 'oauth2-mock-server'
import { choosing, redirect, send, StandIn } from './standin.mjs'

globalThis.crypto ??= webcrypto

const KEYS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  EdDSA: ['ed25519', {}]
}
const newKey = alg => ({ ...generateKeyPairSync(...KEYS[alg]).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-1` })

// It says on the console that it keeps everything in memory.
async function loadProvider () {
  const { info, warn } = console
  console.info = console.warn = () => {}
  try { return await import('oidc-provider') } finally { Object.assign(console, { info, warn }) }
}

export class Oidc extends StandIn {
  /**
   * accounts: { sub: { email, email_verified, name } }. id: of the provider in our addresses; alg: that it signs with; method:
   * how the client says its secret; inToken: claims are in the ID token, not in userinfo only.
   */
  constructor ({ accounts = {}, id = 'oidc', clientId = 'bytecrowds', clientSecret = 'oidc-client-secret-52b9', alg = 'RS256', method = 'client_secret_basic', inToken = false } = {}) {
    super()
    Object.assign(this, { accounts: {}, id, clientId, clientSecret, alg, method, inToken })
    for (const [sub, account] of Object.entries(accounts)) this.account(sub, account)
    this.secrets = new Set([clientSecret])
    this.codes = []
  }

  account (sub, more = {}) { this.accounts[sub] = { email: `${sub}@example.org`, email_verified: true, name: sub[0].toUpperCase() + sub.slice(1), ...more } }

  get issuer () { return this.url }
  get args () { return ['--oidc-issuer', this.issuer, '--oidc-id', this.clientId, '--oidc-secret', this.clientSecret, '--oidc-name', 'Example ID'] }

  async listen (port) {
    await super.listen(port)
    const { info, warn } = console
    console.info = console.warn = () => {}
    const { Provider } = await loadProvider()
    const provider = this.provider = new Provider(this.issuer, {
      clients: [{ client_id: this.clientId, client_secret: this.clientSecret, redirect_uris: ['http://127.0.0.1/'], token_endpoint_auth_method: this.method, id_token_signed_response_alg: this.alg }],
      enabledJWA: { idTokenSigningAlgValues: Object.keys(KEYS) },
      jwks: { keys: [newKey('RS256'), ...(this.alg === 'RS256' ? [] : [newKey(this.alg)])] },
      cookies: { keys: ['a key of the test'] },
      features: { devInteractions: { enabled: false } },
      pkce: { required: () => true },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
      conformIdTokenClaims: !this.inToken,
      ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
      renderError: (ctx, out) => { ctx.body = out },
      findAccount: (_, sub) => this.accounts[sub] && { accountId: sub, claims: () => ({ sub, ...this.accounts[sub] }) },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      // All that is asked for is granted: consent is no matter of ours.
      loadExistingGrant: async ctx => {
        const grant = new provider.Grant({ clientId: this.clientId, accountId: ctx.oidc.session.accountId })
        grant.addOIDCScope('openid email profile')
        await grant.save()
        return grant
      }
    })
    Object.assign(console, { info, warn })
    // The servers' ports are not known when the client is registered.
    provider.Client.prototype.redirectUriAllowed = uri => new RegExp(`^http://127\\.0\\.0\\.1:\\d+/api/auth/callback/${this.id}$`).test(uri) || uri === this.redirectUri
    provider.on('server_error', (_, error) => { this.failure = error })
    provider.on('authorization_code.saved', code => this.secrets.add(code.jti))
    provider.on('access_token.saved', token => this.secrets.add(token.jti))
    this.callback = provider.callback()
    return this
  }

  async respond (request, response, url, body) {
    if (!url.pathname.startsWith('/interaction/')) {
      request.body = body // what was read already
      const warn = console.warn
      console.warn = () => {}
      try { return await this.callback(request, response) } finally { console.warn = warn }
    }
    // Whoever was here before is asked again: each test chooses anew.
    if (request.method === 'GET') return send(response, 200, choosing('Sign in', url.pathname, Object.keys(this.accounts)))
    const account = new URLSearchParams(body).get('account')
    const result = account ? { login: { accountId: account, remember: false } } : { error: 'access_denied', error_description: 'Not today' }
    return redirect(response, await this.provider.interactionResult(request, response, result), 303)
  }
}

export const startOidc = options => new Oidc(options).listen()

/**
 * Says what one wants: next({ claims, header, response, userinfo, redirect, discovery }) are functions of what the next sign-ins are
 * told, which they may alter. It knows one person, johndoe, and asks nothing.
 */
export class Mock extends StandIn {
  constructor ({ clientId = 'mock-client', clientSecret = 'mock-client-secret-90aa' } = {}) {
    super()
    Object.assign(this, { clientId, clientSecret, person: { email: 'john@example.net', email_verified: true, name: 'John' }, change: {} })
  }

  get args () { return ['--oidc-issuer', this.url, '--oidc-id', this.clientId, '--oidc-secret', this.clientSecret] }
  get issuer () { return this.url }
  next (change = {}) { this.change = change }
  /** One more key; tokens are signed by all of them in turn. */
  rotate () { return this.keys.keys.generate('RS256') }

  async listen (port) {
    await super.listen(port)
    const { issuer, service } = new OAuth2Server() // which never listens
    this.keys = issuer
    this.keys.url = this.url
    await this.rotate()
    service.on('beforeTokenSigning', token => {
      // Of the two that are signed, the access token has a scope.
      if (token.payload.scope !== undefined) return
      Object.assign(token.payload, this.person)
      this.change.claims?.(token.payload)
      this.change.header?.(token.header)
    })
    service.on('beforeResponse', response => this.change.response?.(response))
    service.on('beforeUserinfo', response => { Object.assign(response.body, this.person); this.change.userinfo?.(response) })
    service.on('beforeAuthorizeRedirect', at => this.change.redirect?.(at.url))
    this.handler = service.requestHandler
    return this
  }

  respond (request, response, url, body) {
    if (url.pathname === '/.well-known/openid-configuration') {
      const at = path => this.url + path
      const discovery = { issuer: this.url, authorization_endpoint: at('/authorize'), token_endpoint: at('/token'), userinfo_endpoint: at('/userinfo'), jwks_uri: at('/jwks'), response_types_supported: ['code'], subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'], token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'], code_challenge_methods_supported: ['S256'] }
      this.change.discovery?.(discovery)
      return send(response, 200, discovery)
    }
    // What was read already.
    request._body = true
    request.body = Object.fromEntries(new URLSearchParams(body))
    this.handler(request, response)
  }
}

export const startMock = options => new Mock(options).listen()

const part = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const claimsOf = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))

/** Tokens with the claims of a good one that are signed by nobody, or with what the client knows as well. */
export const unsigned = (token, alg = 'none') => `${part({ alg, typ: 'JWT' })}.${part(claimsOf(token))}.`
export function signedWithSecret (token, secret, kid) {
  const head = `${part({ alg: 'HS256', typ: 'JWT', kid })}.${part(claimsOf(token))}`
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`
}
/** The same token with one bit of its claims turned. */
export function forged (token, change) {
  const [head, , signature] = token.split('.')
  const claims = claimsOf(token)
  change(claims)
  return `${head}.${part(claims)}.${signature}`
}
