// What the page makes of sign-in and access. The answers of /api/* are a mock's in front of the real server: who is
// let in is the server's business, and tested with it.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { start } from '../lib/server.mjs'
import { launch, ready, state, textOf, until, visit, write } from './browser.mjs'
import { mock, room } from './mock.mjs'

const GITHUB = { id: 'github', name: 'GitHub' }
const COMPANY = { id: 'company', name: '<b>Company</b>' }
const ADA = { name: 'Ada Lovelace', email: 'ada@example.com', image: 'https://example.org/ada.png' }
const PHONE = { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }

let server, api, browser
before(async () => { server = await start(); api = await mock(server); browser = await launch() })
after(async () => { await browser?.close(); await api?.stop(); await server?.stop() })
beforeEach(() => Object.assign(api, { signIn: [], user: null, restricted: false, may: 'edit', emails: undefined, links: [], fail: {}, log: [], down: false }))

let count = 0
async function open (more, path = `/access-${++count}`) {
  const page = await visit(browser, api.url + path, { name: 'Ann', ...more })
  await ready(page)
  return page
}
async function leave (...pages) {
  for (const page of pages) {
    assert.deepEqual(page.complaints, [])
    await page.context().close()
  }
}
const dialog = page => page.locator('dialog[open]')
const asked = path => api.log.filter(r => r.path === path)
const shown = (page, id) => page.locator('#' + id).isVisible()

test('where nobody can sign in, nothing speaks of it; read-only links are there all the same', async () => {
  for (const down of [false, true]) {
    api.down = down
    const page = await open()
    await page.waitForFunction(() => performance.getEntriesByType('resource').some(r => r.name.includes('/api/access')))
    for (const id of ['account', 'account-row', 'restricted']) assert.equal(await shown(page, id), false, id)
    assert.doesNotMatch(await page.evaluate(() => document.body.innerText), /sign/i)
    assert.equal(asked('/api/auth/session').length, 0)
    await page.click('#access')
    await dialog(page).waitFor()
    assert.doesNotMatch(await dialog(page).innerText(), /sign|Who may/i)
    assert.match(await dialog(page).innerText(), /Read-only links/)
    if (down) {
      await page.waitForFunction(() => /Storage cannot be reached/.test(document.querySelector('dialog .problem:not([hidden])')?.textContent ?? ''))
      page.complaints = page.complaints.filter(c => !/status of 503/.test(c))
    }
    await page.keyboard.press('Escape')
    await write(page, 'still an editor')
    await ready(page)
    await leave(page)
  }
  assert.equal(asked('/api/access').length, 4, 'with the page, and with the dialog')
  const front = await visit(browser, api.url + '/')
  assert.doesNotMatch(await front.evaluate(() => document.body.innerText), /sign/i)
  await leave(front)
})

test('an answer that does not come holds up neither the text nor the page', async () => {
  const page = await visit(browser, 'about:blank')
  await page.route('**/api/access*', () => {})
  await page.goto(`${api.url}/slow-answer`)
  await ready(page)
  await write(page, 'written')
  await ready(page)
  await leave(page)
})

test('one provider: the button leads there at once, and back to here', async () => {
  api.signIn = [GITHUB]
  const page = await open()
  const { pathname } = new URL(page.url())
  await page.click('#account')
  await page.waitForURL('**/at-the-provider?which=github')
  assert.deepEqual(asked('/api/auth/signin/github').map(r => r.body), [{ csrfToken: 'csrf-token', callbackUrl: pathname, json: 'true' }])
  await leave(page)
})

test('several providers: a dialog with a button for each, by keyboard', async () => {
  api.signIn = [GITHUB, COMPANY]
  const page = await open()
  await page.locator('#account').focus()
  await page.keyboard.press('Enter')
  await dialog(page).waitFor()
  assert.equal(await dialog(page).evaluate(d => document.getElementById(d.getAttribute('aria-labelledby')).textContent), 'Sign in')
  assert.deepEqual(await dialog(page).locator('.providers button').allTextContents(), ['Sign in with GitHub', 'Sign in with <b>Company</b>'])
  await page.keyboard.press('Escape')
  assert.equal(await page.locator('dialog[open]').count(), 0)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'account')
  api.fail['POST /api/auth/signin/company'] = [503, 'the provider cannot be reached']
  await page.click('#account')
  await dialog(page).waitFor() // its code comes when it is wanted
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.querySelector('dialog .problem:not([hidden])')?.textContent === 'The provider cannot be reached.')
  page.complaints = page.complaints.filter(c => !/status of 503/.test(c))
  await leave(page)
})

