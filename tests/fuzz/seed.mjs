// Writes first inputs for the fuzz targets into build/corpus/<target>/, made by npm's yjs and by hand. What
// is worth keeping is then minimised into tests/fuzz/corpus (see docs/testing.md).
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const Y = createRequire(path.join(root, 'tests/package.json'))('yjs')
const counts = {}
function save (target, bytes) {
  const dir = path.join(root, 'build/corpus', target)
  fs.mkdirSync(dir, { recursive: true })
  fs.writeFileSync(path.join(dir, `seed-${counts[target] = (counts[target] ?? 0) + 1}`), bytes)
}

// Updates of two writers with every content type, as one run each.
const run = list => Buffer.concat(list.flatMap(u => [Buffer.from([u.length & 255, u.length >> 8]), Buffer.from(u)]))
const kinds = {
  text: d => d.getText('bytecrowdText').insert(0, 'a😀é漢'),
  delete: d => { const t = d.getText('bytecrowdText'); if (t.length > 1) t.delete(0, 1) },
  format: d => { const t = d.getText('bytecrowdText'); if (t.length) t.format(0, 1, { bold: true }) },
  embed: d => d.getText('bytecrowdText').insertEmbed(0, { image: 'x' }),
  map: d => d.getMap('bytecrowd').set('language', 'c'),
  any: d => d.getMap('m').set('k', [1, 1.5, 2n ** 60n, 'x', null, true, { a: 1 }, new Uint8Array([1, 2])]),
  nested: d => d.getMap('m').set('t', new Y.Text('in')),
  array: d => d.getArray('a').insert(0, [1, new Y.Array(), new Uint8Array([7])]),
  sub: d => d.getMap('m').set('d', new Y.Doc({ guid: 'sub' })),
  xml: d => { const e = new Y.XmlElement('p'); d.getXmlFragment('x').insert(0, [e, new Y.XmlText('t'), new Y.XmlHook('h')]); e.setAttribute('k', 'v') }
}
for (const name of Object.keys(kinds)) {
  const docs = [1, 2].map(id => { const d = new Y.Doc(); d.clientID = id; return d })
  const updates = []
  for (const d of docs) d.on('update', (u, origin) => { if (origin !== 'remote') updates.push(u) })
  for (let i = 0; i < 3; i++) {
    for (const d of docs) { kinds.text(d); kinds[name](d) }
    if (i === 1) { Y.applyUpdate(docs[0], Y.encodeStateAsUpdate(docs[1]), 'remote'); Y.applyUpdate(docs[1], Y.encodeStateAsUpdate(docs[0]), 'remote') }
  }
  save('y_apply', run(updates))
  save('y_apply', run([...updates].reverse()))
  save('y_apply', run([Y.encodeStateAsUpdate(docs[0]), Y.diffUpdate(Y.encodeStateAsUpdate(docs[1]), Y.encodeStateVector(docs[0]))]))
  save('y_apply', run([Y.mergeUpdates([updates[0], updates.at(-1)])]))
  const states = docs.map(d => Y.encodeStateAsUpdate(d))
  for (const u of [updates[0], updates.at(-1), ...states]) {
    save('y_codec', Buffer.concat([Buffer.from([0]), Buffer.from(u)]))
    save('y_codec', Buffer.concat([Buffer.from([1]), Buffer.from(Y.convertUpdateFormatV1ToV2(u))]))
  }
  for (const list of [updates.slice(0, 6), [...updates].reverse().slice(0, 6), [...states, updates[1]]]) {
    save('y_merge', Buffer.concat([Buffer.from([0]), run(list)]))
    save('y_merge', Buffer.concat([Buffer.from([1]), run(list.map(u => Y.convertUpdateFormatV1ToV2(u)))]))
  }
  save('y_lib0', Buffer.concat([Buffer.from([3, 0, 2, 3]), Buffer.from(updates.at(-1))]))
  save('y_lib0', Buffer.from(updates[0]))
}
for (const json of ['{"a":[1,2.5e-3,"\\u00e9\\ud83d\\ude00",null,true,false]}', '[]', '"x"', '-0.0', '[[[[{}]]]]']) save('y_lib0', Buffer.from(json))

