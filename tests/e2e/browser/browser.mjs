// A real browser on the real binary: Debian's chromium, driven by playwright-core. Every page made here
// collects what it complains of (console errors, refused resources, exceptions) in `page.complaints`.
import fs from 'node:fs'
import { chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable', '/snap/bin/chromium']

export const executable = process.env.CHROMIUM ?? PLACES.find(p => fs.existsSync(p))

export const launch = () => chromium.launch({
  executablePath: executable,
  args: ['--headless', '--no-sandbox', '--disable-background-networking', '--disable-gpu']
})

// A person: a browser context of their own, so their own storage, with one page.
export async function visit (browser, url, { name, color, theme, viewport = { width: 1280, height: 800 }, ...more } = {}) {
  const context = await browser.newContext({ viewport, reducedMotion: 'reduce', ...more })
  await context.addInitScript(([person, wish]) => {
    if (person && !localStorage.getItem('bytecrowds:person')) localStorage.setItem('bytecrowds:person', JSON.stringify(person))
    if (wish && !localStorage.getItem('bytecrowds:theme')) localStorage.setItem('bytecrowds:theme', JSON.stringify(wish))
    addEventListener('securitypolicyviolation', e => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))
  }, [name && { name, color: color ?? '#0b7285' }, theme])
  const page = await context.newPage()
  page.complaints = []
  page.on('console', m => { if (m.type() === 'error') page.complaints.push(m.text()) })
  page.on('pageerror', e => page.complaints.push(String(e)))
  page.setDefaultTimeout(10000)
  await page.goto(url)
  return page
}

// What the page shows, without the names at other people's cursors. Short texts only: CodeMirror draws
// no more lines than fit.
export const textOf = page => page.evaluate(() => [...document.querySelectorAll('.cm-line')].map(line => {
  const copy = line.cloneNode(true)
  for (const extra of copy.querySelectorAll('.cm-peer, .cm-placeholder')) extra.remove()
  return copy.textContent
}).join('\n'))

export const until = (page, wanted) => page.waitForFunction(w => [...document.querySelectorAll('.cm-line')].map(line => {
  const copy = line.cloneNode(true)
  for (const extra of copy.querySelectorAll('.cm-peer, .cm-placeholder')) extra.remove()
  return copy.textContent
}).join('\n') === w, wanted)

export const state = (page, wanted) => page.waitForFunction(w => document.querySelector('#state').dataset.state === w, wanted)

export const ready = page => state(page, 'saved')

export const write = async (page, what) => {
  await page.locator('.cm-content').focus()
  await page.keyboard.insertText(what)
}
