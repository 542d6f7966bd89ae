// bytecrowds export and import: everything between SQLite and Redis, by way of a file.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, chownSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Client } from './lib/client.mjs'
import { binary, freePort, launch, runOnce, sanitized, sleep, startServer, tempFolder, until } from './lib/harness.mjs'
import { startCluster, startSentinels } from './lib/redis.mjs'
import { redis } from './lib/server.mjs'
import { sameBytes } from './lib/stock.mjs'
import { Upstash } from './lib/upstash.mjs'

const HEAD = '{"bytecrowds-export":1,"store":"x"}\n'
const move = (args, options) => runOnce(args, { timeout: 120000, ...options })

function moved (args, code = 0, options) {
  const result = move(args, options)
  assert.equal(result.status, code, `${args.join(' ')}: ${result.stderr}`)
  return result
}
const sqlite = (file, sql) => execFileSync('sqlite3', [file, sql], { encoding: 'utf8', maxBuffer: 1 << 28 }).replace(/\n$/, '')
const cli = (store, args, input) => execFileSync('redis-cli', ['-p', String(store.port), ...args], { input, maxBuffer: 1 << 28 })

/** A new SQLite store with what the SQL makes in it. */
function newStore (folder, name, sql = '') {
  const file = path.join(folder, name)
  const empty = path.join(folder, 'empty.ndjson')
  writeFileSync(empty, HEAD + '{"bytecrowds":0}\n')
  moved(['import', '--store', `sqlite:${file}`, empty])
  if (sql) sqlite(file, sql)
  return file
}

/** All content of a SQLite store, with the order of each log, without its numbers. */
const contentOf = file => sqlite(file, `
  SELECT 'fields', id, quote(cast(text AS BLOB)), quote(cast(language AS BLOB)), quote(cast(authorized_emails AS BLOB)) FROM bytecrowds ORDER BY id;
  SELECT 'snapshot', id, quote(state) FROM snapshots ORDER BY id;
  SELECT 'update', id, quote(data) FROM updates ORDER BY id, seq;
  SELECT 'link', id, hash, quote(cast(about AS BLOB)) FROM links ORDER BY id, hash;
  SELECT 'key', quote(cast(key AS BLOB)), quote(cast(value AS BLOB)), expires_at FROM auth ORDER BY key`)

// Texts that something on the way could take for something else. SQL literals; null: absent.
const ODD = {
  nul: "cast(x'610062000a' AS TEXT)",
  invalid: "cast(x'ff00c328ed a080' AS TEXT)".replace(' ', ''),
  latin1: "cast(x'e96e' AS TEXT)",
  json: "'{\"base64\":\"AAAA\"}'",
  quoted: "'\"quoted\" \\ back\\u0041 slash'",
  controls: "cast(x'0001080c0d1b1f7f0a09' AS TEXT)",
  astral: "'naïve 😀 \u2028 line'",
  empty: "''",
  absent: 'NULL'
}
const odd = Object.keys(ODD).map(name =>
  `INSERT INTO bytecrowds (id, text, language, authorized_emails) VALUES ('text-${name}', ${ODD[name]}, 'c', NULL), ('language-${name}', 'x', ${ODD[name]}, ''), ('emails-${name}', NULL, NULL, ${ODD[name] === 'NULL' ? "'[\"a@b.example\"]'" : ODD[name]});`).join('\n') + `
  INSERT INTO bytecrowds (id, text) VALUES ('a name with spaces', 'of another program'), ('ünï/cödé?#', 'x');
  INSERT INTO updates (id, data) VALUES ('only-log', x'00'), ('only-log', x''), ('only-log', x'ff00ff'), ('other', x'01');
  INSERT INTO snapshots (id, state, upto) VALUES ('only-snapshot', x'0102', 1);
  INSERT INTO links (id, hash, about) VALUES ('only-log', '${'a'.repeat(64)}', '{"label":"for the class"}'), ('only-log', '${'0'.repeat(64)}', ''),
    ('only-links', '${'f'.repeat(64)}', '{"base64":"AAAA"} 😀');
  INSERT INTO auth (key, value, expires_at) VALUES ('user:1', '{"id":"1","email":"ä@b.example"}', NULL), ('user:email:ä@b.example', '1', NULL),
    ('user:session:t', '{"base64":"AAAA"}', 4102444800123), ('user:', '', 4102444800000);`

/** People who type, in their own browsers, into several bytecrowds; their documents. */
async function type (server) {
  const docs = {}
  for (const name of ['busy', 'idle', 'rich']) {
    const clients = [new Client(), new Client()]
    for (const c of clients) await c.connect(`${server.ws}/${name}`)
    for (let i = 0; i < 30; i++) {
      const c = clients[i % 2]
      c.text.insert(i % 3 ? c.text.length : 0, `line ${i} é😀\n`)
      if (i % 5 === 4) c.text.delete(0, 4)
    }
    clients[0].doc.getMap('bytecrowd').set('language', 'rust')
    if (name === 'rich') {
      clients[1].text.format(0, 5, { bold: true })
      clients[1].doc.getArray('list').insert(0, [1, 'two', new Uint8Array([3]), new Y.Map()])
    }
    await until(() => clients.every(c => c.saved) && sameBytes(Y.encodeStateVector(clients[0].doc), Y.encodeStateVector(clients[1].doc)), 'saved')
    docs[name] = clients[0].doc
    for (const c of clients) c.close()
  }
  return docs
}

async function holds (store, docs) {
  const server = await startServer({ store })
  for (const [name, doc] of Object.entries(docs)) {
    const client = new Client()
    await client.connect(`${server.ws}/${name}`)
    assert.ok(sameBytes(Y.encodeStateAsUpdate(client.doc), Y.encodeStateAsUpdate(doc)), name)
    assert.equal(await server.raw(name), doc.getText('bytecrowdText').toString())
    client.close()
  }
  await server.stop()
}

