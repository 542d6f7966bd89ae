// Upstash's stand-in for the C tests: `upstash.mjs REDIS_PORT [OPTIONS]` prints its port, then takes one command a line
// on standard input, as JSON, and answers each with a line. It ends with its standard input.
import readline from 'node:readline'
import { readFileSync } from 'node:fs'
import { Upstash } from '../e2e/lib/upstash.mjs'

const options = JSON.parse(process.argv[3] ?? '{}')
if (options.tls) options.tls = { key: readFileSync(options.tls.key), cert: readFileSync(options.tls.cert) }
const server = await new Upstash({ redis: { port: Number(process.argv[2]) }, ...options }).listen()
const say = value => process.stdout.write(`${JSON.stringify(value)}\n`)
say(server.port)

const commands = {
  fault: fault => server.fault(fault),
  stats: ({ name }) => name === 'streams' ? server.streams.size : server.stats[name] ?? server.stats.paths[name] ?? 0,
  header: ({ name }) => server.lastRequest.headers[name] ?? '',
  heal: () => { server.faults = [] },
  token: ({ token }) => { server.token = token },
  mute: () => server.mute(),
  cut: ({ properly }) => server.cut(properly),
  close: () => server.close(),
  listen: () => server.listen()
}
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { is, ...rest } = JSON.parse(line)
  const result = await commands[is](rest)
  say(typeof result === 'object' || result === undefined ? 'ok' : result)
}
process.exit(0)
