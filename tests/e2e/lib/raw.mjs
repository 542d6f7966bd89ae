// Bytes on a socket: requests and frames that no well-behaved client sends.

import net from 'node:net'
import { randomBytes } from 'node:crypto'
import * as encoding from 'lib0/encoding'
import { until } from './harness.mjs'

/** A TCP connection that keeps what it receives in .data. from: the address that it comes from. */
export class Wire {
  constructor (port, from) {
    this.data = Buffer.alloc(0)
    this.ended = false // the server has closed its half, or all of it
    this.socket = net.connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true })
    this.socket.setNoDelay(true)
    this.socket.on('data', data => { this.data = Buffer.concat([this.data, data]) })
    for (const event of ['end', 'close', 'error']) this.socket.on(event, error => { this.ended = true; this.error ||= error })
  }

  send (bytes) { if (!this.socket.destroyed) this.socket.write(bytes); return this }
  end () { this.socket.end(); return this }
  close () { this.socket.destroy() }
  get text () { return this.data.toString('latin1') }
  get status () { return Number(/^HTTP\/1\.1 (\d{3}) /.exec(this.text)?.[1]) }
  untilEnded (timeout) { return until(() => this.ended, () => `the end of the connection; got ${JSON.stringify(this.text.slice(0, 300))}`, timeout) }
}

/** Sends bytes, waits for the server to close; the connection is then closed. Gives the wire. */
export async function exchange (port, bytes, { timeout, half = false } = {}) {
  const wire = new Wire(port).send(bytes)
  if (half) wire.end()
  await wire.untilEnded(timeout)
  wire.close()
  return wire
}

export const handshake = (id, more = '') => `GET /ws/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${more}\r\n`

export const BINARY = 2

/** A client's frame. `length` lies about the payload's, `long` writes it in 64 bits all the same. */
export function frame (payload = '', { opcode = BINARY, fin = true, rsv = 0, masked = true, length, long = false } = {}) {
  payload = Buffer.from(payload)
  const size = BigInt(length ?? payload.length)
  const head = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
  const bit = masked ? 0x80 : 0
  if (long || size > 0xffffn) head.push(bit | 127, ...Array.from({ length: 8 }, (_, i) => Number(size >> BigInt(56 - 8 * i) & 0xffn)))
  else if (size > 125n) head.push(bit | 126, Number(size >> 8n), Number(size & 0xffn))
  else head.push(bit | Number(size))
  if (!masked) return Buffer.concat([Buffer.from(head), payload])
  const mask = randomBytes(4)
  return Buffer.concat([Buffer.from(head), mask, payload.map((byte, i) => byte ^ mask[i & 3])])
}

/** An open WebSocket whose frames are written by hand. */
export class RawSocket extends Wire {
  static async open (port, id, { from, more } = {}) {
    const socket = new RawSocket(port, from).send(handshake(id, more))
    await until(() => socket.ended || socket.text.includes('\r\n\r\n'), 'the handshake')
    if (socket.status !== 101) throw new Error(`no upgrade: ${socket.text || socket.error}`)
    return socket
  }

  /** Frames from the server so far: { opcode, payload }. */
  get frames () {
    const list = []
    let at = this.data.indexOf('\r\n\r\n') + 4
    while (at + 2 <= this.data.length) {
      const opcode = this.data[at] & 0x0f
      let n = this.data[at + 1]
      let size = 2
      if (n === 126 && at + 4 <= this.data.length) { n = this.data.readUInt16BE(at + 2); size = 4 }
      if (n === 127 && at + 10 <= this.data.length) { n = Number(this.data.readBigUInt64BE(at + 2)); size = 10 }
      if (at + size + n > this.data.length) break
      list.push({ opcode, payload: this.data.subarray(at + size, at + size + n) })
      at += size + n
    }
    return list
  }

  /** The close code, once there is one; 0 if the connection ended without. */
  async closeCode (timeout) {
    const found = () => this.frames.find(f => f.opcode === 8)
    await until(() => found() || this.ended, () => `a close frame; got ${this.frames.length} frames`, timeout)
    const payload = found()?.payload
    return payload ? payload.readUInt16BE(0) : 0
  }
}

// --- messages (docs/protocol.md) and updates (Yjs v1), with whatever numbers one wants -------------------

const encode = write => { const e = encoding.createEncoder(); write(e); return Buffer.from(encoding.toUint8Array(e)) }
export const varUint = n => encode(e => {
  for (let big = BigInt(n); ; big >>= 7n) {
    if (big < 128n) { encoding.writeUint8(e, Number(big)); return }
    encoding.writeUint8(e, 128 | Number(big & 127n))
  }
})
export const bytes = (data, length = data.length) => Buffer.concat([varUint(length), Buffer.from(data)])
const parts = (...list) => Buffer.concat(list.map(p => typeof p === 'number' || typeof p === 'bigint' ? varUint(p) : Buffer.from(p)))

export const step1 = sv => parts(0, 0, bytes(sv))
export const step2 = update => parts(0, 1, bytes(update))
export const change = update => parts(0, 2, bytes(update))
export const awareness = (...states) => parts(1, bytes(parts(states.length, ...states.map(([client, clock, json]) => parts(client, clock, bytes(Buffer.from(json)))))))

/** One insertion into the text; every number can be a lie. */
export function insertion (text, { client = 1, clock = 0, clients = 1, structs = 1, length, deletes = parts(0) } = {}) {
  return parts(clients, structs, client, clock, 4, 1, bytes(Buffer.from('bytecrowdText')), bytes(Buffer.from(text), length), deletes)
}

export { parts }
