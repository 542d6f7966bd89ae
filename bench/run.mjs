// make bench: the same work by src/y, npm's yjs and ywasm, in one run and on one core. See README.md.
//
//   ONLY=apply,people   what of it: words of which each must stand in "work input"; alternatives by |
//   BENCH_DATA=folder   recorded sessions (default: ../shared/data beside the checkout)
//   BENCH_CORE=n        the core (default: the last)
//   BENCH_LIMIT=n       seconds after which a peer is given up (default 30; a third of it for merging all)

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import * as Y from 'yjs'
import { sameVector, view } from './lib/check.mjs'
import { haveYbench, Ours, Peer, pinning, root, TooSlow, Wrong } from './lib/runners.mjs'
import { editsAt, encodeOps, sessions, unframe } from './lib/sessions.mjs'
import { printMachine, printTables, ratio } from './lib/table.mjs'

const PEERS = ['ours', 'yjs', 'ywasm']
const ROUNDS = 5
const ROUND_MS = 100 // a peer's share of a round: as many runs as fit in, up to
const ROUND_RUNS = 10
const BUDGET_MS = 6000 // of a peer for a case, after which it gets fewer than five rounds
const WARM_MS = 400
const LIMIT_MS = 1000 * Number(process.env.BENCH_LIMIT ?? 30)
const MERGE_LIMIT_MS = LIMIT_MS / 3 // merging all is far beyond any limit for Yjs

// A state vector is as long as the document has clients: from one to 1 500.
const VECTORS = ['automerge-paper', 'friendsforever', 'h1-fork100', 'typing', 'people', 'prepends']
const ALL_SUFFICES = ['people', 'prepending', 'map', 'big'] // what 10 000 of them show, the others show

const build = path.join(root, 'build/bench')
const say = line => process.stderr.write(`${line}\n`)

function pin () {
  try {
    const allowed = /Cpus_allowed_list:\s*(.*)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]
    const core = process.env.BENCH_CORE ?? allowed.split(/[,-]/).at(-1)
    execFileSync('taskset', ['-c', core, 'true'], { stdio: 'ignore' })
    pinning.core = Number(core)
  } catch {
    say('taskset is not there: not pinned to a core')
  }
}

function dataFolder () {
  const folder = path.resolve(root, process.env.BENCH_DATA ?? '../shared/data')
  if (existsSync(folder)) return folder
  say(`no recorded sessions in ${process.env.BENCH_DATA ?? '../shared/data'}: the made ones only (BENCH_DATA names another folder)`)
  return null
}

/** The local edits of the 1 MB document, as extra ops files with the text that must come out. */
function placedEdits (big) {
  const text = readFileSync(big.file('txt'), 'utf8')
  const places = [['start', 0, 0.001], ['middle', 0.5, 0.001], ['end', 1, 0.001], ['anywhere', 0.5, 0.5]]
  return places.map(([place, at, span], i) => {
    const transactions = editsAt(20 + i, text.length, at, span, 1000)
    const ops = path.join(build, 'sessions', `big.${place}.ops`)
    writeFileSync(ops, encodeOps(transactions))
    let after = text
    for (const [[position, deleted, inserted]] of transactions) after = after.slice(0, position) + inserted + after.slice(position + deleted)
    return { place, ops, after, count: transactions.length }
  })
}

