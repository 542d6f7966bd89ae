// Every state of the page in light, dark and on a phone, for a developer to look at.
//
//     node tests/e2e/browser/look.mjs DIR [WHAT]       WHAT: only pictures whose names have this in them
import fs from 'node:fs'
import path from 'node:path'
import { redis, sleep, start } from '../lib/server.mjs'
import { launch, ready, state, visit, write } from './browser.mjs'
import { mock, room } from './mock.mjs'

const dir = path.resolve(process.argv[2] ?? 'build/look')
const only = process.argv[3] ?? ''
fs.mkdirSync(dir, { recursive: true })

const CODE = `use std::collections::HashMap;

/// Counts words, ignoring case.
fn count(text: &str) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for word in text.split_whitespace() {
        *seen.entry(word.to_lowercase()).or_insert(0) += 1; // one more, whatever it was
    }
    seen
}

fn main() {
    let counted = count("the quick brown fox and the lazy dog");
    println!("{:?}", counted.get("the"));
}
`
const KINDS = {
  light: { theme: 'light', viewport: { width: 1180, height: 720 } },
  dark: { theme: 'dark', viewport: { width: 1180, height: 720 } },
  phone: { theme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  'phone-dark': { theme: 'dark', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
}

const server = await start()
const memory = await redis()
const unsure = await start({ store: memory.url, args: ['--store-timeout', '500'] })
const small = await start({ args: ['--max-document', '4096', '--max-pending', '1024', '--max-update', '4096'] })
const api = await mock(server)
const browser = await launch()

async function go (page, line, column, select = false) {
  await page.locator('.cm-content').focus()
  await page.keyboard.press('Control+Home')
  for (let i = 1; i < line; i++) await page.keyboard.press('ArrowDown')
  for (let i = 0; i < column; i++) await page.keyboard.press('ArrowRight')
  if (select) await page.keyboard.press('Shift+End')
}

const open = (url, kind, more) => visit(browser, url, { name: 'Ada', color: '#3b5bdb', ...KINDS[kind], ...more })

async function each (what, work) {
  if (!what.includes(only) && !only.startsWith(what)) return
  for (const kind of Object.keys(KINDS)) {
    try {
      await work(kind, (page, name = what) => page.screenshot({ path: path.join(dir, `${name}-${kind}.png`) }))
    } catch (error) { console.error(what, kind, error.message) }
  }
}

try {
  await each('home', async (kind, shot) => {
    const page = await open(server.url + '/', kind)
    await shot(page)
    await page.fill('#name', 'a b')
    await page.evaluate(() => {
      const now = Date.now()
      localStorage.setItem('bytecrowds:recent', JSON.stringify([{ name: 'friday-interview', time: now, language: 'Python' }, { name: 'vJ3uK0sQm1Xc8d_Zt7yRbA', time: now - 1.7e7, language: 'Rust' }]))
      dispatchEvent(new Event('pageshow'))
    })
    await page.screenshot({ path: path.join(dir, `home-filled-${kind}.png`), fullPage: true })
    await page.context().close()
  })
  await each('error', async (kind, shot) => {
    const page = await open(server.url + '/a%20b', kind)
    await shot(page, 'error-400')
    await page.goto(server.url + '/api')
    await shot(page, 'error-404')
    await page.context().close()
  })
  await each('alone', async (kind, shot) => {
    const page = await open(`${server.url}/alone-${kind}`, kind)
    await ready(page)
    await shot(page, 'alone-empty')
    await page.click('#menu-button')
    await sleep(100)
    await shot(page, 'menu')
    await page.keyboard.press('Escape')
    await page.click('#people .self')
    await sleep(100)
    await shot(page, 'rename')
    await page.keyboard.press('Escape')
    await write(page, CODE)
    await page.selectOption('#language', 'rust')
    await sleep(500)
    await page.keyboard.press('Control+f')
    await sleep(100)
    await shot(page, 'search')
    await page.keyboard.press('Escape')
    await page.evaluate(() => { Object.defineProperty(navigator, 'clipboard', { value: undefined }); document.execCommand = () => false })
    await page.click('#copy')
    await sleep(300)
    await shot(page, 'copy-refused')
    await page.context().close()
  })
  await each('people', async (kind, shot) => {
    const at = `${server.url}/friday-interview-${kind}`
    const me = await open(at, kind)
    await ready(me)
    await me.selectOption('#language', 'rust')
    await write(me, CODE)
    const fox = await visit(browser, at, { name: 'Nimble Fox', color: '#0b7285' })
    const otter = await visit(browser, at, { name: 'Bartholomew Featherstonehaugh III', color: '#d9480f' })
    const near = await visit(browser, at, { name: 'Quiet Otter', color: '#9c36b5' })
    for (const p of [fox, otter, near]) await ready(p)
    await go(me, 9, 0)
    await go(fox, 6, 8, true)
    await go(near, 4, 6)
    await go(otter, 4, 0)
    await sleep(300)
    await shot(me, 'people')
    await go(otter, 1, 0)
    await go(near, 1, 3)
    await go(fox, 7, 80)
    await sleep(300)
    await shot(me, 'people-edges')
    for (const p of [me, fox, otter, near]) await p.context().close()
  })
  await each('crowd', async (kind, shot) => {
    const at = `${server.url}/crowd-${kind}`
    const me = await open(at, kind)
    await ready(me)
    const others = []
    for (let i = 0; i < 9; i++) others.push(await visit(browser, at, { name: `Person ${i}`, color: ['#d9480f', '#2b8a3e', '#6741d9'][i % 3] }))
    for (const p of others) await ready(p)
    await sleep(200)
    await shot(me, 'crowd')
    for (const p of [me, ...others]) await p.context().close()
  })
  await each('offline', async (kind, shot) => {
    const own = await start()
    const page = await open(`${own.url}/offline`, kind)
    await ready(page)
    await write(page, CODE)
    await ready(page)
    await own.kill()
    await state(page, 'offline')
    await sleep(4000)
    await shot(page, 'offline')
    await page.locator('.cm-content').focus()
    await page.keyboard.insertText('// more\n')
    await sleep(300)
    await shot(page, 'offline-unsaved')
    await page.context().close()
  })
  await each('refused', async (kind, shot) => {
    for (const [name, times] of [['refused-full', [5, 5]], ['refused-too-big', [1, 20]]]) {
      const page = await open(`${small.url}/${name}-${kind}`, kind)
      await ready(page)
      for (const n of times) {
        await write(page, CODE.repeat(n))
        await sleep(200)
      }
      await state(page, 'refused')
      await shot(page, name)
      await page.context().close()
    }
  })
  await each('not-saved', async (kind, shot) => {
    const page = await open(`${unsure.url}/unsure-${kind}`, kind)
    await ready(page)
    await write(page, CODE)
    await ready(page)
    memory.child.kill('SIGSTOP')
    await page.locator('.cm-content').focus()
    await page.keyboard.insertText('// more\n')
    await state(page, 'store-failing')
    await sleep(300)
    await shot(page, 'not-saved')
    const late = await open(`${unsure.url}/late-${kind}`, kind)
    await sleep(3500)
    await shot(late, 'cannot-open')
    memory.child.kill('SIGCONT')
    await ready(page)
    await page.context().close()
    await late.context().close()
  })
  const GITHUB = { id: 'github', name: 'GitHub' }
  const COMPANY = { id: 'company', name: 'Example & Sons' }
  const ADA = { name: 'Ada Lovelace', email: 'ada@example.com', image: null }
  const OTHERS = ['grace@example.com', 'alan.turing@example.org', 'a.very.long.address.that.goes.on.and.on@department.of.an.even.longer.example.com']
  const says = more => Object.assign(api, { signIn: [GITHUB, COMPANY], user: null, restricted: false, may: 'edit', emails: undefined, links: [], fail: {}, ...more })
  const click = (page, id) => page.viewportSize().width > 640 ? page.click(`#${id}`) : page.click('#menu-button').then(() => page.click(`#${id}-row`))
  await each('sharing', async (kind, shot) => {
    const visitor = async (what, name = 'sharing') => {
      says(what)
      const page = await open(`${api.url}/${name}-${kind}`, kind)
      await ready(page)
      return page
    }
    let page = await visitor({ signIn: [] }, 'off')
    await write(page, CODE)
    await shot(page, 'sharing-off')
    await click(page, 'access')
    await page.locator('dialog[open]').waitFor()
    await sleep(200)
    await shot(page, 'sharing-off-access')
    await page.context().close()
    page = await visitor()
    await write(page, CODE)
    await sleep(300)
    await shot(page, 'sharing-signed-out')
    if (page.viewportSize().width <= 640) { await page.click('#menu-button'); await shot(page, 'sharing-menu'); await page.keyboard.press('Escape') }
    await click(page, 'account')
    await page.locator('dialog[open]').waitFor()
    await shot(page, 'sharing-choose')
    await page.keyboard.press('Escape')
    await click(page, 'access')
    await sleep(200)
    await shot(page, 'sharing-access-signed-out')
    await page.context().close()
    page = await visitor({ user: ADA })
    await sleep(200)
    await shot(page, 'sharing-signed-in')
    await click(page, 'account')
    await page.locator('dialog[open]').waitFor()
    await shot(page, 'sharing-account')
    await page.keyboard.press('Escape')
    await click(page, 'access')
    await sleep(200)
    await page.click('.choice:nth-of-type(2)')
    await page.fill('#emails', OTHERS.join(', '))
    await shot(page, 'sharing-restrict')
    await page.fill('#emails', 'Ada Lovelace')
    await page.click('.restrict .main')
    await sleep(100)
    await shot(page, 'sharing-restrict-wrong')
    for (const name of ['For the interview', '', 'The whole team of the department that watches on Fridays']) {
      await page.fill('.inline input', name)
      await page.click('.inline [type=submit]')
      await page.locator('.fresh').waitFor()
      await sleep(100)
    }
    await page.locator('.links button').first().click()
    await page.locator('.links').scrollIntoViewIfNeeded()
    await shot(page, 'sharing-links')
    await page.context().close()
    page = await visitor({ user: ADA, restricted: true, emails: [ADA.email, ...OTHERS] })
    await sleep(200)
    await shot(page, 'sharing-restricted')
    await page.click('#restricted')
    await sleep(200)
    await shot(page, 'sharing-restricted-access')
    await page.keyboard.press('Escape')
    api.bar('you are not on the list any more')
    await sleep(300)
    await shot(page, 'sharing-barred')
    says()
    await page.reload()
    await ready(page)
    api.bar('your session has ended')
    await sleep(300)
    await shot(page, 'sharing-barred-signed-out')
    await page.context().close()
  })
  await each('watch', async (kind, shot) => {
    says()
    const me = await open(`${api.url}/watched-${kind}`, kind)
    await ready(me)
    await me.selectOption('#language', 'rust')
    await write(me, CODE)
    api.tokens.set('abc', `watched-${kind}`)
    const page = await open(`${api.url}/~watch#abc`, kind)
    await ready(page)
    await go(me, 5, 6)
    await sleep(300)
    await shot(page, 'watch')
    await page.locator('.cm-content').focus()
    await page.keyboard.press('Control+f')
    await sleep(100)
    await shot(page, 'watch-search')
    await page.goto('about:blank')
    for (const [name, hash] of [['none', ''], ['unknown', '#abcd']]) {
      await page.goto(`${api.url}/~watch${hash}`)
      await sleep(400)
      await shot(page, `watch-${name}`)
      await page.goto('about:blank')
    }
    for (const p of [me, page]) await p.context().close()
  })
  await each('verified', async (kind, shot) => {
    says({ user: ADA })
    api.sockets.set('/ws/verified', room('fn main() {\n    println!("hello");\n}\n\n// and more\n// and more\n', [
      { user: { name: 'Grace Hopper', color: '#9c36b5', email: 'grace@example.com', verified: true }, at: 4 },
      { user: { name: '✓ Alan', color: '#c4400c' }, at: 31 },
      { user: { name: 'Bartholomew Featherstonehaugh III', color: '#ffee00', email: 'b@example.com', verified: true }, at: 50 }
    ]))
    const page = await open(`${api.url}/verified`, kind)
    await page.locator('.cm-peer').first().waitFor({ state: 'attached' })
    await sleep(400)
    await shot(page, 'verified')
    await page.context().close()
  })
  await each('denied', async (kind, shot) => {
    for (const [name, what] of [['signed-out', {}], ['off', { signIn: [] }], ['other', { user: ADA }], ['edit', { user: ADA, may: 'edit' }]]) {
      says({ restricted: true, may: 'nothing', ...what })
      const page = await open(`${api.url}/error/authorization?page=friday-interview`, kind)
      await sleep(300)
      await shot(page, `denied-${name}`)
      await page.context().close()
    }
    for (const [name, what] of [['signed-out', {}], ['known', { user: ADA }], ['off', { signIn: [] }]]) {
      says(what)
      const page = await open(`${api.url}/api/auth/signin?callbackUrl=%2Ffriday`, kind)
      await sleep(300)
      await shot(page, `signin-${name}`)
      await page.context().close()
    }
  })
} finally {
  await browser.close()
  await api.stop()
  for (const s of [server, unsure, small]) await s.kill()
  await memory.kill()
}