test('from SQLite to SQLite, by file and by pipe', async () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', odd)
  const server = await startServer({ store: `sqlite:${from}`, args: ['--unload-after', '50'] })
  const docs = await type(server)
  await server.stop()
  const file = path.join(folder, 'all.ndjson')
  const { stdout, stderr } = moved(['export', '--store', `sqlite:${from}`, file])
  assert.equal(stdout, '')
  assert.match(stderr, /^exported \d+ bytecrowds and 4 keys, [\d.]+ kB[^\n]*\n$/)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder).filter(f => f.endsWith('.part')), [])
  const to = path.join(folder, 'to.sqlite')
  moved(['import', '--store', `sqlite:${to}`, file])
  assert.equal(contentOf(to), contentOf(from))
  // What is there is there.
  assert.match(moved(['import', '--store', `sqlite:${to}`, file]).stderr, /^imported 0 bytecrowds.*; \d+ were there already\n$/)
  assert.equal(contentOf(to), contentOf(from))
  const piped = path.join(folder, 'piped.sqlite')
  execFileSync('/bin/sh', ['-c', `"$0" export --store "sqlite:$1" - 2>/dev/null | "$0" import --store "sqlite:$2" - 2>/dev/null`, binary, from, piped])
  assert.equal(contentOf(piped), contentOf(from))
  await holds(`sqlite:${to}`, docs)
})

test('from SQLite to Redis and back', async () => {
  const folder = tempFolder()
  const store = await redis()
  const from = newStore(folder, 'from.sqlite', odd)
  const server = await startServer({ store: `sqlite:${from}` })
  const docs = await type(server)
  await server.stop()
  const [first, second] = ['first.ndjson', 'second.ndjson'].map(f => path.join(folder, f))
  moved(['export', '--store', `sqlite:${from}`, first])
  moved(['import', '--store', store.url, first])
  assert.equal(cli(store, ['HGET', 'bytecrowd:text-json', 'text']).toString(), '{"base64":"AAAA"}\n')
  assert.equal(cli(store, ['HEXISTS', 'bytecrowd:text-absent', 'text']).toString().trim(), '0')
  moved(['export', '--store', store.url, second])
  const lines = f => readFileSync(f, 'utf8').trimEnd().split('\n').slice(1).sort()
  assert.deepEqual(lines(second), lines(first))
  const back = path.join(folder, 'back.sqlite')
  moved(['import', '--store', `sqlite:${back}`, second])
  assert.equal(contentOf(back), contentOf(from))
  await holds(store.url, docs)
  await holds(`sqlite:${back}`, docs)
  await store.kill()
})

/** The same without holding up what this process serves. */
async function movedMeanwhile (args, env = {}, code = 0) {
  const child = launch(binary, args, { env: { PATH: process.env.PATH, ...env } })
  assert.deepEqual(await child.ended, { code, signal: null }, `${args.join(' ')}: ${child.err}`)
  return child
}

test('by Upstash\'s REST interface, and from there', async () => {
  const folder = tempFolder()
  const database = await redis()
  const upstash = await new Upstash({ redis: { port: database.port } }).listen()
  const env = { UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token }
  // JSON carries no text that is no UTF-8: those are for a way of their own.
  const from = newStore(folder, 'from.sqlite', odd + "DELETE FROM bytecrowds WHERE id GLOB '*-invalid' OR id GLOB '*-latin1';" + crowds(1000))
  const [first, second] = ['first.ndjson', 'second.ndjson'].map(f => path.join(folder, f))
  moved(['export', '--store', `sqlite:${from}`, first])
  await movedMeanwhile(['import', first], env)
  await movedMeanwhile(['export', second], env)
  const lines = f => readFileSync(f, 'utf8').trimEnd().split('\n').slice(1).sort()
  assert.deepEqual(lines(second), lines(first))
  assert.ok(upstash.stats.requests < 100, `${upstash.stats.requests} requests`)
  // What was written that way is the same to whoever has a socket, and the other way around.
  moved(['export', '--store', database.url, '--force', second])
  assert.deepEqual(lines(second), lines(first))
  assert.match((await movedMeanwhile(['import', first], env)).err, /^imported 0 .* were there already/)
  assert.doesNotMatch(readFileSync(second, 'utf8'), new RegExp(upstash.token))
  // What cannot go that way at all does not hold up the rest.
  const bad = path.join(folder, 'bad.ndjson')
  writeFileSync(bad, HEAD + '{"id":"bad","text":{"base64":"/2H/"}}\n{"id":"good","text":"x"}\n{"bytecrowds":2}\n')
  assert.match((await movedMeanwhile(['import', bad], env, 3)).err, /not imported: bad: .*UTF-8.*\nimported 1 bytecrowd,/)
  // Nor does it when it is all that there is to write at that time.
  writeFileSync(bad, HEAD + '{"id":"bad","text":{"base64":"/2H/"}}\n{"bytecrowds":1}\n')
  assert.match((await movedMeanwhile(['import', bad], env, 3)).err, /^bytecrowds: not imported: bad: .*UTF-8.*\nimported 0 /)
  // Some plans take less than others.
  writeFileSync(bad, HEAD + '{"id":"much","text":"x"}\n{"bytecrowds":1}\n')
  upstash.fault({ kind: 'answer', body: '[{"error":"ERR max request size exceeded. Limit: 1048576 bytes"}]', skip: 1 })
  assert.match((await movedMeanwhile(['import', bad], env, 3)).err, /^bytecrowds: not imported: much: .*request size.*\nimported 0 /)
  // More than a request may have.
  const big = newStore(folder, 'big.sqlite', "INSERT INTO updates (id, data) VALUES ('big', randomblob(5000000)), ('big', randomblob(5000000)), ('small', x'00')")
  moved(['export', '--store', `sqlite:${big}`, '--force', first])
  const { err } = await movedMeanwhile(['import', first], env, 3)
  assert.match(err, /not imported: big: this store takes no more than 7\.0 MB at once\nimported 1 bytecrowd/)
  await upstash.close()
  await database.kill()
})

test('to a Cluster and from there', async () => {
  const folder = tempFolder()
  const cluster = await startCluster()
  const from = newStore(folder, 'from.sqlite', odd + crowds(500))
  const [first, second] = ['first.ndjson', 'second.ndjson'].map(f => path.join(folder, f))
  const lines = f => readFileSync(f, 'utf8').trimEnd().split('\n').slice(1).sort()
  moved(['export', '--store', `sqlite:${from}`, first])
  moved(['import', '--store', cluster.url, first])
  moved(['export', '--store', cluster.url, second])
  const counts = [first, second].map(f => lines(f).length)
  await cluster.stop()
  assert.equal(counts[1], counts[0])
  assert.deepEqual(lines(second), lines(first))
})

