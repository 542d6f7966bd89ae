// node bench/nodes.mjs: two servers ("nodes") on one Redis, many documents with one person on each node who type at
// each other. How long a keystroke takes from one to the other, and what it costs.
//
//   DOCUMENTS=n   documents, of two people each (500)
//   RATE=n        keystrokes a second of each person (5)
//   SECONDS=n     how long (20), after two that do not count
//   NODES=n       1: both people on one node, to compare (2)
//   FSYNC=mode    Redis' appendfsync: always, everysec or no (everysec)
//   BYTECROWDS=p  the binary (build/release/bytecrowds)
//
// Every person is a socket and a few numbers (tests/e2e/lib/load.mjs): no document, no library. All of them live in
// this process, whose own lateness is printed: it is part of every time above it.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { root, sleep, startServer } from '../tests/e2e/lib/harness.mjs'
import { MESSAGE_MAX, varUint, writeInsertion } from '../tests/e2e/lib/load.mjs'
import { LightSocket, quietPort } from '../tests/e2e/lib/net.mjs'
import { startRedis } from '../tests/e2e/lib/redis.mjs'

const option = (name, preset) => Number(process.env[name] ?? preset)
const DOCUMENTS = option('DOCUMENTS', 500), RATE = option('RATE', 5), SECONDS = option('SECONDS', 20), NODES = option('NODES', 2)
const FSYNC = process.env.FSYNC ?? 'everysec'
const WARM = 2
const PERIOD = 1000 / RATE
const KEYS = Math.ceil((SECONDS + WARM + 2) * RATE)

let counting = false
const arrivals = NODES === 1 ? [[]] : [[], []] // by the node of the writer
const receipts = []
let unknown = 0

class Person {
  constructor (node, document, seat) {
    this.client = 1000 + 2 * document + seat
    this.node = node.index
    this.clock = this.answered = 0
    this.sent = new Float64Array(KEYS)
    this.counts = new Uint8Array(KEYS)
    this.got = 0 // of the other one's
    this.phase = Math.random() * PERIOD
    this.buffer = Buffer.alloc(MESSAGE_MAX)
    this.socket = new LightSocket(node.port, `/ws/bench${document}?receipts=1`, (b, from, to) => this.read(b, from, to))
  }

  type (now) {
    const end = writeInsertion(this.buffer, 0, this.client, this.clock, 97 + this.clock % 26, this.clock - 1)
    this.sent[this.clock] = now
    this.counts[this.clock] = counting
    this.clock++
    this.socket.send(this.buffer.subarray(0, end))
  }

  // One struct of one client is what everybody here makes; it may come joined with those behind it.
  read (b, from) {
    if (b[from] === 100) return this.receipt(varUint(b, from + 1)[0])
    if (b[from] !== 0 || b[from + 1] === 0) return
    let [, at] = varUint(b, from + 2)
    if (b[at] === 0) return
    if (b[at] !== 1 || b[at + 1] !== 1) { unknown++; return }
    let client, clock, length
    ;[client, at] = varUint(b, at + 2)
    if (client !== this.other.client) return
    ;[clock, at] = varUint(b, at)
    const info = b[at++]
    for (const bit of [0x80, 0x40]) if (info & bit) at = varUint(b, varUint(b, at)[1])[1]
    if (!(info & 0xc0)) { [length, at] = varUint(b, at + 1); at += length }
    if ((info & 31) !== 4) { unknown++; return }
    ;[length] = varUint(b, at)
    const now = performance.now()
    for (let end = clock + length; clock < end; clock++) {
      if (clock < this.got) continue // came twice
      this.got = clock + 1
      if (this.other.counts[clock]) arrivals[this.other.node].push(now - this.other.sent[clock])
    }
  }

  receipt (n) {
    const now = performance.now()
    for (; this.answered < n; this.answered++) if (this.counts[this.answered]) receipts.push(now - this.sent[this.answered])
  }
}

