// What the page says and does when something is wrong, large, refused or strange.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { redis, sleep, start, temporary, until as eventually } from '../lib/server.mjs'
import { launch, ready, state, textOf, until, visit, write } from './browser.mjs'

let server, browser
before(async () => { server = await start(); browser = await launch() })
after(async () => { await browser?.close(); await server?.stop() })

const notice = (page, wanted) => page.waitForFunction(w => {
  const bar = document.querySelector('#notice')
  return w ? !bar.hidden && new RegExp(w).test(bar.textContent) : bar.hidden
}, wanted)

const editable = page => page.evaluate(() => document.querySelector('.cm-content').isContentEditable)

const leave = async (...pages) => {
  for (const page of pages) {
    assert.deepEqual(page.complaints, [])
    await page.context().close()
  }
}

// As Ctrl+V does it; typing so much is nothing that a person does, and takes the browser minutes.
const paste = async (page, text) => {
  await page.evaluate(pasted => {
    const data = new DataTransfer()
    data.setData('text/plain', pasted)
    document.querySelector('.cm-content').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, text)
  await page.waitForFunction(() => document.querySelectorAll('.cm-line').length > 5)
}

// The store stops answering, as one on a machine that hangs does.
async function withRedis (work) {
  const memory = await redis()
  const own = await start({ store: memory.url, args: ['--store-timeout', '500'] })
  try { await work(own, memory) } finally {
    memory.child.kill('SIGCONT')
    await own.kill()
    await memory.kill()
  }
}

test('a store that goes away: everybody is told that it is not saved, editing goes on, and it is saved when it is back', () => withRedis(async (own, memory) => {
  const ann = await visit(browser, `${own.url}/away`, { name: 'Ann' })
  const bob = await visit(browser, `${own.url}/away`, { name: 'Bob' })
  await ready(ann)
  await ready(bob)
  await write(ann, 'before ')
  await ready(ann)
  memory.child.kill('SIGSTOP')
  await ann.keyboard.insertText('during')
  for (const page of [ann, bob]) {
    await state(page, 'store-failing')
    await notice(page, '^Not saved')
    assert.match(await page.textContent('#state-text'), /^Not saved/)
  }
  await until(bob, 'before during')
  await ann.keyboard.insertText(' and on')
  await until(bob, 'before during and on')
  memory.child.kill('SIGCONT')
  for (const page of [ann, bob]) {
    await ready(page)
    await notice(page, '')
    assert.equal(await page.textContent('#state-text'), 'Saved')
  }
  await own.kill()
  const again = await start({ store: memory.url })
  assert.equal(await again.raw('away'), 'before during and on')
  await again.stop()
  for (const page of [ann, bob]) await page.context().close()
}))

test('a store that is away at the beginning: nothing can be typed, the reason is shown, and it opens by itself', () => withRedis(async (own, memory) => {
  const first = await visit(browser, `${own.url}/closed`)
  await ready(first)
  await write(first, 'kept')
  await ready(first)
  await first.context().close()
  await own.kill()
  const again = await start({ store: memory.url, args: ['--store-timeout', '300'] })
  memory.child.kill('SIGSTOP')
  const page = await visit(browser, `${again.url}/closed`)
  page.setDefaultTimeout(20000) // it may just have begun its longest pause
  await notice(page, 'can’t be opened yet: storage cannot be reached')
  assert.equal(await editable(page), false)
  assert.equal(await page.locator('.cm-placeholder').count(), 0)
  await page.locator('.cm-content').focus()
  await page.keyboard.type('lost?')
  memory.child.kill('SIGCONT')
  await until(page, 'kept')
  await notice(page, '')
  assert.equal(await editable(page), true)
  await page.context().close()
  await again.kill()
}))

for (const [what, args, texts, says] of [
  ['a bytecrowd that is full', ['--max-document', '8192', '--max-update', '4096', '--max-pending', '4096'], ['a'.repeat(3000), 'b'.repeat(3000), 'c'.repeat(3000)], 'is full'],
  ['a change that is too large', ['--max-update', '4096'], ['a'.repeat(3000), 'b'.repeat(5000)], 'larger than this server takes']
]) {
  test(`${what}: the page says so, stops, and gives the text`, async () => {
    const own = await start({ args })
    const page = await visit(browser, `${own.url}/refused`)
    await ready(page)
    for (const text of texts.slice(0, -1)) {
      await write(page, text)
      await ready(page)
    }
    await write(page, texts.at(-1))
    await state(page, 'refused')
    await notice(page, says)
    await notice(page, 'has not reached anybody')
    assert.equal(await page.textContent('#state-text'), 'Disconnected – not saved')
    assert.equal(await editable(page), false)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#keep')])
    assert.equal(fs.readFileSync(await download.path(), 'utf8'), texts.join(''))
    assert.equal(await own.raw('refused'), texts.slice(0, -1).join(''), 'and nothing else was lost')
    // The warning about leaving is answered with yes, as somebody does who has the copy.
    page.on('dialog', dialog => dialog.accept())
    await page.click('#retry')
    await page.waitForFunction(() => document.readyState === 'complete' && document.querySelector('#state').dataset.state === 'saved')
    assert.equal(await page.locator('#notice').isVisible(), false)
    assert.equal(await editable(page), true)
    await leave(page)
    await own.stop()
  })
}

test('a connection that the network forgot is found out, and everything written meanwhile arrives', async () => {
  const own = await start()
  const page = await visit(browser, `${own.url}/laptop`)
  await ready(page)
  own.child.kill('SIGSTOP') // the socket stays open, nobody answers
  await write(page, 'written on the train')
  await page.evaluate(() => dispatchEvent(new Event('offline')))
  await page.waitForFunction(() => document.querySelector('#state').dataset.state === 'offline', null, { timeout: 20000 })
  await notice(page, 'kept in this tab')
  own.child.kill('SIGCONT')
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await ready(page)
  await notice(page, '')
  assert.equal(await own.raw('laptop'), 'written on the train')
  await page.context().close()
  await own.stop()
})

test('a document of 1 MB opens, can be written in, and reaches others', async t => {
  const line = 'const value = compute(alpha, beta) + "some text"; // and a remark\n'
  const text = line.repeat(Math.ceil(1e6 / line.length))
  const ann = await visit(browser, `${server.url}/large`, { name: 'Ann' })
  await ready(ann)
  await paste(ann, text)
  await ready(ann)
  const opening = Date.now()
  const bob = await visit(browser, `${server.url}/large`, { name: 'Bob' })
  await ready(bob)
  await bob.locator('.cm-line', { hasText: 'const value' }).first().waitFor()
  t.diagnostic(`opened after ${Date.now() - opening} ms`)
  await bob.locator('.cm-content').focus()
  await bob.keyboard.press('Control+Home')
  await ann.keyboard.press('Control+Home')
  await ann.evaluate(() => {
    window.longest = 0
    let last = performance.now()
    const frame = now => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(frame) }
    requestAnimationFrame(frame)
  })
  const typing = Date.now()
  await bob.keyboard.type('// twenty characters')
  await ann.locator('.cm-line', { hasText: '// twenty characters' }).waitFor()
  t.diagnostic(`20 keys typed and seen by the other one in ${Date.now() - typing} ms, its longest frame ${Math.round(await ann.evaluate(() => window.longest))} ms`)
  await bob.keyboard.press('Control+End')
  await bob.keyboard.type('end')
  await ready(bob)
  assert.equal(await server.raw('large'), '// twenty characters' + text + 'end')
  await leave(ann, bob)
})

