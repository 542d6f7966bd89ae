// Our HTTP parser against Node's, on the same bytes. A request that ours takes must be taken by Node with the
// same method, target and body length; so no two parsers in a row can be made to disagree about where one
// request ends. Ours may refuse what Node takes. ORACLE_SEED and ORACLE_CASES set the seed and how many.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import readline from 'node:readline'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const driver = spawn(path.join(root, 'build/asan/net-oracle'), { stdio: ['pipe', 'pipe', 'inherit'] })
const lines = readline.createInterface({ input: driver.stdout })[Symbol.asyncIterator]()
async function ours (bytes) {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(bytes.length)
  driver.stdin.write(Buffer.concat([head, bytes]))
  const line = await lines.next()
  if (line.done) throw new Error(`driver ended at ${JSON.stringify(bytes.toString('latin1'))}`)
  const list = JSON.parse(line.value)
  return { status: list.pop(), requests: list }
}

// Node's view: the requests it hands out, in order, and whether it refused the rest.
let current
const server = http.createServer({ keepAliveTimeout: 0 }, (req, res) => take(req, () => res.end()))
server.on('upgrade', (req, socket) => { take(req, () => {}); socket.end() })
server.on('checkContinue', (req, res) => take(req, () => res.end()))
server.on('clientError', (error, socket) => { current.refused = error.code ?? String(error); socket.destroy() })
function take (req, done) {
  const entry = [req.method, req.url.replace(/^https?:\/\/[^/?]*/i, ''), 0]
  current.requests.push(entry)
  req.on('data', chunk => { entry[2] += chunk.length })
  req.on('end', done)
  if (req.method === 'CONNECT') done()
}
server.on('connect', (req, socket) => { take(req, () => {}); socket.end() })
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const port = server.address().port

async function nodes (bytes) {
  const mine = current = { requests: [], refused: null, statuses: [] }
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.on('data', d => { text += d.toString('latin1') })
  await new Promise(resolve => {
    socket.on('close', resolve)
    socket.on('error', resolve)
    socket.on('end', () => socket.end())
    socket.end(bytes)
  })
  // A missing or repeated Host is answered by Node's server, not by its parser: no request is handed out.
  mine.statuses = [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(m => +m[1])
  return mine
}

let state = BigInt(process.env.ORACLE_SEED ?? 20261124)
const below = n => {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n)
  let z = state
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
  return Number((z ^ (z >> 31n)) % BigInt(n))
}
const pick = list => list[below(list.length)]
const eol = () => below(100) ? '\r\n' : pick(['\n', '\r', '\r\r\n', '\n\r\n', '\r\n ', ' \r\n', '\r\n\t', '\0\r\n'])
const colon = () => below(80) ? pick([':', ': ']) : pick([' : ', ' :', '\t:', '', '::', ':\t', ':\v', ':  '])
const numbers = ['0', '0', '0', '3', '3', '3', '3', '5', '10', '+3', '-1', '3 ', '03', '3,3', '3, 3', '0x3', '3;', '', '1e1', '99999999999999999999', '３', '3 3', '3\t']
const names = ['Content-Length', 'content-length', 'Content-length', 'Transfer-Encoding', 'Host', 'Connection', 'Upgrade', 'X', 'Content_Length', 'Content-Length\0', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Expect', 'Trailer', 'Keep-Alive', 'Proxy-Connection']
const codings = ['chunked', 'Chunked', 'identity', 'gzip', 'gzip, chunked', 'chunked, chunked', ' chunked', 'chunked;x', 'xchunked', 'chunked\v', '', ',chunked', 'chunked,']
const values = { 'Content-Length': numbers, 'Transfer-Encoding': codings, Connection: ['close', 'keep-alive', 'upgrade', 'Keep-Alive, Upgrade', 'x', ''], Upgrade: ['websocket', 'h2c', 'WebSocket', 'TLS/1.0'], Host: ['x', 'x:80', '', 'a b', 'a,b', '[::1]', 'a/b', 'é'], 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'x'], 'Sec-WebSocket-Version': ['13', '8'], Expect: ['100-continue', '100-Continue', 'x'] }
function one () {
  const method = below(20) ? pick(['GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS']) : pick(['get', 'FOO', 'G T', 'CONNECT', 'PRI', 'M-SEARCH', ''])
  const target = below(15) ? pick(['/', '/a', '/a?b=c', 'http://x/y', '//', '/%00']) : pick(['*', 'x:80', '/a b', '/\x7f', '/é', '//', '/%00', '/a#b', 'http://', 'http:///', 'https://x', 'http://x?y', '?', '/"<>\\^`{|}'])
  const version = below(40) ? 'HTTP/1.1' : pick(['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/01.1', 'HTTP/1', '', 'HTTP/1.1 ', 'HTTP/1.10', 'HTTPS/1.1', 'ICE/1.0', 'RTSP/1.0'])
  let text = (below(80) ? '' : pick(['\r\n', '\n', ' ', '\0'])) + method + (below(80) ? ' ' : pick(['  ', '\t', ''])) + target + ' ' + version + eol()
  if (below(30)) text += 'Host' + colon() + pick(['x', 'example.org:8080']) + eol()
  for (let n = below(5); n; n--) {
    const name = below(3) ? pick(names) : 'X'
    const list = values[name] ?? values[name.replace(/^c/, 'C').replace('-l', '-L')] ?? ['v', ' v ', '\tv', 'v\0', 'a\rb', 'ü', '\x01', '"', 'a\r\n b']
    text += name + colon() + pick(list) + eol()
  }
  text += below(80) ? '\r\n' : pick(['\n', '\r\n\r\n', ' \r\n'])
  const body = pick(['', '', '', '', '', 'abc', 'abc', 'GET / HTTP/1.1\r\nHost: y\r\n\r\n', '0\r\n\r\n', '3\r\nabc\r\n0\r\n\r\n'])
  return text + body
}
function bytesOf () {
  let text = ''
  for (let n = 1 + below(3); n; n--) text += one()
  const bytes = Buffer.from(text, 'latin1')
  if (below(8) === 0) bytes[below(bytes.length)] = below(256)
  return below(10) ? bytes : bytes.subarray(0, below(bytes.length))
}

let taken = 0, refused = 0, stricter = 0, failures = 0
async function compare (bytes) {
  const a = await ours(bytes), b = await nodes(bytes)
  const say = why => {
    failures++
    console.error(`DIFFERENT: ${why}\n  bytes ${JSON.stringify(bytes.toString('latin1'))}\n  ours  ${JSON.stringify(a)}\n  node  ${JSON.stringify(b)}`)
  }
  for (const [i, request] of a.requests.entries()) {
    taken++
    if (!b.requests[i]) return say(`request ${i} is taken by ours only`)
    if (JSON.stringify(b.requests[i]) !== JSON.stringify(request)) return say(`request ${i} is read differently`)
  }
  if (a.status > 1) refused++
  if (a.status === 0 && b.refused) say('the end is refused by Node only')
  if (b.requests.length > a.requests.length) stricter++
}
const cases = Number(process.env.ORACLE_CASES ?? 6000)
for (let i = 0; i < cases && failures < 5; i++) await compare(bytesOf())
driver.stdin.end()
server.close()
console.log(`${cases} streams: ${taken} requests taken by both alike, ${refused} streams refused by ours, ${stricter} of them with a request that Node would take`)
if (!taken || !refused) failures++
console.log(`${cases - failures} passed, ${failures} failed`)
process.exit(failures ? 1 : 0)
