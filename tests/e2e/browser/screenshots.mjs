// Makes the pictures of docs/images from the real thing, with three people in it. Fails if a page complains.
//
//     node tests/e2e/browser/screenshots.mjs [DIR [all]]      all: also those that only a developer looks at
import fs from 'node:fs'
import path from 'node:path'
import { root, sleep, start } from '../lib/server.mjs'
import { launch, ready, visit, write } from './browser.mjs'

const dir = path.resolve(process.argv[2] ?? path.join(root, 'docs/images'))
const all = process.argv[3] === 'all'
fs.mkdirSync(dir, { recursive: true })

const CODE = `from collections import deque


class RateLimiter:
    """Allows \`limit\` calls in any \`window\` seconds."""

    def __init__(self, limit: int, window: float):
        self.limit = limit
        self.window = window
        self.calls = deque()

    def allow(self, now: float) -> bool:
        while self.calls and now - self.calls[0] >= self.window:
            self.calls.popleft()
        if len(self.calls) >= self.limit:
            return False  # the caller may try again later
        self.calls.append(now)
        return True


limiter = RateLimiter(limit=3, window=1.0)
print([limiter.allow(t / 10) for t in range(12)])
`

const server = await start()
const browser = await launch()
const at = `${server.url}/friday-interview`
const shot = (page, name, more) => page.screenshot({ path: path.join(dir, name), ...more })

async function go (page, line, column, select = false) {
  await page.locator('.cm-content').focus()
  await page.keyboard.press('Control+Home')
  for (let i = 1; i < line; i++) await page.keyboard.press('ArrowDown')
  for (let i = 0; i < column; i++) await page.keyboard.press('ArrowRight')
  if (select) await page.keyboard.press('Shift+End')
}

try {
  const desktop = { width: 1180, height: 720 }
  const me = await visit(browser, at, { name: 'Ada', color: '#3b5bdb', theme: 'light', viewport: desktop })
  await ready(me)
  await me.selectOption('#language', 'python')
  await write(me, CODE)
  await ready(me)
  const fox = await visit(browser, at, { name: 'Nimble Fox', color: '#0b7285' })
  const otter = await visit(browser, at, { name: 'Quiet Otter', color: '#c4400c' })
  await ready(fox)
  await ready(otter)
  await go(me, 19, 0)
  // A name stands at a cursor only for a while after it has moved.
  const move = async () => {
    await go(fox, 13, 8, true)
    await go(otter, 5, 0)
    await otter.keyboard.press('End')
    await sleep(250)
  }
  await move()
  await shot(me, 'editor-light.png')
  await me.click('#menu-button')
  if (all) await shot(me, 'menu-light.png')
  await me.check('input[value="dark"]', { force: true })
  if (all) await shot(me, 'menu-dark.png')
  await me.keyboard.press('Escape')
  await me.locator('.cm-content').focus()
  await move()
  await shot(me, 'editor-dark.png')

  const phone = await visit(browser, at, { name: 'Grace', color: '#9c36b5', theme: 'light', viewport: { width: 390, height: 760 }, deviceScaleFactor: 1.5, hasTouch: true, isMobile: true })
  await ready(phone)
  await move()
  await shot(phone, 'phone.png')

  await me.goto(`${server.url}/`)
  const front = async theme => {
    await me.evaluate(wish => {
      localStorage.setItem('bytecrowds:theme', JSON.stringify(wish))
      const now = Date.now()
      localStorage.setItem('bytecrowds:recent', JSON.stringify([
        { name: 'friday-interview', time: now, language: 'Python' },
        { name: 'sql-review', time: now - 3.1e6, language: 'SQL' },
        { name: 'vJ3uK0sQm1Xc8d_Zt7yRbA', time: now - 1.7e7, language: 'Rust' }
      ]))
    }, theme)
    await me.reload()
  }
  await front('light')
  await me.setViewportSize({ width: 1180, height: 830 })
  await shot(me, 'home.png')
  if (all) {
    await front('dark')
    await shot(me, 'home-dark.png')
    await me.setViewportSize({ width: 360, height: 740 })
    await shot(me, 'home-phone.png', { fullPage: true })
    await me.goto(at)
    await ready(me)
    await me.click('#menu-button')
    await shot(me, 'menu-phone.png')
    await me.keyboard.press('Escape')
    await me.click('#people .self')
    await shot(me, 'rename-phone.png')
  }
  const complaints = [me, fox, otter, phone].flatMap(page => page.complaints)
  if (complaints.length) {
    console.error(complaints)
    process.exitCode = 1
  }
} finally {
  await browser.close()
  await server.stop()
}
