// Makes docs/images/*.png of the real page: node tests/e2e/browser/screenshots.mjs
import fs from 'node:fs'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { root, sleep, start } from '../lib/server.mjs'

const code = `// Find the first pair that sums to the target.
export function twoSum(numbers, target) {
  const seen = new Map();
  for (const [i, n] of numbers.entries()) {
    if (seen.has(target - n)) return [seen.get(target - n), i];
    seen.set(n, i);
  }
  return null; // no such pair
}

console.log(twoSum([2, 7, 11, 15], 9));
`
const server = await start()
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-background-networking'] })
const errors = []
const open = async (path, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1100, height: 640 }, ...options })
  const page = await context.newPage()
  page.on('console', m => { if (m.type() === 'error') errors.push(m.text()) })
  page.on('pageerror', e => errors.push(String(e)))
  await page.goto(server.url + path)
  return page
}
const images = path.join(root, 'docs/images')
fs.mkdirSync(images, { recursive: true })
await (await open('/')).screenshot({ path: path.join(images, 'home.png') })
const ann = await open('/two-sum')
await ann.waitForSelector('.cm-content')
await ann.locator('.cm-content').click()
await ann.keyboard.insertText(code)
const bob = await open('/two-sum', { colorScheme: 'dark' })
await bob.waitForFunction(() => document.querySelector('.cm-content')?.textContent.includes('twoSum'))
await bob.locator('.cm-line').nth(4).click()
await sleep(1200)
await ann.screenshot({ path: path.join(images, 'editor-light.png') })
await bob.screenshot({ path: path.join(images, 'editor-dark.png') })
const phone = await open('/two-sum', { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true })
await phone.waitForFunction(() => document.querySelector('.cm-content')?.textContent.includes('twoSum'))
await sleep(800)
await phone.screenshot({ path: path.join(images, 'phone.png') })
await browser.close()
await server.stop()
if (errors.length) { console.error(errors); process.exitCode = 1 }
