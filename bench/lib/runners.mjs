// ours, yjs and ywasm behind one face: first() prepares and runs once, warm(), run(n) -> times, close().
// Every one is a process of its own on the one core.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
export const root = path.resolve(here, '../..')
const ybench = path.join(root, 'build/release/ybench')

export const pinning = { core: null }
const pinned = (file, args) => pinning.core === null ? [file, args] : ['taskset', ['-c', `${pinning.core}`, file, ...args]]

const children = new Set()
process.on('exit', () => { for (const child of children) child.kill('SIGKILL') })
function start (file, args, options) {
  const child = spawn(...pinned(file, args), options)
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

export class TooSlow extends Error {}
export class Wrong extends Error {}

/** The arguments of ybench for a piece of work. */
function ybenchArguments (task) {
  const { work, files, limit, v2, sv, stateVector, text } = task
  const some = (...list) => list.flat().filter(x => x !== undefined && x !== false)
  switch (work) {
    case 'apply': case 'merge': return some(work, files.updates, limit ? ['--limit', `${limit}`] : [])
    case 'load': return some('load', files.state, v2 && '--v2', !text && '--no-text')
    case 'memory': return ['load', files.state, '--no-text']
    // It reads what it writes: to encode v2 it starts from the v2 state.
    case 'encode': return some('encode', v2 ? files.stateV2 : files.state, v2 && '--v2', sv ? ['--sv', files.sv] : [], stateVector && '--state-vector')
    case 'local': return some('local', files.ops, files.start ? ['--start', files.start] : [])
  }
}

export class Ours {
  constructor (task, folder) {
    mkdirSync(folder, { recursive: true })
    this.out = path.join(folder, 'ours.out')
    this.args = ybenchArguments(task)
    this.expect = task.files.txt ? ['--expect', task.files.txt] : []
  }

  exec (args, limit) {
    return new Promise((resolve, reject) => {
      const child = start(ybench, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      let out = '', err = '', slow = false
      const timer = limit && setTimeout(() => { slow = true; child.kill('SIGKILL') }, limit)
      child.stdout.on('data', d => { out += d })
      child.stderr.on('data', d => { err += d })
      child.on('error', reject)
      child.on('close', code => {
        clearTimeout(timer)
        if (slow) reject(new TooSlow())
        else if (code === 1) reject(new Wrong(err.trim()))
        else if (code !== 0) reject(new Error(err.trim() || `exit ${code}`))
        else resolve(JSON.parse(out))
      })
    })
  }

  async first (limit) {
    const answer = await this.exec([...this.args, ...this.expect, '--runs', '1', '--out', this.out], limit && 2 * limit)
    const result = new Uint8Array(readFileSync(this.out))
    rmSync(this.out)
    return { ns: answer.ns.median, result, bytes: answer.memory.live }
  }

  // Each call of it makes one run before the timed ones; nothing else gets warm.
  async warm () { return this.run(1) }
  async run (n) { return (await this.exec([...this.args, '--runs', `${n}`])).ns.runs }
  close () {}
}

export class Peer {
  constructor (name, task) {
    this.task = task
    this.child = start(process.execPath, ['--expose-gc', path.join(here, 'worker.mjs'), name],
      { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], serialization: 'advanced' })
    this.err = ''
    this.child.stderr.on('data', d => { this.err += d })
  }

  ask (message, limit) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(timer)
        this.child.off('message', answered)
        this.child.off('exit', ended)
        settle(value)
      }
      const answered = m => m.error ? done(reject, new Error(m.error)) : done(resolve, m)
      const ended = () => done(reject, new Error(this.err.trim().split('\n').at(-1) || 'it ended'))
      const timer = limit && setTimeout(() => { this.close(); done(reject, new TooSlow()) }, limit)
      this.child.on('message', answered)
      this.child.on('exit', ended)
      this.child.send(message)
    })
  }

  first (limit) { return this.ask(this.task, limit) }
  async warm (ms) { return (await this.ask({ warm: ms })).ns }
  async run (n) { return (await this.ask({ runs: n })).ns }
  close () { this.child.kill('SIGKILL') }
}

export const haveYbench = () => existsSync(ybench)
