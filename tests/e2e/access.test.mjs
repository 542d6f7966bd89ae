// Who may enter a bytecrowd: authorizedEmails, read-only links, who somebody is said to be, and rate limits; on SQLite, and
// on two servers that share a Redis.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import * as Y from 'yjs'
import { Agent, ending, opened } from './lib/auth.mjs'
import { Client } from './lib/client.mjs'
import { runOnce, sleep, startServer, until } from './lib/harness.mjs'
import { startGitHub } from './lib/github.mjs'
import * as raw from './lib/raw.mjs'
import { startRedis } from './lib/redis.mjs'
import { DENIED, site } from './lib/signin.mjs'
import { closeAll, providers, sameBytes, stock } from './lib/stock.mjs'

const KINDS = ['SQLite', 'Redis']
const SET = 'cannot update existing authorization'
const sites = {}
const people = {} // of each site: { ada, bob, eve, nobody }
let github, redis
before(async () => {
  ;[github, redis] = await Promise.all([startGitHub({ users: { ada: {}, bob: {}, eve: {} } }), startRedis({ fsync: null })])
  await Promise.all(KINDS.map(async kind => {
    const s = sites[kind] = await site(kind, { redis, args: github.args })
    const [ada, bob, eve] = await Promise.all(['ada', 'bob', 'eve'].map(login => s.person(login)))
    people[kind] = { ada, bob, eve, nobody: new Agent() }
  }))
})
after(async () => {
  await Promise.all(Object.values(sites).map(s => s.stop()))
  await Promise.all([github.close(), redis.kill()])
})

const authorize = (agent, server, name, emails) => agent.post(`${server.origin}/api/authorize`, { json: { name, emails } })
const update = (agent, server, name, more) => agent.post(`${server.origin}/api/update`, { json: { name, ...more } })
const access = async (agent, server, name) => (await agent.get(`${server.origin}/api/access?name=${name}`)).json
const is = (answer, status, text) => assert.deepEqual([answer.status, answer.text], [status, text])
const mayEdit = async (agent, server, name) => {
  const client = new Client()
  const ok = await client.connect(`${server.ws}/${name}`, { WebSocket: agent.WebSocket })
  client.close()
  return ok
}
const connect = async (agent, server, name) => {
  const client = new Client()
  assert.ok(await client.connect(`${server.ws}/${name}`, { WebSocket: agent.WebSocket }), `let in: ${JSON.stringify(client.closed)} ${client.refused}`)
  return client
}
/** Everything that somebody may be denied. */
async function denied (agent, server, name) {
  const page = await agent.get(`${server.origin}/${name}`)
  assert.equal(page.status, 302)
  assert.equal(page.location, `${server.origin}/error/authorization?page=${name}`)
  assert.equal((await agent.get(page.location)).status, 403)
  assert.equal((await agent.get(`${server.origin}/${name}/raw`)).status, 401)
  is(await update(agent, server, name, { text: 'overwritten' }), 401, DENIED)
  assert.equal((await agent.get(`${server.origin}/api/links?name=${name}`)).status, 401)
  assert.equal((await agent.post(`${server.origin}/api/links`, { json: { name } })).status, 401)
  assert.equal((await agent.delete(`${server.origin}/api/links?name=${name}&hash=*`)).status, 401)
  const end = await ending(agent.socket(`${server.ws}/${name}`))
  assert.equal(end.code, 4401)
  assert.ok(end.reason.length > 5, 'and why')
  const told = await access(agent, server, name)
  assert.deepEqual([told.restricted, told.may, told.emails], [true, 'nothing', undefined])
}
/** Clients that must be closed with 4401 within a second of `at`. */
async function cutOff (clients, at) {
  await until(() => clients.every(c => c.closed), () => `all to be cut off: ${JSON.stringify(clients.map(c => c.closed))}`, 3000)
  for (const c of clients) {
    assert.equal(c.closed.code, 4401)
    assert.ok(c.closed.at - at < 1000, `cut off after ${c.closed.at - at} ms`)
  }
}

