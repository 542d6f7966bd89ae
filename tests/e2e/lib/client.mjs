// A Yjs client on a bare WebSocket that knows its receipts (docs/protocol.md).
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as sync from 'y-protocols/sync'
import WebSocket from 'ws'
import * as Y from 'yjs'

export class Client {
  constructor (doc = new Y.Doc()) {
    this.doc = doc
    this.text = doc.getText('bytecrowdText')
    this.sent = this.acked = 0
    this.synced = this.answered = false
    this.failing = false
    this.closed = null
    this.reported = [] // what was reported saved: [snapshot of own marks]
    doc.on('update', (update, origin) => {
      // Before the server's question is answered there is no need: the answer will have it.
      if (origin === this || this.socket?.readyState !== 1 || !this.answered) return
      this.send(e => sync.writeUpdate(e, update))
      this.sent++
    })
  }

  /** options: of the socket, headers for instance. */
  connect (url, { receipts = true, protocols = [], WebSocket: Socket = WebSocket, ...options } = {}) {
    this.sent = this.acked = 0
    this.synced = this.answered = false
    this.closed = null
    const socket = this.socket = new Socket(url + (receipts ? '?receipts=1' : ''), protocols, options)
    socket.binaryType = 'arraybuffer'
    return new Promise(resolve => {
      socket.on('open', () => this.send(e => sync.writeSyncStep1(e, this.doc)))
      socket.on('message', data => { this.read(new Uint8Array(data)); if (this.synced) resolve(true) })
      socket.on('close', (code, reason) => { if (this.socket === socket) this.closed = { code, reason: String(reason), at: Date.now() }; resolve(false) })
      socket.on('unexpected-response', (request, response) => { request.destroy(); this.refused = response.statusCode; resolve(false) })
      socket.on('error', () => {})
    })
  }

  send (write, type = 0) {
    const e = encoding.createEncoder()
    encoding.writeVarUint(e, type)
    write(e)
    this.socket.send(encoding.toUint8Array(e))
  }

  read (bytes) {
    const d = decoding.createDecoder(bytes)
    const type = decoding.readVarUint(d)
    if (type === 100) { this.acked = decoding.readVarUint(d); this.onsaved?.() } else if (type === 101) this.failing = decoding.readVarUint(d) === 1
    else if (type === 0) {
      const reply = encoding.createEncoder()
      encoding.writeVarUint(reply, 0)
      const kind = sync.readSyncMessage(d, reply, this.doc, this)
      if (kind === 1) this.synced = true
      if (encoding.length(reply) > 1) { this.socket.send(encoding.toUint8Array(reply)); this.sent++; this.answered = true; this.onanswered?.() }
    }
  }

  get saved () { return this.synced && this.acked === this.sent }
  close () { this.socket?.terminate() }
}