test('signed in: name and address are shown, the name is the account\'s, and the session goes on', async () => {
  Object.assign(api, { signIn: [GITHUB, COMPANY], user: ADA })
  const page = await open()
  await page.waitForFunction(() => document.querySelector('#account').innerText === 'Ada Lovelace')
  await page.waitForFunction(() => document.querySelector('#people .self')?.title === 'Ada Lovelace (ada@example.com, verified) (you). Your account')
  assert.equal(await page.locator('#people .self .verified').count(), 1)
  assert.equal(asked('/api/auth/session').length, 1)
  await page.click('#people .self')
  await dialog(page).waitFor()
  assert.match(await dialog(page).innerText(), /Ada Lovelace\s+ada@example\.com[^]*comes from your account[^]*can’t be changed here/)
  assert.equal(await shown(page, 'rename'), false)
  assert.equal(await page.locator('img[src]').count(), 0, 'no picture from elsewhere')
  await page.getByRole('button', { name: 'Sign out everywhere' }).click()
  await page.waitForFunction(() => document.querySelector('#account').innerText === 'Sign in')
  assert.deepEqual(asked('/api/auth/signout').map(r => [r.body.everywhere, r.body.callbackUrl]), [['true', new URL(page.url()).pathname]])
  assert.equal(await page.getAttribute('#people .self', 'title'), 'Ann (you). Change your name')
  api.user = ADA
  await page.reload()
  await page.waitForFunction(() => document.querySelector('#account').innerText === 'Ada Lovelace')
  await page.click('#account')
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.waitForFunction(() => document.querySelector('#account').innerText === 'Sign in')
  assert.equal(asked('/api/auth/signout').at(-1).body.everywhere, undefined)
  await leave(page)
})

test('who is signed out is asked to sign in before they may shut others out', async () => {
  api.signIn = [GITHUB]
  const page = await open()
  await page.click('#access')
  assert.match(await dialog(page).innerText(), /Everybody who has the link[^]*sign in first/)
  await page.getByRole('button', { name: 'Sign in with GitHub' }).click()
  await page.waitForURL('**/at-the-provider?which=github')
  await leave(page)
})

test('certain people only: asked for, warned of, refused with the reason, and then shown', async () => {
  Object.assign(api, { signIn: [GITHUB], user: ADA })
  const page = await open()
  await page.waitForFunction(() => document.querySelector('#account').innerText === 'Ada Lovelace')
  await page.click('#access')
  assert.equal(await page.locator('.warning').isVisible(), false)
  await page.getByLabel('Only these people…').check()
  assert.match(await page.locator('.warning').innerText(), /set once.*can’t be changed/)
  assert.match(await page.textContent('#emails-note'), /You \(ada@example\.com\) are always one/)
  const submit = page.locator('.restrict .main')
  assert.equal(await submit.innerText(), 'Let in only you')
  await page.fill('#emails', 'grace@example.com, "Turing, Alan" <alan@example.com>\nAda@x.org ADA@example.com')
  assert.equal(await submit.innerText(), 'Let in only these 4 people')
  await page.fill('#emails', 'grace@example.com, alan')
  await submit.click()
  assert.equal(await page.textContent('.restrict .problem'), 'Not an e-mail address: alan')
  assert.equal(asked('/api/authorize').length, 0)
  await page.fill('#emails', 'grace@example.com, "Turing, Alan" <alan@example.com>')
  api.fail['POST /api/authorize'] = [401, 'cannot update existing authorization']
  await submit.click()
  await page.waitForFunction(() => document.querySelector('.restrict .problem').textContent === 'Cannot update existing authorization.')
  page.complaints = page.complaints.filter(c => !/status of 401/.test(c))
  api.fail = {}
  await submit.click()
  await page.locator('.emails').waitFor()
  assert.deepEqual(asked('/api/authorize').at(-1).body, { name: new URL(page.url()).pathname.slice(1), emails: ['ada@example.com', 'grace@example.com', 'alan@example.com'] })
  const list = ['ada@example.com (you)', 'grace@example.com', 'alan@example.com']
  assert.deepEqual(await page.locator('.emails li').allTextContents(), list)
  await page.reload()
  await ready(page)
  await page.click('#restricted')
  await dialog(page).waitFor()
  assert.deepEqual(await page.locator('.emails li').allTextContents(), list)
  assert.equal(await dialog(page).locator('textarea, [type=radio]').count(), 0)
  await leave(page)
})

