// Starts the real binary for a test, on a free port, and ends it by its process id.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
export const binary = path.resolve(root, process.env.BYTECROWDS ?? 'build/release/bytecrowds')
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

const children = new Set()
const folders = new Set()
process.on('exit', () => {
  for (const c of children) c.kill('SIGKILL')
  for (const dir of folders) fs.rmSync(dir, { recursive: true, force: true })
})
// A test that failed may have left anything open: the file ends all the same. Who leaves something open
// without a failure is told.
if (process.env.NODE_TEST_CONTEXT) {
  after(() => setTimeout(() => {
    console.error('still open after the last test:', process.getActiveResourcesInfo?.())
    process.exit(process.exitCode ?? 1)
  }, 20000).unref())
}

export function temporary () {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bytecrowds-test-'))
  folders.add(dir)
  return dir
}

export async function until (what, condition, ms = 10000) {
  const end = Date.now() + ms
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`)
    await sleep(10)
  }
}

export function freePort () {
  return new Promise((resolve, reject) => {
    const s = net.createServer()
    s.on('error', reject)
    s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)) })
  })
}

export function track (child) {
  children.add(child)
  child.ended = new Promise(resolve => child.on('exit', (code, signal) => { children.delete(child); resolve({ code, signal }) }))
  return child
}

// { port, url, ws, log(), stop(), kill() }
export async function start ({ store, port = 0, args = [], env = {} } = {}) {
  const dir = store ? null : temporary()
  const url = store ?? `sqlite:${path.join(dir, 'test.sqlite')}`
  const child = track(spawn(binary, ['--listen', `127.0.0.1:${port}`, '--store', url, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }))
  let out = '', log = ''
  child.stdout.on('data', d => { out += d })
  child.stderr.on('data', d => { log += d })
  let gone = null
  child.ended.then(end => { gone = end })
  const match = await until('the server to serve', () => {
    if (gone) throw new Error(`the server ended: ${JSON.stringify(gone)}\n${log}`)
    return out.match(/Open http:\/\/127\.0\.0\.1:(\d+)\//)
  })
  const p = Number(match[1])
  return {
    child, port: p, url: `http://127.0.0.1:${p}`, ws: `ws://127.0.0.1:${p}/ws`, store: url, log: () => log,
    async stop () { child.kill('SIGTERM'); const end = await child.ended; if (end.code !== 0) throw new Error(`exit ${JSON.stringify(end)}\n${log}`); return end },
    async kill () { child.kill('SIGKILL'); return child.ended },
    raw: async name => (await fetch(`http://127.0.0.1:${p}/${name}/raw`)).text()
  }
}

export async function redis ({ port, dir = temporary(), args = [] } = {}) {
  port ??= await freePort()
  const child = track(spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--appendfsync', 'always', '--save', '', ...args], { stdio: ['ignore', 'pipe', 'pipe'] }))
  let out = ''
  child.stdout.on('data', d => { out += d })
  await until('redis to serve', () => out.includes('Ready to accept connections'))
  return { child, port, dir, url: `redis://127.0.0.1:${port}/0`, async kill () { child.kill('SIGKILL'); return child.ended } }
}
