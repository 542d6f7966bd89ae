// What stands between programs: ports, a network that can be broken and mended, and a WebSocket that is cheap
// enough for loads.

import { randomBytes } from 'node:crypto'
import net from 'node:net'

const given = new Set()

/**
 * A free port that will still be free when its server is started again later: it is below the range from
 * which the kernel takes ports for outgoing connections (so nobody connects to himself by chance, either).
 */
export async function quietPort ({ span = 1 } = {}) {
  for (;;) {
    const port = 12000 + Math.floor(Math.random() * (20000 - span))
    if (given.has(port)) continue
    given.add(port)
    if (await canListen(port)) return port
  }
}

function canListen (port) {
  return new Promise(resolve => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/**
 * A TCP proxy in this process: `await new Proxy(port).listen()` gives its port.
 *
 *     cut()               ends every connection that there is (with a reset); new ones are fine
 *     refuse()            nobody listens any more; cut() beside it makes a partition that is noticed
 *     blackhole(way)      connections are accepted, and what is sent is swallowed without a word. Way 'up' is
 *                         towards the server, 'down' from it, 'both' the default
 *     stall(way)          like blackhole, but what was sent arrives after all when it is mended: what TCP does
 *                         when the cable is plugged in again in time
 *     heal()              all of that is over. Connections that lost bytes are cut: TCP never has holes
 */
export class Proxy {
  constructor (target, { host = '127.0.0.1' } = {}) {
    this.target = target // a port, or the path of a unix socket
    this.host = host
    this.mode = { up: 'pass', down: 'pass' }
    this.pairs = new Set()
    this.connections = this.cuts = this.bytes = 0
  }

  async listen (port) {
    this.port = port ?? await quietPort()
    await this.#open()
    return this.port
  }

  #open () {
    return new Promise((resolve, reject) => {
      this.server = net.createServer({ noDelay: true }, near => this.#pair(near))
      this.server.once('error', reject)
      this.server.listen(this.port, '127.0.0.1', resolve)
    })
  }

  #pair (near) {
    const far = net.connect(typeof this.target === 'number' ? { port: this.target, host: this.host, noDelay: true } : { path: this.target })
    const pair = { near, far, lost: false }
    this.connections++
    this.pairs.add(pair)
    pair.end = () => {
      this.pairs.delete(pair)
      for (const socket of [near, far]) if (!socket.destroyed) socket.resetAndDestroy?.() ?? socket.destroy()
    }
    for (const socket of [near, far]) socket.on('error', pair.end).on('close', pair.end)
    pair.carry = [this.#carry(pair, near, far, 'up'), this.#carry(pair, far, near, 'down')]
  }

  #carry (pair, from, to, way) {
    const flow = { way, from, stalled: this.mode[way] === 'stall' }
    from.on('data', data => {
      this.bytes += data.length
      if (this.mode[way] === 'blackhole') { pair.lost = true; return }
      if (!to.write(data)) { from.pause(); to.once('drain', () => { if (!flow.stalled) from.resume() }) }
    })
    if (flow.stalled) from.pause()
    return flow
  }

  cut () {
    this.cuts += this.pairs.size
    for (const pair of [...this.pairs]) pair.end()
  }

  refuse () { this.server?.close(); this.server = null }
  blackhole (way = 'both') { this.#set(way, 'blackhole') }
  stall (way = 'both') { this.#set(way, 'stall') }

  #set (way, mode) {
    for (const w of way === 'both' ? ['up', 'down'] : [way]) this.mode[w] = mode
    for (const pair of this.pairs) {
      for (const flow of pair.carry) {
        const stalled = this.mode[flow.way] === 'stall'
        if (flow.stalled !== stalled) { flow.stalled = stalled; stalled ? flow.from.pause() : flow.from.resume() }
      }
    }
  }

  async heal () {
    this.#set('both', 'pass')
    for (const pair of [...this.pairs]) if (pair.lost) pair.end()
    if (!this.server) await this.#open()
  }

  close () { this.refuse(); for (const pair of [...this.pairs]) pair.end() }
}

/**
 * A WebSocket client that does no more than it must: `onmessage(buffer, from, to)` gets each message without a
 * copy, sending does not mask (the mask is zero). Thousands of them fit into one process.
 */
export class LightSocket {
  constructor (port, path, onmessage) {
    this.onmessage = onmessage
    this.open = false
    this.closed = null // { code } once it is
    this.rest = null
    this.received = 0
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', data => this.#data(data)).on('error', () => {}).on('close', () => { this.open = false; this.closed ??= { code: 0 }; this.#settle?.(false) })
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`)
    this.ready = new Promise(resolve => { this.#settle = resolve })
  }

  #settle

  #data (data) {
    this.received += data.length
    if (this.rest) data = Buffer.concat([this.rest, data])
    let at = 0
    if (!this.open) {
      const end = data.indexOf('\r\n\r\n')
      if (end < 0) { this.rest = data; return }
      if (data.toString('latin1', 0, 12) !== 'HTTP/1.1 101') { this.socket.destroy(); return }
      at = end + 4
      this.open = true
      this.#settle(true)
    }
    for (;;) {
      if (at + 2 > data.length) break
      let size = data[at + 1]
      let body = at + 2
      if (size === 126) {
        if (at + 4 > data.length) break
        size = data.readUInt16BE(at + 2)
        body = at + 4
      } else if (size === 127) {
        if (at + 10 > data.length) break
        size = Number(data.readBigUInt64BE(at + 2))
        body = at + 10
      }
      if (body + size > data.length) break
      const opcode = data[at] & 15
      at = body + size
      if (opcode === 2) this.onmessage(data, body, at)
      else if (opcode === 8) this.closed = { code: size >= 2 ? data.readUInt16BE(body) : 1005 }
      else if (opcode === 9) this.send(data.subarray(body, at), 10)
    }
    this.rest = at < data.length ? Buffer.from(data.subarray(at)) : null
  }

  /** False when the kernel takes no more for now (socket's 'drain' tells). */
  send (payload, opcode = 2) { return this.socket.write(LightSocket.frame(payload, opcode)) }

  static frame (payload, opcode = 2) {
    const n = payload.length
    const head = n < 126 ? 2 : n < 65536 ? 4 : 10
    const frame = Buffer.alloc(head + 4 + n)
    frame[0] = 0x80 | opcode
    if (head === 2) frame[1] = 0x80 | n
    else if (head === 4) { frame[1] = 0xfe; frame.writeUInt16BE(n, 2) } else { frame[1] = 0xff; frame.writeBigUInt64BE(BigInt(n), 2) }
    frame.set(payload, head + 4)
    return frame
  }

  close () { this.socket.destroy() }
}