test('5 MB pasted at once are saved', async t => {
  const page = await visit(browser, `${server.url}/paste`)
  await ready(page)
  const begin = Date.now()
  await paste(page, 'one line of a log that somebody wants to show\r\n'.repeat(5e6 / 47))
  await page.waitForFunction(() => document.querySelector('#state').dataset.state === 'saved', null, { timeout: 30000 })
  t.diagnostic(`after ${Date.now() - begin} ms`)
  assert.equal(await server.raw('paste'), 'one line of a log that somebody wants to show\n'.repeat(5e6 / 47))
  await leave(page)
})

test('a language that the page does not know is shown by its name, as plain text, and stays what it is', async () => {
  const doc = new Y.Doc()
  const stock = new WebsocketProvider(server.ws, 'strange', doc, { WebSocketPolyfill: WebSocket, disableBc: true })
  try {
    await eventually('the stock provider to sync', () => stock.synced)
    doc.getMap('bytecrowd').set('language', 'befunge-93')
    const page = await visit(browser, `${server.url}/strange`)
    await ready(page)
    assert.equal(await page.inputValue('#language'), 'befunge-93')
    await write(page, 'const still = editable')
    await ready(page)
    assert.equal(await page.locator('.cm-line span').count(), 0, 'nothing is highlighted')
    assert.equal(doc.getMap('bytecrowd').get('language'), 'befunge-93')
    for (const wrong of [7, '', { a: 1 }, null]) {
      doc.getMap('bytecrowd').set('language', wrong)
      await page.waitForFunction(() => document.querySelector('#language').value === 'javascript')
    }
    await leave(page)
  } finally {
    stock.destroy()
    doc.destroy()
  }
})