test('what the original left in Redis', async () => {
  const folder = tempFolder()
  const store = await redis()
  cli(store, ['HSET', 'bytecrowd:old', 'text', '{"a":1}', 'language', 'json', 'authorizedEmails', '["a@b.example"]'])
  cli(store, ['-x', 'HSET', 'bytecrowd:bytes', 'text'], Buffer.from([0xff, 0, 0x61]))
  cli(store, ['SADD', 'bytecrowd:no-hash', 'x'])
  cli(store, ['SET', 'user:session:1', 'of the sign-in', 'PXAT', '4102444800123'])
  cli(store, ['SET', 'user:email:a@b.example', '1'])
  cli(store, ['SET', 'user:session:2', 'over soon', 'EX', '1'])
  cli(store, ['SET', '2026 3 7', 'no key of the sign-in'])
  cli(store, ['-x', 'SET', 'user:bytes'], Buffer.from([0xff, 0, 0x61]))
  cli(store, ['SADD', 'user:no-string', 'x'])
  await sleep(1100)
  const file = path.join(folder, 'all.ndjson')
  const { stderr } = moved(['export', '--store', store.url, file], 3)
  assert.match(stderr, /not exported: no-hash: .*WRONGTYPE/)
  assert.match(stderr, /not exported: user:no-string: .*WRONGTYPE/)
  assert.match(stderr, /^exported 2 bytecrowds and 3 keys, /m)
  const to = path.join(folder, 'to.sqlite')
  moved(['import', '--store', `sqlite:${to}`, file])
  assert.equal(contentOf(to), "fields|bytes|X'FF0061'|NULL|NULL\nfields|old|X'7B2261223A317D'|X'6A736F6E'|X'5B226140622E6578616D706C65225D'\n" +
    "key|X'757365723A6279746573'|X'FF0061'|\nkey|X'757365723A656D61696C3A6140622E6578616D706C65'|X'31'|\nkey|X'757365723A73657373696F6E3A31'|X'6F6620746865207369676E2D696E'|4102444800123")
  const server = await startServer({ store: `sqlite:${to}` })
  assert.match(await server.raw('old'), /need to be authorized/)
  moved(['authorize', '--store', `sqlite:${to}`, 'old', '--public'])
  assert.equal(await server.raw('old'), '{"a":1}')
  await server.stop()
  await store.kill()
})

const crowds = n => `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${n - 1})
  INSERT INTO updates (id, data) SELECT 'n' || i, randomblob(300) FROM n;
  INSERT INTO bytecrowds (id, text) SELECT DISTINCT id, 'text of ' || id FROM updates`
const COUNT = sanitized ? 8000 : 40000

test('keys of people move, once, and what is over does not', async () => {
  const folder = tempFolder()
  const store = await redis()
  const from = newStore(folder, 'from.sqlite', `INSERT INTO auth (key, value, expires_at) VALUES ('user:1', 'one', NULL), ('user:session:t', 'two', 4102444800123),
    ('user:session:over', 'three', 1000), ('auth:state:x', 'for minutes', NULL)`)
  const file = path.join(folder, 'all.ndjson')
  assert.match(moved(['export', '--store', `sqlite:${from}`, file]).stderr, /^exported 0 bytecrowds and 2 keys, /)
  const [head, ...lines] = readFileSync(file, 'utf8').split('\n')
  assert.equal(JSON.parse(head)['bytecrowds-export'], 2)
  assert.deepEqual(lines, ['{"key":"user:1","value":"one"}', '{"key":"user:session:t","value":"two","expires":4102444800123}', '{"bytecrowds":0,"keys":2}', ''])
  assert.match(moved(['import', '--store', store.url, file]).stderr, /^imported 0 bytecrowds and 2 keys, /)
  assert.equal(cli(store, ['GET', 'user:session:t']).toString(), 'two\n')
  assert.equal(cli(store, ['PEXPIRETIME', 'user:session:t']).toString(), '4102444800123\n')
  assert.equal(cli(store, ['PEXPIRETIME', 'user:1']).toString(), '-1\n')
  assert.match(moved(['import', '--store', store.url, file]).stderr, /^imported 0 bytecrowds, .*; 2 were there already\n$/)
  // Nothing is overwritten, whatever is said.
  cli(store, ['SET', 'user:1', 'other'])
  for (const [existing, code] of [['skip', 3], ['merge', 3], ['fail', 1]]) {
    assert.match(moved(['import', '--store', store.url, '--existing', existing, file], code).stderr, /not imported: user:1: it is there and differs/)
    assert.equal(cli(store, ['GET', 'user:1']).toString(), 'other\n')
  }
  const bad = path.join(folder, 'bad')
  const refused = (content, why, code) => { writeFileSync(bad, content); assert.match(moved(['import', '--store', store.url, bad], code).stderr, why) }
  refused(HEAD + '{"key":"user:2","value":""}\n{"bytecrowds":0}\n', /line 3 counts other keys/, 1)
  refused(HEAD + '{"key":"bytecrowd:x","value":"x"}\n{"bytecrowds":0,"keys":1}\n', /not imported: bytecrowd:x: this cannot be a key/, 3)
  refused(HEAD + '{"key":"user:session:old","value":"x","expires":1000}\n{"bytecrowds":0,"keys":1}\n', /^imported 0 bytecrowds,/, 0)
  assert.equal(cli(store, ['EXISTS', 'bytecrowd:x', 'user:session:old']).toString(), '0\n')
  assert.equal(cli(store, ['EXISTS', 'user:2']).toString(), '1\n')
  await store.kill()
})

test('an export that was cut among the keys goes on there', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(20) + `; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
    INSERT INTO auth (key, value) SELECT 'user:' || i, i FROM n`)
  const file = path.join(folder, 'all.ndjson')
  const args = ['export', '--store', `sqlite:${from}`, file]
  moved(args)
  const whole = readFileSync(file, 'utf8')
  for (const cut of [whole.length - 2, whole.indexOf('"user:500"'), whole.indexOf('{"key"'), whole.indexOf('"n10"')]) {
    renameSync(file, `${file}.part`)
    truncateSync(`${file}.part`, cut)
    assert.match(moved(args).stderr, /^exported 20 bytecrowds and 1000 keys, /m)
    assert.equal(readFileSync(file, 'utf8'), whole, `cut at ${cut}`)
  }
  const to = path.join(folder, 'to.sqlite')
  moved(['import', '--store', `sqlite:${to}`, file])
  assert.equal(contentOf(to), contentOf(from))
  // What an older version began has a head that says so.
  renameSync(file, `${file}.part`)
  writeFileSync(`${file}.part`, whole.replace('"bytecrowds-export":2', '"bytecrowds-export":1'))
  assert.match(moved(args, 1).stderr, /was begun by an older bytecrowds: remove it/)
})