for (const kind of KINDS) {
  test(`${kind}: a bytecrowd is restricted once; who is not on the list is cut off everywhere, who is works on`, async () => {
    const { a, b, cli } = sites[kind]
    const { ada, bob, eve, nobody } = people[kind]
    const name = 'restricted'
    is(await update(nobody, a, name, { text: 'public so far' }), 200, 'success')
    assert.deepEqual(await access(nobody, a, name), { signIn: [{ id: 'github', name: 'GitHub' }], user: null, restricted: false, may: 'edit' })
    const out = await Promise.all([connect(nobody, a, name), connect(nobody, b, name), connect(eve, b, name), connect(eve, a, name)])
    const stay = await Promise.all([connect(ada, a, name), connect(ada, b, name), connect(bob, b, name)])
    let at = Date.now()
    // Own address: always.
    is(await authorize(ada, a, name, ['bob@example.com']), 200, 'success')
    await cutOff(out, at)
    for (const server of [a, b]) {
      await denied(nobody, server, name)
      await denied(eve, server, name)
      for (const person of [ada, bob]) {
        const told = await access(person, server, name)
        assert.deepEqual([told.restricted, told.may, [...told.emails].sort()], [true, 'edit', ['ada@example.com', 'bob@example.com']])
        assert.equal((await person.get(`${server.origin}/${name}`)).status, 200)
        assert.equal((await person.get(`${server.origin}/${name}/raw`)).text, 'public so far')
      }
    }
    stay[0].text.insert(0, 'still ')
    stay[2].text.insert(stay[2].text.length, '!')
    await until(() => stay.every(c => c.saved && c.text.toString() === 'still public so far!'), 'who is on the list to type on')
    // Set once.
    for (const person of [ada, bob]) is(await authorize(person, b, name, ['eve@example.com']), 401, SET)
    assert.equal((await authorize(eve, b, name, ['eve@example.com'])).status, 401)
    assert.equal((await authorize(nobody, b, name, ['eve@example.com'])).status, 401)
    // The command line may change it, beside servers that run.
    at = Date.now()
    let done = cli('authorize', name, 'bob@example.com', 'eve@example.com')
    assert.equal(done.status, 0, done.stderr)
    at = Date.now()
    await cutOff(stay.slice(0, 2), at)
    assert.equal(stay[2].closed, null)
    await denied(ada, b, name)
    assert.ok(await mayEdit(eve, a, name))
    assert.deepEqual((await access(eve, b, name)).emails, ['bob@example.com', 'eve@example.com'])
    // And take it away.
    done = cli('authorize', name, '--public')
    assert.equal(done.status, 0, done.stderr)
    await until(() => mayEdit(nobody, b, name), 'the door to open', 1000)
    assert.deepEqual((await access(nobody, a, name)).restricted, false)
    const shown = cli('authorize', name)
    assert.equal(shown.status, 0, shown.stderr)
    // A bytecrowd that is not there yet.
    assert.equal(cli('authorize', 'not-yet', 'bob@example.com').status, 0)
    await until(async () => !await mayEdit(nobody, a, 'not-yet'), 'the door to close', 1000)
    await denied(nobody, b, 'not-yet')
    assert.ok(await mayEdit(bob, b, 'not-yet'))
    if (kind === 'Redis') assert.equal(await redis.call('HGET', 'bytecrowd:not-yet', 'authorizedEmails'), '["bob@example.com"]')
    for (const c of stay) c.close()
    for (const words of [['a/b', 'bob@example.com'], ['x', 'no-address'], ['x', '--public', 'bob@example.com'], []]) assert.notEqual(cli('authorize', ...words).status, 0, words.join(' '))
  })

  test(`${kind}: texts and statuses of /api/authorize`, async () => {
    const { a, origin } = sites[kind]
    const { ada, nobody } = people[kind]
    is(await authorize(nobody, a, 'unlocked', ['ada@example.com']), 401, DENIED)
    for (const emails of [[], undefined]) is(await authorize(ada, a, 'unlocked', emails), 400, 'The list of authorized emails cannot be empty')
    for (const email of ['nope', 'a@', '@b.example', 'a b@c.example', 'a@b@c.example', '', ' ', 'a@b.example\n', 'x'.repeat(400) + '@b.example', 'a@b.example,c@d.example']) {
      const answer = await authorize(ada, a, 'unlocked', ['ok@example.com', email])
      assert.equal(answer.status, 400, JSON.stringify(email))
      assert.ok(answer.text.startsWith('invalid email: '), answer.text.slice(0, 100))
    }
    for (const emails of ['ada@example.com', { 0: 'ada@example.com' }, [7], [null], [['a@b.example']]]) assert.equal((await authorize(ada, a, 'unlocked', emails)).status, 400, JSON.stringify(emails))
    for (const name of ['', '.', '..', 'a/b', 'a b', '*', 'x'.repeat(129), 'api', undefined, 7, null]) assert.equal((await authorize(ada, a, name, ['ada@example.com'])).status, 400, String(name))
    for (const body of ['', '{', '[]', 'null', '"x"', '{"name":"unlocked","emails":["ada@example.com"]', '\xff']) assert.equal((await ada.post(`${origin}/api/authorize`, { body, headers: { 'content-type': 'application/json' } })).status, 400, body)
    assert.deepEqual((await access(nobody, a, 'unlocked')).restricted, false)
    // However an address is written, one person is on the list once.
    is(await authorize(ada, a, 'written', ['Bob@Example.com', 'bob@example.com', 'ADA@example.com']), 200, 'success')
    assert.deepEqual((await access(ada, a, 'written')).emails.map(e => e.toLowerCase()).sort(), ['ada@example.com', 'bob@example.com'])
    assert.ok(await mayEdit(people[kind].bob, a, 'written'))
    const get = await ada.get(`${origin}/api/authorize`)
    assert.ok(get.status === 404 || get.status === 405, String(get.status))
  })

  test(`${kind}: texts and statuses of /api/update; who has it open sees it`, async () => {
    const { a, b, origin } = sites[kind]
    const { nobody } = people[kind]
    const one = await connect(nobody, a, 'updated')
    const two = await connect(nobody, b, 'updated')
    one.text.insert(0, 'typed')
    await until(() => two.text.toString() === 'typed' && one.saved, 'typing')
    is(await update(nobody, b, 'updated', { text: 'replaced\r\n😀\n' }), 200, 'success')
    await until(() => [one, two].every(c => c.text.toString() === 'replaced\r\n😀\n'), () => `both to have it: ${JSON.stringify([one, two].map(c => c.text.toString()))}`)
    for (const server of [a, b]) assert.equal(await server.raw('updated'), 'replaced\r\n😀\n')
    is(await update(nobody, a, 'updated', {}), 200, 'success')
    is(await update(nobody, a, 'updated', { text: '' }), 200, 'success')
    await until(() => one.text.length === 0 && two.text.length === 0, 'an empty text is one')
    for (const more of [{ text: 7 }, { text: {} }, { text: ['x'] }, { language: 7 }, { text: 'x', language: '' }, { language: 'x'.repeat(1000) }]) assert.equal((await update(nobody, a, 'updated', more)).status, 400, JSON.stringify(more))
    for (const name of ['', '.', 'a/b', '*', 'x'.repeat(129), 'api', undefined]) assert.equal((await update(nobody, a, name, { text: 'x' })).status, 400, String(name))
    for (const body of ['', '{', '[]', '{"name":"updated","text":"\xed"']) assert.equal((await nobody.post(`${origin}/api/update`, { body, headers: { 'content-type': 'application/json' } })).status, 400, body)
    assert.equal((await update(nobody, a, 'updated', { text: 'x'.repeat(40 << 20) }).catch(() => ({ status: 413 }))).status, 413)
    assert.equal(await a.raw('updated'), '')
    one.close(); two.close()
  })

  test(`${kind}: defect 1 of the original: a pattern for a name opens nothing`, async () => {
    const { a, b } = sites[kind]
    const { ada, eve } = people[kind]
    is(await authorize(ada, a, 'secret1', ['ada@example.com']), 200, 'success')
    is(await update(ada, a, 'secret1', { text: 'lemon-secret' }), 200, 'success')
    for (const name of ['*', '[*]*', 'secret*', 'secret?', '../secret1', 'secret1/../secret1', 'bytecrowd:secret1', 'secret1%00', '%2e%2e%2fsecret1', 'x/secret1', 'secret1/', '{secret1}', 'SECRET1']) {
      const socket = eve.socket(`${b.ws}/${name}`)
      await Promise.race([socket.end, sleep(150)])
      assert.ok(socket.frames.every(f => !f.includes('lemon-secret')), name)
      socket.terminate()
      const text = await eve.get(`${b.origin}/${name}/raw`)
      assert.ok(!text.text.includes('lemon-secret'), name)
    }
    await denied(eve, b, 'secret1')
  })

  test(`${kind}: defect 2 of the original: nobody locks without a session`, async () => {
    const { a } = sites[kind]
    const { nobody } = people[kind]
    const forged = new Agent()
    forged.session = '00000000-0000-4000-8000-000000000000'
    for (const agent of [nobody, forged]) is(await authorize(agent, a, 'anybodys', ['mallory@example.com']), 401, DENIED)
    assert.ok(await mayEdit(nobody, a, 'anybodys'))
    assert.equal((await access(nobody, a, 'anybodys')).restricted, false)
  })

  test(`${kind}: defect 3 of the original: a reload beside somebody who only seems to be here wipes nothing`, async () => {
    const { a, b } = sites[kind]
    const clients = []
    const first = stock(providers['3.1'], a, 'wipe', { clients })
    await until(() => first.provider.synced, 'the first')
    first.text.insert(0, 'precious')
    first.provider.awareness.setLocalStateField('user', { name: 'Ghost' })
    await until(async () => await b.raw('wipe') === 'precious', 'it to be saved')
    // Its connection goes silent: the server does not know yet that nobody is behind it.
    first.provider.shouldConnect = false
    first.provider.ws._socket.pause()
    const seen = []
    for (let i = 0; i < 3; i++) {
      const again = stock(providers['3.1'], i % 2 ? a : b, 'wipe', { clients })
      await until(() => again.provider.synced, 'the reload')
      seen.push(again.text.toString(), await a.raw('wipe'))
      again.close()
    }
    assert.deepEqual(new Set(seen), new Set(['precious']))
    first.provider.ws._socket.destroy()
    closeAll(clients)
  })

  test(`${kind}: defect 4 of the original: a stored text that two open at once is there once`, async () => {
    const { a, b } = sites[kind]
    const { nobody } = people[kind]
    for (let i = 0; i < 5; i++) {
      const name = `twice${i}`
      if (kind === 'Redis') await redis.call('HSET', `bytecrowd:${name}`, 'text', 'stored', 'language', 'rust')
      else await update(nobody, a, name, { text: 'stored' })
      const both = await Promise.all([connect(nobody, a, name), connect(nobody, b, name)])
      await until(() => both.every(c => c.text.toString() === 'stored'), () => JSON.stringify(both.map(c => c.text.toString())))
      both[0].text.insert(6, '!')
      await until(() => both.every(c => c.text.toString() === 'stored!'), () => JSON.stringify(both.map(c => c.text.toString())))
      for (const c of both) c.close()
    }
  })

  test(`${kind}: defect 5 of the original: a text that is JSON stays the text that it is`, async () => {
    const { a, b } = sites[kind]
    const { nobody } = people[kind]
    for (const [i, text] of ['{"a":1}', '{ "a" : 1.0,\n  "b": [ ] }\n', '1e3', 'null', 'true', '"quoted"', '[1,  2]', '0x10'].entries()) {
      is(await update(nobody, a, `json${i}`, { text }), 200, 'success')
      assert.equal(await b.raw(`json${i}`), text)
      const client = await connect(nobody, b, `json${i}`)
      assert.equal(client.text.toString(), text)
      client.close()
      if (kind === 'Redis') await until(async () => await redis.text(`json${i}`) === text, 'the field of the original')
    }
  })

  test(`${kind}: defects 6 and 8 of the original: the language that is chosen is the one that is stored, and reaches who is here`, async () => {
    const { a, b } = sites[kind]
    const { nobody } = people[kind]
    const here = await connect(nobody, b, 'tongue')
    const language = client => client.doc.getMap('bytecrowd').get('language')
    is(await update(nobody, a, 'tongue', { language: 'rust' }), 200, 'success')
    await until(() => language(here) === 'rust', 'the language to arrive')
    const late = await connect(nobody, a, 'tongue')
    assert.equal(language(late), 'rust')
    late.doc.getMap('bytecrowd').set('language', 'php')
    await until(() => language(here) === 'php', 'the other way')
    if (kind === 'Redis') await until(async () => await redis.call('HGET', 'bytecrowd:tongue', 'language') === 'php', 'the field of the original')
    here.close(); late.close()
  })

  test(`${kind}: a read-only link shows the text and its changes, and changes nothing`, async () => {
    const { a, b, origin } = sites[kind]
    const { ada, nobody } = people[kind]
    const name = 'zebra-crossing-7'
    is(await update(nobody, a, name, { text: 'to be seen' }), 200, 'success')
    const made = await nobody.post(`${origin}/api/links`, { json: { name, label: 'for the class' } })
    assert.equal(made.status, 200)
    const { link, hash } = made.json
    const [address, token] = link.split('#')
    assert.equal(address, `${origin}/~watch`)
    // In a network, and through a proxy with TLS, where the page was opened: it is copied from there to other people.
    for (const scheme of ['http', 'https']) {
      const there = await nobody.post(`${origin}/api/links`, { json: { name: `${name}-there` }, headers: { host: 'code.example', origin: `${scheme}://code.example` } })
      assert.ok(there.json.link.startsWith(`${scheme}://code.example/~watch#`), there.json.link)
    }
    assert.match(token, /^[A-Za-z0-9_-]{20,}$/)
    assert.equal(hash, createHash('sha256').update(token).digest('hex'))
    const list = await nobody.get(`${origin}/api/links?name=${name}`)
    assert.ok(!list.text.includes(token))
    assert.deepEqual(list.json.links.map(l => [l.hash, l.label, l.by]), [[hash, 'for the class', undefined]])
    assert.ok(Math.abs(list.json.links[0].at - Date.now()) < 10000)

    const writer = await connect(nobody, a, name)
    const before = Y.encodeStateAsUpdate(writer.doc)
    const watch = async (agent, server) => {
      const client = new Client()
      client.got = []
      const read = client.read
      client.read = bytes => { client.got.push(Buffer.from(bytes)); read.call(client, bytes) }
      assert.ok(await client.connect(`${server.ws}/~watch`, { protocols: ['bytecrowds.watch', `bytecrowds.watch.${token}`], WebSocket: agent.WebSocket }), `to watch: ${JSON.stringify(client.closed)} ${client.refused}`)
      return client
    }
    const watchers = await Promise.all([watch(nobody, a), watch(nobody, b), watch(ada, b)])
    for (const w of watchers) {
      assert.equal(w.socket.protocol, 'bytecrowds.watch')
      assert.equal(w.text.toString(), 'to be seen')
      // Neither an update of theirs, nor what they have when asked, is taken.
      w.text.insert(0, 'SCRAWL')
      w.doc.getMap('bytecrowd').set('language', 'php')
    }
    const other = new Y.Doc()
    other.getText('bytecrowdText').insert(0, 'SCRAWL')
    for (const message of [raw.step2(Y.encodeStateAsUpdate(other)), raw.change(Y.encodeStateAsUpdate(other)), Buffer.concat([raw.change(Y.encodeStateAsUpdate(other)), raw.step2(Y.encodeStateAsUpdate(other))]), raw.step1(Buffer.from([0]))]) watchers[0].socket.send(message)
    await sleep(300)
    const fresh = await connect(nobody, b, name)
    assert.ok(sameBytes(Y.encodeStateAsUpdate(fresh.doc), before), 'the document is as it was')
    assert.equal(await b.raw(name), 'to be seen')
    for (const w of watchers) assert.deepEqual([w.closed, w.acked], [null, 0], 'it stays, without receipts')
    // Changes reach them, and awareness goes both ways.
    writer.text.insert(10, ', later')
    await until(() => watchers.every(w => w.text.toString().endsWith('to be seen, later')), 'a change to be watched')
    const [witness] = [stock(providers['3.1'], a, name)]
    await until(() => witness.provider.synced, 'the witness')
    watchers[1].socket.send(raw.awareness([77, 1, '{"user":{"name":"Watcher","color":"#123456"}}']))
    await until(() => witness.provider.awareness.getStates().get(77)?.user?.name === 'Watcher', 'a watcher to be seen')
    witness.provider.awareness.setLocalStateField('user', { name: 'Witness' })
    await until(() => watchers[1].got.some(g => g[0] === 1 && g.includes('"Witness"')), 'a watcher to see who is here')
    witness.close()
    // Nothing tells them what it is called.
    const page = await nobody.get(address)
    assert.equal(page.status, 200)
    const text = await nobody.get(`${address}/raw`, { headers: { authorization: `Bearer ${token}` } })
    assert.deepEqual([text.status, text.text], [200, 'to be seen, later'])
    for (const given of [page, text]) assert.ok(!JSON.stringify([given.headers, given.text]).includes(name))
    for (const w of watchers) assert.ok(w.got.every(g => !g.includes(name)), 'the name is in a message')
    const upgrade = await raw.RawSocket.open(b.port, '~watch', { more: `Sec-WebSocket-Protocol: bytecrowds.watch, bytecrowds.watch.${token}\r\n` })
    await sleep(100)
    assert.ok(!upgrade.data.includes(name))
    upgrade.close()
    // It is a link to one thing only.
    for (const [what, headers] of [['no token', {}], ['another', { authorization: `Bearer ${token.replace(/^./, c => c === 'a' ? 'b' : 'a')}` }], ['the hash', { authorization: `Bearer ${hash}` }], ['less', { authorization: `Bearer ${token.slice(1)}` }], ['more', { authorization: `Bearer ${token}x` }], ['Basic', { authorization: `Basic ${token}` }]]) {
      assert.equal((await nobody.get(`${address}/raw`, { headers })).status, 401, what)
    }
    for (const protocols of [['bytecrowds.watch'], ['bytecrowds.watch', 'bytecrowds.watch.'], ['bytecrowds.watch', `bytecrowds.watch.${hash}`], ['bytecrowds.watch', `bytecrowds.watch.${token}x`], ['bytecrowds.watch', 'bytecrowds.watch.nothing', 'x'], []]) {
      const end = await ending(nobody.socket(`${b.ws}/~watch`, protocols))
      assert.ok(end.code === 4401 || [400, 401].includes(end.status), `${protocols}: ${JSON.stringify(end)}`)
    }
    // The store has the hash, not the token.
    if (kind === 'Redis') for (const key of await redis.call('KEYS', '*')) assert.ok(!key.includes(token) && !(await redis.call('DUMP', key)).includes(token), key)

    // Restricted: who has the link watches on; who has not, is out. Links are theirs who may edit.
    is(await authorize(ada, b, name, ['ada@example.com']), 200, 'success')
    await until(() => writer.closed && fresh.closed, 'who edited to be out')
    assert.deepEqual(watchers.map(w => w.closed), [null, null, null])
    const late = await watch(nobody, b)
    await denied(nobody, a, name)
    const second = (await ada.post(`${b.origin}/api/links`, { json: { name } })).json
    const two = (await ada.get(`${origin}/api/links?name=${name}`)).json.links
    assert.deepEqual(two.map(l => [l.hash, l.by]), [[second.hash, 'ada@example.com'], [hash, undefined]])

    // Revoked.
    for (const wrong of ['', 'x', '0'.repeat(64), hash.toUpperCase() + '0']) {
      const answer = await ada.delete(`${origin}/api/links?name=${name}&hash=${wrong}`)
      assert.ok(answer.status === 400 || answer.status === 404 || answer.text === 'success', `${wrong}: ${answer.status}`)
    }
    assert.equal((await ada.get(`${origin}/api/links?name=${name}`)).json.links.length, 2)
    const at = Date.now()
    is(await ada.delete(`${origin}/api/links?name=${name}&hash=${hash}`), 200, 'success')
    await cutOff([...watchers, late], at)
    assert.match(watchers[0].closed.reason, /revoked|link/i)
    for (const server of [a, b]) {
      assert.equal((await nobody.get(`${server.origin}/~watch/raw`, { headers: { authorization: `Bearer ${token}` } })).status, 401)
      assert.equal((await ending(nobody.socket(`${server.ws}/~watch`, ['bytecrowds.watch', `bytecrowds.watch.${token}`]))).code, 4401)
    }
    const through = await nobody.get(`${b.origin}/~watch/raw`, { headers: { authorization: `Bearer ${second.link.split('#')[1]}` } })
    assert.equal(through.text, 'to be seen, later', 'the other link is as before')
    is(await ada.delete(`${origin}/api/links?name=${name}&hash=*`), 200, 'success')
    assert.deepEqual((await ada.get(`${b.origin}/api/links?name=${name}`)).json.links, [])
    await until(async () => (await nobody.get(`${b.origin}/~watch/raw`, { headers: { authorization: `Bearer ${second.link.split('#')[1]}` } })).status === 401, 'the last link to be over', 1000)
  })

  test(`${kind}: a hundred links and no more; a public one's are revoked everywhere, too`, async () => {
    const { a, b, origin } = sites[kind]
    const { nobody } = people[kind]
    const make = label => nobody.post(`${origin}/api/links`, { json: { name: 'hundred', ...label } })
    const first = (await make({ label: 'first' })).json
    for (let i = 1; i < 100; i += 11) assert.ok((await Promise.all(Array.from({ length: Math.min(11, 100 - i) }, () => make({})))).every(r => r.status === 200))
    const full = await make({})
    assert.equal(full.status, 409)
    const token = first.link.split('#')[1]
    const sockets = await Promise.all([a, b].map(s => opened(nobody.socket(`${s.ws}/~watch`, ['bytecrowds.watch', `bytecrowds.watch.${token}`]))))
    const at = Date.now()
    is(await nobody.delete(`${b.origin}/api/links?name=hundred&hash=${first.hash}`), 200, 'success')
    for (const end of await Promise.all(sockets.map(s => ending(s)))) {
      assert.equal(end.code, 4401)
      assert.ok(end.at - at < 1000, `after ${end.at - at} ms`)
    }
    assert.equal((await make({})).status, 200)
    assert.equal((await nobody.get(`${b.origin}/api/links?name=hundred`)).json.links.length, 100)
    for (const label of [7, {}, 'x'.repeat(2000)]) assert.ok([400, 409].includes((await make({ label })).status), JSON.stringify(label).slice(0, 20))
    for (const name of ['', 'a/b', '*', '~watch', undefined]) assert.equal((await nobody.post(`${origin}/api/links`, { json: { name } })).status, 400, String(name))
  })

  test(`${kind}: who is signed in is said by the server, to stock clients on every server, and can be said by nobody else`, async () => {
    const { a, b } = sites[kind]
    const { ada } = people[kind]
    const clients = []
    const signed = stock(providers['3.1'], a, 'who', { clients, WebSocketPolyfill: ada.WebSocket })
    const witnesses = [stock(providers['3.1'], b, 'who', { clients }), stock(providers['2.1'], a, 'who', { clients })]
    await until(() => clients.every(c => c.provider.synced), 'all to be here')
    const seen = id => witnesses.map(w => w.provider.awareness.getStates().get(id)?.user)
    const eventually = (id, wanted) => until(() => seen(id).every(u => JSON.stringify(u && Object.entries(u).sort()) === JSON.stringify(wanted && Object.entries(wanted).sort())), () => JSON.stringify(seen(id)))
    const verified = { name: 'Ada', email: 'ada@example.com', verified: true }
    signed.provider.awareness.setLocalStateField('user', { name: 'Root', color: '#ff0000', colorLight: '#ff000033', email: 'root@example.com', verified: false })
    await eventually(signed.doc.clientID, { ...verified, color: '#ff0000', colorLight: '#ff000033' })
    signed.provider.awareness.setLocalStateField('cursor', { anchor: 1 })
    await until(() => witnesses.every(w => w.provider.awareness.getStates().get(signed.doc.clientID).cursor?.anchor === 1), 'the cursor')
    await eventually(signed.doc.clientID, { ...verified, color: '#ff0000', colorLight: '#ff000033' })
    for (const user of [undefined, null, 7, 'x', [], {}]) {
      signed.provider.awareness.setLocalState(user === undefined ? { x: 1 } : { user, x: 1 })
      await eventually(signed.doc.clientID, verified)
    }
    // And who comes late is told so as well.
    const late = stock(providers['3.1'], b, 'who', { clients })
    await until(() => late.provider.awareness.getStates().get(signed.doc.clientID)?.user?.verified === true, 'who comes late to see it')

    // Nobody who is not signed in bears it, however it is written.
    const forger = await opened(new Agent().socket(`${a.ws}/who`))
    const mail = '"ada@example.com"'
    const states = [
      `{"user":{"name":"F","email":${mail},"verified":true}}`,
      `{"user":{"\\u0065mail":${mail},"\\u0076erified":true,"name":"F"}}`,
      `{"\\u0075ser":{"email":${mail},"verified":true,"name":"F"}}`,
      `{"user":{"name":"F"},"user":{"name":"F","email":${mail},"verified":true}}`,
      `{"user":{"name":"F","verified":false,"verified":true,"email":"x","email":${mail}}}`,
      ` { "user" : { "verified"\t:\n true , "email" : ${mail} , "name" : "F" } } `,
      `{"user":{"a":{"b":"}"},"c":"\\"}","verified":true,"name":"F","email":${mail}}}`,
      `{"user":{"__proto__":{"verified":true,"email":${mail}},"name":"F"}}`,
      `{"user":{"name":"F","verified":1e0,"email":[${mail}]}}`
    ]
    for (const [i, state] of states.entries()) {
      forger.send(raw.awareness([5000 + i, 1, state]))
      await until(() => forger.readyState !== 1 || seen(5000 + i).every(u => u?.name === 'F'), () => `${state}: ${JSON.stringify(seen(5000 + i))}`)
      assert.equal(forger.readyState, 1, state)
      for (const user of seen(5000 + i)) assert.deepEqual([user.verified, user.email], [undefined, undefined], state)
    }
    // Nor in somebody else's name: what is said of a client by another connection is said by that connection.
    forger.send(raw.awareness([signed.doc.clientID, 1000, `{"user":{"name":"F","email":${mail},"verified":true}}`]))
    await sleep(200)
    for (const user of seen(signed.doc.clientID)) assert.ok(user?.name !== 'F' || (user.verified === undefined && user.email === undefined), JSON.stringify(user))
    forger.terminate()
    closeAll(clients)
  })
}

