// The ydoc tool: its commands on updates that yjs made, and what it says of bad input.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const ydoc = path.resolve(root, path.dirname(process.env.BYTECROWDS ?? 'build/release/bytecrowds'), 'ydoc')
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ydoc-'))
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }))

const file = (name, bytes) => { fs.writeFileSync(path.join(dir, name), bytes); return path.join(dir, name) }
const log = list => Buffer.concat(list.flatMap(u => { const n = Buffer.alloc(4); n.writeUInt32LE(u.length); return [n, Buffer.from(u)] }))
function run (args, input) {
  const { status, stdout, stderr } = spawnSync(ydoc, args, { input, maxBuffer: 1 << 26 })
  return { status, out: stdout, err: stderr.toString() }
}
function gives (args, want, input) {
  const { status, out, err } = run(args, input)
  assert.equal(err, '')
  assert.equal(status, 0)
  if (want instanceof RegExp) assert.match(out.toString(), want)
  else if (typeof want === 'string') assert.equal(out.toString(), want)
  else assert.equal(out.toString('hex'), Buffer.from(want).toString('hex'))
}
function fails (args, pattern, input) {
  const { status, out, err } = run(args, input)
  assert.equal(status, 2, err)
  assert.equal(out.length, 0)
  assert.match(err, pattern)
  assert.equal(err.trimEnd().split('\n').length, 1, err)
}

const doc = new Y.Doc()
doc.clientID = 12
const updates = []
const updates2 = []
doc.on('update', u => updates.push(u))
doc.on('updateV2', u => updates2.push(u))
doc.getText('text').insert(0, 'hello 😀')
doc.getText('text').format(0, 2, { bold: true })
doc.getText('text').delete(3, 2)
doc.getText('notes').insert(0, 'n')
doc.getMap('m').set('k', [1, { q: null }])
doc.getArray('a').push([1, 2, { x: 1 }])
doc.getArray('a').delete(1, 1)
const state = Y.encodeStateAsUpdate(doc)
const state2 = Y.encodeStateAsUpdateV2(doc)
const v1 = file('v1', state)
const v2 = file('v2', state2)
const log1 = file('log1', log(updates))
const log2 = file('log2', log(updates2))
const sv = file('sv', new Uint8Array([1, 12, 3]))

