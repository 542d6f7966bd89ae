// What must not get through: each offender gets the close code or HTTP status of docs/protocol.md, while two
// stock clients in the witness room notice nothing and the server's memory stays within its limits.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { Client } from './lib/client.mjs'
import { sanitized, sleep, startServer, until } from './lib/harness.mjs'
import { awareness, bytes, change, exchange, frame, handshake, insertion, parts, RawSocket, step1, step2, varUint, Wire } from './lib/raw.mjs'
import { closeAll, providers, stock } from './lib/stock.mjs'

const KIB = 1024
const MIB = 1024 * KIB
const LIMITS = { 'max-document': 256 * KIB, 'max-update': 64 * KIB, 'max-pending': 32 * KIB, 'max-send-queue': 256 * KIB, 'max-clients-per-room': 20, 'max-connections-per-address': 100, 'request-timeout': 1500 }
// What all of these together may take beyond an idle server; a test that leaks or piles up passes it by far.
const MEMORY = 48 * MIB

let server, witness, idle

/** Two stock clients that type to each other all along, and know how long the slowest keystroke took. */
class Witness {
  constructor () {
    this.clients = []
    this.pair = ['2.1', '3.1'].map(version => stock(providers[version], server, 'witness', { clients: this.clients }))
    this.cuts = this.typed = this.slowest = 0
    for (const { provider } of this.pair) provider.on('connection-close', () => { this.cuts++ })
  }

  async start () {
    await until(() => this.pair.every(c => c.provider.synced), 'the witnesses to sync')
    this.typing = this.type()
  }

  async type () {
    for (let i = 0; !this.done; i++) {
      const [one, other] = i % 2 ? this.pair : [...this.pair].reverse()
      const began = Date.now()
      one.text.insert(0, String(i % 10))
      await until(() => other.text.length === one.text.length, 'a keystroke of the witnesses', 20000).catch(error => { this.error = error })
      this.slowest = Math.max(this.slowest, Date.now() - began)
      if (one.text.length > 500) one.text.delete(0, one.text.length)
      this.typed++
      await sleep(10)
    }
  }

  async undisturbed () {
    const typed = this.typed
    await until(() => this.error || this.typed > typed + 1, 'the witnesses to type on', 30000)
    if (this.error) throw this.error
    assert.equal(this.cuts, 0, 'a witness was disconnected')
    // The clients share this process, so a second of theirs is no fault of the server's.
    assert.ok(this.slowest < (sanitized ? 10000 : 2000), `a keystroke of the witnesses took ${this.slowest} ms`)
  }

  async stop () { this.done = true; await this.typing; closeAll(this.clients) }
}

const peak = pid => Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * KIB

before(async () => {
  server = await startServer({ args: Object.entries(LIMITS).flatMap(([name, value]) => [`--${name}`, String(value)]) })
  witness = new Witness()
  await witness.start()
  idle = peak(server.child.pid)
})
afterEach(async () => {
  await witness.undisturbed()
  const grown = peak(server.child.pid) - idle
  // The sanitizer keeps what was freed.
  assert.ok(sanitized || grown < MEMORY, `the server took ${(grown / MIB).toFixed(1)} MiB`)
})
after(async () => {
  console.log(`slowest keystroke ${witness.slowest} ms`)
  await witness.stop()
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  assert.doesNotMatch(server.child.err, /ERROR: |runtime error/)
})

/** Opens a socket, sends these bytes, gives the close code. */
async function answerTo (bytes, { id = 'bad', receipts = false } = {}) {
  const socket = await RawSocket.open(server.port, id + (receipts ? '?receipts=1' : ''))
  socket.send(bytes)
  const code = await socket.closeCode()
  socket.close()
  return code
}

// --- frames ----------------------------------------------------------------------------------------------