test('read-only links are made, copied once, listed and revoked', async () => {
  const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
  await page.click('#access')
  await page.fill('dialog .inline input', '<b>For</b> the interview ')
  await page.getByRole('button', { name: 'Make a link' }).click()
  const field = page.getByLabel('The new link')
  await field.waitFor()
  assert.equal(await field.inputValue(), `${api.url}/~watch#token-1-of-a-link`)
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${api.url}/~watch#token-1-of-a-link`)
  assert.deepEqual(await page.locator('.links b').allTextContents(), ['<b>For</b> the interview'])
  await page.getByRole('button', { name: 'Make a link' }).click()
  await page.waitForFunction(() => document.querySelectorAll('.links li').length === 2)
  assert.equal('label' in asked('/api/links').filter(r => r.method === 'POST')[1].body, false)
  await page.keyboard.press('Escape')
  await page.click('#access')
  await page.waitForFunction(() => document.querySelectorAll('.links li').length === 2)
  assert.equal(await page.locator('.fresh').count(), 0, 'it is not shown again')
  const revoke = page.getByRole('button', { name: 'Revoke the link “<b>For</b> the interview”' })
  await revoke.click()
  assert.equal(api.links.length, 2, 'asked once more before it is done')
  await page.getByRole('button', { name: 'Really revoke the link “<b>For</b> the interview”' }).click()
  await page.waitForFunction(() => document.querySelectorAll('.links li').length === 1)
  assert.equal(api.links.length, 1)
  await page.getByRole('button', { name: 'Make a link' }).click()
  await page.waitForFunction(() => document.querySelectorAll('.links li').length === 2)
  for (const name of ['Revoke all 2 links', 'Really revoke all 2 links']) await page.getByRole('button', { name }).click()
  await page.waitForFunction(() => document.querySelectorAll('.links li').length === 0)
  api.fail['POST /api/links'] = [409, 'there are 100 links already']
  await page.getByRole('button', { name: 'Make a link' }).click()
  await page.waitForFunction(() => document.querySelector('dialog .problem:not([hidden])')?.textContent === 'There are 100 links already.')
  page.complaints = page.complaints.filter(c => !/status of 409/.test(c))
  await leave(page)
})