test('an export of the first version is imported', () => {
  const folder = tempFolder()
  const file = path.join(folder, 'old.ndjson')
  writeFileSync(file, HEAD + '{"id":"old","updates":["AA=="],"text":"t","authorizedEmails":"[]"}\n{"bytecrowds":1}\n')
  const to = path.join(folder, 'to.sqlite')
  assert.match(moved(['import', '--store', `sqlite:${to}`, file]).stderr, /^imported 1 bytecrowd, /)
  assert.equal(contentOf(to), "fields|old|X'74'|NULL|X'5B5D'\nupdate|old|X'00'")
})

test('a file of an older schema is exported without being changed', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(3) + '; DROP TABLE links; DROP TABLE auth; PRAGMA user_version = 2')
  moved(['export', '--store', `sqlite:${from}`, path.join(folder, 'all.ndjson')])
  assert.equal(sqlite(from, "PRAGMA user_version; SELECT count(*) FROM sqlite_master WHERE name IN ('links', 'auth')"), '2\n0')
  const to = path.join(folder, 'to.sqlite')
  moved(['import', '--store', `sqlite:${to}`, path.join(folder, 'all.ndjson')])
  assert.equal(sqlite(to, 'SELECT count(*) FROM updates'), '3')
})

test('links are merged, but open nothing to others', () => {
  const folder = tempFolder()
  const [a, b, c] = ['a', 'b', 'c'].map(x => x.repeat(64))
  const many = (id, digit) => `INSERT INTO links WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59) SELECT '${id}', printf('${digit}%063d', i), '' FROM n;`
  const sql = `INSERT INTO bytecrowds (id, text, authorized_emails) VALUES ('both', 't', '["a@b.example"]'), ('locked-since', 't', NULL), ('many', 't', NULL);
    INSERT INTO updates (id, data) SELECT id, x'0000' FROM bytecrowds;`
  const from = newStore(folder, 'from.sqlite', sql + `INSERT INTO links VALUES ('both', '${a}', 'a'), ('both', '${b}', 'b'), ('locked-since', '${a}', 'a');` + many('many', 1))
  const file = path.join(folder, 'all.ndjson')
  moved(['export', '--store', `sqlite:${from}`, file])
  const to = newStore(folder, 'to.sqlite', sql + `INSERT INTO links VALUES ('both', '${b}', 'another text'), ('both', '${c}', 'c');
    UPDATE bytecrowds SET authorized_emails = '[]' WHERE id = 'locked-since';` + many('many', 2))
  const args = ['import', '--store', `sqlite:${to}`, '--existing', 'merge', file]
  const { stderr } = moved(args, 3)
  assert.match(stderr, /not imported: locked-since: others may open the one that is there\n/)
  assert.match(stderr, /not imported: many: together they have too many links\n/)
  assert.match(stderr, /; 1 were merged; 2 were left out\n$/)
  assert.equal(sqlite(to, "SELECT hash, about FROM links WHERE id = 'both' ORDER BY hash"), `${a}|a\n${b}|another text\n${c}|c`)
  assert.equal(sqlite(to, "SELECT count(*) FROM links WHERE id <> 'both'"), '60')
  assert.match(moved(args, 3).stderr, /; 1 were there already; 2 were left out\n$/)
})

/** Ends the child when check() is true, which must be before its own end. */
async function interrupt (child, check, signal, what) {
  await until(() => { if (child.exitCode !== null) throw new Error(`too late: ${what}: ${child.err}`); return check() }, what)
  child.kill(signal)
  return child.ended
}
const sizeOf = file => existsSync(file) ? statSync(file).size : 0

for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM']) {
  test(`an export that ${signal} ends goes on where it was`, async () => {
    const folder = tempFolder()
    const from = newStore(folder, 'from.sqlite', crowds(COUNT))
    const file = path.join(folder, 'all.ndjson')
    const args = ['export', '--store', `sqlite:${from}`, file]
    const child = launch(binary, args)
    const end = await interrupt(child, () => sizeOf(`${file}.part`) > 100000, signal, 'a part')
    assert.ok(!existsSync(file))
    if (signal === 'SIGKILL') {
      appendFileSync(`${file}.part`, '{"id":"n1","text":"cut of')
    } else {
      assert.deepEqual(end, { code: 1, signal: null })
      assert.match(child.err, /^bytecrowds: stopped: .*all\.ndjson\.part has \d+ bytecrowds; the same command goes on from there\n$/m)
    }
    const kept = readFileSync(`${file}.part`, 'latin1').split('\n').slice(1, -1)
    assert.ok(kept.length > 10 && kept.length < COUNT)
    const { stderr } = moved(args)
    assert.match(stderr, new RegExp(`going on with .*\\.part: it has ${kept.length} bytecrowds`))
    assert.match(stderr, new RegExp(`^exported ${COUNT} bytecrowds`, 'm'))
    assert.deepEqual(readFileSync(file, 'latin1').split('\n').slice(1, kept.length + 1), kept)
    const to = path.join(folder, 'to.sqlite')
    moved(['import', '--store', `sqlite:${to}`, file])
    assert.equal(contentOf(to), contentOf(from))
  })

  test(`an import that ${signal} ends goes on where it was`, async () => {
    const folder = tempFolder()
    const from = newStore(folder, 'from.sqlite', crowds(COUNT))
    const file = path.join(folder, 'all.ndjson')
    const to = path.join(folder, 'to.sqlite')
    moved(['export', '--store', `sqlite:${from}`, file])
    const args = ['import', '--store', `sqlite:${to}`, file]
    const child = launch(binary, args)
    const end = await interrupt(child, () => sizeOf(`${to}-wal`) > 500000, signal, 'a beginning')
    if (signal !== 'SIGKILL') {
      assert.deepEqual(end, { code: 1, signal: null })
      assert.match(child.err, /^imported \d+ bytecrowds.*\nbytecrowds: stopped: the same command goes on from here\n$/)
    }
    const some = Number(sqlite(to, 'SELECT count(*) FROM updates'))
    assert.ok(some > 10 && some < COUNT, `${some}`)
    // Whole, each of them.
    assert.equal(sqlite(to, 'SELECT count(*) FROM updates JOIN bytecrowds USING (id)'), String(some))
    assert.match(moved(args).stderr, new RegExp(`^imported ${COUNT - some} bytecrowds.*; ${some} were there already`))
    assert.equal(contentOf(to), contentOf(from))
  })
}

