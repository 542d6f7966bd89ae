// One peer at one piece of work, in a process of its own: node --expose-gc worker.mjs PEER, driven by messages.
//
//   { work, files, limit }   prepares and runs once -> { ns, result, text } for the check (memory: { bytes })
//   { warm: ms }             runs for about so long, twice at least -> { ns: [...] }
//   { runs: n }              -> { ns: [...] }

import { readFileSync } from 'node:fs'
import { peers } from './peers.mjs'
import { decodeOps, unframe } from './sessions.mjs'

const peer = peers[process.argv[2]]()

const bytes = file => {
  const b = readFileSync(file)
  return new Uint8Array(b.buffer, b.byteOffset, b.length)
}

/** Each work: prepare once; before and after a run, not timed; run, timed. */
const works = {
  apply: ({ files, limit }) => {
    const updates = unframe(readFileSync(files.updates)).slice(0, limit)
    return {
      run: () => {
        const doc = peer.open()
        for (const u of updates) peer.apply(doc, u)
        return doc
      },
      result: doc => ({ result: peer.encode(doc) }),
      after: peer.close
    }
  },
  load: ({ files, text, v2 }) => {
    const state = bytes(files.state)
    return {
      run: () => {
        const doc = peer.open()
        if (v2) peer.applyV2(doc, state)
        else peer.apply(doc, state)
        return [doc, text ? peer.text(doc) : undefined]
      },
      result: ([doc, s]) => ({ result: peer.encode(doc), text: s }),
      after: ([doc]) => peer.close(doc)
    }
  },
  encode: ({ files, v2, sv, stateVector }) => {
    const doc = peer.open()
    peer.apply(doc, bytes(files.state))
    const vector = sv && bytes(files.sv)
    return {
      run: () => stateVector ? peer.stateVector(doc) : v2 ? peer.encodeV2(doc, vector) : peer.encode(doc, vector),
      result: result => ({ result }),
      after: () => {}
    }
  },
  merge: ({ files, limit }) => {
    const updates = unframe(readFileSync(files.updates)).slice(0, limit)
    return { run: () => peer.merge(updates), result: result => ({ result }), after: () => {} }
  },
  local: ({ files }) => {
    const transactions = decodeOps(readFileSync(files.ops))
    const start = files.start && bytes(files.start)
    return {
      before: () => {
        const doc = peer.open()
        if (start) peer.apply(doc, start)
        return doc
      },
      run: doc => {
        peer.local(doc, transactions)
        return doc
      },
      result: doc => ({ text: peer.text(doc) }),
      after: peer.close
    }
  }
}

const collect = () => { for (let i = 0; i < 3; i++) globalThis.gc() }

/** Bytes that one more loaded document takes, once there is one. */
function memory ({ files }) {
  const state = bytes(files.state), docs = [], MORE = 4
  const add = () => {
    docs.push(peer.open())
    peer.apply(docs.at(-1), state)
  }
  add()
  const result = peer.encode(docs[0])
  collect()
  const before = peer.memory()
  for (let i = 0; i < MORE; i++) add()
  collect()
  return { bytes: Math.round((peer.memory() - before) / MORE), result, kept: docs.length }
}

// No garbage collection is forced between runs: it would throw away the hidden classes of documents that are gone, and
// the compiled code with them, and every run would begin cold. What a run collects is its usual share.
let work
function once () {
  const prepared = work.before?.()
  const start = process.hrtime.bigint()
  const outcome = work.run(prepared)
  const ns = Number(process.hrtime.bigint() - start)
  return [ns, outcome]
}

// What a panic of ywasm says, without its stack.
const said = []
console.error = text => said.push(...String(text).split('\n').slice(0, 2).map(line => line.replace(/:$/, '')))

process.on('message', message => {
  try {
    if (message.work === 'memory') {
      process.send(memory(message))
    } else if (message.work) {
      work = works[message.work](message)
      const [ns, outcome] = once()
      const answer = { ns, ...work.result(outcome) }
      work.after(outcome)
      process.send(answer)
    } else {
      const ns = []
      const end = Date.now() + (message.warm ?? Infinity)
      for (let i = 0; i < (message.runs ?? Infinity) && (i < 2 || Date.now() < end); i++) {
        const [time, outcome] = once()
        work.after(outcome)
        ns.push(time)
      }
      process.send({ ns })
    }
  } catch (error) {
    process.send({ error: [String(error?.message ?? error), ...said].join(': ') })
  }
})
process.on('disconnect', () => process.exit(0))