const PING = 9
const FRAMES = [
  ['not masked', frame('x', { masked: false }), 1002],
  ['a reserved bit', frame('x', { rsv: 4 }), 1002],
  ['an unknown opcode', frame('x', { opcode: 3 }), 1002],
  ['an unknown control opcode', frame('x', { opcode: 11 }), 1002],
  ['a text frame', frame('hello', { opcode: 1 }), 1003],
  ['a text frame of bad UTF-8', frame([0xff, 0xfe], { opcode: 1 }), 1003],
  ['a length that is not minimal', frame('x', { long: true }), 1002],
  ['a length with its top bit set', frame('', { length: 1n << 63n }), 1002],
  ['a length of an exabyte', frame('', { length: 1n << 60n }), 1009],
  ['a length just beyond the limit', frame('', { length: LIMITS['max-update'] + 65 }), 1009],
  ['fragments that are too much together', Buffer.concat([frame(Buffer.alloc(40000), { fin: false }), frame(Buffer.alloc(40000), { opcode: 0 })]), 1009],
  ['a ping in two pieces', frame('x', { opcode: PING, fin: false }), 1002],
  ['a ping of 126 bytes', frame(Buffer.alloc(126), { opcode: PING }), 1002],
  ['a continuation of nothing', frame('x', { opcode: 0 }), 1002],
  ['a message inside a message', Buffer.concat([frame('x', { fin: false }), frame('x')]), 1002],
  ['a close frame of one byte', frame('x', { opcode: 8 }), 1002],
  ['a close code that nobody may send', frame([0x03, 0xed], { opcode: 8 }), 1002],
  ['a close reason of bad UTF-8', frame([0x03, 0xe8, 0xc3, 0x28], { opcode: 8 }), 1007]
]
for (const [what, sent, code] of FRAMES) test(`frame: ${what} -> ${code}`, async () => assert.equal(await answerTo(sent), code))

test('frame: half a message, then the end of the stream', async () => {
  const socket = await RawSocket.open(server.port, 'bad')
  socket.send(frame(Buffer.alloc(1000)).subarray(0, 500)).end()
  assert.equal(await socket.closeCode(), 0)
  socket.close()
})

test('frames: a message in pieces with pings between them is one message, the pings are answered', async () => {
  const socket = await RawSocket.open(server.port, 'pieces')
  const whole = change(insertion('in pieces'))
  for (let i = 0; i < whole.length; i++) {
    socket.send(frame(whole.subarray(i, i + 1), { opcode: i ? 0 : 2, fin: i === whole.length - 1 }))
    socket.send(frame(`ping ${i}`, { opcode: PING }))
  }
  await until(async () => await server.raw('pieces') === 'in pieces', 'the update')
  await until(() => socket.frames.filter(f => f.opcode === 10).length === whole.length, 'the pongs')
  socket.frames.filter(f => f.opcode === 10).forEach((f, i) => assert.equal(f.payload.toString(), `ping ${i}`))
  socket.close()
})

test('frames: a flood of pings is answered to who reads, and cuts off who does not', async () => {
  const flood = Buffer.concat(Array.from({ length: 2000 }, () => frame(Buffer.alloc(125), { opcode: PING })))
  const reader = await RawSocket.open(server.port, 'bad')
  for (let i = 0; i < 5; i++) reader.send(flood)
  await until(() => reader.frames.filter(f => f.opcode === 10).length === 10000, '10000 pongs')
  reader.close()
  const deaf = await RawSocket.open(server.port, 'bad')
  deaf.socket.pause()
  let open = true
  deaf.socket.on('close', () => { open = false })
  await until(() => { if (open && deaf.socket.writableLength < MIB) deaf.send(flood); return !open }, 'the end of who does not read', 20000)
})

// --- messages --------------------------------------------------------------------------------------------