test('of many who restrict a bytecrowd at once on two servers one does', async () => {
  const { a, b } = sites.Redis
  const crowd = await Promise.all(Array.from({ length: 20 }, async (_, i) => { github.user(`racer${i}`, { id: 9000 + i }); return sites.Redis.person(`racer${i}`) }))
  for (let round = 0; round < 3; round++) {
    const name = `race${round}`
    const answers = await Promise.all(crowd.map((agent, i) => authorize(agent, i % 2 ? a : b, name, [`guest${i}@example.com`])))
    const winners = answers.flatMap((answer, i) => answer.status === 200 ? [i] : [])
    assert.equal(winners.length, 1)
    const [won] = winners
    for (const [i, answer] of answers.entries()) is(answer, ...(i === won ? [200, 'success'] : [401, answer.text]))
    for (const [i, answer] of answers.entries()) if (i !== won) assert.ok([SET, DENIED].includes(answer.text), answer.text)
    const wanted = [`guest${won}@example.com`, `racer${won}@example.com`]
    for (const server of [a, b]) assert.deepEqual([...(await access(crowd[won], server, name)).emails].sort(), wanted)
    assert.deepEqual(JSON.parse(await redis.call('HGET', `bytecrowd:${name}`, 'authorizedEmails')).sort(), wanted)
    assert.ok(!await mayEdit(crowd[(won + 1) % 20], a, name))
  }
})

