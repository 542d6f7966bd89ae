// Whether a result is right, judged by what npm's Yjs makes of it: the same content of every root and the same
// state vector. Bytes may differ: what order clients stand in and where runs are cut is everybody's own affair.

import { createHash } from 'node:crypto'
import * as Y from 'yjs'

const kinds = {
  text: (doc, name) => doc.getText(name).toDelta(),
  map: (doc, name) => doc.getMap(name).toJSON(),
  array: (doc, name) => doc.getArray(name).toJSON(),
  xml: (doc, name) => doc.getXmlFragment(name).toString()
}

// Maps have no order, and updates may come in any.
const sorted = (_, value) => value && typeof value === 'object' && !Array.isArray(value)
  ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
  : value

/** A digest of what a document with these updates holds. */
export function view (updates, roots) {
  const doc = new Y.Doc()
  for (const u of updates) Y.applyUpdate(doc, u)
  const content = Object.entries(roots).map(([kind, name]) => kinds[kind](doc, name))
  const vector = [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b)
  const waiting = Boolean(doc.store.pendingStructs || doc.store.pendingDs)
  return createHash('sha256').update(JSON.stringify([content, vector, waiting], sorted)).digest('hex')
}

export const sameVector = (a, b) => {
  const entries = sv => JSON.stringify([...Y.decodeStateVector(sv)].sort(([x], [y]) => x - y))
  return entries(a) === entries(b)
}