test('a read-only link: everything is seen as it is written, nothing can be written, and the name is not told', async () => {
  const writer = await open({ name: 'Wendy' }, '/the-secret-name')
  await writer.selectOption('#language', 'python')
  await write(writer, 'def secret():\n    pass\n')
  await ready(writer)
  api.tokens.set('tok-1', 'the-secret-name')
  const page = await open({ name: 'Walter' }, '/~watch#tok-1')
  await until(page, 'def secret():\n    pass\n')
  assert.equal(await page.title(), 'Read-only – Bytecrowds')
  assert.match(await page.innerText('.bar'), /Read-only/)
  assert.equal(await page.textContent('#state-text'), 'Up to date')
  assert.equal(await page.isDisabled('#language'), true)
  assert.equal(await page.inputValue('#language'), 'python')
  for (const id of ['copy', 'raw', 'access', 'access-row', 'account']) assert.equal(await page.locator(`#${id}:visible`).count(), 0, id)

  await page.locator('.cm-content').focus()
  await page.keyboard.press('Control+Home')
  await page.keyboard.type('intruder')
  await page.keyboard.insertText('intruder')
  for (const key of ['Enter', 'Delete', 'Backspace', 'Tab', 'Control+z', 'Control+y', 'Control+/', 'Alt+ArrowDown', 'Control+Shift+k']) {
    await page.locator('.cm-content').focus()
    await page.keyboard.press(key)
  }
  await page.locator('.cm-content').evaluate(e => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', 'intruder')
    e.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    e.dispatchEvent(new ClipboardEvent('cut', { clipboardData, bubbles: true, cancelable: true }))
    document.execCommand('insertText', false, 'intruder')
  })
  assert.equal(await textOf(page), 'def secret():\n    pass\n')
  // Selecting and searching are not writing, and others see where.
  await page.locator('.cm-content').focus()
  await page.keyboard.press('Control+Home')
  await page.keyboard.press('Control+Shift+End')
  assert.match(await page.textContent('#position'), /23 selected/)
  await writer.waitForFunction(() => document.querySelectorAll('.cm-peer-selection').length > 0)
  await page.keyboard.press('Control+f')
  await page.locator('.cm-search').waitFor()
  assert.equal(await page.locator('.cm-search [name=replace]').count(), 0)
  await page.keyboard.type('pass')
  await page.keyboard.press('Enter')
  assert.match(await page.textContent('#position'), /4 selected/)

  await write(writer, '# more')
  await page.waitForFunction(() => document.querySelector('.cm-content').textContent.includes('# more'))
  assert.equal(await server.raw('the-secret-name'), 'def secret():\n    pass\n# more')
  assert.equal((await page.content()).includes('the-secret-name'), false)
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify(localStorage)), /watch|tok-1|secret/)
  assert.equal(api.log.some(r => JSON.stringify(r).includes('tok-1')), false)
  assert.equal(asked('/api/access').length, 1, 'the writer’s own')
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#menu-button').then(() => page.click('#download'))])
  assert.equal(download.suggestedFilename(), 'bytecrowd.py')

  await page.reload()
  await until(page, 'def secret():\n    pass\n# more')
  assert.equal(new URL(page.url()).hash, '#tok-1')
  await leave(writer, page)
})

test('a read-only link that is not whole, not known, or revoked says so', async () => {
  api.tokens.set('tok-2', 'watched')
  const page = await open({}, '/~watch#tok-2')
  api.bar('this link was revoked')
  await page.locator('#barred').waitFor()
  assert.equal(await shown(page, 'editor'), false)
  assert.match(await page.innerText('#barred'), /doesn’t work any more\s+This link was revoked\./)
  assert.equal(await shown(page, 'barred-signin'), false)
  assert.match(await page.evaluate(() => document.activeElement.id), /barred-title/)
  await page.evaluate(() => { location.hash = '#another' })
  await page.waitForFunction(() => /not known/.test(document.querySelector('#barred-text')?.textContent))
  assert.equal(await shown(page, 'barred-keep'), false, 'there is no text')
  for (const hash of ['', '#', '#not%20one', '#a,b']) {
    await page.goto(api.url + '/')
    await page.goto(`${api.url}/~watch${hash}`)
    await page.locator('#barred').waitFor()
    assert.match(await page.innerText('#barred'), /not complete/)
    assert.equal(await page.locator('#barred button:visible').count(), 0)
  }
  await leave(page)
})