test('a list that the original has written is kept to, and one that cannot be read lets nobody in', async () => {
  const { a, b } = sites.Redis
  const { ada, eve } = people.Redis
  await redis.call('HSET', 'bytecrowd:of-old', 'text', 'old text', 'authorizedEmails', '["ada@example.com"]')
  assert.equal((await ada.get(`${a.origin}/of-old/raw`)).text, 'old text')
  await denied(eve, b, 'of-old')
  for (const [i, bad] of ['', '{', 'null', '"ada@example.com"', '[1]', '{"0":"ada@example.com"}', '[]', '["ada@example.com"'].entries()) {
    await redis.call('HSET', `bytecrowd:unreadable${i}`, 'text', 'hidden', 'authorizedEmails', bad)
    const answer = await eve.get(`${a.origin}/unreadable${i}/raw`)
    assert.ok([401, 500, 503].includes(answer.status) && !answer.text.includes('hidden'), `${bad}: ${answer.status}`)
    assert.ok(!await mayEdit(eve, b, `unreadable${i}`), bad)
  }
})

test('who signs out, or whose session is ended in the store, loses what they had open', async () => {
  const { a, b } = sites.Redis
  const bob = await sites.Redis.person('bob')
  is(await authorize(bob, a, 'of-bob', ['bob@example.com']), 200, 'success')
  const open = await Promise.all([connect(bob, a, 'of-bob'), connect(bob, b, 'of-bob')])
  const at = Date.now()
  await bob.copy().signOut(a.origin)
  await cutOff(open, at)
  await denied(bob, b, 'of-bob')
})

