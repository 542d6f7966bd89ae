// The two peers behind one face, each used as its makers would use it for speed.
//
// A document is whatever open() gives; every function does what its name says and nothing more, so that
// the measured part is theirs.

import { createRequire } from 'node:module'
import * as Y from 'yjs'

const yjs = {
  open: () => new Y.Doc(),
  close: doc => doc.destroy(),
  apply: (doc, update) => Y.applyUpdate(doc, update),
  applyV2: (doc, update) => Y.applyUpdateV2(doc, update),
  encode: (doc, sv) => Y.encodeStateAsUpdate(doc, sv),
  encodeV2: (doc, sv) => Y.encodeStateAsUpdateV2(doc, sv),
  stateVector: doc => Y.encodeStateVector(doc),
  text: doc => doc.getText('text').toString(),
  merge: updates => Y.mergeUpdates(updates),
  local (doc, transactions) {
    const text = doc.getText('text')
    for (const patches of transactions) {
      doc.transact(() => {
        for (const [position, deleted, inserted] of patches) {
          if (deleted) text.delete(position, deleted)
          if (inserted) text.insert(position, inserted)
        }
      })
    }
  },
  memory: () => {
    const m = process.memoryUsage()
    return m.heapUsed + m.external // external has the array buffers in it
  }
}

function ywasm () {
  const W = createRequire(import.meta.url)('ywasm')
  W.setPanicHook()
  return {
    open: () => new W.YDoc({ gc: true }),
    close: doc => doc.free(),
    apply: (doc, update) => W.applyUpdate(doc, update, undefined),
    applyV2: (doc, update) => W.applyUpdateV2(doc, update, undefined),
    encode: (doc, sv) => W.encodeStateAsUpdate(doc, sv),
    encodeV2: (doc, sv) => W.encodeStateAsUpdateV2(doc, sv),
    stateVector: doc => W.encodeStateVector(doc),
    text: doc => doc.getText('text').toString(undefined),
    // It exports no merging: all of them in one transaction of a document, and that encoded.
    merge (updates) {
      const doc = new W.YDoc({ gc: true })
      const transaction = doc.beginTransaction(undefined)
      for (const update of updates) transaction.applyV1(update)
      transaction.commit()
      transaction.free()
      const merged = W.encodeStateAsUpdate(doc)
      doc.free()
      return merged
    },
    // A transaction of one's own is faster than the one that each call makes for itself.
    local (doc, transactions) {
      const text = doc.getText('text')
      for (const patches of transactions) {
        const transaction = doc.beginTransaction(undefined)
        for (const [position, deleted, inserted] of patches) {
          if (deleted) text.delete(position, deleted, transaction)
          if (inserted) text.insert(position, inserted, undefined, transaction)
        }
        transaction.free()
      }
    },
    // Linear memory never shrinks, so this is only good for the growth from one document to the next.
    memory: () => W.__wasm.memory.buffer.byteLength
  }
}

export const peers = { yjs: () => yjs, ywasm }
