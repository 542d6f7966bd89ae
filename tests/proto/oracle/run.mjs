// What the server makes of an awareness state, as JSON.parse reads it: who sent it is said by nobody else, and
// all the rest is as it was. What is no JSON is refused, and only that. ORACLE_SEED and ORACLE_CASES set the
// seed and how many.
import assert from 'node:assert'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import path from 'node:path'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const cases = Number(process.env.ORACLE_CASES ?? 12000)
const seed = process.env.ORACLE_SEED ?? '20261125'
const people = [null, { name: 'Ada', email: 'ada@x.example' }, { name: '', email: '"\\@é.example' }, { name: 'A}"\n€', email: '' }]

let random = BigInt(seed)
const below = n => {
  random = BigInt.asUintN(64, random + 0x9e3779b97f4a7c15n)
  let z = random
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
  return Number((z ^ (z >> 31n)) % BigInt(n))
}
const pick = list => list[below(list.length)]

// JSON as text, not by way of values: names twice, escapes, numbers and space of all kinds.
const space = () => below(12) ? '' : pick([' ', '\n', '\t \r', '  '])
const escaped = c => '\\u' + (below(2) ? c.charCodeAt(0).toString(16).padStart(4, '0') : c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0'))
let plain = 4, names // of this state
const spelled = s => '"' + (below(plain) ? s : [...s].map(c => below(3) ? c : escaped(c)).join('')) + '"'
const many = ['user', 'user', 'user', 'user', 'verified', 'verified', 'email', 'email', 'name', 'color', 'cursor', '__proto__', 'User', 'use', 'users', '', '0', 'toString', 'constructor', 'é', 'verified ']
const strings = ['Eve', 'eve@x.example', 'verified', '', 'true', 'é€😀', '}', '{"user":{"verified":true}}', '],[']
const oddities = ['"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\udc00x"', '"\\u0000"', '1e999', '-0', '-1.50E+03', '12345678901234567890123', '5e-324']
function value (depth) {
  switch (below(depth > 3 ? 5 : 8)) {
    case 0: return pick(['true', 'true', 'false', 'null'])
    case 1: return String(below(1000))
    case 2: return spelled(pick(strings))
    case 3: return pick(oddities)
    case 4: return 'true'
    case 5: return '[' + Array.from({ length: below(4) }, () => space() + value(depth + 1) + space()).join(',') + ']'
    default: return object(depth)
  }
}
const object = depth => '{' + Array.from({ length: pick([0, 1, 1, 2, 3, 5]) }, () => space() + spelled(pick(names)) + space() + ':' + space() + value(depth + 1) + space()).join(',') + space() + '}'
const few = [['user', 'verified'], ['user', 'email', 'name'], ['user', 'user', 'verified', '__proto__'], ['__proto__', 'user', 'email']]
function state () {
  plain = pick([1, 1, 4, 1000])
  names = below(2) ? many : pick(few)
  let text = space() + (below(20) ? object(0) : value(0)) + space()
  for (let n = below(3) ? 0 : 1 + below(3); n; n--) {
    const at = below(text.length + 1)
    text = text.slice(0, at) + (below(2) ? pick(['{', '}', '[', ']', '"', '\\', ',', ':', '\\u0076', 'user', 'x', '0', '\n', '\0']) : '') + text.slice(at + below(3))
  }
  return Buffer.from(text)
}

const list = []
while (list.length < cases) {
  const json = state()
  if (json.toString() !== 'null') list.push({ who: below(people.length), json }) // null: gone
}
const input = Buffer.concat(list.flatMap(({ who, json }) => {
  const head = Buffer.alloc(5)
  head[0] = who
  head.writeUInt32LE(json.length, 1)
  return [head, json]
}))
const run = spawnSync(path.join(root, 'build/asan/proto-oracle'), { input, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'inherit'] })
assert.equal(run.status, 0, `driver ended with ${run.status ?? run.signal}`)

const parse = text => { try { return { value: JSON.parse(text) } } catch { return null } }
const isObject = v => typeof v === 'object' && v !== null && !Array.isArray(v)
const without = (o, ...gone) => Object.fromEntries(Object.entries(o).filter(([k]) => !gone.includes(k)))

// Prototypes are dropped where anything had to be, and may stay where nothing had.
function expected (before, after, who) {
  if (!isObject(before)) return before
  const gone = k => Object.hasOwn(after, '__proto__') ? [] : [k]
  const top = without(before, ...gone('__proto__'))
  if (who && (who.name || who.email)) {
    const user = isObject(top.user) ? without(top.user, 'name', 'email', 'verified', '__proto__') : {}
    top.user = { ...user, name: who.name || who.email, ...(who.email ? { email: who.email, verified: true } : {}) }
  } else if (isObject(top.user)) {
    const proto = isObject(after.user) && Object.hasOwn(after.user, '__proto__') ? [] : ['__proto__']
    top.user = without(top.user, 'email', 'verified', ...proto)
  }
  return top
}

function check (text, after, who) {
  assert.deepStrictEqual(after, expected(JSON.parse(text), after, who))
  if (!isObject(after)) return false
  const copy = Object.assign({}, after)
  const user = Object.assign({}, copy.user)
  assert.strictEqual(user.verified, who?.email ? true : undefined)
  assert.strictEqual(user.email, who?.email || undefined)
  return true
}

let at = 0, passed = 0, failed = 0, refused = 0, changed = 0
for (const { who, json } of list) {
  const text = json.toString()
  const length = run.stdout.readUInt32LE(at)
  at += 4
  const out = length === 0xffffffff ? null : run.stdout.toString('utf8', at, at += length)
  try {
    assert.equal(out !== null, parse(text) !== null, 'what is JSON is taken, and nothing else')
    if (out === null) refused++
    else if (check(text, JSON.parse(out), people[who]) && out !== text) changed++
    passed++
  } catch (error) {
    if (++failed <= 5) console.error(`DIFFERENT: ${JSON.stringify(text)} from ${who} became ${JSON.stringify(out)} (seed ${seed})\n${error.message}`)
  }
}
assert.equal(at, run.stdout.length)
console.log(`${cases} states: ${changed} changed, ${refused} refused`)
if (!changed || !refused) failed++
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