test('an export that only lacks its name, or its last line, is finished', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(100))
  const file = path.join(folder, 'all.ndjson')
  const args = ['export', '--store', `sqlite:${from}`, file]
  moved(args)
  const whole = readFileSync(file, 'utf8')
  const tail = whole.indexOf('{"bytecrowds":')
  for (const cut of [whole.length, tail, whole.length - 1, tail - 1, whole.indexOf('\n') + 1, 10, 0]) {
    renameSync(file, `${file}.part`)
    truncateSync(`${file}.part`, cut)
    moved(args)
    assert.equal(readFileSync(file, 'utf8'), whole, `cut at ${cut}`)
  }
  // A line in the middle that is damaged: nothing behind it is believed.
  renameSync(file, `${file}.part`)
  writeFileSync(`${file}.part`, whole.replace('"id":"n50"', '"id":"n50'))
  moved(args)
  assert.equal(readFileSync(file, 'utf8'), whole)
})

test('an export overwrites nothing', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(10))
  const file = path.join(folder, 'all.ndjson')
  const args = ['export', '--store', `sqlite:${from}`, file]
  writeFileSync(file, 'mine')
  assert.match(moved(args, 1).stderr, /all\.ndjson is there; --force replaces it\n$/)
  assert.equal(readFileSync(file, 'utf8'), 'mine')
  moved([...args, '--force'])
  assert.match(readFileSync(file, 'utf8'), /^\{"bytecrowds-export":2,.*\n\{"id":"n0"/)
  rmSync(file)
  // What was begun with another store, or is something else.
  for (const [part, why] of [[HEAD, /\.part is an export of x: remove it/], ['my notes\nof many years\n', /\.part is no export: remove it/], ['{"bytecrowds":0}\n', /\.part is no export/]]) {
    writeFileSync(`${file}.part`, part)
    assert.match(moved(args, 1).stderr, why)
    assert.equal(readFileSync(`${file}.part`, 'utf8'), part)
  }
  rmSync(`${file}.part`)
  symlinkSync('elsewhere', `${file}.part`)
  moved(args, 1)
  assert.ok(!existsSync(path.join(folder, 'elsewhere')))
  // What others could read: made the user's alone, or left.
  rmSync(`${file}.part`)
  writeFileSync(`${file}.part`, '')
  chmodSync(`${file}.part`, 0o666)
  moved(args)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  rmSync(file)
  writeFileSync(`${file}.part`, '')
  linkSync(`${file}.part`, path.join(folder, 'another name'))
  assert.match(moved(args, 1).stderr, /\.part is not this user's alone: remove it/)
  if (process.getuid() === 0) {
    rmSync(path.join(folder, 'another name'))
    chownSync(`${file}.part`, 65534, 65534)
    assert.match(moved(args, 1).stderr, /\.part is not this user's alone: remove it/)
  }
  assert.equal(readFileSync(`${file}.part`, 'utf8'), '')
  mkdirSync(path.join(folder, 'folder'))
  assert.match(moved(['export', '--store', `sqlite:${from}`, '--force', path.join(folder, 'folder')], 1).stderr, /is no regular file/)
  assert.match(moved(['export', '--store', `sqlite:${from}`, path.join(folder, 'no/such/folder/x')], 1).stderr, /No such file or directory/)
  assert.match(moved(['export', '--store', `sqlite:${folder}/none.sqlite`, file + '2'], 1).stderr, /^bytecrowds: --store: .*none\.sqlite: No such file or directory\n$/)
  assert.ok(!existsSync(`${folder}/none.sqlite`) && !existsSync(`${file}2.part`))
})

test('two exports do not write into one file', async () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(COUNT))
  const file = path.join(folder, 'all.ndjson')
  const args = ['export', '--store', `sqlite:${from}`, file]
  const first = launch(binary, args)
  await until(() => sizeOf(`${file}.part`) > 100000, 'the first one')
  first.kill('SIGSTOP')
  assert.match(moved(args, 1).stderr, /all\.ndjson\.part is being written by another export\n$/)
  first.kill('SIGCONT')
  assert.deepEqual(await first.ended, { code: 0, signal: null })
  assert.equal(readFileSync(file, 'latin1').split('\n').length, COUNT + 3)
})

test('files that are cut, or are something else', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(20))
  const file = path.join(folder, 'all.ndjson')
  moved(['export', '--store', `sqlite:${from}`, file])
  const whole = readFileSync(file, 'utf8')
  const lines = whole.trimEnd().split('\n')
  const to = path.join(folder, 'to.sqlite')
  const refused = (content, why, store = to) => {
    const bad = path.join(folder, 'bad')
    writeFileSync(bad, content)
    const { stderr } = moved(['import', '--store', `sqlite:${store}`, bad], 1)
    assert.match(stderr, why)
    assert.doesNotMatch(stderr, /goes on from here/)
  }
  // Not even a store is made.
  for (const [content, why] of [['', /bad is no export of bytecrowds/], ['my notes', /is no export/], ['my notes\n', /bad: line 1 is none of an export/], ['{}\n', /line 1 is none of a bytecrowd/],
    [readFileSync(from), /is no export|line 1 is none/], ['x'.repeat(100000), /is no export/], [lines.slice(1).join('\n'), /line 1 is not the first one of an export/],
    ['{"bytecrowds-export":3,"more":1}\n', /line 1 says that a newer bytecrowds wrote it/], [HEAD.trimEnd(), /is no export/]]) {
    refused(content, why)
    assert.ok(!existsSync(to))
  }
  assert.match(moved(['import', '--store', `sqlite:${to}`, path.join(folder, 'none')], 1).stderr, /none: No such file or directory/)
  assert.match(moved(['import', '--store', `sqlite:${to}`, folder], 1).stderr, /Is a directory/)
  assert.ok(!existsSync(to))
  // What is whole of a file that is cut is imported, and it is said that it was cut.
  refused(lines.slice(0, 11).join('\n') + '\n', /bad ends too early: the rest is missing/)
  assert.equal(sqlite(to, 'SELECT count(*) FROM updates'), '10')
  refused(whole.slice(0, -1), /ends too early/)
  refused(lines.slice(0, 5).join('\n'), /ends too early/)
  refused([...lines.slice(0, 5), lines.at(-1), ''].join('\n'), /line 6 counts other bytecrowds than there are/)
  refused(whole + lines[1] + '\n', /line 23 should be the last one/)
  refused(whole + 'x', /line 22 should be the last one/)
  refused([lines[0], lines[0], ''].join('\n'), /line 2 is the first one of another export/)
  refused([...lines.slice(0, 3), '{"id":"bad","text":7}', ...lines.slice(3), ''].join('\n'), /line 4 has something else where a text should be/)
  moved(['import', '--store', `sqlite:${to}`, file])
  assert.equal(contentOf(to), contentOf(from))
})

