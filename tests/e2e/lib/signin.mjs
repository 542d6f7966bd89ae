// Servers that people sign in to: on each kind of store, with GitHub and OpenID beside them.

import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { UpstashRedisAdapter } from '@auth/upstash-redis-adapter'
import { Redis as UpstashClient } from '@upstash/redis'
import { Agent } from './auth.mjs'
import { runOnce, startServer, tempFolder } from './harness.mjs'
import { quietPort } from './net.mjs'
import { startRedis } from './redis.mjs'
import { Upstash } from './upstash.mjs'

export const DENIED = 'you need to be authorized to execute this operation'

/**
 * Servers of one site: { kind, store, nodes, redis, stop(), cli(...) }. SQLite has one node, which stands in both places;
 * Redis has two.
 */
export async function site (kind, { args = [], env = {}, redis } = {}) {
  const own = kind === 'Redis' && !redis
  if (own) redis = await startRedis({ fsync: null })
  const store = kind === 'Redis' ? redis.url : `sqlite:${path.join(tempFolder(), 'test.db')}`
  const start = async () => startServer({ store, args: ['--log-level', 'debug', ...args], env, port: await quietPort() })
  const nodes = kind === 'Redis' ? await Promise.all([start(), start()]) : Array(2).fill(await start())
  const servers = [...new Set(nodes)]
  return {
    kind,
    store,
    nodes,
    servers,
    redis: kind === 'Redis' ? redis : null,
    a: nodes[0],
    b: nodes[1],
    origin: nodes[0].origin,
    /** All that the servers said. */
    get said () { return servers.map(s => s.child.out + s.child.err).join('\n') },
    cli: (...words) => runOnce([...words, '--store', store]),
    /** The value of one of Auth.js' keys, and the same for all of them. */
    key: async name => kind === 'Redis' ? redis.call('GET', name) : sql(store, `select value from auth where key = '${name}'`).trim() || null,
    keys: async () => (kind === 'Redis' ? await redis.call('KEYS', 'user:*') : sql(store, 'select key from auth').split('\n').filter(Boolean)).sort(),
    put: async (name, value) => kind === 'Redis' ? redis.call('SET', name, value) : sql(store, `insert or replace into auth (key, value) values ('${name}', cast('${value.replaceAll("'", "''")}' as blob))`),
    /** Somebody who has signed in on the first node. */
    person: async (login, provider = 'github') => { const agent = new Agent(); await agent.signIn(nodes[0].origin, provider, login); return agent },
    async stop () {
      const ends = await Promise.all(servers.map(s => s.stop()))
      if (own) await redis.kill()
      for (const [i, { code }] of ends.entries()) if (code !== 0) throw new Error(`a server ended with ${code}: ${servers[i].child.err}`)
    }
  }
}

const sql = (store, text) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', store.slice('sqlite:'.length), text], { encoding: 'utf8' })

/** Auth.js' own adapter on a Redis: { adapter, close }. */
export async function authjs (redis) {
  const upstash = await new Upstash({ redis: { port: redis.port } }).listen()
  return { adapter: UpstashRedisAdapter(new UpstashClient({ url: upstash.url, token: upstash.token, enableTelemetry: false, retry: false })), close: () => upstash.close() }
}
