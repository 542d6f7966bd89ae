// People who type marks that no two of them share, into documents on several nodes, and what must be true of it:
//
//     const world = new World({ store, nodes, seed })      store: of lib/redis.mjs; nodes: of startNodes()
//     await world.join(6, ['a', 'b'])                      six people, spread over documents and nodes
//     await world.type(1000)                               all of them, for a second
//     ... break something, world.type() again ...
//     await world.check()                                  once everything is mended
//
// A mark is `<who.n>`, and is never inserted into another one. About each the world keeps when it was typed, whether
// its writer was told that it is saved (a receipt covers it), and the same of its deletion. People whose connection
// ends connect again by themselves, to their node or (roam) to any that runs.
//
// check(): everyone who is here is saved; all of them, and somebody new on each node, have the same text; in it is
// every mark that was typed by one who is here, and every one that was reported saved, exactly once; none that was
// deleted; nothing that nobody typed; GET raw says the same on all nodes, and so does, within the save interval, the
// field `text` of the store.

import assert from 'node:assert/strict'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Client } from './client.mjs'
import { random, sleep, startServer, until } from './harness.mjs'
import { quietPort } from './net.mjs'

export const SAVE_INTERVAL = 200
const SLACK = 1500 // of a busy machine, on top of the save interval

export const newSeed = () => Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

/** `n` servers on one store, on ports that they keep. `store` may be a list: one URL for each. */
export function startNodes (n, store, args = []) {
  const url = i => Array.isArray(store) ? store[i] : store.url ?? store
  return Promise.all(Array.from({ length: n }, async (_, i) => startServer({
    store: url(i), port: await quietPort(), args: ['--save-interval', String(SAVE_INTERVAL), '--store-timeout', '2000', ...args]
  })))
}

// What a node may close a connection with while something is broken; anything else is a bug.
const MILD = new Set([1000, 1001, 1005, 1006, 1012, 1013])

export class Person extends Client {
  constructor (world, name, doc, node, { roam = false } = {}) {
    super(new Y.Doc())
    Object.assign(this, { world, name, room: doc, node, roam })
    this.random = random(world.seed + 7919 * (world.people.length + 1))
    this.n = 0
    this.changes = [] // not yet reported saved: { mark, deletes, sent }
    this.here = false // wants to be connected
    this.awareness = new Awareness(this.doc)
    this.awareness.setLocalState({ user: { name }, at: 0 })
    this.awareness.on('update', ({ added, updated, removed }) => {
      if ([...added, ...updated, ...removed].includes(this.doc.clientID)) this.#announce()
    })
    // What was typed before goes with the answer to the server's question.
    this.onanswered = () => { for (const c of this.changes) if (c.sent === Infinity) c.sent = this.sent }
    this.onsaved = () => this.#saved()
  }

  get online () { return this.socket?.readyState === 1 }
  get settled () { return this.online && this.saved }