test('a link that cannot be copied is offered to be copied by hand', async () => {
  const page = await visit(browser, `${server.url}/by-hand`)
  await ready(page)
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new DOMException('no', 'NotAllowedError')) } })
    document.execCommand = () => false
  })
  await page.click('#copy')
  await page.locator('#by-hand').waitFor()
  assert.equal(await page.inputValue('#link'), `${server.url}/by-hand`)
  assert.equal(await page.evaluate(() => getSelection().toString() || document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)), `${server.url}/by-hand`)
  await page.keyboard.press('Escape')
  assert.equal(await page.locator('#by-hand').isVisible(), false)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'copy')
  await leave(page)
})

test('names at cursors that stand together don\'t cover each other, nor run on for ever', async () => {
  const ann = await visit(browser, `${server.url}/near`, { name: 'Ann' })
  await ready(ann)
  await write(ann, '\n\n\nsome words to stand in\n')
  const others = []
  for (const name of ['Bartholomew Featherstonehaugh III', 'Grace Hopper', 'Katherine']) others.push(await visit(browser, `${server.url}/near`, { name }))
  for (const page of others) await ready(page)
  for (const [i, page] of others.entries()) {
    await page.locator('.cm-content').focus()
    await page.keyboard.press('Control+Home')
    for (let n = 0; n < 3; n++) await page.keyboard.press('ArrowDown')
    for (let n = 0; n < 2 * i; n++) await page.keyboard.press('ArrowRight')
  }
  await ann.waitForFunction(() => document.querySelectorAll('.cm-peer-fresh').length === 3)
  await ann.waitForFunction(() => {
    const all = [...document.querySelectorAll('.cm-peer-fresh .cm-peer-name')].map(e => e.getBoundingClientRect())
    return all.every((a, i) => all.every((b, j) => i >= j || a.right <= b.left || b.right <= a.left || a.bottom <= b.top + 1 || b.bottom <= a.top + 1))
  })
  const widths = await ann.evaluate(() => [...document.querySelectorAll('.cm-peer-name')].map(e => e.offsetWidth))
  assert.ok(Math.max(...widths) <= 200, String(widths))
  assert.equal(await textOf(ann), '\n\n\nsome words to stand in\n')
  await leave(ann, ...others)
})

test('who has no place in the row is counted in it', async () => {
  const page = await visit(browser, `${server.url}/crowd`, { name: 'Ann', viewport: { width: 390, height: 844 } })
  await ready(page)
  const peers = Array.from({ length: 8 }, (_, i) => {
    const doc = new Y.Doc()
    const stock = new WebsocketProvider(server.ws, 'crowd', doc, { WebSocketPolyfill: WebSocket, disableBc: true })
    stock.awareness.setLocalStateField('user', { name: `Peer ${i}`, color: '#ffee00' })
    return { doc, stock }
  })
  try {
    await page.waitForFunction(() => document.querySelector('#people .more')?.textContent === '+8')
    assert.equal(await page.locator('#people button').count(), 2)
    await page.setViewportSize({ width: 1000, height: 700 })
    await page.waitForFunction(() => document.querySelector('#people .more')?.textContent === '+4')
    assert.equal(await page.locator('#people button').count(), 6)
    await page.click('#people .more')
    assert.match(await page.textContent('#toast'), /^Also here: (Peer \d, ){3}Peer \d$/)
    // A light colour, which is another program's choice, carries dark letters.
    assert.equal(await page.locator('#people button:not(.self)').first().evaluate(e => getComputedStyle(e).color), 'rgb(20, 23, 27)')
  } finally {
    for (const { doc, stock } of peers) { stock.destroy(); doc.destroy() }
  }
  await leave(page)
})

test('the first Tab says how to get out of the text, once', async () => {
  const page = await visit(browser, `${server.url}/tab`)
  await ready(page)
  await page.keyboard.press('Tab')
  await page.waitForFunction(() => /Esc, then Tab/.test(document.querySelector('#toast.shown')?.textContent ?? ''))
  await page.reload()
  await ready(page)
  await page.keyboard.press('Tab')
  await sleep(200)
  assert.equal(await page.locator('#toast.shown').count(), 0)
  await leave(page)
})