test('an export beside a server that people type into', async () => {
  const folder = tempFolder()
  const from = path.join(folder, 'from.sqlite')
  const server = await startServer({ store: `sqlite:${from}`, args: ['--unload-after', '100'] })
  const clients = Array.from({ length: 5 }, () => new Client())
  for (const [i, c] of clients.entries()) await c.connect(`${server.ws}/live-${i}`)
  let typing = true
  const all = clients.map(async c => { for (let n = 0; typing; n++) { c.text.insert(c.text.length, 'x'); await sleep(n % 5 ? 0 : 3) } })
  await until(() => clients.every(c => c.acked > 20), 'a beginning')
  const file = path.join(folder, 'all.ndjson')
  for (let round = 0; round < 5; round++) {
    const before = clients.map(c => c.acked)
    const child = launch(binary, ['export', '--store', `sqlite:${from}`, '--force', file])
    assert.deepEqual(await child.ended, { code: 0, signal: null }, child.err)
    const to = `sqlite:${folder}/copy-${round}.sqlite`
    moved(['import', '--store', to, file])
    const copy = await startServer({ store: to })
    for (const [i, c] of clients.entries()) {
      const text = await copy.raw(`live-${i}`)
      assert.match(text, /^x+$/)
      assert.ok(text.length >= before[i] - 1 && text.length <= c.text.length, `${before[i]} ${text.length} ${c.text.length}`)
    }
    await copy.stop()
  }
  // But nobody writes beside it.
  assert.match(moved(['import', '--store', `sqlite:${from}`, file], 1).stderr, /^bytecrowds: --store: .*from\.sqlite is in use by another bytecrowds\n$/)
  typing = false
  await Promise.all(all)
  await until(() => clients.every(c => c.saved), 'saved')
  for (const c of clients) c.close()
  await server.stop()
})

/** Two stores that were one, in which people went on separately; what the first one has, as a file. */
async function diverged (folder) {
  const [a, b] = ['a.sqlite', 'b.sqlite'].map(f => path.join(folder, f))
  const file = path.join(folder, 'a.ndjson')
  const edit = async (store, name, text) => {
    const server = await startServer({ store: `sqlite:${store}` })
    const client = new Client()
    await client.connect(`${server.ws}/${name}`)
    client.text.insert(client.text.length, text)
    await until(() => client.saved, 'saved')
    client.close()
    await server.stop()
  }
  await edit(a, 'both', 'common, ')
  await edit(a, 'same', 'the same')
  moved(['export', '--store', `sqlite:${a}`, file])
  moved(['import', '--store', `sqlite:${b}`, file])
  await edit(a, 'both', 'from a, ')
  await edit(b, 'both', 'from b, ')
  await edit(a, 'fresh', 'only in a')
  moved(['export', '--store', `sqlite:${a}`, '--force', file])
  return { a, b, file }
}

test('what is there and differs is left alone and named', async () => {
  const folder = tempFolder()
  const { b, file } = await diverged(folder)
  const before = sqlite(b, "SELECT text FROM bytecrowds WHERE id = 'both'")
  const { stderr } = moved(['import', '--store', `sqlite:${b}`, file], 3)
  assert.match(stderr, /^bytecrowds: not imported: both: it is there and differs\nimported 1 bytecrowd, .*; 1 were there already; 1 were left out\n$/)
  assert.equal(sqlite(b, "SELECT text FROM bytecrowds WHERE id = 'both'"), before)
  assert.match(moved(['import', '--store', `sqlite:${b}`, '--existing', 'fail', file], 1).stderr, /not imported: both: it is there and differs/)
})

test('to merge is to have what both have', async () => {
  const folder = tempFolder()
  const { b, file } = await diverged(folder)
  const args = ['import', '--store', `sqlite:${b}`, '--existing', 'merge', file]
  assert.match(moved(args).stderr, /^imported 1 bytecrowd, .*; 1 were there already; 1 were merged\n$/)
  const once = contentOf(b)
  // Again it is only there.
  assert.match(moved(args).stderr, /^imported 0 bytecrowds, .*; 3 were there already\n$/)
  assert.equal(contentOf(b), once)
  const server = await startServer({ store: `sqlite:${b}` })
  const text = await server.raw('both')
  assert.match(text, /^common, (from a, from b, |from b, from a, )$/)
  assert.equal(await server.raw('fresh'), 'only in a')
  await server.stop()
  assert.equal(sqlite(b, "SELECT text FROM bytecrowds WHERE id = 'both'"), text)
})

test('a merge into a bytecrowd that people have open on Redis reaches them', async () => {
  const folder = tempFolder()
  const { file } = await diverged(folder)
  const store = await redis()
  const server = await startServer({ store: store.url })
  const client = new Client()
  await client.connect(`${server.ws}/both`)
  client.text.insert(0, 'from c, ')
  await until(() => client.saved, 'saved')
  assert.match(moved(['import', '--store', store.url, '--existing', 'merge', file]).stderr, /1 were merged/)
  await until(() => /from a/.test(client.text.toString()), 'the news')
  assert.match(client.text.toString(), /from c/)
  client.close()
  await server.stop()
  await store.kill()
})