const bytes = text => Buffer.from(text, 'latin1')
for (const head of ['GET /ws/a?b=c HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc', 'GET http://h/p?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'POST /a HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n']) save('net_http', bytes(head))

function frame (first, payload, mask = [1, 2, 3, 4]) {
  const n = payload.length
  const head = n < 126 ? [first, 128 | n] : [first, 254, n >> 8, n & 255]
  return Buffer.from([...head, ...mask, ...payload.map((c, i) => c ^ mask[i & 3])])
}
const text = s => [...Buffer.from(s)]
for (const list of [[frame(0x82, text('abc'))], [frame(2, text('a')), frame(0x89, text('p')), frame(0, []), frame(0x80, text('b'))], [frame(0x88, [3, 232, 111, 107])], [frame(0x82, text('x'.repeat(200))), frame(0x8a, []), frame(0x82, text('x'.repeat(301)))], [frame(0x81, text('t'))]]) {
  save('net_ws', Buffer.concat([Buffer.from([4]), ...list]))
}

const message = (...list) => Buffer.from(list.flat())
const state = (client, clock, json) => [client, clock, json.length, ...text(json)]
const awareness = (...states) => { const body = [states.length, ...states.flat()]; return [1, body.length, ...body] }
save('proto_message', message([0, 0, 1, 0], [0, 1, 2, 0, 0], [0, 2, 2, 0, 0], [3], [2, 0, 1, 120]))
save('proto_message', message(awareness(state(5, 1, '{"user":{"name":"a"}}')), awareness(state(5, 2, 'null')), awareness(state(6, 1, '{}'), state(7, 1, '[1]'))))
save('proto_message', message(awareness(state(1, 1, '1')), awareness(state(1, 1, 'null')), awareness(state(2, 1, '{"a":"é"}'))))

for (const json of ['{"user":{"name":"Eve","color":"#30bced","email":"e","verified":true},"cursor":{"anchor":{"type":null,"tname":"bytecrowdText"}}}',
  '{"\\u0075ser":{"\\u0076erified":true,"n\\u0061me":1},"user":{"email":{}},"user":[1]}', '{"user":5,"a":[1e999,-0,"\\ud83d\\ude00\\""],"user":{"__proto__":{"verified":true}}}',
  '{"__proto__":{"user":{"email":1}},"cursor":{"user":{"verified":true}} } ', '[{"user":{"verified":true}}]', '"verified"']) save('proto_json', bytes(json))

const result = (...list) => [{ result: list.length > 1 ? list : list[0] }]
for (const body of [result('OK'), result('T0s=', null, -7, [], ['/wAB', [1, ['']]]), [{ error: 'ERR x' }], { error: 'ERR all' }, result([[[[[[[['AA==']]]]]]]]),
  [...result('AAAA'), { error: 'WRONGTYPE' }], result(9007199254740993), result('plain'), result(true), [{}], '<html>']) {
  save('redis_rest', Buffer.concat([Buffer.from([body.length - 1]), Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))]))
}
for (const stream of ['data: subscribe,a,1\n\ndata: message,a,x\n\n', 'data: subscribe,a,1\ndata: message,a,x\ndata: message,a,y\n',
  ': hi\r\n\r\ndata:a\r\n\r\nid: 1\ndata: b\ndata:\ndata:  c\n\n', 'data\n\ndata: a\n\ndata\n\n']) save('redis_sse', bytes(`\u0003${stream}`))
for (const line of ['{"bytecrowds-export":1,"store":"sqlite:bytecrowds.sqlite"}', '{"bytecrowds":2}',
  '{"id":"friday","snapshot":"AAA=","updates":["AQE=","AgI="],"text":"let a","language":"rust"}',
  '{"id":{"base64":"/w=="},"text":{"base64":"/w=="},"authorizedEmails":"[\\"a@b.example\\"]"}',
  '{"id":"\\u00e9\\ud83d\\ude00 \\\\","text":"a\\u0000\\n\\t","language":"","updates":[""]}']) save('store_record', Buffer.from(line))