test('everything that can be used has a name, and Tab goes through it in the order of the page', async () => {
  const nameless = page => page.evaluate(() => [...document.querySelectorAll('a, button, input, select, [contenteditable="true"]')]
    .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length || e.title)).map(e => e.outerHTML))
  const page = await visit(browser, `${server.url}/order`)
  await ready(page)
  assert.deepEqual(await nameless(page), [])
  await page.evaluate(() => document.activeElement.blur())
  await page.locator('#skip').focus()
  const order = []
  for (let i = 0; i < 8; i++) {
    order.push(await page.evaluate(() => document.activeElement.id || document.activeElement.className))
    await page.keyboard.press('Tab')
  }
  assert.deepEqual(order.map(o => o.split(' ')[0]), ['skip', 'brand', 'self', 'language', 'access', 'copy', 'menu-button', 'cm-content'])
  await page.goto(server.url + '/')
  assert.deepEqual(await nameless(page), [])
  await leave(page)
})

test('who wants no motion gets none', async () => {
  const moving = page => page.evaluate(() => document.getAnimations().length + [...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length)
  const calm = await visit(browser, server.url + '/')
  const lively = await visit(browser, server.url + '/', { reducedMotion: 'no-preference' })
  assert.equal(await moving(calm), 0)
  assert.ok(await moving(lively) > 0)
  await calm.goto(`${server.url}/calm`)
  await ready(calm)
  assert.equal(await moving(calm), 0)
  await leave(calm, lively)
})

test('on a touch screen nothing that is touched is small, and no field makes the phone zoom', async () => {
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
  const page = await visit(browser, `${server.url}/touch`, phone)
  await ready(page)
  const small = () => page.evaluate(() => [...document.querySelectorAll('button, select, input, .row, .big')]
    .filter(e => e.offsetParent && !e.closest('.cm-editor')).map(e => [e.outerHTML.slice(0, 60), (e.closest('label') ?? e).getBoundingClientRect().height]).filter(([, h]) => h < 36))
  const zooming = () => page.evaluate(() => [...document.querySelectorAll('input:not([type="radio"], [type="checkbox"]), select, .cm-content')].filter(e => e.offsetParent && parseFloat(getComputedStyle(e).fontSize) < 16).map(e => e.outerHTML.slice(0, 60)))
  await page.click('#menu-button')
  assert.deepEqual(await small(), [])
  assert.deepEqual(await zooming(), [])
  await page.keyboard.press('Escape')
  await page.click('#people .self')
  assert.deepEqual(await zooming(), [])
  await page.goto(server.url + '/')
  assert.deepEqual(await small(), [])
  assert.deepEqual(await zooming(), [])
  await leave(page)
})

test('the policy lets no script in that is not the server\'s, and the page never breaks it', async () => {
  const seen = []
  for (const path of ['/', '/policy', '/a%20b', '/policy/other']) {
    const page = await visit(browser, 'about:blank')
    const answer = await page.goto(server.url + path)
    const policy = answer.headers()['content-security-policy']
    const script = /script-src ([^;]*)/.exec(policy)[1]
    assert.equal(script, "'self'", path)
    for (const part of ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"]) assert.ok(policy.includes(part), `${path}: ${part}`)
    assert.equal(answer.headers()['x-content-type-options'], 'nosniff')
    assert.ok(answer.headers()['referrer-policy'])
    if (path === '/policy') {
      // Every part of the page that CodeMirror brings its own styles for.
      await ready(page)
      await page.selectOption('#language', 'html')
      await write(page, '<p>\n  <b>one</b>\n</p>\n')
      await page.keyboard.type('<di')
      await page.keyboard.press('Control+Space')
      await page.locator('.cm-tooltip-autocomplete').waitFor()
      await page.keyboard.press('Escape')
      await page.keyboard.press('Control+f')
      await page.locator('.cm-search').waitFor()
      await page.keyboard.press('Control+a')
      await page.click('#menu-button')
      await page.check('input[value="dark"]', { force: true })
    }
    seen.push(...page.complaints.filter(c => !/status of (400|404)/.test(c)))
    await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.intruder = true'
      document.head.append(script)
      const button = document.createElement('button')
      button.setAttribute('onclick', 'window.intruder = true')
      document.body.append(button)
      button.click()
    })
    assert.equal(await page.evaluate(() => window.intruder), undefined, path)
    assert.ok(page.complaints.some(c => /CSP: script-src/.test(c)), 'violations are seen by this test')
    await page.context().close()
  }
  assert.deepEqual(seen, [])
})

test('after a restart on the same file an open page goes on by itself', async () => {
  const store = `sqlite:${temporary()}/restart.sqlite`
  let own = await start({ store })
  const page = await visit(browser, `${own.url}/restart`)
  await ready(page)
  await write(page, 'one ')
  await ready(page)
  const { port } = own
  await own.stop()
  await state(page, 'offline')
  own = await start({ store, port })
  await ready(page)
  await page.keyboard.insertText('two')
  await ready(page)
  assert.equal(await own.raw('restart'), 'one two')
  await page.context().close()
  await own.stop()
})
