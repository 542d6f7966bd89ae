// What the stand-ins for other people's servers (lib/github.mjs, lib/oidc.mjs) have in common: an HTTP server on a free
// port, a record of what was asked, and faults.

import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export class StandIn {
  constructor () {
    this.requests = [] // { method, path, query, headers, body }
    this.faults = []
    this.sockets = new Set()
  }

  /** respond(request, response, url, body): the body is read already. */
  async listen (port = 0) {
    this.server = http.createServer((request, response) => this.#serve(request, response).catch(error => {
      this.failure = error
      response.destroy()
    }))
    this.server.on('connection', socket => { this.sockets.add(socket); socket.once('close', () => this.sockets.delete(socket)) })
    await new Promise((resolve, reject) => this.server.once('error', reject).listen(port, '127.0.0.1', resolve))
    this.port = this.server.address().port
    this.url = `http://127.0.0.1:${this.port}`
    return this
  }

  async close () {
    const closed = new Promise(resolve => this.server.close(resolve))
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  /**
   * What befalls the next `times` requests whose path begins with `path`: { kind: 'hang' } (never answered), 'drop',
   * 'slow' (after `ms`), 'trickle' (the head, then a byte every `ms`), 'answer' (`status`, `headers` and `body` instead).
   */
  fault (fault) { this.faults.push({ times: 1, path: '/', ...fault }) }
  mend () { this.faults = [] }

  /** Requests for a path, the newest last. */
  asked (path) { return this.requests.filter(r => r.path === path) }

  async #serve (request, response) {
    const url = new URL(request.url, this.url)
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    this.requests.push({ method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, body })
    const fault = this.faults.find(f => f.times > 0 && url.pathname.startsWith(f.path))
    if (fault) fault.times--
    switch (fault?.kind) {
      case 'hang': return
      case 'drop': response.destroy(); return
      case 'slow': await sleep(fault.ms); break
      case 'answer':
        response.writeHead(fault.status ?? 200, { 'content-type': 'application/json', ...fault.headers })
        response.end(fault.body ?? '')
        return
      case 'trickle':
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
        while (!response.destroyed) { response.write(' '); await sleep(fault.ms, undefined, { ref: false }) }
        return
    }
    if (!response.destroyed) await this.respond(request, response, url, body)
  }
}

export function send (response, status, value, headers = {}) {
  const text = typeof value === 'string'
  response.writeHead(status, { 'content-type': text ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers })
  response.end(text ? value : JSON.stringify(value))
}

export const redirect = (response, to, status = 302) => { response.writeHead(status, { location: String(to) }); response.end() }

export const escape = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)

/** A page where one chooses who one is: a button for each account, and one that refuses. */
export const choosing = (title, action, accounts, hidden = {}) => `<!doctype html><html lang="en"><title>${escape(title)}</title><h1>${escape(title)}</h1>
<form method="post" action="${escape(action)}">${Object.entries(hidden).map(([k, v]) => `<input type="hidden" name="${escape(k)}" value="${escape(v)}">`).join('')}
${accounts.map(a => `<button name="account" value="${escape(a)}">Continue as ${escape(a)}</button>`).join('\n')}
<button name="account" value="">Cancel</button></form></html>`