function cpuSeconds (pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const at = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
function line (what, times) {
  if (!times.length) return `${what.padEnd(26)} none`
  times.sort((a, b) => a - b)
  return `${what.padEnd(26)} p50 ${at(times, 0.5).toFixed(2)} ms, p99 ${at(times, 0.99).toFixed(2)} ms, max ${times.at(-1).toFixed(2)} ms (${times.length})`
}

async function main () {
  const redis = await startRedis({ fsync: FSYNC })
  const nodes = []
  for (let i = 0; i < NODES; i++) nodes.push(Object.assign(await startServer({ store: redis.url, port: await quietPort() }), { index: i }))
  const people = []
  for (let d = 0; d < DOCUMENTS; d++) {
    const pair = [0, 1].map(seat => new Person(nodes[seat % NODES], d, seat))
    pair[0].other = pair[1]
    pair[1].other = pair[0]
    people.push(...pair)
    if (d % 50 === 49) await Promise.all(people.map(p => p.socket.ready))
  }
  if (!(await Promise.all(people.map(p => p.socket.ready))).every(Boolean)) throw new Error('somebody was not let in')
  await sleep(500)

  // Everybody in the order in which they are due, over and over.
  people.sort((a, b) => a.phase - b.phase)
  const late = []
  const delay = monitorEventLoopDelay({ resolution: 5 })
  let next = 0
  let round = 0
  let before
  const start = performance.now()
  const processes = [...nodes.map((n, i) => [`node ${'AB'[i]}`, n.child.pid]), ['redis', redis.child.pid], ['this generator', process.pid]]
  await new Promise(resolve => {
    const turn = () => {
      const now = performance.now() - start
      if (!before && now >= WARM * 1000) {
        counting = true
        delay.enable()
        before = { at: now, cpu: processes.map(([, pid]) => cpuSeconds(pid)) }
      }
      if (now >= (WARM + SECONDS) * 1000) return resolve()
      for (let due; (due = people[next].phase + round * PERIOD) <= now;) {
        const t = performance.now()
        if (counting) late.push(t - start - due)
        people[next].type(t)
        if (++next === people.length) { next = 0; round++ }
      }
      setTimeout(turn, 1)
    }
    turn()
  })
  const seconds = (performance.now() - start - before.at) / 1000
  const cpu = processes.map(([name, pid], i) => `${name} ${(100 * (cpuSeconds(pid) - before.cpu[i]) / seconds).toFixed(0)} %`)
  counting = false
  delay.disable()
  await sleep(1500)

  const sent = people.reduce((n, p) => n + p.clock, 0)
  const arrived = people.reduce((n, p) => n + p.got, 0)
  let commit = 'unknown'
  try { commit = execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim() } catch {}
  const version = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))[1]
  console.log(`${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, load ${os.loadavg()[0].toFixed(1)}; Redis ${version}, appendfsync ${FSYNC}; Node.js ${process.version}; commit ${commit}`)
  console.log(`${DOCUMENTS} documents x 2 people x ${RATE}/s for ${SECONDS} s on ${NODES} node${NODES > 1 ? 's' : ''}: ${(late.length / seconds).toFixed(0)} keystrokes a second`)
  if (NODES === 1) console.log(line('on one node', arrivals[0]))
  else { console.log(line('from A to B', arrivals[0])); console.log(line('from B to A', arrivals[1])) }
  console.log(line('until a receipt', receipts))
  console.log(`CPU: ${cpu.join(', ')}`)
  const lag = delay.percentile(99) / 1e6 - 5
  console.log(`${line('lateness of the generator', late)}; its event loop was up to ${lag.toFixed(1)} ms late (p99)`)
  if (lag > 10 || at(late, 0.99) > 10) console.log('THE GENERATOR IS A BOTTLENECK: the times above are its own as much as the servers\'')
  if (arrived < sent) console.log(`${sent - arrived} of ${sent} keystrokes did not arrive`)
  if (unknown) console.log(`${unknown} messages were of a kind that this program does not read`)
  for (const p of people) p.socket.close()
  await Promise.all(nodes.map(n => n.stop()))
  await redis.kill()
}

await main()
