// Real redis-servers: alone, with replicas and Sentinels, as a Cluster; with TLS or a unix socket. Every one of
// them listens on 127.0.0.1 and is ended by its pid with this process (lib/harness.mjs).

import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { launch, sleep, tempFolder, until } from './harness.mjs'
import { quietPort } from './net.mjs'

/** A connection that speaks RESP2: call() in order, onpush for what nobody asked for (MONITOR, pub/sub). */
export class Resp {
  constructor (options, secure) {
    this.waiting = []
    this.rest = Buffer.alloc(0)
    this.closed = false
    this.socket = secure ? tls.connect(options) : net.connect({ noDelay: true, ...options })
    this.socket.on('data', data => this.#data(data)).on('error', error => { this.error = error }).on('close', () => {
      this.closed = true
      for (const { reject } of this.waiting.splice(0)) reject(this.error ?? new Error('the connection to redis is closed'))
    })
  }

  call (...args) {
    if (this.closed) return Promise.reject(this.error ?? new Error('the connection to redis is closed'))
    const parts = args.map(a => Buffer.isBuffer(a) ? a : Buffer.from(String(a)))
    this.socket.write(Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...parts.flatMap(p => [Buffer.from(`$${p.length}\r\n`), p, Buffer.from('\r\n')])]))
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }

  #data (data) {
    this.rest = this.rest.length ? Buffer.concat([this.rest, data]) : data
    let at = 0
    for (;;) {
      const found = parse(this.rest, at)
      if (!found) break
      at = found.end
      const asked = this.waiting.shift()
      if (!asked) this.onpush?.(found.value)
      else if (found.value instanceof Error) asked.reject(found.value)
      else asked.resolve(found.value)
    }
    this.rest = this.rest.subarray(at)
  }

  close () { this.socket.destroy() }
}

/** One reply at `at`: { value, end }, or null when it is not whole yet. */
function parse (b, at) {
  const eol = b.indexOf('\r\n', at)
  if (eol < 0) return null
  const kind = b[at]
  const line = b.toString('utf8', at + 1, eol)
  let end = eol + 2
  if (kind === 43) return { value: line, end }
  if (kind === 45) return { value: new Error(line), end }
  if (kind === 58) return { value: Number(line), end }
  const n = Number(line)
  if (n < 0) return { value: null, end }
  if (kind === 36) return end + n + 2 > b.length ? null : { value: b.toString('utf8', end, end + n), end: end + n + 2 }
  const value = []
  for (let i = 0; i < n; i++) {
    const item = parse(b, end)
    if (!item) return null
    value.push(item.value)
    end = item.end
  }
  return { value, end }
}