test('what cannot be merged is left alone', () => {
  const folder = tempFolder()
  const sql = `INSERT INTO bytecrowds (id, text, authorized_emails) VALUES
    ('locked', 'x', '["a@b.example"]'), ('unlocked', 'x', NULL), ('text-here', 'one', NULL), ('text-there', 'one', NULL),
    ('texts', 'one', NULL), ('same-text', 'one', NULL), ('longer', 'one', NULL);
    INSERT INTO updates (id, data) SELECT id, x'0000' FROM bytecrowds WHERE id NOT IN ('text-here', 'texts');`
  const from = newStore(folder, 'from.sqlite', sql)
  const file = path.join(folder, 'all.ndjson')
  moved(['export', '--store', `sqlite:${from}`, file])
  const to = newStore(folder, 'to.sqlite', sql + `
    UPDATE bytecrowds SET authorized_emails = NULL WHERE id = 'locked';
    UPDATE bytecrowds SET authorized_emails = '["c@d.example"]' WHERE id = 'unlocked';
    UPDATE bytecrowds SET text = 'two' WHERE id IN ('text-here', 'text-there', 'texts');
    INSERT INTO updates (id, data) VALUES ('text-here', x'0000'), ('longer', x'00');
    DELETE FROM updates WHERE id IN ('text-there', 'same-text');`)
  const { stderr } = moved(['import', '--store', `sqlite:${to}`, '--existing', 'merge', file], 3)
  assert.match(stderr, /not imported: locked: others may open the one that is there\n/)
  assert.match(stderr, /not imported: text-here: it is a text without changes that could be merged\n/)
  assert.match(stderr, /not imported: text-there: the one that is there is a text without changes to merge with\n/)
  assert.match(stderr, /not imported: texts: /)
  // The same text on both sides is no loss; and what is locked stays locked.
  assert.match(stderr, /imported 0 bytecrowds, .*; 2 were there already; 1 were merged; 4 were left out\n$/)
  assert.equal(sqlite(to, "SELECT count(*) FROM updates WHERE id = 'same-text'"), '1')
  assert.equal(sqlite(to, "SELECT authorized_emails FROM bytecrowds WHERE id = 'unlocked'"), '["c@d.example"]')
  assert.equal(sqlite(to, "SELECT text FROM bytecrowds WHERE id = 'text-there'"), 'two')
})

test('a Redis that restarts in the middle does not end it', async () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(COUNT))
  const file = path.join(folder, 'all.ndjson')
  moved(['export', '--store', `sqlite:${from}`, file])
  let store = await redis()
  const count = () => Number(cli(store, ['DBSIZE']).toString())
  const importing = launch(binary, ['import', '--store', store.url, file])
  await until(() => count() > 500, 'a beginning')
  await store.kill()
  await until(() => /trying again: /.test(importing.err), 'to be told', 30000)
  store = await redis({ port: store.port, dir: store.dir })
  assert.deepEqual(await importing.ended, { code: 0, signal: null }, importing.err)
  assert.match(importing.err, /bytecrowds: going on\n[^]*imported \d+ bytecrowds/)
  const back = path.join(folder, 'back.ndjson')
  const exporting = launch(binary, ['export', '--store', store.url, back])
  await until(() => sizeOf(`${back}.part`) > 100000, 'a part')
  await store.kill()
  await until(() => /trying again: /.test(exporting.err), 'to be told', 30000)
  store = await redis({ port: store.port, dir: store.dir })
  assert.deepEqual(await exporting.ended, { code: 0, signal: null }, exporting.err)
  const to = path.join(folder, 'to.sqlite')
  moved(['import', '--store', `sqlite:${to}`, back])
  assert.equal(contentOf(to), contentOf(from))
  await store.kill()
})

test('a store that does not come back, or never was there', async () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(COUNT))
  const file = path.join(folder, 'all.ndjson')
  moved(['export', '--store', `sqlite:${from}`, file])
  const store = await redis()
  const child = launch(binary, ['import', '--store', store.url, '--retry-for', '700ms', file])
  await until(() => Number(cli(store, ['DBSIZE']).toString()) > 500, 'a beginning')
  await store.kill()
  assert.deepEqual(await child.ended, { code: 1, signal: null })
  assert.match(child.err, /the store does not come back: .*\nimported \d+ bytecrowds.*\nbytecrowds: not finished: the same command goes on from here\n$/)
  // A mistyped address is told at once.
  const began = Date.now()
  const { stderr } = moved(['export', '--store', `redis://me:secret@127.0.0.1:${await freePort()}`, path.join(folder, 'x')], 1)
  assert.ok(Date.now() - began < 5000)
  assert.match(stderr, /^bytecrowds: --store: .*refused/i)
  assert.doesNotMatch(stderr, /secret/)
  assert.ok(!existsSync(path.join(folder, 'x.part')))
  const again = await redis()
  const stuck = launch(binary, ['import', '--store', again.url, file])
  await until(() => Number(cli(again, ['DBSIZE']).toString()) > 500, 'a beginning')
  await again.kill()
  await until(() => /trying again/.test(stuck.err), 'to be told', 30000)
  stuck.kill('SIGTERM')
  assert.deepEqual(await stuck.ended, { code: 1, signal: null })
  assert.match(stuck.err, /stopped: the same command goes on from here\n$/)
})

test('the password is not in the file', async () => {
  const folder = tempFolder()
  const store = await redis({ args: ['--requirepass', 'p@ss'] })
  const file = path.join(folder, 'all.ndjson')
  moved(['export', '--store', `redis://:p@ss@127.0.0.1:${store.port}`, file])
  assert.equal(readFileSync(file, 'utf8'), `{"bytecrowds-export":2,"store":"redis://127.0.0.1:${store.port}"}\n{"bytecrowds":0}\n`)
  await store.kill()
  const ha = await startSentinels()
  for (const s of ha.sentinels) await s.call('ACL', 'SETUSER', 'default', 'resetpass', '>sEcret')
  const url = `${ha.url}?sentinel-password=sEcret`
  moved(['export', '--force', '--store', url, file])
  assert.equal(JSON.parse(readFileSync(file, 'utf8').split('\n')[0]).store, ha.url)
  await ha.stop()
})

test('a full disk, a closed pipe', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(2000))
  const shell = (script, ...args) => spawnSync('/bin/sh', ['-c', script, binary, ...args], { encoding: 'utf8' })
  const file = path.join(folder, 'all.ndjson')
  const full = shell('ulimit -f 300; "$0" export --store "sqlite:$1" "$2"', from, file)
  assert.notEqual(full.status, 0)
  assert.ok(!existsSync(file))
  moved(['export', '--store', `sqlite:${from}`, file])
  const dev = shell('"$0" export --store "sqlite:$1" - >/dev/full', from)
  assert.equal(dev.status, 1)
  assert.match(dev.stderr, /standard output: No space left on device\n.*not finished: what was written is not complete/)
  const closed = shell('{ "$0" export --store "sqlite:$1" -; echo "code $?" >&2; } | head -c 10', from)
  assert.match(closed.stderr, /Broken pipe[^]*code 1/)
})

