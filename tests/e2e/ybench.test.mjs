// build/<mode>/ybench: what it prints, and that bad input is one clear line and exit 2.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { binary, tempFolder } from './lib/harness.mjs'

const ybench = path.join(path.dirname(binary), 'ybench')
const folder = tempFolder()
const file = (name, bytes) => {
  writeFileSync(path.join(folder, name), bytes)
  return path.join(folder, name)
}
const run = (args, input) => spawnSync(ybench, args, { input, encoding: 'utf8' })
const u32 = (...list) => Buffer.concat(list.map(n => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b }))
const frame = bytes => Buffer.concat([u32(bytes.length), bytes])

const updates = []
const doc = new Y.Doc()
doc.on('update', u => updates.push(Buffer.from(u)))
for (const word of ['typed ', 'by ', 'someone 😀']) doc.getText('text').insert(doc.getText('text').length, word)
doc.getText('text').delete(0, 2)
const state = Buffer.from(Y.encodeStateAsUpdate(doc))
const log = Buffer.concat(updates.map(frame))
const expect = file('text', doc.getText('text').toString())
const ops = Buffer.concat([u32(2), u32(1, 0, 0, 2), Buffer.from('ab'), u32(2, 1, 1, 4), Buffer.from('😀'), u32(3, 0, 1), Buffer.from('c')])

function good (args, input) {
  const { status, stdout, stderr } = run([...args, '--runs', '3'], input)
  assert.equal(stderr, '')
  assert.equal(status, 0)
  assert.equal(stdout.trimEnd().split('\n').length, 1)
  const answer = JSON.parse(stdout)
  assert.equal(answer.mode, args[0])
  assert.equal(answer.ns.runs.length, 3)
  assert.ok(answer.ns.min <= answer.ns.median && answer.ns.median <= answer.ns.max && answer.ns.min > 0)
  return answer
}

for (const mode of ['apply', 'load', 'encode', 'merge']) {
  test(`${mode}: one JSON object, the text verified, the result written`, () => {
    const out = path.join(folder, 'out')
    const answer = good([mode, '-', '--expect', expect, '--out', out], log)
    assert.equal(answer.count, mode === 'apply' || mode === 'merge' ? updates.length : 1)
    assert.equal(answer.verified, true)
    const copy = new Y.Doc()
    Y.applyUpdate(copy, readFileSync(out))
    assert.equal(copy.getText('text').toString(), doc.getText('text').toString())
  })
}

test('load takes one update or a log of them', () => {
  assert.equal(good(['load', '-', '--expect', expect], state).input_bytes, state.length)
  assert.equal(good(['load', '-', '--log', '--expect', expect], frame(state)).result.text_bytes, readFileSync(expect).length)
})

test('encode: a difference and a state vector', () => {
  const sv = file('sv', Y.encodeStateVector(doc))
  const out = path.join(folder, 'out')
  good(['encode', '-', '--state-vector', '--out', out], state)
  assert.deepEqual(readFileSync(out), Buffer.from(Y.encodeStateVector(doc)))
  good(['encode', '-', '--sv', sv, '--out', out], state)
  assert.deepEqual(readFileSync(out), Buffer.from(Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc))))
})

test('local: transactions of several patches, positions in UTF-16', () => {
  const answer = good(['local', '-', '--expect', file('ops-text', 'a😀c')], ops)
  assert.equal(answer.count, 2)
  assert.equal(answer.patches, 3)
})

test('a text that is not the expected one is exit 1', () => {
  const { status, stdout, stderr } = run(['apply', '-', '--expect', file('other', 'something else')], log)
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^ybench: .*differs.*\n$/)
})

const bad = {
  'no arguments': [[], ''],
  'no file named': [['apply'], ''],
  'an unknown mode': [['appply', '-'], log],
  'an unknown option': [['apply', '-', '--fast'], log],
  'an option without its value': [['apply', '-', '--runs'], log],
  'no runs at all': [['apply', '-', '--runs', '0'], log],
  'runs that are no number': [['apply', '-', '--runs', '5x'], log],
  'two files': [['apply', '-', '-'], log],
  'a file that is not there': [['apply', path.join(folder, 'absent')], ''],
  'a folder': [['apply', folder], ''],
  'an expectation that is not there': [['apply', '-', '--expect', path.join(folder, 'absent')], log],
  'a result that cannot be written': [['apply', '-', '--out', path.join(folder, 'absent', 'x')], log],
  'an empty log': [['apply', '-'], ''],
  'a log that ends within a length': [['apply', '-'], log.subarray(0, log.length - updates.at(-1).length - 2)],
  'a log that ends within an update': [['merge', '-'], log.subarray(0, log.length - 1)],
  'a length beyond the file': [['apply', '-'], Buffer.concat([u32(0xffffffff), state])],
  'an update that is none': [['apply', '-'], Buffer.concat([frame(state), frame(Buffer.from('no update'))])],
  'merging what is no update': [['merge', '-'], Buffer.concat([frame(state), frame(Buffer.from('no update'))])],
  'a state that is none': [['load', '-'], Buffer.from('neither an update nor a log')],
  'a truncated state': [['encode', '-'], state.subarray(0, -1)],
  'a bad state vector': [['encode', '-', '--sv', file('bad-sv', Buffer.from([5, 1]))], state],
  'ops without a count': [['local', '-'], Buffer.from([1, 0])],
  'more transactions than bytes': [['local', '-'], u32(0xffffffff, 0)],
  'more patches than bytes': [['local', '-'], u32(1, 0xffffffff)],
  'a patch longer than the file': [['local', '-'], u32(1, 1, 0, 0, 50)],
  'bytes after the last patch': [['local', '-'], Buffer.concat([ops, Buffer.from([0])])],
  'a patch that is no UTF-8': [['local', '-'], Buffer.concat([u32(1, 1, 0, 0, 1), Buffer.from([0xff])])],
  'a position beyond the text': [['local', '-'], Buffer.concat([u32(1, 1, 1, 0, 1), Buffer.from('a')])],
  'deleting beyond the text': [['local', '-'], Buffer.concat([u32(1, 1, 0, 1, 1), Buffer.from('a')])]
}
for (const [name, [args, input]] of Object.entries(bad)) {
  test(`refused in one line: ${name}`, () => {
    const { status, stdout, stderr } = run(args, input)
    assert.equal(status, 2, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, /^ybench: [^\n]+\n$/)
  })
}

test('ops truncated at every length are refused', () => {
  for (let n = 0; n < ops.length; n++) assert.equal(run(['local', '-'], ops.subarray(0, n)).status, 2, `${n} bytes`)
})
