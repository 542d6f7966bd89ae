// The editor's page: people in one bytecrowd, in real windows.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { start, temporary, until as eventually } from '../lib/server.mjs'
import { launch, ready, state, textOf, until, visit, write } from './browser.mjs'

let server, browser
before(async () => { server = await start(); browser = await launch() })
after(async () => { await browser?.close(); await server?.stop() })

const leave = async (...pages) => {
  for (const page of pages) {
    assert.deepEqual(page.complaints, [])
    await page.context().close()
  }
}

async function two (room, a = {}, b = {}) {
  const ann = await visit(browser, `${server.url}/${room}`, { name: 'Ann', color: '#c2255c', ...a })
  const bob = await visit(browser, `${server.url}/${room}`, { name: 'Bob', color: '#1971c2', ...b })
  await ready(ann)
  await ready(bob)
  return [ann, bob]
}

test('two windows type into each other, and what is saved is in the store', async () => {
  const [ann, bob] = await two('typing')
  await ann.locator('.cm-content').focus()
  await ann.keyboard.type('let a = 1')
  await until(bob, 'let a = 1')
  await bob.locator('.cm-content').focus()
  await bob.keyboard.press('Control+End')
  await Promise.all([bob.keyboard.type(' + 2;'), (async () => {
    await ann.keyboard.press('Control+Home')
    await ann.keyboard.type('// both\n')
  })()])
  await until(ann, '// both\nlet a = 1 + 2;')
  await until(bob, '// both\nlet a = 1 + 2;')
  await ready(ann)
  await ready(bob)
  assert.equal(await server.raw('typing'), '// both\nlet a = 1 + 2;')
  await leave(ann, bob)
})

test('the other one\'s cursor and selection are shown with the name, and a click goes there', async () => {
  const [ann, bob] = await two('cursors')
  await write(ann, 'first\n' + 'line\n'.repeat(200) + 'last')
  await until(ann, await textOf(ann))
  const caret = bob.locator('.cm-peer')
  await bob.waitForFunction(() => document.querySelectorAll('#people button').length === 2)
  assert.equal(await bob.textContent('#count'), '2 here')
  assert.equal(await caret.count(), 0) // it is far below
  await bob.click('#people button:not(.self)')
  await caret.waitFor()
  assert.equal(await bob.textContent('.cm-peer-name'), 'Ann')
  assert.equal(await bob.evaluate(() => getComputedStyle(document.querySelector('.cm-peer')).borderLeftColor), 'rgb(194, 37, 92)')
  await ann.keyboard.press('Shift+Home')
  await bob.locator('.cm-peer-selection').waitFor()
  assert.equal(await bob.textContent('.cm-peer-selection'), 'last')
  // Who leaves is gone at once.
  await leave(ann)
  await caret.waitFor({ state: 'detached' })
  assert.equal(await bob.textContent('#count'), 'Only you')
  await leave(bob)
})

test('a new name reaches the others and is remembered', async () => {
  const [ann, bob] = await two('rename')
  await ann.click('#people .self')
  await ann.fill('#person', '  Grace   Hopper ')
  await ann.press('#person', 'Enter')
  await bob.waitForFunction(() => document.querySelector('#count').title.includes('Grace Hopper'))
  assert.ok(await bob.getByRole('button', { name: 'Grace Hopper. Go to their cursor' }).isVisible())
  await ann.reload()
  await ready(ann)
  assert.match(await ann.getAttribute('#people .self', 'title'), /^Grace Hopper \(you\)/)
  await ann.click('#people .self')
  await ann.fill('#person', 'Nobody')
  await ann.keyboard.press('Escape')
  assert.match(await ann.getAttribute('#people .self', 'title'), /^Grace Hopper/)
  await leave(ann, bob)
})

test('the language is one for everybody, loaded when needed, and stored', async () => {
  const [ann, bob] = await two('language')
  await write(ann, 'def f(): pass')
  await ann.selectOption('#language', 'python')
  await bob.waitForFunction(() => document.querySelector('#language').value === 'python')
  // `def` is a keyword of Python's: it stands in an element of its own once the language is loaded.
  for (const page of [ann, bob]) await page.locator('.cm-line span', { hasText: /^def$/ }).first().waitFor()
  await ready(ann)
  await bob.reload()
  await ready(bob)
  assert.equal(await bob.inputValue('#language'), 'python')
  await leave(ann, bob)
})

test('every language of the original can be picked, and every other', async () => {
  const page = await visit(browser, `${server.url}/languages`)
  await ready(page)
  const names = await page.locator('#language option').evaluateAll(options => options.map(o => o.value))
  for (const original of 'javascript cpp html css json markdown rust xml java php lezer python'.split(' ')) assert.ok(names.includes(original), original)
  for (const name of names) {
    await page.selectOption('#language', name)
    await page.waitForLoadState('networkidle', { timeout: 500 }).catch(() => {})
  }
  assert.equal(await page.locator('#toast.shown').count(), 0)
  await leave(page)
})

