// The addresses of sign-in and access, answered in front of a real server as docs/protocol.md has them: for
// tests of what the page makes of the answers. Everything else is the real server's.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { WebSocketServer } from 'ws'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { readSyncMessage, writeSyncStep1 } from 'y-protocols/sync'
import * as Y from 'yjs'
import { root } from '../lib/server.mjs'

const file = name => fs.readFileSync(path.join(root, 'build/web/files', name))

function closeFrame (code, reason) {
  const text = Buffer.from(reason)
  return Buffer.concat([Buffer.from([0x88, text.length + 2, code >> 8, code & 255]), text])
}

/** A bytecrowd of its own, with people in it as only the server can show them: what `api.sockets` takes. */
export const room = (text, people) => ws => {
  const doc = new Y.Doc()
  const shared = doc.getText('bytecrowdText')
  shared.insert(0, text)
  const send = (kind, write) => {
    const e = encoding.createEncoder()
    encoding.writeVarUint(e, kind)
    write(e)
    ws.send(encoding.toUint8Array(e))
  }
  ws.binaryType = 'nodebuffer'
  ws.on('message', data => {
    const d = decoding.createDecoder(new Uint8Array(data))
    if (decoding.readVarUint(d) !== 0) return
    const e = encoding.createEncoder()
    encoding.writeVarUint(e, 0)
    readSyncMessage(d, e, doc, null)
    if (encoding.length(e) > 1) ws.send(encoding.toUint8Array(e))
  })
  send(0, e => writeSyncStep1(e, doc))
  people.forEach(({ user, at }, i) => {
    const awareness = new Awareness(new Y.Doc())
    awareness.clientID = i + 1
    const place = Y.createRelativePositionFromTypeIndex(shared, at)
    awareness.meta.set(i + 1, { clock: 1, lastUpdated: Date.now() })
    awareness.setLocalState({ user, cursor: { anchor: place, head: place } })
    send(1, e => encoding.writeVarUint8Array(e, encodeAwarenessUpdate(awareness, [i + 1])))
    awareness.destroy()
  })
}

/**
 *     api.signIn, user, restricted, may, emails    what GET /api/access says; `down` makes all of /api fail
 *     api.links                                    those that POST and DELETE /api/links work on
 *     api.tokens                                   token -> name of the bytecrowd, for /~watch
 *     api.sockets                                  path -> what to do with a socket there, in place of the server
 *     api.fail['POST /api/links']                  [status, text, headers] instead of the answer
 *     api.log                                      every request as { method, path, body }
 *     api.bar(reason)                              ends every socket with 4401
 */
export async function mock (server) {
  const api = { signIn: [], user: null, restricted: false, may: 'edit', emails: undefined, links: [], tokens: new Map(), sockets: new Map(), fail: {}, log: [], down: false }
  const open = new Set()
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: offered => [...offered][0] })

  const answers = {
    'GET /api/access': () => {
      const { signIn, user, restricted, may, emails } = api
      return { signIn, user, restricted, may, emails }
    },
    'GET /api/auth/session': () => (api.user ? { user: api.user, expires: '2999-01-01T00:00:00.000Z' } : {}),
    'GET /api/auth/providers': () => Object.fromEntries(api.signIn.map(p => [p.id, { ...p, type: 'oauth', signinUrl: '', callbackUrl: '' }])),
    'GET /api/auth/csrf': () => ({ csrfToken: 'csrf-token' }),
    'POST /api/auth/signout': form => { api.user = null; return { url: form.get('callbackUrl') } },
    'POST /api/authorize': ({ emails }) => {
      Object.assign(api, { restricted: true, emails })
      return 'success'
    },
    'GET /api/links': () => ({ links: api.links }),
    'POST /api/links': ({ label }) => {
      const token = `token-${api.links.length + 1}-of-a-link`
      const hash = createHash('sha256').update(token).digest('hex')
      api.links.unshift({ hash, label, by: api.user?.email, at: Date.now() })
      return { link: `${api.url}/~watch#${token}`, hash }
    },
    'DELETE /api/links': (_, query) => {
      const hash = query.get('hash')
      api.links = hash === '*' ? [] : api.links.filter(l => l.hash !== hash)
      return 'success'
    }
  }

  async function answer (request, response, { pathname, searchParams }) {
    let body = ''
    for await (const chunk of request) body += chunk
    const type = request.headers['content-type'] ?? ''
    const read = type.includes('json') ? JSON.parse(body) : new URLSearchParams(body)
    api.log.push({ method: request.method, path: pathname, body: type.includes('json') ? read : Object.fromEntries(read) })
    const say = (status, content, headers = {}) => response.writeHead(status, { 'content-type': typeof content === 'string' ? 'text/plain; charset=utf-8' : 'application/json', ...headers }).end(typeof content === 'string' ? content : JSON.stringify(content))
    const key = `${request.method} ${pathname}`
    if (api.down) return say(503, 'storage cannot be reached')
    if (api.fail[key]) return say(...api.fail[key])
    const provider = /^POST \/api\/auth\/signin\/(\w+)$/.exec(key)?.[1]
    if (provider) return say(200, { url: `${api.url}/at-the-provider?which=${provider}` })
    if (!answers[key]) return say(404, 'there is nothing')
    say(200, answers[key](read, searchParams))
  }

  // Under the policy that the real server gives its own pages.
  let headers
  function page (response, name, status) {
    response.writeHead(status, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(file(name))
  }

  const front = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://x')
    if (url.pathname === '/api/auth/signin' && request.method === 'GET') return page(response, 'signin.html', 200)
    if (url.pathname.startsWith('/api/')) return answer(request, response, url)
    if (url.pathname === '/error/authorization') return page(response, 'denied.html', 403)
    if (url.pathname === '/~watch') return page(response, 'editor.html', 200)
    request.pipe(http.request({ port: server.port, path: request.url, method: request.method, headers: request.headers }, answer => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    }))
  })

  front.on('upgrade', (request, socket, head) => {
    const { pathname, search } = new URL(request.url, 'http://x')
    const take = call => sockets.handleUpgrade(request, socket, head, call)
    if (api.sockets.has(pathname)) return take(api.sockets.get(pathname))
    let target = pathname + search
    if (pathname === '/ws/~watch') {
      const [first, second] = (request.headers['sec-websocket-protocol'] ?? '').split(', ')
      const name = first === 'bytecrowds.watch' && api.tokens.get(second?.slice('bytecrowds.watch.'.length))
      if (!name) return take(ws => ws.close(4401, 'this link is not known, or was revoked'))
      target = `/ws/${name}`
    }
    const far = net.connect(server.port, '127.0.0.1', () => {
      const lines = [`${request.method} ${target} HTTP/1.1`]
      for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
      far.write(lines.join('\r\n') + '\r\n\r\n')
      far.write(head)
      socket.pipe(far).pipe(socket)
    })
    open.add(socket)
    for (const s of [socket, far]) s.on('error', () => {}).on('close', () => { open.delete(socket); socket.destroy(); far.destroy() })
  })

  await new Promise(resolve => front.listen(0, '127.0.0.1', resolve))
  api.url = `http://127.0.0.1:${front.address().port}`
  const policy = (await fetch(`${server.url}/policy`)).headers
  headers = Object.fromEntries(['content-security-policy', 'referrer-policy', 'x-content-type-options'].map(h => [h, policy.get(h)]))
  api.bar = reason => { for (const socket of open) socket.end(closeFrame(4401, reason)) }
  api.stop = () => new Promise(resolve => { front.close(resolve); for (const socket of open) socket.destroy(); front.closeAllConnections() })
  return api
}
