// A stand-in for Upstash's REST interface on a real redis-server. What it says is what Upstash documents
// (https://upstash.com/docs/redis/features/restapi) and what its client, @upstash/redis, relies on; error texts are
// Upstash's where they are known. docs/upstash.md lists what is assumed.

import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { gzipSync } from 'node:zlib'

// --- RESP -----------------------------------------------------------------------------------------

class Status { constructor (text) { this.text = text } }
class RedisError { constructor (text) { this.text = text } }

/** One reply at `at`: [value, where the next begins]; a number of bytes that there must be before it is worth another try. */
function parseReply (data, at = 0) {
  const end = data.indexOf('\r\n', at)
  if (end < 0) return data.length + 1
  const head = data.toString('utf8', at + 1, end)
  const next = end + 2
  switch (data[at]) {
    case 0x2b: return [new Status(head), next]
    case 0x2d: return [new RedisError(head), next]
    case 0x3a: return [Number.isSafeInteger(Number(head)) ? Number(head) : BigInt(head), next]
    case 0x24: {
      const length = Number(head)
      if (length < 0) return [null, next]
      return data.length < next + length + 2 ? next + length + 2 : [data.subarray(next, next + length), next + length + 2]
    }
    case 0x2a: return Number(head) < 0 ? [null, next] : parseElements(data, next, Number(head))
  }
  throw new Error(`RESP has no ${String.fromCharCode(data[at])}`)
}

function parseElements (data, at, count) {
  const list = []
  while (list.length < count) {
    const element = parseReply(data, at)
    if (typeof element === 'number') return element
    list.push(element[0])
    at = element[1]
  }
  return [list, at]
}

/** A connection to Redis: bytes in, bytes out. */
class Resp {
  constructor ({ port, host = '127.0.0.1', push }) {
    this.waiting = []
    this.push = push // gets what nobody asked for
    this.chunks = []
    this.have = this.need = 0
    this.socket = net.connect({ port, host })
    this.socket.setNoDelay(true)
    this.socket.on('data', data => this.receive(data))
    const end = () => { for (const give of this.waiting.splice(0)) give(new RedisError('ERR the database is away')); this.closed = true }
    this.socket.on('error', end).on('close', end)
  }

  receive (data) {
    this.chunks.push(data)
    this.have += data.length
    if (this.have < this.need) return
    let all = Buffer.concat(this.chunks)
    this.need = 0
    while (all.length) {
      const reply = parseReply(all)
      if (typeof reply === 'number') { this.need = reply; break }
      all = all.subarray(reply[1]);
      (this.waiting.shift() ?? this.push)(reply[0])
    }
    this.chunks = [all]
    this.have = all.length
  }

  send (args) {
    if (this.closed) return Promise.resolve(new RedisError('ERR the database is away'))
    this.write(args)
    return new Promise(resolve => this.waiting.push(resolve))
  }

  write (args) {
    const parts = [Buffer.from(`*${args.length}\r\n`)]
    for (const arg of args) {
      const bytes = Buffer.from(arg)
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
    }
    this.socket.write(Buffer.concat(parts))
  }

  close () { this.socket.destroy() }
}

// --- values ---------------------------------------------------------------------------------------

function text (bytes, base64) {
  return JSON.stringify(Buffer.from(bytes).toString(base64 ? 'base64' : 'utf8'))
}

function json (value, base64, top = true) {
  if (value === null) return 'null'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(v => json(v, base64, false)).join(',')}]`
  if (value instanceof Status && value.text === 'OK' && top) return '"OK"'
  return text(value instanceof Buffer ? value : value.text, base64)
}

const failure = message => JSON.stringify({ error: message })
const entry = (reply, base64) => reply instanceof RedisError ? failure(reply.text) : `{"result":${json(reply, base64)}}`

/** Arguments of JSON: strings, and numbers and booleans as text. Undefined if there is something else. */
function commandOf (list) {
  if (!Array.isArray(list) || !list.length) return undefined
  if (list.some(arg => !['string', 'number', 'boolean'].includes(typeof arg))) return undefined
  return list.map(String)
}

const special = new Set(['AUTH', 'HELLO', 'RESET', 'QUIT', 'SELECT', 'CLIENT', 'MONITOR', 'MULTI', 'EXEC', 'DISCARD', 'WATCH', 'UNWATCH',
  'SUBSCRIBE', 'UNSUBSCRIBE', 'PSUBSCRIBE', 'PUNSUBSCRIBE', 'SSUBSCRIBE', 'SUNSUBSCRIBE'])
const missing = new Set(['BLPOP', 'BRPOP', 'BRPOPLPUSH', 'BLMOVE', 'BLMPOP', 'BZPOPMIN', 'BZPOPMAX', 'BZMPOP', 'WAIT', 'WAITAOF', 'CLUSTER', 'CONFIG', 'SHUTDOWN', 'DEBUG'])
const unavailable = name => new RedisError(`ERR Command is not available: '${name}'. See https://upstash.com/docs/redis/overall/rediscompatibility for details`)