/** Every piece of work: { work, input, unit, count, task, check(first answer) }. */
function allCases (list) {
  const cases = []
  const views = new Map()
  const expected = s => {
    if (!views.has(s.name)) views.set(s.name, view([readFileSync(s.file('state.v1'))], s.roots))
    return views.get(s.name)
  }
  const text = s => readFileSync(s.file('txt'), 'utf8')
  const add = (work, s, unit, count, task, check, input = s.name) => cases.push({ work, input, about: s.about, unit, count, task, check })
  const right = (s, roots = s.roots) => a => view([a.result], roots) === expected(s) && (a.text === undefined || a.text === text(s))

  for (const s of list) {
    const txt = s.text ? s.file('txt') : undefined
    const state = s.file('state.v1'), stateV2 = s.file('state.v2'), updates = s.file('updates')
    add('apply', s, 'update', s.count, { work: 'apply', files: { updates, txt } }, right(s))
    add('load v1', s, null, 1, { work: 'load', files: { state, txt }, text: s.text }, right(s))
    add('load v2', s, null, 1, { work: 'load', files: { state: stateV2, txt }, text: s.text, v2: true }, a =>
      view([a.v2 ? Y.convertUpdateFormatV2ToV1(a.result) : a.result], s.roots) === expected(s) && (a.text === undefined || a.text === text(s)))
    add('encode v1', s, null, 1, { work: 'encode', files: { state } }, right(s))
    add('encode v2', s, null, 1, { work: 'encode', files: { state, stateV2 }, v2: true }, a => view([Y.convertUpdateFormatV2ToV1(a.result)], s.roots) === expected(s))
    add('diff from the half', s, null, 1, { work: 'encode', files: { state, sv: s.file('half.sv') }, sv: true }, a =>
      view([readFileSync(s.file('half.v1')), a.result], s.roots) === expected(s))
    if (VECTORS.includes(s.name)) add('state vector', s, null, 1, { work: 'encode', files: { state }, stateVector: true }, a => sameVector(a.result, readFileSync(s.file('sv'))))
    if (s.count > 1.2 * 10000 && !ALL_SUFFICES.includes(s.name)) {
      const some = unframe(readFileSync(updates)).slice(0, 10000)
      let want
      add('merge 10 000', s, 'update', 10000, { work: 'merge', files: { updates }, limit: 10000 }, a => view([a.result], s.roots) === (want ??= view(some, s.roots)))
    }
    add('merge all', s, 'update', s.count, { work: 'merge', files: { updates } }, right(s))
    if (s.ops) {
      add('local', s, 'edit', s.count, { work: 'local', files: { ops: s.file('ops'), txt } }, a => (a.text ?? textOf([a.result])) === text(s))
    }
    add('memory', s, 'bytes', 1, { work: 'memory', files: { state } }, right(s))
  }
  const big = list.find(s => s.name === 'big')
  for (const { place, ops, after, count } of placedEdits(big)) {
    add('local', big, 'edit', count, { work: 'local', files: { ops, start: big.file('state.v1') } }, a => (a.text ?? textOf([a.result])) === after, `big, ${place}`)
  }
  const order = [...new Map(cases.map(c => [c.work, 0])).keys()]
  return cases.sort((a, b) => order.indexOf(a.work) - order.indexOf(b.work))
}

function textOf (updates) {
  const doc = new Y.Doc()
  for (const u of updates) Y.applyUpdate(doc, u)
  return doc.getText('text').toString()
}

const median = list => {
  const s = [...list].sort((a, b) => a - b), m = s.length >> 1
  return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2
}

/** Half of the distance between the quartiles (of few runs: between the ends), in parts of the median. */
const spread = list => {
  const s = [...list].sort((a, b) => a - b)
  if (s.length < 5) return (s.at(-1) - s[0]) / 2 / median(s)
  return (s[Math.floor(0.75 * (s.length - 1))] - s[Math.ceil(0.25 * (s.length - 1))]) / 2 / median(s)
}

/** Prepares one peer and checks its result: { runner, first } or { problem }. */
async function begin (name, c) {
  const limit = c.work === 'merge all' ? MERGE_LIMIT_MS : LIMIT_MS
  const runner = name === 'ours' ? new Ours(c.task, build) : new Peer(name, c.task)
  try {
    const first = await runner.first(limit)
    let ok = false
    try { ok = c.check({ ...first, v2: name === 'ours' && c.task.v2 }) } catch {}
    if (ok) return { runner, first }
    runner.close()
    return { problem: 'wrong' }
  } catch (error) {
    runner.close()
    if (error instanceof TooSlow) return { problem: 'slow', over: limit }
    if (error instanceof Wrong) return { problem: 'wrong' }
    return { problem: 'failed', why: error.message }
  }
}