const BAD = [0xc3, 0x28]
const MESSAGES = [
  ['an unknown message', parts(77), 1007],
  ['an unknown sync message', parts(0, 3, 0), 1007],
  ['a message type that never ends', Buffer.alloc(20, 0xff), 1007],
  ['an update longer than its frame', parts(0, 2, bytes('x', 1000)), 1007],
  ['an update of 2^53 bytes', parts(0, 2, 2n ** 53n - 1n), 1007],
  ['bytes behind the last message', parts(step1(parts(0)), [0]), 1007],
  ['an empty update', change(''), 1007],
  ['bytes behind the update', change(parts(insertion('x'), [0])), 1007],
  ['an update of 2^31 clients', change(insertion('x', { clients: 2 ** 31 })), 1007],
  ['an update of 2^53 structs', change(insertion('x', { structs: 2n ** 53n - 1n })), 1007],
  ['a client id beyond 2^53', change(insertion('x', { client: 2n ** 60n })), 1007],
  ['a clock beyond all bounds', change(insertion('x', { clock: 2n ** 53n - 1n })), 1007],
  ['a clock beyond 64 bits', change(insertion('x', { clock: 2n ** 80n })), 1007],
  ['a clock that overflows with its length', change(insertion('xxxx', { clock: 2 ** 32 - 2 })), 1007],
  ['a text longer than the update', change(insertion('x', { length: 2 ** 40 })), 1007],
  ['text of bad UTF-8', change(insertion(BAD)), 1007],
  ['a lone surrogate in UTF-8', change(insertion([0xed, 0xa0, 0x80])), 1007],
  ['2^40 deletions', change(insertion('x', { deletes: parts(1, 1, 2 ** 40) })), 1007],
  ['a deletion of 2^53 characters', change(insertion('x', { deletes: parts(1, 1, 1, 0, 2n ** 53n - 1n) })), 1007],
  ['a struct of an unknown kind', change(parts(1, 1, 1, 0, [31], 0)), 1007],
  ['a state vector of 2^40 clients', step1(parts(2 ** 40)), 1007],
  ['a state vector cut short', step1(parts(1, 5)), 1007],
  ['step 2 that is no update', step2('hello'), 1007],
  ['awareness cut short', parts(1, bytes([1, 5, 1])), 1007],
  ['awareness of 2^40 clients', parts(1, bytes(parts(2 ** 40, 1, 1, bytes('{}')))), 1007],
  ['awareness that is no JSON', awareness([1, 1, '{']), 1007],
  ['awareness of bad UTF-8', awareness([1, 1, [0x22, ...BAD, 0x22]]), 1007],
  ['awareness of 250 levels', awareness([1, 1, '['.repeat(250) + ']'.repeat(250)]), 1007],
  ['an awareness clock without end', awareness([1, 2n ** 53n - 1n, '{}']), 1007],
  ['an awareness state too large', awareness([1, 1, JSON.stringify('x'.repeat(16 * KIB))]), 1008],
  ['65 clients in one connection', awareness(...Array.from({ length: 65 }, (_, i) => [i, 1, '{}'])), 1008],
  ['an update beyond --max-update', change(insertion('x'.repeat(LIMITS['max-update']))), 1009]
]
for (const [what, message, code] of MESSAGES) {
  test(`message: ${what} -> ${code}`, async () => {
    assert.equal(await answerTo(frame(message), { id: 'bad-messages' }), code)
    assert.equal(await server.raw('bad-messages'), '', 'it left something behind')
  })
}

test('messages: a real update cut at every length is refused and changes nothing', async () => {
  const doc = new Y.Doc()
  doc.getText('bytecrowdText').insert(0, 'abc')
  doc.getText('bytecrowdText').delete(1, 1)
  doc.getMap('bytecrowd').set('language', 'rust')
  const update = Y.encodeStateAsUpdate(doc)
  const codes = await Promise.all(Array.from(update, (_, i) => answerTo(frame(change(update.subarray(0, i))), { id: `cut-${i % 10}` })))
  assert.deepEqual(codes, codes.map(() => 1007))
  for (let i = 0; i < 10; i++) assert.equal(await server.raw(`cut-${i}`), '')
})

test('messages: random bytes end in a close code or in nothing', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)
  const { random } = await import('./lib/harness.mjs')
  const rng = random(seed)
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      const message = Buffer.concat([Buffer.from([rng.below(4), rng.below(3)]), Buffer.from(Array.from({ length: rng.below(40) }, () => rng.below(256)))])
      const socket = await RawSocket.open(server.port, 'noise')
      socket.send(frame(message)).send(frame(parts(77)))
      const code = await socket.closeCode()
      assert.ok([1007, 1008].includes(code), `${code} for ${message.toString('hex')}, SEED=${seed}`)
      socket.close()
    }))
  }
})

// --- limits ----------------------------------------------------------------------------------------------

test('limit: updates that wait for earlier ones -> 1008', async () => {
  const socket = await RawSocket.open(server.port, 'pending')
  for (let i = 0; i < 64; i++) socket.send(frame(change(insertion('x'.repeat(KIB), { client: 100 + i, clock: 1 }))))
  assert.equal(await socket.closeCode(), 1008)
  socket.close()
  assert.equal(await server.raw('pending'), '')
})