/** A CA and a certificate of it for localhost and 127.0.0.1, which serves on both sides: paths { ca, cert, key }. */
export function certificates () {
  const folder = tempFolder()
  const at = name => path.join(folder, name)
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=Test CA', '-keyout', at('ca.key'), '-out', at('ca.pem'))
  openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', at('key.pem'), '-out', at('request.pem'))
  writeFileSync(at('extensions'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  openssl('x509', '-req', '-in', at('request.pem'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('extensions'), '-out', at('cert.pem'))
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') }
}

const durability = fsync => fsync ? ['--appendonly', 'yes', '--appendfsync', fsync] : ['--appendonly', 'no']

/** One redis-server (or Sentinel); the object stays the same when the program is started again. */
export class Redis {
  // fsync: 'always', 'everysec', 'no', or null for no append-only file at all.
  constructor ({ dir = tempFolder(), fsync = 'always', tls = null, clientCertificates = false, unix = false, password = '', args = [], config = null } = {}) {
    Object.assign(this, { dir, fsync, tls, clientCertificates, unix, password, args, config })
    this.starts = 0
  }

  async start () {
    this.port ??= await quietPort()
    const where = this.tls
      ? ['--port', '0', '--tls-port', this.port, '--tls-cert-file', this.tls.cert, '--tls-key-file', this.tls.key, '--tls-ca-cert-file', this.tls.ca, '--tls-auth-clients', this.clientCertificates ? 'yes' : 'no']
      : ['--port', this.unix ? 0 : this.port]
    const args = this.config
      ? [this.config, '--sentinel']
      : [...where, '--bind', '127.0.0.1', '--dir', this.dir, '--save', '', ...durability(this.fsync),
          ...(this.unix ? ['--unixsocket', this.socket] : []), ...(this.password ? ['--requirepass', this.password] : []), ...this.args]
    this.child = launch('redis-server', args.map(String))
    this.starts++
    const ready = this.config ? /monitor master/ : /eady to accept connections/
    await until(() => {
      if (this.child.exitCode !== null) throw new Error(`redis ended: ${this.child.out}${this.child.err}`)
      return ready.test(this.child.out)
    }, () => `redis to serve: ${this.child.out}`)
    return this
  }

  get socket () { return path.join(this.dir, 'redis.sock') }
  get url () {
    const user = this.password ? `:${this.password}@` : ''
    return this.unix ? `redis+unix://${user}${this.socket}` : `${this.tls ? 'rediss' : 'redis'}://${user}127.0.0.1:${this.port}/0`
  }

  connect () {
    const secure = this.tls && { ca: readFileSync(this.tls.ca), ...(this.clientCertificates && { cert: readFileSync(this.tls.cert), key: readFileSync(this.tls.key) }) }
    const resp = new Resp(this.unix ? { path: this.socket } : { port: this.port, host: '127.0.0.1', ...secure }, Boolean(secure))
    if (this.password) resp.call('AUTH', this.password).catch(() => {})
    return resp
  }

  /** On a connection that is kept; errors of redis and of the connection reject. */
  call (...args) {
    if (!this.kept || this.kept.closed) this.kept = this.connect()
    return this.kept.call(...args)
  }

  /** The `text` field of a bytecrowd, null if there is none. */
  text (id) { return this.call('HGET', `bytecrowd:${id}`, 'text') }
  logLength (id) { return this.call('XLEN', `{bytecrowd:${id}}:updates`) }

  /** How many entries it ever had. */
  async logAdded (id) {
    const info = await this.call('XINFO', 'STREAM', `{bytecrowd:${id}}:updates`)
    return info[info.indexOf('entries-added') + 1]
  }

  /** The real redis-cli. */
  cli (...args) { return redisCli(this.unix ? ['-s', this.socket] : ['-p', this.port], this.password, this.tls && ['--tls', '--cacert', this.tls.ca, '--cert', this.tls.cert, '--key', this.tls.key], args) }

  /** Calls heard(seconds, [command, ...args]) for everything that is run, in scripts too. Give what it returns to end it. */
  async monitor (heard) {
    const resp = this.connect()
    resp.onpush = line => {
      const m = /^(\d+\.\d+) \[[^\]]*\] (.*)$/s.exec(line)
      if (m) heard(Number(m[1]), [...m[2].matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(a => a[1]))
    }
    await resp.call('MONITOR')
    return () => resp.close()
  }

  end (signal) {
    this.kept?.close()
    this.child.kill(signal)
    return this.child.ended
  }

  async kill () { return this.end('SIGKILL') }
  async stop () { this.resume(); return this.end('SIGTERM') }
  pause () { this.child.kill('SIGSTOP') }
  resume () { this.child.kill('SIGCONT') }
  async restart () { if (this.child.exitCode === null && !this.child.signalCode) await this.kill(); return this.start() }

  /** A power failure, for one that is not running: the last `bytes` of the append-only file were never on the disk. */
  loseTail (bytes) {
    const folder = path.join(this.dir, 'appendonlydir')
    const name = readdirSync(folder).filter(n => n.endsWith('.incr.aof')).sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).at(-1)
    const file = path.join(folder, name)
    const size = readFileSync(file).length
    truncateSync(file, Math.max(0, size - bytes))
    return Math.min(size, bytes)
  }

  get aofBytes () {
    const folder = path.join(this.dir, 'appendonlydir')
    return existsSync(folder) ? readdirSync(folder).filter(n => n.endsWith('.incr.aof')).reduce((n, f) => n + readFileSync(path.join(folder, f)).length, 0) : 0
  }
}

function redisCli (where, password, secure, args) {
  return new Promise((resolve, reject) => {
    execFile('redis-cli', [...where, ...(secure || []), ...(password ? ['-a', password, '--no-auth-warning'] : []), '--raw', ...args].map(String), { encoding: 'utf8', maxBuffer: 1 << 28 },
      (error, out, err) => error ? reject(new Error(`redis-cli ${args.join(' ')}: ${out}${err}`)) : resolve(out.replace(/\n$/, '')))
  })
}

export const startRedis = options => new Redis(options).start()

// --- replicas and Sentinels ------------------------------------------------------------------------------

/** A master with `replicas` that are in step with it: [master, replica, ...]. */
export async function startReplicated ({ replicas = 1, ...options } = {}) {
  const args = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', '--repl-timeout', '5', ...(options.args ?? [])]
  const master = await startRedis({ ...options, args })
  const all = [master]
  for (let i = 0; i < replicas; i++) all.push(await startRedis({ ...options, dir: tempFolder(), args: [...args, '--replicaof', '127.0.0.1', master.port] }))
  await until(async () => (await master.call('INFO', 'replication')).match(/state=online/g)?.length === replicas, 'the replicas to be in step')
  return all
}

/**
 * A master with replicas and three Sentinels that agree by two: { url, redises, sentinels, master(), text(),
 * failover(), failedOver(before) }.
 */
export async function startSentinels ({ replicas = 1, downAfter = 500, name = 'main', ...options } = {}) {
  const redises = await startReplicated({ replicas, ...options })
  const sentinels = []
  for (let i = 0; i < 3; i++) {
    const dir = tempFolder()
    const sentinel = new Redis({ dir, config: path.join(dir, 'sentinel.conf') })
    sentinel.port = await quietPort()
    writeFileSync(sentinel.config, `port ${sentinel.port}\nbind 127.0.0.1\ndir ${dir}\nsentinel monitor ${name} 127.0.0.1 ${redises[0].port} 2\n` +
      `sentinel down-after-milliseconds ${name} ${downAfter}\nsentinel failover-timeout ${name} 3000\nsentinel parallel-syncs ${name} 2\n`)
    sentinels.push(await sentinel.start())
  }
  const ask = (...args) => sentinels[0].call('SENTINEL', ...args)
  const pairs = list => Object.fromEntries(Array.from({ length: list.length / 2 }, (_, i) => list.slice(2 * i, 2 * i + 2)))
  await until(async () => (await Promise.all(sentinels.map(s => s.call('SENTINEL', 'master', name).then(pairs)))).every(m => m['num-slaves'] === String(replicas) && m['num-other-sentinels'] === '2'),
    'the Sentinels to know each other')
  const ha = {
    url: `redis+sentinel://${sentinels.map(s => `127.0.0.1:${s.port}`).join(',')}/${name}`,
    redises,
    sentinels,
    name,
    master: async () => { const port = Number((await ask('get-master-addr-by-name', name))[1]); return redises.find(r => r.port === port) },
    call: async (...args) => (await ha.master()).call(...args),
    text: async id => (await ha.master()).text(id),
    logLength: async id => (await ha.master()).logLength(id),
    /** Orderly. It is refused for a while after another one. */
    failover: () => until(() => ask('failover', name).then(() => true, () => false), 'the Sentinels to begin a failover', 20000),
    /** The new master, once all Sentinels name it. */
    failedOver: async before => {
      await until(async () => (await Promise.all(sentinels.map(s => s.call('SENTINEL', 'get-master-addr-by-name', name)))).every(([, port]) => Number(port) !== before.port), 'the Sentinels to name a new master', 30000)
      return ha.master()
    },
    role: async redis => (await redis.call('ROLE'))[0],
    stop: () => Promise.all([...sentinels, ...redises].map(r => r.kill()))
  }
  return ha
}

// --- Cluster ---------------------------------------------------------------------------------------------

/** Three masters: { url, nodes, slot(id), owner(slot), reshard(from, to, count), text(id), stop() }. */
export async function startCluster ({ nodes = 3, ...options } = {}) {
  const all = []
  for (let i = 0; i < nodes; i++) {
    all.push(await startRedis({ ...options, args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-port', await quietPort(), ...(options.args ?? [])] }))
  }
  const addresses = all.map(r => `127.0.0.1:${r.port}`)
  await all[0].cli('--cluster', 'create', ...addresses, '--cluster-yes')
  const ok = async r => /cluster_state:ok/.test(await r.call('CLUSTER', 'INFO')) && (await r.call('CLUSTER', 'SLOTS')).length >= nodes
  await until(async () => (await Promise.all(all.map(ok))).every(Boolean), 'the cluster to be in order', 20000)
  for (const r of all) r.id = await r.call('CLUSTER', 'MYID')
  // Follows MOVED and ASK.
  const call = async (key, ...args) => {
    let at = all[0]
    for (let tries = 0, asking = false; tries < 50; tries++) {
      try {
        if (asking) await at.call('ASKING')
        return await at.call(...args)
      } catch (error) {
        const m = /^(MOVED|ASK) \d+ [^ ]*:(\d+)/.exec(error.message)
        if (m) { at = all.find(r => r.port === Number(m[2])); asking = m[1] === 'ASK' } else { await sleep(50); at = all[(tries + 1) % nodes]; asking = false }
      }
    }
    throw new Error(`the cluster does not answer ${args.join(' ')}`)
  }
  const cluster = {
    url: `redis+cluster://${addresses.join(',')}`,
    nodes: all,
    slot: id => all[0].call('CLUSTER', 'KEYSLOT', `bytecrowd:${id}`),
    owner: async id => {
      const slot = await cluster.slot(id)
      const range = (await all[0].call('CLUSTER', 'SLOTS')).find(([from, to]) => from <= slot && slot <= to)
      return all.find(r => r.port === range[2][1])
    },
    /** Moves `count` slots, those that stand first at `from`. */
    reshard: (from, to, count) => all[0].cli('--cluster', 'reshard', addresses[0], '--cluster-from', from.id, '--cluster-to', to.id, '--cluster-slots', count, '--cluster-yes', '--cluster-pipeline', 10),
    call,
    text: id => call(id, 'HGET', `bytecrowd:${id}`, 'text'),
    logLength: id => call(id, 'XLEN', `{bytecrowd:${id}}:updates`),
    ok: async () => (await Promise.all(all.map(r => ok(r).catch(() => false)))).every(Boolean),
    stop: () => Promise.all(all.map(r => r.kill()))
  }
  return cluster
}