// --- the server -----------------------------------------------------------------------------------

const REQUEST_MAX = 10 * 1024 * 1024

export class Upstash {
  /**
   * redis: { port, host }. token. tls: { key, cert }. sse: { blank, multiline, lag }: whether a blank line ends an event, and
   * whether a newline in a message makes a line of its event, both as the format wants it unless said otherwise; by how many
   * ms streams lag behind, one number after the other for the streams as they come.
   */
  constructor ({ redis, token = 'a-token', tls, sse = {} }) {
    Object.assign(this, { redis, token, tls, sse: { blank: true, multiline: true, lag: [0], ...sse }, opened: 0 })
    this.stats = { requests: 0, commands: 0, connections: 0, largest: 0, paths: {} }
    this.faults = []
    this.streams = new Set()
    this.sockets = new Set()
    this.sync = 0
  }

  async listen (port = this.port ?? 0) {
    const serve = (request, response) => this.serve(request, response).catch(error => { if (!response.destroyed) response.destroy(error) })
    this.server = this.tls ? https.createServer(this.tls, serve) : http.createServer(serve)
    this.server.on('connection', socket => {
      this.stats.connections++
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
    })
    this.database = new Resp(this.redis)
    await new Promise((resolve, reject) => this.server.once('error', reject).listen(port, '127.0.0.1', resolve))
    this.port = this.server.address().port
    this.url = `http${this.tls ? 's' : ''}://127.0.0.1:${this.port}`
    return this
  }

  /** listen() serves again, on the same port. */
  async close () {
    const closed = new Promise(resolve => this.server.close(resolve))
    for (const socket of this.sockets) socket.destroy()
    this.database.close()
    await closed
  }

  /**
   * What befalls the next requests: { kind, times = 1, path, ms, status, headers, body, skip }. Kinds: drop-before and drop-after
   * its execution, drop-during its answer, delay (before), delay-after, hang (never answered), status (instead of it), answer (the
   * body of a 200). `path`: only requests whose path begins with it; `skip`: so many of them go well first.
   */
  fault (fault) { this.faults.push({ times: 1, skip: 0, path: '/', ...fault }) }

  /** Streams stay open, and nothing comes any more. */
  mute () { for (const stream of this.streams) stream.muted = true }

  /** Ends all streams, in the middle of it or properly. */
  cut (properly = false) { for (const stream of this.streams) { if (properly) stream.response.end(); else stream.response.destroy() } }

  takeFault (path) {
    for (const fault of this.faults) {
      if (!fault.times || !path.startsWith(fault.path)) continue
      if (fault.skip) { fault.skip--; return undefined }
      fault.times--
      return fault
    }
  }

  async serve (request, response) {
    const url = new URL(request.url, 'http://host')
    this.stats.requests++
    this.stats.paths[url.pathname] = (this.stats.paths[url.pathname] ?? 0) + 1
    this.lastRequest = { method: request.method, url: request.url, headers: request.headers }
    const body = await readBody(request)
    const fault = this.takeFault(url.pathname)
    if (await this.befall(fault, response)) return
    const answer = body ? await this.answer(request, response, url, body) : [413, failure('ERR max request size exceeded. Limit: 10485760 bytes')]
    if (fault?.kind === 'drop-after') response.destroy()
    else if (fault?.kind === 'delay-after') await new Promise(resolve => setTimeout(resolve, fault.ms))
    if (answer && !response.destroyed) this.write(request, response, answer, fault)
    if (!body) request.destroy()
  }