const kind = (n, value) => Buffer.concat([Buffer.from([n]), Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))])
const claims = { iss: 'https://i', aud: 'c', sub: 's', exp: 1700000300, iat: 1700000000, nonce: 'n' }
const point = { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' }
const edwards = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
for (const keys of [[point], [{ ...edwards, use: 'sig', alg: 'EdDSA', key_ops: ['verify'] }], [{ kty: 'RSA', n: '9'.repeat(341) + 'Q', e: 'AQAB', kid: 'k' }],
  [{ ...point, crv: 'P-384' }, { ...point, use: 'enc' }, { ...edwards, d: 'AA' }, { kty: 'oct', k: 'AA' }, 1], []]) save('auth_jwt', kind(0, { keys }))
const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
for (const [alg, size] of [['EdDSA', 64], ['ES256', 64], ['ES384', 96], ['RS256', 256], ['PS512', 256], ['none', 1]]) {
  for (const header of [{ alg, kid: 'k' }, { alg, crit: ['b64'] }, { alg, typ: 'JWT' }]) save('auth_jwt', kind(1, `${part(header)}.${part(claims)}.${Buffer.alloc(size, 1).toString('base64url')}`))
}
for (const more of [{}, { aud: ['c'] }, { aud: ['c', 'd'], azp: 'c' }, { azp: 'd' }, { nbf: 1.5 }, { exp: 1 }, { iat: '1' }, { nonce: null }, { sub: '' }]) save('auth_jwt', kind(2, { ...claims, ...more }))
for (const header of [{ alg: 'EdDSA' }, { alg: 'EdDSA', kid: 'k', typ: 'JWT' }, { alg: 'EdDSA', kid: 'x' }, { alg: 'EdDSA', crit: [] }, { alg: 'ES256' }, []]) save('auth_jwt', kind(3, header))

const discovery = { issuer: 'https://i', authorization_endpoint: 'https://i/a', token_endpoint: 'https://i/t', jwks_uri: 'https://i/k' }
for (const more of [{}, { userinfo_endpoint: 'https://i/u?a=b' }, { issuer: 'https://j' }, { token_endpoint: 'http://i/' }, { response_types_supported: ['code'] },
  { token_endpoint_auth_methods_supported: ['client_secret_post'], authorization_response_iss_parameter_supported: true }]) save('auth_oauth', kind(0, { ...discovery, ...more }))
for (const answer of [{ access_token: 'SECRET', token_type: 'bearer', scope: '' }, { access_token: 'SECRET', token_type: 'Bearer', id_token: 'a.b.c' }, { error: 'invalid_grant', error_description: 'SECRET' },
  { access_token: 'a b', token_type: 'bearer' }, { error: { a: 'SECRET' } }]) save('auth_oauth', kind(1, answer))
for (const answer of [{ id: 1, login: 'o', name: 'O\u00e9', avatar_url: 'https://a/1' }, { id: 1, login: 'o', name: null, avatar_url: 'javascript:1' },
  [{ email: 'a@x', primary: true, verified: true }, { email: 'b@x', primary: false, verified: true }], [{ email: 'a@x', primary: true, verified: false }]]) save('auth_oauth', kind(2, answer))
for (const list of [[{ sub: 's', name: 'N', email: 'a@x', email_verified: true, picture: 'https://p/' }, { sub: 's', nickname: 'M', email: 'a@x' }],
  [{ sub: 's', email: 'a@x' }, { sub: 's', email: 'a@x', email_verified: 'true' }], [{ sub: 's' }, { sub: 't', email: 'b@x', email_verified: true }]]) save('auth_oauth', kind(3, list.map(c => JSON.stringify(c)).join('')))

for (const line of ['a=1; b=2', 'b=1;a="x y"; a=3', ' a=x=y\t;', 'a=1&a=2', 'a=%2Fb+c%c3%a9', '{"a":"x\\u00e9","b":true}', '{"a":true}', 'a=\r\nSet-Cookie: b', 'application/x-www-form-urlencoded; a', 'é;,\\"']) save('auth_cookie', Buffer.from(line))
console.log(counts)