test('undo takes back one\'s own edits only', async () => {
  const [ann, bob] = await two('undo')
  await write(ann, 'mine')
  await until(bob, 'mine')
  await bob.locator('.cm-content').focus()
  await bob.keyboard.press('Control+End')
  await bob.keyboard.insertText(' yours')
  await until(ann, 'mine yours')
  await ann.keyboard.press('Control+z')
  await until(ann, ' yours')
  await until(bob, ' yours')
  await ann.keyboard.press('Control+z') // nothing of hers is left
  await ann.keyboard.press('Control+y')
  await until(bob, 'mine yours')
  await bob.keyboard.press('Control+z')
  await until(ann, 'mine')
  await leave(ann, bob)
})

for (const clipboard of [true, false]) {
  test(`the link is copied, ${clipboard ? 'by the clipboard interface' : 'without it, as on plain http'}`, async () => {
    const page = await visit(browser, `${server.url}/copy`, { permissions: ['clipboard-read', 'clipboard-write'] })
    await ready(page)
    await page.evaluate(keep => {
      window.clipboard = navigator.clipboard
      if (!keep) Object.defineProperty(navigator, 'clipboard', { value: undefined })
      return window.clipboard.writeText('something else')
    }, clipboard)
    await page.click('#copy')
    await page.waitForFunction(() => document.querySelector('#toast').textContent === 'Link copied')
    assert.equal(await page.evaluate(() => window.clipboard.readText()), `${server.url}/copy`)
    await leave(page)
  })
}

test('the keyboard reaches everything and gets out of the editor', async () => {
  const page = await visit(browser, `${server.url}/keyboard`)
  await ready(page)
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className)
  assert.match(await focused(), /cm-content/)
  await page.keyboard.press('Tab') // indents
  assert.match(await focused(), /cm-content/)
  await page.keyboard.press('Escape')
  await page.keyboard.press('Shift+Tab')
  assert.equal(await focused(), 'menu-button')
  await page.keyboard.press('Enter')
  assert.equal(await page.locator('#menu').isVisible(), true)
  await page.keyboard.press('Escape')
  assert.equal(await page.locator('#menu').isVisible(), false)
  assert.equal(await focused(), 'menu-button')
  await page.locator('.cm-content').focus()
  await page.keyboard.press('Control+f')
  await page.locator('.cm-search').waitFor()
  await page.evaluate(() => document.activeElement.blur())
  await page.locator('#skip').focus()
  await page.keyboard.press('Enter')
  assert.equal(await focused(), 'state')
  await leave(page)
})

test('nothing is lost and nothing is claimed while the server is away', async () => {
  const store = `sqlite:${temporary()}/away.sqlite`
  let own = await start({ store })
  const { port } = own
  const page = await visit(browser, `${own.url}/away`)
  await ready(page)
  await write(page, 'before ')
  await ready(page)
  await own.kill()
  await state(page, 'offline')
  await page.keyboard.insertText('while away')
  await page.waitForFunction(() => document.querySelector('#state-text').textContent === 'Offline – changes are kept in this tab')
  const leaves = () => page.evaluate(() => dispatchEvent(new Event('beforeunload', { cancelable: true })))
  assert.equal(await leaves(), false, 'leaving is warned of')
  own = await start({ store, port })
  await ready(page)
  assert.equal(await page.textContent('#state-text'), 'Saved')
  assert.equal(await own.raw('away'), 'before while away')
  assert.equal(await leaves(), true)
  // Attempts to connect to a server that is not there are for the console to report.
  assert.deepEqual(page.complaints.filter(c => !/WebSocket connection to/.test(c)), [])
  await page.context().close()
  await own.stop()
})

test('a stock y-websocket peer: carriage returns keep their place, names and colours are not trusted', async () => {
  const page = await visit(browser, `${server.url}/stock`, { name: 'Ann' })
  await ready(page)
  const doc = new Y.Doc()
  const stock = new WebsocketProvider(server.ws, 'stock', doc, { WebSocketPolyfill: WebSocket, disableBc: true })
  try {
    await eventually('the stock provider to sync', () => stock.synced)
    const text = doc.getText('bytecrowdText')
    text.insert(0, 'one\r\ntwo\r\nthree')
    const at = Y.createRelativePositionFromTypeIndex(text, 5)
    stock.awareness.setLocalState({
      user: { name: '<img src=x onerror=alert(1)>', color: 'url(//example.org/x)', colorLight: 'red' },
      cursor: { anchor: at, head: at }
    })
    await page.locator('.cm-peer').waitFor({ state: 'attached' })
    assert.equal(await page.textContent('.cm-peer-name'), '<img src=x onerror=alert(1)>')
    assert.equal(await page.locator('.cm-line').count(), 3)
    await page.locator('.cm-content').focus()
    await page.keyboard.press('Control+End')
    await page.keyboard.insertText('!')
    await eventually('the edit to arrive', () => text.toString() === 'one\r\ntwo\r\nthree!')
    const cursor = await eventually('the cursor to arrive', () => [...stock.awareness.getStates().values()].find(s => s.user?.name === 'Ann')?.cursor)
    assert.equal(Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(cursor.head), doc).index, 16)
  } finally {
    stock.destroy()
    doc.destroy()
  }
  await leave(page)
})