test('on a terminal a line tells how far it is; elsewhere nothing does, at first', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', crowds(COUNT))
  const file = path.join(folder, 'all.ndjson')
  assert.match(moved(['export', '--store', `sqlite:${from}`, file]).stderr, /^exported [^\n]*\n$/)
  const seen = execFileSync('script', ['-qec', `${binary} import --store sqlite:${folder}/to.sqlite ${file}`, '/dev/null'], { encoding: 'utf8' })
  assert.match(seen, /\r\x1b\[Kimported \d+ bytecrowds, [\d.]+ .B \(\d+ %\)/)
  assert.match(seen, new RegExp(`\r\x1b\\[Kimported ${COUNT} bytecrowds, [^\r]*\r\n$`))
})

test('names and errors cannot write to the terminal', () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', "INSERT INTO bytecrowds (id, text) VALUES (cast(x'1b5b324a0a' AS TEXT), 'one'), (cast(x'41c29b324ac3a4' AS TEXT), 'one'), (cast(x'429b324a' AS TEXT), 'one')")
  const file = path.join(folder, 'all.ndjson')
  moved(['export', '--store', `sqlite:${from}`, file])
  sqlite(from, "UPDATE bytecrowds SET text = 'two'")
  const { stderr } = moved(['import', '--store', `sqlite:${from}`, file], 3)
  assert.match(stderr, /not imported: \?\[2J\?: it is there/)
  assert.match(stderr, /not imported: A\?\?2Jä: it is there/)
  assert.match(stderr, /not imported: B\?2J: it is there/)
})

test('a bytecrowd with sixty megabytes', { skip: sanitized && 'too slow there' }, () => {
  const folder = tempFolder()
  const from = newStore(folder, 'from.sqlite', `INSERT INTO updates (id, data) VALUES ('big', x'01');
    INSERT INTO snapshots (id, state, upto) VALUES ('big', randomblob(60000000), 0);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO updates (id, data) SELECT 'big', randomblob(1000000) FROM n;` + crowds(100))
  const file = path.join(folder, 'all.ndjson')
  const to = path.join(folder, 'to.sqlite')
  moved(['export', '--store', `sqlite:${from}`, file])
  moved(['import', '--store', `sqlite:${to}`, file])
  // Its text would be too much for a string here.
  const sums = store => sqlite(store, 'SELECT id, length(state), hex(substr(state, 1, 1000)), hex(substr(state, -1000)) FROM snapshots; SELECT id, hex(substr(data, -100)) FROM updates ORDER BY id, seq')
  assert.equal(sums(to), sums(from))
})

test('which store it is', async () => {
  const folder = tempFolder()
  const file = path.join(folder, 'x')
  const port = await freePort()
  const both = { UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${port}`, UPSTASH_REDIS_REST_TOKEN: 'secret' }
  const says = (args, env, pattern, code = 1) => {
    const { stderr } = moved(args, code, { env })
    assert.match(stderr, pattern)
    assert.doesNotMatch(stderr, /secret/)
  }
  const from = newStore(folder, 'from.sqlite')
  says(['export', file], both, new RegExp(`127\\.0\\.0\\.1.*${port}`))
  says(['export', file], { ...both, UPSTASH_REDIS_REST_TOKEN: '' }, /needs a token: set UPSTASH_REDIS_REST_TOKEN/, 2)
  says(['export', file], { UPSTASH_REDIS_REST_TOKEN: 'secret' }, /bytecrowds\.sqlite: No such file/)
  says(['export', file], { ...both, BYTECROWDS_STORE: `sqlite:${from}` }, /^exported 0/, 0)
  says(['export', '--force', '--store', `sqlite:${from}`, file], { ...both, BYTECROWDS_STORE: 'sqlite:/none' }, /^exported 0/, 0)
  says(['export', '--store', 'https://x.example', file], {}, /needs a token: set UPSTASH_REDIS_REST_TOKEN/, 2)
  // A server's own variables are no mistake here; its flags are.
  says(['export', '--force', '--store', `sqlite:${from}`, file], { BYTECROWDS_LISTEN: '127.0.0.1:1', BYTECROWDS_MAX_DOCUMENT: '1M' }, /^exported 0/, 0)
  says(['export', '--force', '--store', `sqlite:${from}`, file], { BYTECROWDS_FORCE: '1' }, /unknown environment variable BYTECROWDS_FORCE/, 2)
})

test('the command lines of both', () => {
  for (const command of ['export', 'import']) {
    const { status, stdout } = runOnce([command, '--help'], { env: { BYTECROWDS_NONSENSE: '1' } })
    assert.equal(status, 0)
    assert.match(stdout, new RegExp(`^bytecrowds ${command}: .*\n\nusage: bytecrowds ${command} \\[--option value\\]\\.\\.\\. FILE\n`))
    assert.match(runOnce(['--help']).stdout, new RegExp(`^ {2}bytecrowds ${command} FILE +\\S`, 'm'))
    const refused = (args, pattern) => {
      const result = runOnce([command, ...args])
      assert.equal(result.status, 2, result.stderr)
      assert.equal(result.stdout, '')
      assert.match(result.stderr, pattern)
    }
    refused([], /FILE is missing/)
    refused([''], /FILE is missing/)
    refused(['a', 'b'], /one FILE is enough: b/)
    refused(['--listen', '127.0.0.1:0', 'a'], new RegExp(`unknown option --listen \\(see bytecrowds ${command} --help\\)`))
    refused(['--store'], /--store needs a value/)
    for (const value of ['', 'x', '5', '1w', '-1s', '2d', '1.5m']) refused(['--retry-for', value, 'a'], /--retry-for: bad value/)
    refused(['-x', 'a'], /unknown option -x/)
    refused(['--store-cert', 'x', 'a'], /--store-cert and --store-key go together/)
  }
  const bad = args => { const { status, stderr } = runOnce(args); assert.equal(status, 2); return stderr }
  assert.match(bad(['export', '--force=1', 'a']), /no value belongs to --force=1/)
  assert.match(bad(['export', '--existing', 'merge', 'a']), /unknown option --existing/)
  assert.match(bad(['import', '--force', 'a']), /unknown option --force/)
  for (const value of ['', 'replace', 'Skip']) assert.match(bad(['import', '--existing', value, 'a']), /--existing: bad value/)
})