test('whoever is shut out while they write is told why, keeps their text, and can sign in', async () => {
  Object.assign(api, { signIn: [GITHUB], user: ADA })
  const page = await open()
  await page.waitForFunction(() => document.querySelector('#account').innerText === 'Ada Lovelace')
  await write(page, 'what I wrote')
  await ready(page)
  api.user = null
  api.bar('your session has ended')
  await page.locator('#barred-signin').waitFor()
  assert.equal(await shown(page, 'editor'), false)
  assert.equal(await shown(page, 'access'), false)
  assert.match(await page.innerText('#barred'), /Your session has ended\./)
  assert.equal(await shown(page, 'notice'), false, 'it is said once')
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#barred-keep')])
  assert.equal(fs.readFileSync(await download.path(), 'utf8'), 'what I wrote')
  const { pathname } = new URL(page.url())
  await page.click('#barred-signin')
  await page.waitForURL('**/at-the-provider?which=github')
  assert.equal(asked('/api/auth/signin/github').at(-1).body.callbackUrl, pathname)

  api.user = ADA
  await page.goto(api.url + pathname)
  await ready(page)
  api.bar('you are not on the list')
  await page.locator('#barred-signin').waitFor()
  assert.match(await page.innerText('#barred'), /signed in as ada@example\.com/)
  assert.equal(await page.textContent('#barred-signin'), 'Use another account')
  await page.goto(api.url + '/')
  api.signIn = []
  api.user = null
  await page.goto(api.url + pathname)
  await ready(page)
  api.bar('')
  await page.locator('#barred').waitFor()
  await page.click('#barred-retry')
  await ready(page)
  assert.equal(await shown(page, 'barred'), false)
  await leave(page)
})

test('the page for those who are not let in says who they are, and what they can do', async () => {
  const page = await visit(browser, 'about:blank')
  const go = async (query, what) => {
    Object.assign(api, { signIn: [GITHUB], user: null, restricted: true, may: 'nothing', ...what })
    assert.equal((await page.goto(`${api.url}/error/authorization${query}`)).status(), 403)
    await page.locator('#way > *').first().waitFor()
    return page.innerText('main')
  }
  assert.match(await go('?page=friday'), /bytecrowd friday opens for the people on its list[^]*Sign in with GitHub/)
  await page.getByRole('button', { name: 'Sign in with GitHub' }).click()
  await page.waitForURL('**/at-the-provider?which=github')
  assert.equal(asked('/api/auth/signin/github').at(-1).body.callbackUrl, '/friday')
  assert.match(await go('?page=friday', { user: ADA }), /signed in as Ada Lovelace \(ada@example\.com\), and this address is not on its list/)
  await page.getByRole('button', { name: 'Use another account' }).click()
  await page.waitForURL('**/friday')
  assert.equal(asked('/api/auth/signout').at(-1).body.callbackUrl, '/friday')
  assert.match(await go('?page=friday', { signIn: [] }), /switched off on this server/)
  assert.match(await go('?page=friday', { user: ADA, may: 'edit' }), /may open it/)
  assert.equal(await page.getAttribute('.big', 'href'), '/friday')
  for (const query of ['', '?page=%2F%2Fevil.example', '?page=javascript:alert(1)', '?page=<img src=x onerror=alert(1)>', '?page=api']) {
    assert.match(await go(query), /This bytecrowd opens for the people on its list[^]*Sign in with GitHub/)
    assert.deepEqual(await page.evaluate(() => [...new Set([...document.querySelectorAll('a')].map(a => a.getAttribute('href')))]), ['/'], query)
  }
  api.down = true
  assert.match(await go('?page=friday'), /can’t be asked/)
  page.complaints = page.complaints.filter(c => !/status of (403|503)/.test(c))
  await leave(page)
})

test('the sign-in page has a button for each provider and leads back to this server only', async () => {
  const page = await visit(browser, 'about:blank')
  const go = async (query, what) => {
    Object.assign(api, { signIn: [GITHUB, COMPANY], user: null, ...what })
    await page.goto(`${api.url}/api/auth/signin${query}`)
    await page.locator('#way > *').first().waitFor()
  }
  for (const [query, back] of [['?callbackUrl=%2Ffriday', '/friday'], ['', '/'], ['?callbackUrl=https%3A%2F%2Fevil.example%2F', '/'], ['?callbackUrl=javascript:alert(1)', '/']]) {
    await go(query)
    assert.deepEqual(await page.locator('#way button').allTextContents(), ['Sign in with GitHub', 'Sign in with <b>Company</b>'])
    await page.locator('#way button').nth(1).click()
    await page.waitForURL('**/at-the-provider?which=company')
    assert.equal(asked('/api/auth/signin/company').at(-1).body.callbackUrl, api.url + back)
    await go(query, { user: ADA })
    assert.match(await page.innerText('#way'), /signed in as Ada Lovelace/)
    assert.equal(await page.getAttribute('.big', 'href'), api.url + back)
  }
  await page.getByRole('button', { name: 'Use another account' }).click()
  await page.getByRole('button', { name: 'Sign in with GitHub' }).waitFor()
  await go('', { signIn: [] })
  assert.match(await page.innerText('#way'), /switched off/)
  await leave(page)
})

