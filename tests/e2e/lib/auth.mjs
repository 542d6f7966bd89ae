// Somebody who signs in without a browser: a jar of cookies with a browser's rules, redirects one by one, forms.
//
//     const ada = new Agent()
//     await ada.signIn(server.origin, 'github', 'ada')         all the way: csrf, provider, callback
//     await ada.post(`${server.origin}/api/authorize`, { json: { name: 'x', emails: ['ada@example.com'] } })
//     const socket = ada.socket(`${server.ws}/x`);  await ending(socket)
//     new Provider(server.ws, 'x', doc, { WebSocketPolyfill: ada.WebSocket })

import assert from 'node:assert/strict'
import http from 'node:http'
import WebSocket from 'ws'

const decode = text => text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(amp|lt|gt|quot));/gi, (_, n, x, name) => name ? { amp: '&', lt: '<', gt: '>', quot: '"' }[name] : String.fromCodePoint(n ?? parseInt(x, 16)))
const attributes = tag => Object.fromEntries([...tag.matchAll(/([a-z-]+)="([^"]*)"/gi)].map(m => [m[1].toLowerCase(), decode(m[2])]))

/** The one form of a page: { action, method, fields, buttons: [{ name, value }] }. */
export function formOf (html) {
  const form = /<form([^>]*)>(.*?)<\/form>/s.exec(html)
  if (!form) return null
  const fields = {}
  for (const [, tag] of form[2].matchAll(/<input([^>]*)>/g)) { const a = attributes(tag); fields[a.name] = a.value ?? '' }
  return { ...attributes(form[1]), fields, buttons: [...form[2].matchAll(/<button([^>]*)>/g)].map(m => attributes(m[1])) }
}

/** A Set-Cookie line: { name, value, path, secure, httponly, samesite, ... } with values as they are written. */
export function parseCookie (line) {
  const [pair, ...rest] = line.split(/;\s*/)
  const at = pair.indexOf('=')
  const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1) }
  for (const attribute of rest) { const [key, value] = attribute.split(/=(.*)/s); cookie[key.toLowerCase()] = value ?? true }
  return cookie
}

export class Agent {
  /** hosts: { 'code.example': port } says where on this machine a host is; headers: sent with everything. */
  constructor ({ hosts = {}, headers = {} } = {}) {
    Object.assign(this, { hosts, headers })
    this.jar = new Map()
    this.history = []
    const agent = this
    this.WebSocket = class extends WebSocket {
      constructor (url, protocols, options = {}) { super(url, protocols, { ...options, headers: { ...agent.socketHeaders(url), ...options.headers } }) }
    }
  }

  /** Like this one, with the same cookies as of now. */
  copy () {
    const agent = new Agent(this)
    agent.jar = new Map(this.jar)
    return agent
  }

