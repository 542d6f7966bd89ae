// A stand-in for github.com: its web application flow and the two requests of its REST API that say who somebody is, as
// documented ("Authorizing OAuth apps", "REST API endpoints for users / emails") and as it behaves: errors of the token
// endpoint come with status 200, answers are forms unless JSON is asked for, a request without User-Agent is refused.
// The API is where a GitHub Enterprise Server has it, below /api/v3.

import { createHash, randomBytes } from 'node:crypto'
import { choosing, redirect, send, StandIn } from './standin.mjs'

const PAGE = 30 // entries of a list, unless per_page says otherwise

export class GitHub extends StandIn {
  /**
   * users: { login: { id, name, email (the public one, or null), avatar_url, emails: [{ email, primary, verified }] } }, with
   * defaults for all of it. callback: what the app has registered; of loopback any port will do.
   */
  constructor ({ users = {}, clientId = 'Iv1.8a61f9b3a7aba766', clientSecret = 'github-client-secret-7f3a', callback = 'http://127.0.0.1/api/auth/callback/github' } = {}) {
    super()
    Object.assign(this, { clientId, clientSecret, callback })
    this.users = {}
    this.codes = new Map()
    this.tokens = new Map()
    this.secrets = new Set([clientSecret]) // whatever must never be in a log
    Object.entries(users).forEach(([login, user], i) => this.user(login, { id: 583231 + i, ...user }))
  }

  user (login, more = {}) {
    const email = more.email === undefined ? `${login}@example.com` : more.email
    const known = this.users[login] ?? { id: 1000 + Object.keys(this.users).length, name: login[0].toUpperCase() + login.slice(1), avatar_url: `https://avatars.example/u/${login}?v=4`, emails: [{ email, primary: true, verified: true, visibility: 'public' }] }
    this.users[login] = { ...known, login, email, ...more }
    return this.users[login]
  }

  /** For --github-url and so on. */
  get args () { return ['--github-url', this.url, '--github-id', this.clientId, '--github-secret', this.clientSecret] }

  respond (request, response, url, body) {
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /login/oauth/authorize': return this.#authorize(response, url.searchParams)
      case 'POST /login/oauth/authorize': return this.#decided(response, new URLSearchParams(body))
      case 'POST /login/oauth/access_token': return this.#token(request, response, body)
      case 'GET /api/v3/user': return this.#api(request, response, user => [200, { login: user.login, id: user.id, avatar_url: user.avatar_url, type: 'User', name: user.name, email: user.email }])
      case 'GET /api/v3/user/emails': return this.#api(request, response, (user, scope) => this.#emails(user, scope, url))
    }
    return send(response, 404, { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' })
  }

  #callback (uri) {
    if (!uri) return new URL(this.callback)
    const [asked, registered] = [new URL(uri), new URL(this.callback)]
    const loopback = registered.hostname === '127.0.0.1'
    const same = asked.protocol === registered.protocol && asked.hostname === registered.hostname && (loopback || asked.port === registered.port) &&
      (asked.pathname === registered.pathname || asked.pathname.startsWith(registered.pathname + '/'))
    return same ? asked : null
  }

  #authorize (response, query) {
    if (query.get('client_id') !== this.clientId) return send(response, 404, '<!doctype html><title>Page not found</title>')
    const back = this.#callback(query.get('redirect_uri'))
    if (!back) return this.#refuse(response, new URL(this.callback), query, 'redirect_uri_mismatch', 'The redirect_uri MUST match the registered callback URL for this application.')
    if (query.has('code_challenge') && (query.get('code_challenge_method') !== 'S256' || query.get('code_challenge').length !== 43)) {
      return this.#refuse(response, back, query, 'invalid_request', 'The code challenge must be an S256 one.')
    }
    return send(response, 200, choosing('Authorize bytecrowds', '/login/oauth/authorize', Object.keys(this.users), Object.fromEntries(query)))
  }

  #refuse (response, back, query, error, description) {
    back.searchParams.set('error', error)
    back.searchParams.set('error_description', description)
    back.searchParams.set('error_uri', `https://docs.github.com/apps/troubleshooting#${error}`)
    if (query.has('state')) back.searchParams.set('state', query.get('state'))
    return redirect(response, back)
  }

  #decided (response, form) {
    const back = this.#callback(form.get('redirect_uri'))
    const user = this.users[form.get('account')]
    if (!user) return this.#refuse(response, back, form, 'access_denied', 'The user has denied your application access.')
    const code = randomBytes(10).toString('hex')
    this.secrets.add(code)
    this.codes.set(code, { login: user.login, redirect: form.get('redirect_uri') ?? '', challenge: form.get('code_challenge'), scope: form.get('scope') ?? '', ends: Date.now() + 600000 })
    back.searchParams.set('code', code)
    if (form.has('state')) back.searchParams.set('state', form.get('state'))
    return redirect(response, back)
  }

  #token (request, response, body) {
    const form = (request.headers['content-type'] ?? '').startsWith('application/json') ? new URLSearchParams(JSON.parse(body)) : new URLSearchParams(body)
    const answer = value => /\bapplication\/json\b/.test(request.headers.accept ?? '')
      ? send(response, 200, value)
      : send(response, 200, new URLSearchParams(value).toString(), { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' })
    const refuse = (error, description) => answer({ error, error_description: description, error_uri: `https://docs.github.com/apps/troubleshooting#${error}` })
    if (form.get('client_id') !== this.clientId || form.get('client_secret') !== this.clientSecret) return refuse('incorrect_client_credentials', 'The client_id and/or client_secret passed are incorrect.')
    const code = this.codes.get(form.get('code'))
    this.codes.delete(form.get('code'))
    const bad = () => refuse('bad_verification_code', 'The code passed is incorrect or expired.')
    if (!code || code.ends < Date.now()) return bad()
    if (form.has('redirect_uri') && form.get('redirect_uri') !== code.redirect) return refuse('redirect_uri_mismatch', 'The redirect_uri MUST match the registered callback URL for this application.')
    if (code.challenge && createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url') !== code.challenge) return bad()
    const token = `gho_${randomBytes(18).toString('hex')}`
    this.secrets.add(token)
    if (form.get('code_verifier')) this.secrets.add(form.get('code_verifier'))
    this.tokens.set(token, { login: code.login, scope: code.scope })
    return answer({ access_token: token, token_type: 'bearer', scope: code.scope.replaceAll(' ', ',') })
  }

  #api (request, response, answer) {
    if (!request.headers['user-agent']) return send(response, 403, 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.')
    const token = this.tokens.get(/^(?:Bearer|token) (\S+)$/i.exec(request.headers.authorization ?? '')?.[1])
    if (!token) return send(response, 401, { message: 'Bad credentials', documentation_url: 'https://docs.github.com/rest', status: '401' })
    const [status, value, headers] = answer(this.users[token.login], token.scope)
    return send(response, status, value, { 'x-oauth-scopes': token.scope.replaceAll(' ', ', '), ...headers })
  }

  #emails (user, scope, url) {
    if (!/\buser(:email)?(\s|$)/.test(scope)) return [404, { message: 'Not Found', status: '404' }]
    const size = Math.min(100, Number(url.searchParams.get('per_page')) || PAGE)
    const page = Number(url.searchParams.get('page')) || 1
    const more = user.emails.length > page * size
    const next = new URL(url)
    next.searchParams.set('page', page + 1)
    return [200, user.emails.slice((page - 1) * size, page * size).map(e => ({ visibility: null, ...e })), more ? { link: `<${next}>; rel="next"` } : {}]
  }
}

export const startGitHub = options => new GitHub(options).listen()