test('limit: the document -> 4413, and who deletes may write again', async () => {
  const client = new Client()
  await client.connect(`${server.ws}/full`)
  const chunk = 'x'.repeat(60 * KIB)
  while (!client.closed && client.text.length < MIB) {
    client.text.insert(0, chunk)
    await until(() => client.closed || client.saved, 'an answer')
  }
  assert.equal(client.closed?.code, 4413)
  const text = await server.raw('full')
  assert.ok(text.length > LIMITS['max-document'] - 2 * chunk.length && text.length <= LIMITS['max-document'], `${text.length} characters`)
  const other = new Client()
  await other.connect(`${server.ws}/full`)
  assert.equal(other.text.length, text.length)
  other.text.delete(0, text.length - 10)
  await until(() => other.closed || other.saved, 'the deletion to be saved')
  assert.equal(other.closed, null, 'a deletion was refused')
  other.text.insert(0, chunk)
  await until(() => other.closed || other.saved, 'the new text to be saved')
  assert.equal(await server.raw('full'), chunk + 'x'.repeat(10))
  other.close()
})

test('limit: a document that is full to the last byte can still be deleted from', async () => {
  const client = new Client()
  await client.connect(`${server.ws}/brim`)
  for (let size = 60 * KIB; size; size >>= 1) {
    while (!client.closed) {
      // A document of its own for each try: what is refused must not come again with what follows.
      const next = new Y.Doc()
      Y.applyUpdate(next, Y.encodeStateAsUpdate(client.doc))
      const before = Y.encodeStateVector(next)
      next.getText('bytecrowdText').insert(next.getText('bytecrowdText').length, 'x'.repeat(size))
      const update = Y.encodeStateAsUpdate(next, before)
      const probe = await RawSocket.open(server.port, 'brim?receipts=1')
      probe.send(frame(change(update)))
      await until(() => probe.frames.some(f => f.opcode === 8 || f.payload[0] === 100), 'an answer')
      const full = probe.frames.some(f => f.opcode === 8)
      if (full) assert.equal(await probe.closeCode(), 4413)
      else await until(() => client.text.length === next.getText('bytecrowdText').length, 'the others to see it')
      probe.close()
      if (full) break
    }
  }
  assert.ok(client.text.length > LIMITS['max-document'] - KIB, `only ${client.text.length} characters`)
  client.text.delete(5, 1000)
  await until(() => client.closed || client.saved, 'the deletion to be saved')
  assert.equal(client.closed, null, 'a deletion was refused')
  client.close()
})

test('limit: clients in a room -> 1013', async () => {
  const sockets = []
  for (let i = 0; i < LIMITS['max-clients-per-room']; i++) sockets.push(await RawSocket.open(server.port, 'crowd'))
  assert.equal(await answerTo('', { id: 'crowd' }), 1013)
  sockets.shift().close()
  // A seat is free as soon as the server has seen the end.
  await until(async () => {
    const next = await RawSocket.open(server.port, 'crowd')
    await until(() => next.frames.length, 'an answer')
    if (next.frames[0].opcode === 8) return next.close()
    sockets.push(next)
    return true
  }, 'a seat')
  for (const socket of sockets) socket.close()
})

