// Starts the programs that the tests talk to and ends every one of them by its pid, also when a test throws.
// BYTECROWDS=path chooses the binary; PEER=.../@y/websocket-server/src/server.js runs npm's own server in its
// place, to check the tests themselves (0.1.1 is the version to install for it).

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { after } from 'node:test'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
export const binary = path.resolve(root, process.env.BYTECROWDS ?? 'build/release/bytecrowds')
export const peer = Boolean(process.env.PEER)
export const sanitized = binary.includes('asan') || binary.includes('tsan')

const running = new Set()
const folders = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
// A test that failed may have left anything open: the file ends all the same. Who leaves something open
// without a failure is told.
if (process.env.NODE_TEST_CONTEXT) {
  after(() => setTimeout(() => {
    console.error('still open after the last test:', process.getActiveResourcesInfo?.())
    process.exit(process.exitCode ?? 1)
  }, 20000).unref())
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Resolves with the first truthy answer of check(); throws with `what` after timeout ms. */
export async function until (check, what, timeout = 10000) {
  const end = Date.now() + timeout
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > end) throw new Error(`waited ${timeout} ms in vain: ${typeof what === 'function' ? what() : what}`)
    await sleep(10)
  }
}

export function tempFolder () {
  const folder = mkdtempSync(path.join(tmpdir(), 'bytecrowds-e2e-'))
  folders.add(folder)
  return folder
}

export function freePort () {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** A child whose output is kept in .out and .err, with .ended: a promise of { code, signal }. */
export function launch (file, args, options = {}) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  running.add(child)
  child.out = ''
  child.err = ''
  child.stdout.setEncoding('utf8').on('data', text => { child.out += text })
  child.stderr.setEncoding('utf8').on('data', text => { child.err += text })
  child.ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      running.delete(child)
      resolve({ code, signal })
    })
  })
  child.ended.catch(() => {})
  return child
}

function cleanEnvironment (extra) {
  const env = { ...process.env, ...extra }
  // The tests' own variable would be an unknown option to the program.
  for (const name of Object.keys(env)) if (/^BYTECROWDS(_|$)/.test(name) && !(name in extra)) delete env[name]
  return env
}

/** Runs the program to its end: { status, stdout, stderr }. */
export function runOnce (args, { env = {}, timeout = 10000 } = {}) {
  return spawnSync(binary, args, { env: cleanEnvironment(env), encoding: 'utf8', timeout })
}

/**
 * A running server. { store, args, env, port, log } all have defaults; port 0 = any.
 * Gives { child, port, origin, ws, get, rss, kill, stop, restart, options }.
 */
export async function startServer (options = {}) {
  // null: what the environment says.
  const store = options.store === undefined ? `sqlite:${path.join(tempFolder(), 'test.db')}` : options.store
  const child = peer ? await launchPeer(options) : launchOurs({ ...options, store })
  const port = await until(async () => {
    if (child.exitCode !== null || child.signalCode) throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}: ${child.err}`)
    return peer ? await accepts(child.port) && child.port : Number(/^Open http:\/\/\S+?:(\d+)\//m.exec(child.out)?.[1])
  }, () => `the address line; stdout ${JSON.stringify(child.out)}, stderr ${child.err}`, 20000)
  return serverHandle(child, port, { ...options, store })
}

function launchOurs ({ store, args = [], env = {}, port = 0 }) {
  if (!existsSync(binary)) throw new Error(`${binary} is not built`)
  return launch(binary, ['--listen', `127.0.0.1:${port}`, ...(store ? ['--store', store] : []), ...args], { env: cleanEnvironment(env) })
}

async function launchPeer (options) {
  const port = options.port || await freePort()
  const child = launch(process.execPath, [process.env.PEER], { env: { ...process.env, HOST: '127.0.0.1', PORT: String(port) } })
  child.port = port
  return child
}

function accepts (port) {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) })
    socket.on('error', () => resolve(false))
  })
}

function serverHandle (child, port, options) {
  const origin = `http://127.0.0.1:${port}`
  const end = signal => { child.kill(signal); return child.ended }
  return {
    child,
    port,
    origin,
    options,
    ws: `ws://127.0.0.1:${port}/ws`,
    get: (url, init) => fetch(origin + url, { redirect: 'manual', ...init }),
    raw: async id => (await fetch(`${origin}/${id}/raw`)).text(),
    rss: () => residentBytes(child.pid),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    restart: () => startServer({ ...options, port })
  }
}

/** Resident memory of a process in bytes, from the kernel. */
export function residentBytes (pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}

/** mulberry32: small, seeded, the same numbers on every machine. */
export function random (seed) {
  let a = seed >>> 0
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  next.below = n => Math.floor(next() * n)
  return next
}