  /** Whether the fault is all that happens. */
  async befall (fault, response) {
    switch (fault?.kind) {
      case 'drop-before': response.destroy(); return true
      case 'hang': return true
      case 'delay': await new Promise(resolve => setTimeout(resolve, fault.ms)); return response.destroyed
      case 'answer': response.end(fault.body); return true
      case 'status':
        response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers })
        response.end(fault.body ?? failure('ERR a fault of the test'))
        return true
    }
    return false
  }

  write (request, response, [status, body], fault) {
    const headers = { 'content-type': 'application/json', 'upstash-sync-token': `zj0${++this.sync}` }
    let bytes = Buffer.from(body)
    if (bytes.length > 1024 && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
      bytes = gzipSync(bytes, { level: 1 })
      headers['content-encoding'] = 'gzip'
    }
    response.writeHead(status, { ...headers, 'content-length': bytes.length })
    if (fault?.kind === 'drop-during') response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
    else response.end(request.method === 'HEAD' ? undefined : bytes)
  }

  /** [status, body], or nothing if it is a stream. */
  async answer (request, response, url, body) {
    this.stats.largest = Math.max(this.stats.largest, body.length)
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? url.searchParams.get('_token')
    if (given !== this.token) return [401, failure('WRONGPASS invalid or missing auth token')]
    if (!['HEAD', 'GET', 'POST', 'PUT'].includes(request.method)) return [405, failure('ERR method not allowed')]
    const base64 = request.headers['upstash-encoding'] === 'base64'
    const path = pathOf(url)
    if (!path) return [400, failure('ERR failed to parse path')]
    const name = (path[0] ?? '').toLowerCase()
    if (name === 'subscribe' || name === 'psubscribe') return this.subscribe(request, response, name, path.slice(1))
    if (name === 'pipeline' || name === 'multi-exec') return this.batch(name, body, base64)
    const command = path.length ? pathCommand(path, url, body) : commandOf(parse(body))
    if (!command) return [400, failure('ERR failed to parse command')]
    const reply = await this.run(command)
    return [reply instanceof RedisError ? 400 : 200, entry(reply, base64)]
  }

  async run (command) {
    const name = String(command[0]).toUpperCase()
    this.stats.commands++
    if (special.has(name)) return new RedisError(`ERR Command "${name}" is not allowed in REST or it has a special context path`)
    if (missing.has(name)) return unavailable(name)
    const reply = await this.database.send(command)
    return reply instanceof RedisError && reply.text.startsWith('ERR unknown command') ? unavailable(name) : reply
  }

  async batch (name, body, base64) {
    const commands = parse(body)?.map?.(commandOf)
    if (!commands?.length || commands.includes(undefined)) return [400, failure(`ERR failed to parse ${name} request`)]
    if (name === 'pipeline') return [200, `[${(await Promise.all(commands.map(c => this.run(c)))).map(r => entry(r, base64)).join(',')}]`]
    this.stats.commands += commands.length
    const replies = await Promise.all([['MULTI'], ...commands, ['EXEC']].map(c => this.database.send(c)))
    const result = replies.at(-1)
    if (result instanceof RedisError) return [400, failure(result.text)]
    return [200, `[${result.map(r => entry(r, base64)).join(',')}]`]
  }

  subscribe (request, response, name, channels) {
    if (!/\btext\/event-stream\b/.test(request.headers.accept ?? '') || !channels.length) return [400, failure(`ERR wrong number of arguments for '${name}' command`)]
    const stream = { response }
    const lag = this.sse.lag[this.opened++ % this.sse.lag.length]
    const event = parts => {
      if (parts instanceof RedisError) response.end(failure(parts.text))
      if (stream.muted || !Array.isArray(parts)) return
      const value = parts.map(part => String(part)).join(',')
      const text = `data: ${this.sse.multiline ? value.replaceAll('\n', '\ndata: ') : value}${this.sse.blank ? '\n\n' : '\n'}`
      if (lag) setTimeout(() => response.write(text), lag)
      else response.write(text)
    }
    const connection = new Resp({ ...this.redis, push: event })
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    response.flushHeaders()
    this.streams.add(stream)
    const end = () => { this.streams.delete(stream); connection.close() }
    response.once('close', end)
    connection.socket.once('close', () => response.end())
    connection.write([name, ...channels])
    return undefined
  }
}

function parse (body) {
  try { return JSON.parse(body.toString('utf8')) } catch { return undefined }
}

/** The parts of the path, without an empty one at its end. */
function pathOf (url) {
  const parts = url.pathname.replace(/\/$/, '').split('/').slice(1)
  try { return parts.map(decodeURIComponent) } catch { return undefined }
}

/** /set/foo with a body and ?EX=100 is SET foo <body> EX 100. */
function pathCommand (path, url, body) {
  const command = body.length ? [...path, body] : [...path]
  for (const [key, value] of url.searchParams) if (key !== '_token') command.push(key, ...(value ? [value] : []))
  return command
}

/** Undefined if it is too big. */
async function readBody (request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    if ((size += chunk.length) <= REQUEST_MAX) chunks.push(chunk)
    else chunks.length = 0
    if (size > 4 * REQUEST_MAX) break
  }
  return size > REQUEST_MAX ? undefined : Buffer.concat(chunks)
}