test('limit: connections of one address -> 503, others still come in', async () => {
  const from = '127.0.0.7'
  const wires = []
  for (let i = 0; i < LIMITS['max-connections-per-address']; i++) wires.push(await RawSocket.open(server.port, `many-${i % 10}`, { from }))
  const refused = new Wire(server.port, from).send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await refused.untilEnded()
  assert.equal(refused.status, 503)
  assert.equal((await server.get('/healthz')).status, 200)
  const other = await RawSocket.open(server.port, 'many-0', { from: '127.0.0.8' })
  for (const wire of [other, refused, ...wires]) wire.close()
  await until(async () => {
    const again = new Wire(server.port, from).send('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await again.untilEnded()
    again.close()
    return again.status === 200
  }, 'the address to be welcome again')
})

test('limit: a client that stops reading is cut off, memory stays', async () => {
  const deaf = await RawSocket.open(server.port, 'deaf')
  await until(() => deaf.frames.length, 'the first sync')
  deaf.socket.pause()
  let open = true
  deaf.socket.on('close', () => { open = false })
  const writer = new Client()
  await writer.connect(`${server.ws}/deaf`)
  const chunk = 'y'.repeat(50 * KIB)
  // What the kernel buffers comes on top of the queue.
  for (let i = 0; open && i < 400; i++) {
    writer.text.insert(0, chunk)
    writer.text.delete(0, chunk.length)
    await until(() => writer.closed || writer.saved, 'saved', 20000)
    deaf.socket.write(frame('', { opcode: 10 }), () => {})
  }
  await until(() => !open, 'the deaf client to be cut off')
  assert.equal(writer.closed, null)
  await until(() => /event="client too slow, cut off"/.test(server.child.err), 'a line in the log')
  writer.close()
})

test('limit: an awareness flood', async () => {
  const seen = new Client()
  await seen.connect(`${server.ws}/flood`)
  const flooder = await RawSocket.open(server.port, 'flood')
  const state = JSON.stringify('a'.repeat(15 * KIB))
  let clock = 1
  const end = Date.now() + 1500
  while (Date.now() < end && !flooder.ended) {
    if (flooder.socket.writableLength < MIB) for (let i = 0; i < 20; i++) flooder.send(frame(awareness([1, clock++, state])))
    await sleep(1)
  }
  assert.equal(await flooder.closeCode(), 1008)
  flooder.close()
  assert.equal(seen.closed, null, 'somebody else in the room was cut off')
  seen.close()
})

test('limit: one frame that asks for everything a thousand times', async () => {
  const writer = new Client()
  await writer.connect(`${server.ws}/asked`)
  for (let i = 0; i < 3; i++) writer.text.insert(0, 'w'.repeat(60 * KIB))
  await until(() => writer.saved, 'saved')
  const asker = await RawSocket.open(server.port, 'asked')
  asker.socket.pause()
  let open = true
  asker.socket.on('close', () => { open = false })
  const message = Buffer.concat(Array.from({ length: 900 }, () => step1(parts(1, 1, 0))))
  asker.send(frame(message))
  const began = Date.now()
  await until(() => { asker.socket.write(frame('', { opcode: 10 }), () => {}); return !open }, 'the asker to be cut off')
  await server.get('/healthz')
  assert.ok(Date.now() - began < (sanitized ? 10000 : 1000), `it took ${Date.now() - began} ms`)
  writer.close()
})

// What a small update may make of the document: with the default limits, on a server of their own.
const SMALL = [
  // 100 000 deletions, each of one character in the middle of one long item, copied the rest of it each time: 20 GB.
  ['every second character of a long text deleted', n => [change(insertion('x'.repeat(2 * n))), change(parts(0, 1, 1, n, ...Array.from({ length: n }, (_, i) => [...varUint(2 * i), 1])))]],
  // Each of them looked at all the others to find its place.
  ['everybody writes at the same place', n => [change(parts(n, ...Array.from({ length: n }, (_, i) => Buffer.from([1, ...varUint(n - i), 0, 4, 1, 1, 116, 1, 120])), 0))]],
  ['a character behind the other, each an item', n => [change(parts(1, n + 1, 1, 0, 4, 1, bytes('t'), bytes('x'), ...Array.from({ length: n }, (_, i) => Buffer.from([0x84, 1, ...varUint(i), 1, 120])), 0))]]
]
for (const [what, messages] of SMALL) {
  test(`small updates: ${what}`, async () => {
    const n = sanitized ? 10000 : 100000
    const other = await startServer()
    const socket = await RawSocket.open(other.port, 'small')
    for (const message of messages(n)) socket.send(frame(message))
    const began = Date.now()
    socket.send(frame('', { opcode: PING }))
    await until(() => socket.ended || socket.frames.some(f => [8, 10].includes(f.opcode)), 'an answer', 60000)
    const took = Date.now() - began
    assert.ok(socket.frames.some(f => f.opcode === 10), 'it was refused: the test is wrong')
    assert.ok(took < 5000, `it took ${took} ms`)
    const size = peak(other.child.pid)
    assert.ok(sanitized || size < 200 * MIB, `it took ${(size / MIB).toFixed()} MiB`)
    socket.close()
    await other.kill()
  })
}

test('limit: messages in one frame -> 1008', async () => {
  assert.equal(await answerTo(frame(Buffer.concat(Array.from({ length: 1001 }, () => step1(parts(0)))))), 1008)
  const socket = await RawSocket.open(server.port, 'thousand')
  socket.send(frame(Buffer.concat(Array.from({ length: 1000 }, () => step1(parts(0))))))
  await until(() => socket.frames.length === 1001, 'a thousand answers')
  socket.close()
})

// --- HTTP ------------------------------------------------------------------------------------------------

const get = (...lines) => `GET /healthz HTTP/1.1\r\nHost: x\r\n${lines.map(l => l + '\r\n').join('')}\r\n`
const upgrade = (change = l => l) => change(handshake('x'))
const REQUESTS = [
  ['two Content-Lengths', get('Content-Length: 0', 'Content-Length: 0'), 400],
  ['two Content-Lengths that differ', get('Content-Length: 0', 'Content-Length: 5'), 400],
  ['a list of lengths', get('Content-Length: 0, 0'), 400],
  ['a signed length', get('Content-Length: +0'), 400],
  ['a negative length', get('Content-Length: -1'), 400],
  ['a hexadecimal length', get('Content-Length: 0x0'), 400],
  ['an empty length', get('Content-Length:'), 400],
  ['a length of twenty digits', get('Content-Length: 99999999999999999999'), 400],
  ['Content-Length with a space before its colon', get('Content-Length : 0'), 400],
  ['Content-Length with Transfer-Encoding', get('Content-Length: 3', 'Transfer-Encoding: chunked'), 400],
  ['two Transfer-Encodings', get('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 400],
  ['chunked', get('Transfer-Encoding: chunked'), 411],
  ['gzip, chunked', get('Transfer-Encoding: gzip, chunked'), 400],
  ['an unknown coding', get('Transfer-Encoding: xchunked'), 501],
  ['a bare LF behind the request line', 'GET /healthz HTTP/1.1\nHost: x\r\n\r\n', 400],
  ['a bare LF behind a header', 'GET /healthz HTTP/1.1\r\nHost: x\nA: b\r\n\r\n', 400],
  ['a bare LF at the end', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\n', 400],
  ['a bare CR', 'GET /healthz HTTP/1.1\r\nHost: x\rA: b\r\n\r\n', 400],
  ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', get('Host: x'), 400],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['a Host of two words', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['a folded header', get('A: b', ' c'), 400],
  ['a first header that is folded', 'GET / HTTP/1.1\r\n Host: x\r\n\r\n', 400],
  ['a header without a colon', get('hello'), 400],
  ['a header without a name', get(': x'), 400],
  ['a NUL', get('A: b\0c'), 400],
  ['no version', 'GET /\r\n\r\n', 400],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 501],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: x\r\n\r\n', 505],
  ['a TLS hello', Buffer.from('16030100c8010000c4030300\n', 'hex'), undefined],
  ['an unknown method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 501],
  ['a method in small letters', 'get / HTTP/1.1\r\nHost: x\r\n\r\n', 501],
  ['a target with a space', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['a target in UTF-8', 'GET /é HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['a target that is no path', 'GET x HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['a target of 5 KiB', `GET /${'a'.repeat(5 * KIB)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
  ['a target that never ends', `GET /${'a'.repeat(64 * KIB)}`, 414],
  ['a header of 20 KiB', get(`A: ${'a'.repeat(20 * KIB)}`), 431],
  ['a header that never ends', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(64 * KIB)}`, 431],
  ['a hundred headers', get(...Array.from({ length: 100 }, (_, i) => `A${i}: b`)), 431],
  ['a body of 1 MiB', get(`Content-Length: ${MIB}`), 413],
  ['an expectation that cannot be met', get('Expect: 200-ok'), 417],
  ['an upgrade without a key', upgrade(h => h.replace(/Sec-WebSocket-Key.*\r\n/, '')), 400],
  ['an upgrade with two keys', upgrade(h => h.replace(/(Sec-WebSocket-Key.*\r\n)/, '$1$1')), 400],
  ['an upgrade with a short key', upgrade(h => h.replace(/(Sec-WebSocket-Key: ).*\r\n/, '$1dGhlIHNhbXBsZQ==\r\n')), 400],
  ['an upgrade with a key that is no base64', upgrade(h => h.replace(/(Sec-WebSocket-Key: ).*\r\n/, '$1!!!!!!!!!!!!!!!!!!!!!!==\r\n')), 400],
  ['an upgrade without a version', upgrade(h => h.replace(/Sec-WebSocket-Version.*\r\n/, '')), 400],
  ['an upgrade of version 8', upgrade(h => h.replace('Version: 13', 'Version: 8')), 426],
  ['an upgrade without Connection', upgrade(h => h.replace(/Connection.*\r\n/, '')), 400],
  ['an upgrade with a body', upgrade(h => h.replace('\r\n\r\n', '\r\nContent-Length: 1\r\n\r\nx')), 400],
  ['an upgrade by POST', upgrade(h => h.replace('GET', 'POST')), 400],
  ['a socket of a bad name', upgrade(h => h.replace('/ws/x', '/ws/a%20b')), 400],
  ['a socket of no name', upgrade(h => h.replace('/ws/x', '/ws/')), 400],
  ['a socket of a reserved name', upgrade(h => h.replace('/ws/x', '/ws/healthz')), 404],
  ['a socket without an upgrade', 'GET /ws/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 426],
  ['another protocol', upgrade(h => h.replace('Upgrade: websocket', 'Upgrade: h2c')), 426]
]
for (const [what, request, status] of REQUESTS.filter(([, , s]) => s)) {
  test(`request: ${what} -> ${status}, closed`, async () => {
    const wire = await exchange(server.port, Buffer.from(request, 'latin1'))
    assert.equal(wire.status, status, wire.text)
    assert.match(wire.text, /\r\nConnection: close\r\n/)
    assert.equal(wire.text.match(/^HTTP\/1\.1 /gm).length, 1, 'more than one answer')
    assert.match(wire.text, /\r\nX-Content-Type-Options: nosniff\r\n/)
    assert.match(wire.text, /\r\nReferrer-Policy: no-referrer\r\n/)
    assert.match(wire.text, /\r\nContent-Security-Policy: [^\r]*frame-ancestors 'none'/)
  })
}

test('request: nothing behind a refused one is answered', async () => {
  const wire = await exchange(server.port, get('Content-Length : 40') + get() + get())
  assert.equal(wire.status, 400)
  assert.equal(wire.text.match(/HTTP\/1\.1/g).length, 1)
})

test('request: a TLS hello is refused, not waited for', async () => {
  const hello = Buffer.concat([Buffer.from('16030102000100', 'hex'), Buffer.alloc(200, 7), Buffer.from('\r\n')])
  assert.equal((await exchange(server.port, hello)).status, 400)
})

test('request: pipelined ones are answered in order', async () => {
  const wire = await exchange(server.port, 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /x/raw HTTP/1.1\r\nHost: x\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  const types = [...wire.text.matchAll(/^Content-Type: (\S+);/gm)].map(m => m[1])
  assert.equal(wire.text.match(/^HTTP\/1\.1 200/gm).length, 4)
  assert.deepEqual(types, ['text/plain', 'text/html', 'text/plain', 'text/plain'])
  assert.match(wire.text, /Disallow: \/\n$/)
})

// What belongs to the second request was forgotten with the first, and answered when the connection was no more.
test('request: pipelined ones that wait for storage, of somebody who is gone before they are answered', async () => {
  for (let i = 0; i < 200; i++) {
    const wire = new Wire(server.port)
    wire.send(['a', 'b', 'c'].map(name => `GET /gone-${name}${i}/raw HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
    await new Promise(resolve => wire.socket.once('connect', resolve))
    if (i % 4) await sleep(i % 4)
    wire.socket.resetAndDestroy()
  }
  assert.equal((await exchange(server.port, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).status, 200)
})

test('request: a thousand pipelined ones that nobody reads the answers of do not pile up', async () => {
  const wire = new Wire(server.port)
  wire.socket.pause()
  wire.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3000)).end()
  await sleep(300)
  wire.socket.resume()
  await wire.untilEnded(20000)
  assert.equal(wire.text.match(/HTTP\/1\.1 200 OK/g).length, 3000)
  wire.close()
})

test('request: HTTP/1.0 is closed after its answer unless it asks otherwise', async () => {
  const wire = await exchange(server.port, 'GET /healthz HTTP/1.0\r\n\r\n')
  assert.equal(wire.status, 200)
  assert.match(wire.text, /\r\nConnection: close\r\n/)
  const kept = await exchange(server.port, 'GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n')
  assert.equal(kept.text.match(/HTTP\/1\.1 200/g).length, 2)
})

test('request: HTTP/1.0 is never told to continue', async () => {
  const wire = new Wire(server.port).send('POST / HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
  await sleep(100)
  assert.equal(wire.text, '')
  wire.send('abc')
  await wire.untilEnded()
  assert.equal(wire.status, 405)
  wire.close()
})

test('request: Expect: 100-continue is answered before the body', async () => {
  const wire = new Wire(server.port).send('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n')
  await until(() => wire.text === 'HTTP/1.1 100 Continue\r\n\r\n', 'continue')
  wire.send('abc')
  await wire.untilEnded()
  assert.match(wire.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 405 /)
  wire.close()
})

test('request: who closes its half still gets the answer', async () => {
  const wire = await exchange(server.port, get(), { half: true })
  assert.equal(wire.status, 200)
})

test('request: one that comes a byte at a time -> 408 in time', async () => {
  const began = Date.now()
  const wire = new Wire(server.port)
  const request = get(...Array.from({ length: 50 }, (_, i) => `A${i}: b`))
  for (let i = 0; i < request.length && !wire.ended; i++) { wire.send(request[i]); await sleep(30) }
  await wire.untilEnded()
  assert.equal(wire.status, 408)
  assert.ok(Date.now() - began < LIMITS['request-timeout'] * (sanitized ? 8 : 4), `${Date.now() - began} ms`)
  wire.close()
})

test('request: a body that does not come -> 408, a connection without a word is closed', async () => {
  const [body, silent] = await Promise.all([exchange(server.port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc'), exchange(server.port, '')])
  assert.equal(body.status, 408)
  assert.equal(silent.text, '')
})

// --- origins ---------------------------------------------------------------------------------------------

/** HTTP status of an upgrade with these headers; 101 if it is let in. */
async function upgradeStatus (target, headers) {
  const socket = new WebSocket(`${target.ws}/origins`, { headers })
  const status = await new Promise(resolve => {
    socket.on('open', () => resolve(101))
    socket.on('unexpected-response', (request, response) => { resolve(response.statusCode); response.destroy() })
    socket.on('error', resolve)
  })
  socket.terminate()
  return status
}

test('origins: a foreign page cannot open a socket with cookies', async () => {
  const own = `http://127.0.0.1:${server.port}`
  const cookie = 'session=1'
  assert.equal(await upgradeStatus(server, { origin: 'https://evil.example', cookie }), 403)
  assert.equal(await upgradeStatus(server, { origin: 'null', cookie }), 403)
  assert.equal(await upgradeStatus(server, { origin: `http://127.0.0.1:${server.port + 1}`, cookie }), 403)
  assert.equal(await upgradeStatus(server, { origin: `${own}.evil.example`, cookie }), 403)
  assert.equal(await upgradeStatus(server, { origin: 'https://evil.example' }), 101)
  assert.equal(await upgradeStatus(server, { origin: own, cookie }), 101)
  assert.equal(await upgradeStatus(server, { cookie }), 101)
})

test('origins: --allowed-origins', async () => {
  const other = await startServer({ args: ['--allowed-origins', 'https://one.example, https://two.example:8443'] })
  const cookie = 'session=1'
  assert.equal(await upgradeStatus(other, { origin: 'https://one.example', cookie }), 101)
  assert.equal(await upgradeStatus(other, { origin: 'https://two.example:8443', cookie }), 101)
  assert.equal(await upgradeStatus(other, { origin: 'https://two.example', cookie }), 403)
  assert.equal(await upgradeStatus(other, { origin: 'http://one.example', cookie }), 403)
  await other.stop()
})

// --- memory ----------------------------------------------------------------------------------------------

test('idle connections take little', async () => {
  const sockets = []
  const before = server.rss()
  for (let i = 0; i < 90; i++) sockets.push(await RawSocket.open(server.port, `idle-${i % 6}`, { from: '127.0.0.9' }))
  const each = (server.rss() - before) / sockets.length
  // The sanitizer pads every allocation.
  assert.ok(each < (sanitized ? 256 : 16) * KIB, `${each} bytes each`)
  for (const socket of sockets) socket.close()
})