test('rate limits count the address that a trusted proxy tells, and no other', async () => {
  const limits = ['--limit-connects', '8', '--limit-creates', '3', '--limit-authorize', '3', '--limit-sign-ins', '3']
  const from = address => ({ 'x-forwarded-for': address })
  const server = await startServer({ args: [...github.args, ...limits, '--trusted-proxies', '127.0.0.0/8'] })
  try {
    const agent = headers => new Agent({ headers })
    const tries = async (n, work) => { const list = []; for (let i = 0; i < n; i++) list.push(await work(i)); return list }
    const limited = (answers, n, what) => {
      assert.deepEqual(answers.map(r => r.status === 429), answers.map((_, i) => i >= n), `${what}: ${answers.map(r => r.status)}`)
      for (const r of answers.slice(n)) assert.ok(Number(r.headers['retry-after']) >= 1 && Number(r.headers['retry-after']) <= 60, `${what}: ${r.headers['retry-after']}`)
    }
    const creates = (headers, prefix) => tries(6, i => update(agent(headers), server, `${prefix}${i}`, { text: 'x' }))
    limited(await creates(from('203.0.113.1'), 'one'), 3, 'creates')
    limited(await creates(from('203.0.113.2'), 'two'), 3, 'creates of another')
    limited(await creates(from('198.51.100.9, 203.0.113.1'), 'three'), 0, 'what is claimed before the proxy\'s own word')
    limited(await creates({}, 'four'), 6, 'creates of this machine')
    // What is there already is no creation.
    limited(await tries(6, () => update(agent(from('203.0.113.1')), server, 'four1', { text: 'y' })), 6, 'updates')
    const authorizing = async (headers, prefix) => {
      const person = agent()
      await person.signIn(server.origin, 'github', 'ada')
      person.headers = headers
      return tries(6, i => authorize(person, server, `${prefix}${i}`, ['x@example.com']))
    }
    limited(await authorizing(from('203.0.113.3'), 'of-one'), 3, 'authorize')
    limited(await authorizing({}, 'of-none'), 6, 'authorize of this machine')
    const signing = async headers => {
      const person = agent(headers)
      const csrfToken = await person.csrf(server.origin)
      return tries(6, () => person.post(`${server.origin}/api/auth/signin/github`, { form: { csrfToken, callbackUrl: '/', json: 'true' } }))
    }
    limited(await signing(from('2001:db8::1')), 3, 'sign-ins')
    // A whole /64 is one customer.
    limited(await signing(from('2001:db8::2')), 0, 'sign-ins of the same network')
    limited(await signing(from('2001:db8:0:1::2')), 3, 'sign-ins of another network')
    limited(await signing({}), 6, 'sign-ins of this machine')
    const connecting = headers => tries(10, async i => {
      const socket = agent(headers).socket(`${server.ws}/four1`)
      const end = await Promise.race([socket.end, opened(socket).then(() => ({ open: true }), () => socket.end)])
      socket.terminate()
      return end
    })
    const ends = await connecting(from('203.0.113.4'))
    assert.deepEqual(ends.map(e => Boolean(e.open)), ends.map((_, i) => i < 8), JSON.stringify(ends))
    for (const end of ends.slice(8)) assert.ok(end.status === 429 || end.code === 1013, JSON.stringify(end))
    assert.ok((await connecting({})).every(e => e.open), 'connections of this machine')
    // One session is one person, wherever they say that they are.
    const roaming = agent()
    await roaming.signIn(server.origin, 'github', 'ada')
    const moves = await tries(10, async i => {
      roaming.headers = from(`192.0.2.${i}`)
      const socket = roaming.socket(`${server.ws}/four1`)
      const end = await Promise.race([socket.end, opened(socket).then(() => ({ open: true }), () => socket.end)])
      socket.terminate()
      return end
    })
    assert.deepEqual(moves.map(e => Boolean(e.open)), moves.map((_, i) => i < 8), JSON.stringify(moves))
  } finally { await server.stop() }

  // Nobody is trusted, or somebody else: then the header is nobody's word.
  for (const trust of [[], ['--trusted-proxies', '10.0.0.0/8,192.0.2.7']]) {
    const other = await startServer({ args: [...github.args, ...limits, ...trust] })
    for (let i = 0; i < 6; i++) is(await update(new Agent({ headers: from('203.0.113.1') }), other, `x${i}`, { text: 'x' }), 200, 'success')
    await other.stop()
  }
  for (const bad of ['10.0.0.0/33', 'x', '10.0.0', '10.0.0.0/8;x', '::1/129']) {
    const { status, stderr } = runOnce(['--store', 'sqlite::memory:', '--trusted-proxies', bad])
    assert.equal(status, 2, bad)
    assert.match(stderr, /trusted-proxies/)
  }
})
