// The front page, names, and the pages that say what is wrong.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { start } from '../lib/server.mjs'
import { launch, ready, visit, write } from './browser.mjs'

let server, browser
before(async () => { server = await start(); browser = await launch() })
after(async () => { await browser?.close(); await server?.stop() })

test('the button opens a bytecrowd of a name that nobody can guess', async () => {
  const page = await visit(browser, server.url + '/')
  const names = new Set()
  for (let i = 0; i < 3; i++) {
    await page.goto(server.url + '/')
    await page.click('#new')
    await page.waitForURL(/\/[A-Za-z0-9_-]{22}$/)
    await ready(page)
    names.add(new URL(page.url()).pathname.slice(1))
    assert.equal(await page.title(), `${new URL(page.url()).pathname.slice(1)} · Bytecrowds`)
  }
  assert.equal(names.size, 3)
  assert.deepEqual(page.complaints, [])
  await page.context().close()
})

test('a name of one\'s own is checked while it is typed', async () => {
  const page = await visit(browser, server.url + '/')
  const wrong = async (name, message) => {
    await page.fill('#name', name)
    assert.match(await page.textContent('#problem'), message)
    await page.press('#name', 'Enter')
    assert.equal(new URL(page.url()).pathname, '/', `${name} was opened`)
  }
  await wrong('a b', /Only letters/)
  await wrong('ä', /Only letters/)
  await wrong('a/b', /Only letters/)
  await wrong('x'.repeat(129), /129 characters; 128/)
  await wrong('healthz', /used by the server/)
  await wrong('..', /used by the server/)
  await page.fill('#name', '')
  await page.press('#name', 'Enter')
  assert.match(await page.textContent('#problem'), /Type a name/)
  await page.fill('#name', 'my.room_1-a')
  assert.equal(await page.textContent('#problem'), '')
  await page.press('#name', 'Enter')
  await page.waitForURL(server.url + '/my.room_1-a')
  await ready(page)
  await page.context().close()
})

test('bytecrowds opened here are listed, and can be forgotten', async () => {
  const page = await visit(browser, server.url + '/opened-before')
  await ready(page)
  await page.goto(server.url + '/')
  assert.deepEqual(await page.locator('#recent-list b').allTextContents(), ['opened-before'])
  await page.click('#forget')
  assert.equal(await page.locator('#recent').isVisible(), false)
  await page.reload()
  assert.equal(await page.locator('#recent').isVisible(), false)
  await page.context().close()
})

test('a name that does not work gets a page with status 400 that says why', async () => {
  const page = await visit(browser, server.url + '/')
  const answer = await page.goto(server.url + '/a%20b')
  assert.equal(answer.status(), 400)
  assert.match(await page.textContent('.lead'), /letters, digits/)
  assert.equal((await page.goto(server.url + '/' + 'x'.repeat(129))).status(), 400)
  assert.equal((await page.goto(server.url + '/%3Cscript%3E')).status(), 400)
  assert.equal((await page.goto(server.url + '/api')).status(), 404)
  assert.match(await page.textContent('.lead'), /used by the server/)
  // The page itself works under its policy: only the documents' own statuses are complained of.
  assert.deepEqual(page.complaints.filter(c => !/status of (400|404)/.test(c)), [])
  await page.click('.big')
  await page.waitForURL(server.url + '/')
  await page.context().close()
})

test('without JavaScript both pages say so', async () => {
  const page = await visit(browser, server.url + '/', { javaScriptEnabled: false })
  assert.match(await page.textContent('main'), /needs JavaScript/)
  await page.goto(server.url + '/some-room')
  assert.match(await page.textContent('#editor'), /needs JavaScript/)
  await page.context().close()
})

test('a theme that was chosen is there before the first paint, and stays', async () => {
  const page = await visit(browser, server.url + '/theme-room', { colorScheme: 'dark' })
  await ready(page)
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme)
  const paper = () => page.evaluate(() => getComputedStyle(document.querySelector('.cm-editor')).backgroundColor)
  assert.equal(await theme(), 'dark')
  const dark = await paper()
  await page.click('#menu-button')
  await page.check('input[value="light"]', { force: true })
  assert.equal(await theme(), 'light')
  assert.notEqual(await paper(), dark)
  await page.addInitScript(() => {
    new MutationObserver(() => { if (document.body && !window.atBody) window.atBody = document.documentElement.dataset.theme }).observe(document, { childList: true, subtree: true })
  })
  await page.reload()
  assert.equal(await page.evaluate(() => window.atBody), 'light')
  await page.goto(server.url + '/')
  assert.equal(await theme(), 'light')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.evaluate(() => localStorage.setItem('bytecrowds:theme', '"system"'))
  await page.reload()
  assert.equal(await theme(), 'light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark')
  await page.context().close()
})

test('on a phone nothing is wider than the screen', async () => {
  const page = await visit(browser, server.url + '/', { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true })
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  assert.ok(await overflow() <= 0, 'the front page')
  await page.goto(server.url + '/a-name-that-is-much-too-long-for-the-bar-of-a-phone-and-then-some')
  await ready(page)
  await page.locator('.cm-content').tap()
  await write(page, 'x'.repeat(300) + '\n'.repeat(100))
  assert.ok(await overflow() <= 0, 'the editor')
  const boxes = await page.evaluate(() => ['#copy', '#menu-button', '#language', '#people', '#state', '#editor'].map(s => {
    const { left, right, top, bottom } = document.querySelector(s).getBoundingClientRect()
    return { s, left, right, top, bottom }
  }))
  for (const b of boxes) assert.ok(b.left >= 0 && b.right <= 360 && b.top >= 0 && b.bottom <= 640 && b.right > b.left, JSON.stringify(b))
  await page.click('#menu-button')
  const menu = await page.locator('#menu').boundingBox()
  assert.ok(menu.x >= 0 && menu.x + menu.width <= 360 && menu.y + menu.height <= 640, JSON.stringify(menu))
  await page.context().close()
})
