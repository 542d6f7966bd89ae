// Clients of the socket: the stock y-websocket providers, and one of our own that also counts receipts.

import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import WebSocket from 'ws'
import * as awarenessProtocol from 'y-protocols/awareness'
import * as syncProtocol from 'y-protocols/sync'
import { WebsocketProvider as Provider3 } from 'y-websocket'
import { WebsocketProvider as Provider2 } from 'y-websocket-2'
import * as Y from 'yjs'

export const providers = { 2.1: Provider2, 3.1: Provider3 }

/** A stock provider with a document of its own. Give the same `clients` array to close them together. */
export function stock (Provider, server, id, { clients = [], doc = new Y.Doc(), ...options } = {}) {
  const provider = new Provider(server.ws ?? server, id, doc, { WebSocketPolyfill: WebSocket, disableBc: true, ...options })
  const client = {
    doc,
    provider,
    text: doc.getText('bytecrowdText'),
    close: () => { provider.destroy(); doc.destroy() }
  }
  clients.push(client)
  return client
}

export const closeAll = clients => { for (const client of clients.splice(0)) client.close() }

/**
 * y-protocols on a bare socket. It asks for receipts: `saved` is how many of the sync messages that carried
 * content on this connection are durable, `sent` how many there were. `savedStates` holds the store's state
 * messages (1 failing, 0 works), `closed` the close code.
 */
export class Client {
  constructor (server, id, { doc = new Y.Doc(), receipts = true, headers, query = '', awareness = false } = {}) {
    this.url = `${server.ws ?? server}/${id}${receipts ? '?receipts=1' : ''}${query}`
    this.doc = doc
    this.text = doc.getText('bytecrowdText')
    this.headers = headers
    this.awareness = awareness ? new awarenessProtocol.Awareness(doc) : null
    this.inserts = []
    this.savedInserts = 0
    this.onUpdate = (update, origin) => { if (origin !== this) this.sendUpdate(update) }
    doc.on('update', this.onUpdate)
    this.connect()
  }

  connect () {
    this.sent = 0
    this.saved = 0
    this.marks = []
    this.savedStates = []
    this.messages = []
    this.synced = false
    this.closed = null
    const socket = this.socket = new WebSocket(this.url, { headers: this.headers, perMessageDeflate: false })
    socket.binaryType = 'nodebuffer'
    this.opened = new Promise(resolve => {
      socket.on('open', () => { this.step1(); resolve(true) })
      socket.on('error', error => { this.error = error; resolve(false) })
      socket.on('unexpected-response', (request, response) => { this.status = response.statusCode; this.closed = 1006; request.destroy(); resolve(false) })
      socket.on('close', code => { if (socket === this.socket) { this.closed = code; this.synced = false } resolve(false) })
    })
    socket.on('message', data => { if (socket === this.socket) this.receive(data) })
  }

  send (bytes) { if (this.socket.readyState === WebSocket.OPEN) { this.socket.send(bytes); return true } return false }

  step1 (vector = Y.encodeStateVector(this.doc)) {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint8Array(encoder, vector)
    this.send(encoding.toUint8Array(encoder))
  }

  sendUpdate (update, kind = 2) {
    // Before the handshake nothing is sent: the answer to the server's step 1 will carry it.
    if (!this.answered && kind === 2) return
    if (this.send(syncMessage(kind, update))) {
      this.sent++
      this.marks.push({ n: this.sent, inserts: this.inserts.length })
    }
  }

  receive (data) {
    const decoder = decoding.createDecoder(data)
    const type = decoding.readVarUint(decoder)
    this.messages.push({ type, data })
    if (this.messages.length > 1000) this.messages.shift()
    if (type === 0) this.receiveSync(decoder)
    else if (type === 1 && this.awareness) awarenessProtocol.applyAwarenessUpdate(this.awareness, decoding.readVarUint8Array(decoder), this)
    else if (type === 100) this.receipt(decoding.readVarUint(decoder))
    else if (type === 101) this.savedStates.push(decoding.readVarUint(decoder))
  }

  receiveSync (decoder) {
    const kind = decoding.readVarUint(decoder)
    const bytes = decoding.readVarUint8Array(decoder)
    if (kind === 0) {
      this.answered = this.socket
      this.sendUpdate(Y.encodeStateAsUpdate(this.doc, bytes), 1)
      return
    }
    if (kind === 1) { this.synced = true; this.lastStep2 = bytes }
    Y.applyUpdate(this.doc, bytes, this)
  }

  receipt (n) {
    this.saved = Math.max(this.saved, n)
    while (this.marks.length && this.marks[0].n <= this.saved) this.savedInserts = Math.max(this.savedInserts, this.marks.shift().inserts)
  }

  /** Inserts a unique word and remembers it, so that `savedWords()` can be asked what was promised. */
  type (index, word) {
    this.inserts.push(word)
    this.text.insert(Math.min(index, this.text.length), word)
  }

  savedWords () { return this.inserts.slice(0, this.savedInserts) }
  allSaved () { return this.sent > 0 && this.saved >= this.sent }

  sendAwareness (states) { this.send(awarenessMessage(states)) }

  reconnect () { this.answered = null; this.socket.terminate(); this.connect(); return this.opened }

  close () {
    this.doc.off('update', this.onUpdate)
    this.awareness?.destroy()
    this.socket.on('error', () => {})
    this.socket.terminate()
    this.doc.destroy()
  }
}

export function syncMessage (kind, bytes) {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 0)
  encoding.writeVarUint(encoder, kind)
  encoding.writeVarUint8Array(encoder, bytes)
  return encoding.toUint8Array(encoder)
}

/** states: [[clientId, clock, state]] */
export function awarenessMessage (states) {
  const body = encoding.createEncoder()
  encoding.writeVarUint(body, states.length)
  for (const [id, clock, state] of states) {
    encoding.writeVarUint(body, id)
    encoding.writeVarUint(body, clock)
    encoding.writeVarString(body, JSON.stringify(state))
  }
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint8Array(encoder, encoding.toUint8Array(body))
  return encoding.toUint8Array(encoder)
}

export const sameBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0