test('only those whom the server knows have the mark', async () => {
  api.sockets.set('/ws/marks', room('one\ntwo\nthree\nfour\n', [
    { user: { name: 'Grace', color: '#9c36b5', email: 'grace@example.com', verified: true }, at: 1 },
    { user: { name: '✓ Alan ✅', color: '#c4400c', email: 'alan@example.com' }, at: 5 },
    { user: { name: 'Eve (eve@example.com, verified)', color: '#0b7285', verified: 'true', email: 'eve@example.com' }, at: 9 },
    { user: { name: '✔', color: '#0b7285', verified: 1 }, at: 15 }
  ]))
  const page = await visit(browser, `${api.url}/marks`, { name: '☑ Ann' })
  await page.waitForFunction(() => document.querySelectorAll('.cm-peer').length === 4)
  assert.deepEqual(await page.locator('.cm-peer-name').evaluateAll(all => all.map(e => [e.textContent, Boolean(e.querySelector('.verified'))])),
    [['Grace', true], ['Alan', false], ['Eve (eve@example.com, verified)', false], ['Somebody', false]])
  assert.deepEqual(await page.locator('#people button').evaluateAll(all => all.map(e => [e.getAttribute('aria-label'), Boolean(e.querySelector('.verified'))])), [
    ['Ann (you). Change your name', false],
    ['Grace (grace@example.com, verified). Go to their cursor', true],
    ['Alan. Go to their cursor', false],
    ['“Eve (eve@example.com, verified)” (not signed in). Go to their cursor', false],
    ['Somebody. Go to their cursor', false]
  ])
  await leave(page)
})

test('on a phone the dialogs fit, everything has a name and is large enough, and no field makes the phone zoom', async () => {
  Object.assign(api, { signIn: [GITHUB, COMPANY], user: ADA })
  api.links = Array.from({ length: 12 }, (_, i) => ({ hash: `h${i}`, label: 'x'.repeat(60), by: 'somebody.with.a.long.address@department.example.com', at: 1.7e12 }))
  const page = await open(PHONE)
  const check = async what => {
    await page.locator('dialog[open]').waitFor()
    const wrong = await page.evaluate(() => {
      const dialog = document.querySelector('dialog[open]')
      const all = [...dialog.querySelectorAll('button, input, textarea')].filter(e => e.offsetParent)
      const box = dialog.getBoundingClientRect()
      return {
        small: all.filter(e => (e.closest('label') ?? e).getBoundingClientRect().height < 36).map(e => e.outerHTML),
        nameless: all.filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML),
        zooming: all.filter(e => e.matches('textarea, [type=text]') && parseFloat(getComputedStyle(e).fontSize) < 16).map(e => e.outerHTML),
        wide: dialog.scrollWidth > dialog.clientWidth || box.left < 0 || box.right > innerWidth || box.top < 0 || box.bottom > innerHeight
      }
    })
    assert.deepEqual(wrong, { small: [], nameless: [], zooming: [], wide: false }, what)
  }
  const choose = async id => {
    await page.tap('#menu-button')
    await page.tap('#' + id)
  }
  await page.waitForFunction(() => document.querySelector('#account-row').textContent === 'Ada Lovelace')
  await choose('account-row')
  await check('the account')
  await page.tap('dialog .close')
  await choose('access-row')
  await page.waitForFunction(() => document.querySelectorAll('.links li').length === 12)
  await page.tap('.choice:nth-of-type(2)')
  await page.getByRole('button', { name: 'Make a link' }).tap()
  await page.locator('.fresh').waitFor()
  await check('access')
  await page.tap('dialog .close')
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
  await leave(page)
})