test('text', () => {
  gives(['text', v1], 'hel 😀')
  gives(['text', '--v2', '--log', log2], 'hel 😀')
  gives(['text', '--root', 'notes', '-'], 'n', state)
  gives(['text', '--root', 'none', v1], '')
  const other = new Y.Doc()
  other.getText('bytecrowdText').insert(0, 'a room')
  gives(['text', '-'], 'a room', Y.encodeStateAsUpdate(other))
})
test('json', () => {
  const want = JSON.stringify(doc.toJSON())
  gives(['json', v1], want)
  gives(['json', '--v2', '--log', log2], want)
  gives(['json', '-'], '{}', new Uint8Array([0, 0]))
  const other = new Y.Doc()
  const e = new Y.XmlElement('P')
  e.setAttribute('class', 'c')
  e.insert(0, [new Y.XmlText('hi')])
  other.getXmlFragment('xml').insert(0, [e])
  other.getMap('2').set('10', new Y.Map([['nested', new Y.Array()], ['1', new Uint8Array([7])]]))
  gives(['json', '-'], JSON.stringify(other.toJSON()), Y.encodeStateAsUpdate(other))
  fails(['json', '-'], /^ydoc: standard input: /, new Uint8Array([1]))
})
test('state, from updates in any format', () => {
  gives(['state', '--log', log1], state)
  gives(['state', '--log', '--to-v2', log1], state2)
  gives(['state', '--v2', '--log', log2], state)
  const other = new Y.Doc() // a document's own second format says more than a converted one
  for (const v of [1, 2, 3]) other.getMap('m').set('k', v)
  gives(['state', '--to-v2', '-'], Y.encodeStateAsUpdateV2(other), Y.encodeStateAsUpdate(other))
})
test('what waits is written as yjs writes it', () => {
  const other = new Y.Doc(), list = []
  other.clientID = 9
  other.on('update', u => list.push(u))
  for (const v of [1, 2, 3]) other.getMap('m').set('k', v)
  other.getText('text').insert(0, 'ab')
  for (const gap of [0, 1, 2]) {
    const part = list.filter((_, i) => i !== gap), want = new Y.Doc()
    for (const u of part) Y.applyUpdate(want, u)
    gives(['state', '--log', '-'], Y.encodeStateAsUpdate(want), log(part))
    gives(['state', '--to-v2', '--log', '-'], Y.encodeStateAsUpdateV2(want), log(part))
  }
})
test('a log in any order, however much of it waits', () => {
  const big = new Y.Doc(), list = []
  big.clientID = 7
  big.on('update', u => list.push(u))
  for (let i = 0; i < 6; i++) big.getText('text').insert(0, String(i).repeat(1 << 20))
  const reversed = file('reversed', log(list.reverse()))
  gives(['state', '--log', reversed], Y.encodeStateAsUpdate(big))
  gives(['verify', '--log', file('gap', log(list.slice(0, 5)))], /waits for updates/)
})
test('state-vector', () => {
  gives(['state-vector', v1], Y.encodeStateVector(doc))
  gives(['state-vector', '--v2', '--log', log2], Y.encodeStateVector(doc))
})
test('diff', () => {
  gives(['diff', '--sv', sv, v1], Y.diffUpdate(state, new Uint8Array([1, 12, 3])))
  gives(['diff', '--sv', sv, '--v2', '--to-v2', v2], Y.diffUpdateV2(state2, new Uint8Array([1, 12, 3])))
  gives(['diff', '--sv', '-', v1], state, new Uint8Array([0]))
})
test('merge', () => {
  gives(['merge', ...updates.map((u, i) => file(`u${i}`, u))], Y.mergeUpdates(updates))
  gives(['merge', '--log', '--v2', '--to-v2', log2], Y.mergeUpdatesV2(updates2))
  gives(['merge', v1], state)
})
test('convert', () => {
  gives(['convert', '--to-v2', v1], state2)
  gives(['convert', '--v2', v2], state)
  gives(['convert', v1], state)
  gives(['convert', '--log', '--v2', log2], log(updates2.map(Y.convertUpdateFormatV2ToV1)))
})
test('inspect', () => {
  gives(['inspect', '-'], 'client 12  clock 0..8  string "hello 😀"  parent root "text"\n', updates[0])
  gives(['inspect', '--log', file('log3', log([updates[0], updates[2]]))], 'record 1  byte 0  23 bytes\nclient 12  clock 0..8  string "hello 😀"  parent root "text"\nrecord 2  byte 27  6 bytes\ndelete client 12: 3..5\n')
})
test('verify', () => {
  gives(['verify', v1], `ok: 1 update, ${state.length} bytes\n`)
  gives(['verify', '--log', '-'], 'ok: 1 update, 60 bytes; some of it waits for updates that are not here\n'.replace('60', updates[1].length), log([updates[1]]))
})
test('bad input is one clear line and status 2', () => {
  fails(['verify', log1], /^ydoc: .*log1: malformed update$/m)
  fails(['verify', '--log', '-'], /^ydoc: standard input: record 2 at byte 27: announces \d+ bytes, 2 are left$/m, log(updates).subarray(0, 33))
  fails(['verify', '--log', '-'], /^ydoc: standard input: record 2 at byte 27: 3 bytes are left, a length needs 4$/m, log(updates).subarray(0, 30))
  fails(['merge', v1, file('bad', state.subarray(0, 20))], /^ydoc: .*bad: malformed update$/m)
  fails(['text', '--log', file('bad2', log([updates[0], new Uint8Array([9])]))], /bad2: record 2 at byte 27: malformed update$/m)
  fails(['diff', '--sv', v1, v1], /v1: malformed state vector$/m)
  fails(['diff', '--sv', '-', v1], /standard input: malformed state vector$/m, new Uint8Array(0))
  for (const command of ['convert', 'inspect']) fails([command, '--log', path.join(dir, 'bad2')], /bad2: record 2 at byte 27: malformed update$/m)
  fails(['text', path.join(dir, 'absent')], /absent: No such file or directory$/m)
  fails(['diff', v1], /diff needs --sv/)
  fails(['text', v1, v1], /text takes one file/)
  fails(['frobnicate', v1], /no command `frobnicate`/)
  fails(['text', '--frob', v1], /--frob/)
  fails([], /which command/)
})
test('help and version', () => {
  assert.match(run(['--help']).out.toString(), /ydoc merge FILE/)
  assert.match(run(['--version']).out.toString(), /^ydoc \d/)
})

test('embeds and formats of v2 keep what JSON cannot say: bytes, undefined, bigint; waiting ones too', () => {
  const doc = new Y.Doc()
  doc.clientID = 7
  const list = []
  doc.on('updateV2', u => list.push(u))
  const text = doc.getText('text')
  text.insertEmbed(0, { bytes: new Uint8Array([1, 2, 255]), none: undefined, big: 12345678901234567890n >> 4n })
  text.insert(1, 'x')
  text.format(0, 2, { mark: { raw: new Uint8Array([9]) } })
  const whole = Y.encodeStateAsUpdateV2(doc)
  gives(['state', '--v2', '--to-v2', file('bytes2', whole)], whole)
  gives(['state', '--v2', '--to-v2', '--log', file('bytes2.log', log([...list].reverse()))], whole)
  // What waits keeps it, too: everything but the first update, carried over, then the first.
  const late = run(['state', '--v2', '--to-v2', '--log', file('late.log', log(list.slice(1)))])
  gives(['state', '--v2', '--to-v2', '--log', file('both.log', log([late.out, list[0]]))], whole)
})
