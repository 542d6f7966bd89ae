// Every state of the page in light, dark and on a phone, for a developer to look at.
//
//     node tests/e2e/browser/look.mjs DIR [WHAT]       WHAT: only pictures whose names have this in them
import fs from 'node:fs'
import path from 'node:path'
import { redis, sleep, start } from '../lib/server.mjs'
import { launch, ready, state, visit, write } from './browser.mjs'

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
} finally {
  await browser.close()
  for (const s of [server, unsure, small]) await s.kill()
  await memory.kill()
}