  #keep (url, lines) {
    const secure = url.protocol === 'https:'
    return lines.map(line => {
      const c = parseCookie(line)
      // A browser does not take these.
      if (c.secure && !secure) return c
      if (c.name.startsWith('__Secure-') && !c.secure) return c
      if (c.name.startsWith('__Host-') && (!c.secure || c.path !== '/' || c.domain)) return c
      const gone = c['max-age'] !== undefined ? Number(c['max-age']) <= 0 : c.expires !== undefined && Date.parse(c.expires) <= Date.now()
      const key = `${url.hostname} ${c.path ?? '/'} ${c.name}`
      if (gone) this.jar.delete(key)
      else this.jar.set(key, { ...c, host: url.hostname, path: c.path ?? '/' })
      return c
    })
  }

  /** What a browser would send there. Ports are no matter of cookies: one on 127.0.0.1 is sent to all servers there. */
  cookiesFor (url) {
    url = new URL(url)
    const secure = /^(https|wss):$/.test(url.protocol)
    return [...this.jar.values()].filter(c => c.host === url.hostname && (secure || !c.secure) && (url.pathname === c.path || url.pathname.startsWith(c.path.endsWith('/') ? c.path : c.path + '/')))
  }

  cookie (name) { return [...this.jar.values()].find(c => c.name === name || c.name === `__Secure-${name}` || c.name === `__Host-${name}`) }
  get session () { return this.cookie('next-auth.session-token')?.value }
  set session (value) { this.jar.set('127.0.0.1 / next-auth.session-token', { name: 'next-auth.session-token', value, host: '127.0.0.1', path: '/' }) }
  forget (name) { for (const [key, c] of this.jar) if (c.name === name) this.jar.delete(key) }

  header (url) { return this.cookiesFor(url).map(c => `${c.name}=${c.value}`).join('; ') }

  /** { status, headers, cookies (of Set-Cookie), text, url, location } */
  request (url, { method = 'GET', headers = {}, form, json, body, timeout = 20000 } = {}) {
    url = new URL(url)
    if (form) { body = new URLSearchParams(form).toString(); headers = { 'content-type': 'application/x-www-form-urlencoded', ...headers } }
    if (json !== undefined) { body = JSON.stringify(json); headers = { 'content-type': 'application/json', ...headers } }
    const cookie = this.header(url)
    const port = this.hosts[url.hostname] ?? url.port
    const all = { host: url.host, ...(cookie && { cookie }), ...(method !== 'GET' && { origin: url.origin, 'content-length': Buffer.byteLength(body ?? '') }), ...this.headers, ...headers }
    for (const key of Object.keys(all)) if (all[key] === undefined) delete all[key]
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port, path: url.pathname + url.search, method, headers: all, agent: false, setHost: false }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', data => { text += data })
        response.on('error', reject).on('end', () => {
          const cookies = this.#keep(url, response.headers['set-cookie'] ?? [])
          const location = response.headers.location && new URL(response.headers.location, url).href
          const answer = { status: response.statusCode, headers: response.headers, cookies, text, url: url.href, location, get json () { return JSON.parse(text) } }
          this.history.push(answer)
          resolve(answer)
        })
      })
      request.setTimeout(timeout, () => request.destroy(new Error(`no answer from ${url.origin}${url.pathname} in ${timeout} ms`))).on('error', reject).end(body)
    })
  }

  get (url, options) { return this.request(url, options) }
  post (url, options) { return this.request(url, { method: 'POST', ...options }) }
  delete (url, options) { return this.request(url, { method: 'DELETE', ...options }) }

  async csrf (origin) { return (await this.get(`${origin}/api/auth/csrf`)).json.csrfToken }

  /** The address of the provider that a sign-in begins at. */
  async begin (origin, provider, { callbackUrl = `${origin}/`, ...options } = {}) {
    const answer = await this.post(`${origin}/api/auth/signin/${provider}`, { form: { csrfToken: await this.csrf(origin), callbackUrl, json: 'true' }, ...options })
    assert.equal(answer.status, 200, answer.text)
    return answer.json.url
  }

  /**
   * From a provider's address on, choosing an account where asked ('' refuses), up to our callback, which is not called:
   * its address.
   */
  async consent (origin, url, account) {
    for (let step = 0; step < 12; step++) {
      if (url.startsWith(`${origin}/`)) return url
      let answer = await this.get(url)
      if (answer.status === 200) {
        const form = formOf(answer.text)
        assert.ok(form, `no form at ${url}: ${answer.text}`)
        assert.ok(form.buttons.some(b => b.value === account), `nobody named ${account} at ${url}`)
        answer = await this.post(new URL(form.action, url), { form: { ...form.fields, account } })
      }
      assert.ok(answer.location, `${answer.status} at ${url}: ${answer.text}`)
      url = answer.location
    }
    throw new Error(`too many redirects, the last to ${url}`)
  }

  /** All of it; gives the answer of the callback. failing: it may be a refusal. */
  async signIn (origin, provider, account, { callbackUrl, failing = false } = {}) {
    const url = await this.consent(origin, await this.begin(origin, provider, { callbackUrl }), account)
    const answer = await this.get(url)
    if (!failing) {
      assert.equal(answer.status, 302, answer.text)
      assert.ok(!answer.location.includes('/api/auth/error'), answer.location)
      assert.ok(this.session, 'no session')
    }
    return answer
  }

  async signOut (origin, more = {}) { return this.post(`${origin}/api/auth/signout`, { form: { csrfToken: await this.csrf(origin), callbackUrl: `${origin}/`, json: 'true', ...more } }) }

  async whoami (origin) { return (await this.get(`${origin}/api/auth/session`)).json }

  socketHeaders (url) {
    const cookie = this.header(url)
    const { protocol, host } = new URL(url)
    return { origin: `${protocol === 'wss:' ? 'https' : 'http'}://${host}`, ...(cookie && { cookie }), ...this.headers }
  }

  socket (url, protocols = [], options = {}) {
    const socket = new this.WebSocket(url, protocols, options)
    socket.binaryType = 'arraybuffer'
    socket.frames = []
    socket.on('message', data => socket.frames.push(Buffer.from(data)))
    socket.end = new Promise(resolve => {
      socket.on('unexpected-response', (request, response) => { request.destroy(); resolve({ status: response.statusCode, at: Date.now() }) })
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason), at: Date.now() }))
      socket.on('error', () => {})
    })
    return socket
  }
}

export const opened = socket => new Promise((resolve, reject) => {
  if (socket.readyState === 1) { resolve(socket); return }
  socket.once('open', () => resolve(socket))
  socket.end.then(end => reject(new Error(`not opened: ${JSON.stringify(end)}`)))
})

/** { code, reason, at } once it is closed, { status, at } where no upgrade was given. */
export async function ending (socket, ms = 5000) {
  let timer
  const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject(new Error(`still open after ${ms} ms`)), ms) })
  try { return await Promise.race([socket.end, late]) } finally { clearTimeout(timer) }
}