async function runCase (c) {
  const started = {}
  for (const name of PEERS) started[name] = await begin(name, c)
  const able = PEERS.filter(name => started[name].runner)
  const times = Object.fromEntries(able.map(name => [name, []]))
  if (c.work !== 'memory') {
    const plan = {}
    for (const name of able) {
      let ms = started[name].first.ns / 1e6
      if (ms < 1000) ms = (await started[name].runner.warm(WARM_MS)).at(-1) / 1e6
      plan[name] = { rounds: Math.min(ROUNDS, Math.floor(BUDGET_MS / ms)), runs: Math.max(1, Math.min(ROUND_RUNS, Math.floor(ROUND_MS / ms))) }
      if (plan[name].rounds === 0) times[name].push(started[name].first.ns)
    }
    for (let round = 0; round < ROUNDS; round++) {
      // Another one begins every round.
      for (let i = 0; i < able.length; i++) {
        const name = able[(round + i) % able.length]
        if (round < plan[name].rounds) times[name].push(...await started[name].runner.run(plan[name].runs))
      }
    }
  }
  const result = { work: c.work, input: c.input, about: c.about, count: c.count, unit: c.unit ?? 'whole' }
  for (const name of PEERS) {
    const { runner, first, problem, why, over } = started[name]
    runner?.close()
    if (problem) result[name] = { problem, why, over }
    else if (c.work === 'memory') result[name] = { bytes: first.bytes }
    else {
      const t = times[name]
      result[name] = { median: median(t), min: Math.min(...t), max: Math.max(...t), spread: spread(t), runs: t.length, bytes: first.result?.length }
    }
  }
  for (const name of PEERS.slice(1)) result[`${name}/ours`] = ratio(result, name)
  return result
}

/** What encoding gave, as a work of its own. */
function sizes (results) {
  return ['encode v1', 'encode v2'].flatMap(work => results.filter(r => r.work === work).map(r => {
    const size = { work: work.replace('encode', 'size'), input: r.input, about: r.about, count: 1, unit: 'bytes' }
    for (const name of PEERS) size[name] = r[name].problem ? r[name] : { bytes: r[name].bytes }
    for (const name of PEERS.slice(1)) size[`${name}/ours`] = ratio(size, name)
    return size
  }))
}

function machine () {
  const version = name => JSON.parse(readFileSync(path.join(root, 'bench/node_modules', name, 'package.json'), 'utf8')).version
  let commit = 'unknown'
  try { commit = execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim() } catch {}
  return {
    cpu: os.cpus()[0].model.trim(), cores: os.cpus().length, core: pinning.core, memory: os.totalmem(), load: os.loadavg()[0],
    node: process.version, yjs: version('yjs'), ywasm: version('ywasm'), commit, when: new Date().toISOString()
  }
}

async function main () {
  if (!haveYbench()) throw new Error('build/release/ybench is not there: make bench builds it')
  mkdirSync(build, { recursive: true })
  pin()
  const list = sessions(path.join(build, 'sessions'), dataFolder(), say)
  const only = (process.env.ONLY ?? '').split('|').map(words => words.split(',').map(w => w.trim()).filter(Boolean))
  const wanted = c => only.some(words => words.every(w => `${c.work} ${c.input}`.includes(w)))
  const cases = allCases(list).filter(wanted)
  const about = machine(), start = Date.now(), results = []
  for (const [i, c] of cases.entries()) {
    const before = Date.now()
    results.push(await runCase(c))
    say(`${i + 1}/${cases.length} ${c.work}: ${c.input} (${((Date.now() - before) / 1000).toFixed(1)} s)`)
  }
  results.push(...sizes(results))
  about.seconds = Math.round((Date.now() - start) / 1000)
  writeFileSync(path.join(build, 'results.json'), JSON.stringify({ machine: about, results }, null, 1))
  printMachine(about)
  printTables(results)
}

await main()
