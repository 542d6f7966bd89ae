// Updates made by hand, for loads: a client without a document, each of whose changes is one struct of one character,
// and whose messages cost next to nothing to make.

import { LightSocket } from './net.mjs'

const ROOT = Buffer.from('bytecrowdText')

function writeVarUint (b, at, n) {
  while (n > 127) { b[at++] = 128 | n % 128; n = Math.floor(n / 128) }
  b[at++] = n
  return at
}

export function varUint (b, at) {
  let n = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = b[at++]
    n += (byte & 127) * factor
    if (byte < 128) return [n, at]
  }
}

export const MESSAGE_MAX = 64

/**
 * Writes the message `0 2 update` (docs/protocol.md) in which `client` inserts an ASCII character at `clock`, between
 * `left` and `right`, clocks of its own (-1: none). Gives the end.
 */
export function writeInsertion (b, at, client, clock, character, left, right = -1) {
  const size = at + 2
  b[at] = 0
  b[at + 1] = 2
  at += 3 // the update is shorter than 128 bytes
  b[at++] = 1 // of one client
  b[at++] = 1 // one struct
  at = writeVarUint(b, at, client)
  at = writeVarUint(b, at, clock)
  b[at++] = 4 | (left < 0 ? 0 : 0x80) | (right < 0 ? 0 : 0x40) // a string, and which origins are given
  if (left >= 0) at = writeVarUint(b, writeVarUint(b, at, client), left)
  if (right >= 0) at = writeVarUint(b, writeVarUint(b, at, client), right)
  if (left < 0 && right < 0) {
    b[at++] = 1
    b[at++] = ROOT.length
    at += ROOT.copy(b, at)
  }
  b[at++] = 1
  b[at++] = character
  b[at++] = 0 // deletes nothing
  b[size] = at - size - 1
  return at
}

/** A client that types at the end of what it typed before, or where it is told to, as fast as receipts come. */
export class Typist extends LightSocket {
  constructor (port, id, client) {
    super(port, `/ws/${id}?receipts=1`, (b, from, to) => this.#read(b, from, to))
    this.client = client
    this.clock = this.sent = this.acked = 0
    this.socket.on('close', () => this.#wake?.())
  }

  #wake

  #read (b, from, to) {
    if (b[from] === 100) { this.acked = varUint(b, from + 1)[0]; this.#wake?.() } else this.onother?.(b, from, to)
  }

  /** One frame of `n` updates, at most 1000. where(clock): [left, right]. */
  type (n, { where = clock => [clock - 1, -1], character = 120 } = {}) {
    const b = Buffer.allocUnsafe(n * MESSAGE_MAX)
    let at = 0
    for (let i = 0; i < n; i++, this.clock++, this.sent++) at = writeInsertion(b, at, this.client, this.clock, character, ...where(this.clock))
    return this.send(b.subarray(0, at))
  }

  /** Types `n`, of which at most `window` are without a receipt at a time, and waits for the last receipt. */
  async typeAll (n, { frame = 1000, window = 5000, ...how } = {}) {
    for (let left = n; left > 0;) {
      const count = Math.min(left, frame)
      await this.#receipt(window)
      this.type(count, how)
      left -= count
    }
    await this.#receipt(0)
  }

  async #receipt (window) {
    while (this.sent - this.acked > window) {
      if (this.closed) throw new Error(`the connection of a typist was closed: ${JSON.stringify(this.closed)}`)
      await new Promise(resolve => { this.#wake = resolve })
    }
  }
}