  #announce () {
    if (!this.online) return
    this.send(e => encoding.writeVarUint8Array(e, encodeAwarenessUpdate(this.awareness, [this.doc.clientID])), 1)
  }

  #saved () {
    const now = Date.now()
    this.changes = this.changes.filter(change => {
      if (change.sent > this.acked) return true
      change.deletes ? change.mark.deletedSaved = now : change.mark.saved = now
      return false
    })
  }

  read (bytes) {
    if (bytes[0] !== 1) return super.read(bytes)
    const d = decoding.createDecoder(bytes)
    decoding.readVarUint(d)
    applyAwarenessUpdate(this.awareness, decoding.readVarUint8Array(d), this)
  }

  /** Connects and stays: resolves once it is in step for the first time. */
  async arrive () {
    this.here = true
    this.#dial()
    await until(() => this.synced, () => `${this.name} to be in step with node ${this.node}; ${this.world.told}`, 20000)
    return this
  }

  #dial () {
    for (const c of this.changes) c.sent = Infinity
    this.failing = false
    this.connect(`${this.world.nodes[this.node].ws}/${this.room}`)
    const socket = this.socket
    socket.on('open', () => this.#announce())
    socket.on('close', code => {
      if (socket !== this.socket) return
      this.synced = this.answered = false
      if (!MILD.has(code)) this.world.problems.push(`${this.name} was closed with ${code} by node ${this.node}`)
      for (const c of this.changes) c.sent = Infinity
      // Their clocks are forgotten, too. Stock clients keep them, and then see nobody again who has not moved since, until
      // he says after 15 s that he is still here: this is about what the node tells.
      const others = [...this.awareness.meta.keys()].filter(id => id !== this.doc.clientID)
      removeAwarenessStates(this.awareness, others, this)
      for (const id of others) this.awareness.meta.delete(id)
      if (!this.here) return
      if (this.roam) this.node = this.random.below(this.world.nodes.length)
      this.timer = setTimeout(() => { if (this.here) this.#dial() }, 50 + this.random.below(200))
    })
  }

  /** Ends the connection; it is made again. */
  drop () { this.socket.terminate() }

  /** Is away, with the document still open: arrive() again ends it. */
  goOffline () {
    this.here = false
    clearTimeout(this.timer)
    this.socket?.terminate()
  }

  /** Goes for good and takes what was not saved along. */
  leave () {
    this.goOffline()
    this.awareness.destroy()
  }

  #change (mark, deletes) { this.changes.push({ mark, deletes, sent: this.online && this.answered ? this.sent : Infinity }) }

  /** One change: a mark more or (sometimes) one of the own marks less; and a cursor that moves. */
  type () {
    const marks = this.world.marks
    const dice = this.random()
    if (dice < 0.12) this.awareness.setLocalStateField('at', this.awareness.getLocalState().at + 1)
    const own = dice < 0.2 ? marks.get(`<${this.name}.${this.random.below(this.n)}>`) : null
    const text = this.text.toString()
    if (own && !own.deleted) {
      own.deleted = Date.now()
      this.text.delete(text.indexOf(own.id), own.id.length)
      this.#change(own, true)
      return
    }
    const mark = { id: `<${this.name}.${this.n++}>`, by: this, room: this.room, typed: Date.now(), saved: 0, deleted: 0, deletedSaved: 0 }
    marks.set(mark.id, mark)
    const at = text.length ? text.indexOf('<', this.random.below(text.length)) : 0
    this.text.insert(at < 0 ? text.length : at, mark.id)
    this.#change(mark, false)
  }

  /** Names of everybody that it sees, itself included. */
  get sees () { return new Set([...this.awareness.states.values()].map(s => s.user?.name).filter(Boolean)) }
}

export class World {
  constructor ({ store, nodes, seed = newSeed(), interval = SAVE_INTERVAL }) {
    Object.assign(this, { store, nodes, seed, interval })
    console.log(`SEED=${seed}`)
    this.random = random(seed)
    this.people = []
    this.marks = new Map()
    this.base = new Map() // what documents held before
    this.problems = []
  }

  get told () { return `SEED=${this.seed}` }
  get here () { return this.people.filter(p => p.here) }
  in (room) { return this.here.filter(p => p.room === room) }
  on (node) { return this.here.filter(p => p.node === node) }
  get rooms () { return [...new Set(this.people.map(p => p.room))] }

  /** `n` people who take turns in going to documents and nodes, so that each document has some on every node. */
  async join (n, documents = ['doc'], options = {}) {
    const nodes = options.nodes ?? this.nodes.map((_, i) => i)
    const people = Array.from({ length: n }, (_, i) => {
      const p = new Person(this, `${String.fromCharCode(97 + this.people.length % 26)}${this.people.length}`, documents[i % documents.length], nodes[Math.floor(i / documents.length) % nodes.length], options)
      this.people.push(p)
      return p
    })
    await Promise.all(people.map(p => p.arrive()))
    return people
  }

  /** Everybody who is here types for `ms`, at random moments that are `pause` apart on average. */
  async type (ms, { pause = 20, people = this.here } = {}) {
    const end = Date.now() + ms
    await Promise.all(people.map(async p => {
      for (;;) {
        await sleep(p.random.below(2 * pause))
        if (Date.now() >= end || !p.here) return
        p.type()
      }
    }))
  }

  /** Types until `work` is done, and gives what it gives. */
  async typeDuring (work, options) {
    let done = false
    const end = Promise.resolve(work).finally(() => { done = true })
    end.catch(() => {})
    while (!done) await this.type(200, options)
    return end
  }

  async offline () { const people = this.here; for (const p of people) p.goOffline(); return people }

  get savedCount () { return [...this.marks.values()].filter(m => m.saved).length }

  /** What is wrong with a text of a document. all: marks of those who are here count although they are not saved. */
  wrong (room, text, { all = true, what = 'a replica' } = {}) {
    const counts = new Map()
    const rest = text.replace(/<[a-z]\d+\.\d+>/g, id => { counts.set(id, (counts.get(id) ?? 0) + 1); return '' })
    const list = []
    if (rest !== (this.base.get(room) ?? '')) list.push(`${what} has ${JSON.stringify(rest.slice(0, 100))} beside the marks`)
    for (const mark of this.marks.values()) {
      if (mark.room !== room) continue
      const n = counts.get(mark.id) ?? 0
      counts.delete(mark.id)
      const alive = all && mark.by.here
      const when = `typed ${Date.now() - mark.typed} ms ago, ${mark.saved ? `reported saved after ${mark.saved - mark.typed} ms` : 'not reported saved'}`
      if (n > 1) list.push(`${mark.id} is there ${n} times (${when})`)
      else if (mark.deleted && (mark.deletedSaved || alive) && n) list.push(`${mark.id} was deleted ${Date.now() - mark.deleted} ms ago${mark.deletedSaved ? ', reported saved,' : ''} and is there (${when})`)
      else if (!mark.deleted && (mark.saved || alive) && !n) list.push(`${mark.id} is gone (${when})`)
    }
    for (const id of counts.keys()) list.push(`${id} was typed by nobody in this document`)
    return list.map(line => `${what}: ${room}: ${line}`)
  }

  #assert (list) {
    if (list.length) assert.fail(`${list.length} problems (${this.told}):\n${list.slice(0, 12).join('\n')}`)
  }

  /** Somebody new who looks at the document on a node and goes. */
  async look (room, node) {
    const client = new Client()
    const ok = await until(async () => await client.connect(`${this.nodes[node].ws}/${room}`), () => `node ${node} to let somebody into ${room}: ${JSON.stringify(client.closed)}; ${this.told}`, 15000)
    assert.ok(ok)
    const text = client.text.toString()
    client.close()
    return text
  }

  /** Before anybody is back: what was reported saved is there. */
  async checkSaved (node = 0) {
    const list = []
    for (const room of this.rooms) list.push(...this.wrong(room, await this.look(room, node), { all: false, what: 'somebody new, before all others' }))
    this.#assert(list)
  }

  async settle (timeout = 20000) {
    const unsettled = () => this.here.filter(p => !p.settled).map(p => `${p.name} on ${p.node}: ${p.acked} of ${p.sent} saved${p.synced ? '' : ', not in step'}${p.failing ? ', failing' : ''}`)
    await until(() => unsettled().length === 0, () => `everything to be saved; ${unsettled().join('; ')}; ${this.told}`, timeout)
    for (const room of this.rooms) {
      const people = this.in(room)
      const texts = () => people.map(p => p.text.toString())
      await until(() => { const all = texts(); return all.every(t => t === all[0]) },
        () => `the replicas of ${room} to agree: ${people.map(p => `${p.name} on ${p.node} has ${p.text.length}, ${this.wrong(room, p.text.toString()).slice(0, 3).join(', ')}`).join('; ')}; ${this.told}`, timeout)
    }
  }

  async check ({ timeout = 20000, slack = SLACK, fields = true, nodes = this.nodes.map((_, i) => i) } = {}) {
    await this.settle(timeout)
    const list = [...this.problems]
    const texts = new Map(this.rooms.map(room => [room, this.in(room)[0]?.text.toString()]))
    const changed = Date.now()
    if (fields) {
      for (const [room, text] of texts) {
        if (text === undefined) continue
        await until(async () => await this.store.text(room) === text, () => `the field text of ${room} to be what everybody has; ${this.told}`, this.interval + slack)
          .catch(async error => list.push(`${error.message}: ${this.wrong(room, await this.store.text(room) ?? '', { what: 'the field' }).slice(0, 5).join('\n')}`))
      }
    }
    const fieldsAfter = Date.now() - changed
    for (const [room, text] of texts) {
      for (const p of this.in(room)) list.push(...this.wrong(room, p.text.toString(), { what: `${p.name} on ${p.node}` }))
      for (const node of nodes) {
        const seen = await this.look(room, node)
        list.push(...this.wrong(room, seen, { what: `somebody new on ${node}` }))
        if (text !== undefined && seen !== text) list.push(`somebody new on ${node} has another ${room} than the others`)
        if (await this.nodes[node].raw(room) !== seen) list.push(`GET /${room}/raw on ${node} is another text`)
      }
    }
    this.#assert(list)
    return { fieldsAfter }
  }

  /** Everybody who is connected sees exactly those who are in the same document. */
  async checkPresence (timeout = 10000, among = this.here) {
    const wrong = () => among.flatMap(p => {
      const want = this.in(p.room).map(o => o.name).sort().join()
      const sees = [...p.sees].sort().join()
      return want === sees ? [] : [`${p.name} on ${p.node} sees ${sees} instead of ${want}`]
    })
    const start = Date.now()
    await until(() => wrong().length === 0, () => `${wrong().slice(0, 6).join('; ')}; ${this.told}`, timeout)
    return Date.now() - start
  }

  async end () {
    for (const p of this.people) p.leave()
    for (const p of this.people) p.doc.destroy()
  }
}
