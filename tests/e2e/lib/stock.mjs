// The stock y-websocket providers, unchanged.

import WebSocket from 'ws'
import { WebsocketProvider as Provider3 } from 'y-websocket'
import { WebsocketProvider as Provider2 } from 'y-websocket-2'
import * as Y from 'yjs'

export const providers = { 2.1: Provider2, 3.1: Provider3 }

/** A provider with a document of its own. Give the same `clients` array to close them together. */
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

export const sameBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0
