// Signing in and being let in, or not, with nothing played but the providers: the real page in a real browser, the real
// server, GitHub's stand-in and a real OpenID provider.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGitHub } from '../lib/github.mjs'
import { startOidc } from '../lib/oidc.mjs'
import { start } from '../lib/server.mjs'
import { launch, ready, textOf, until, visit, write } from './browser.mjs'

let server, github, oidc, browser
before(async () => {
  github = await startGitHub({ users: { ada: {}, eve: {} } })
  oidc = await startOidc({ accounts: { bob: { email: 'bob@example.com' } } })
  server = await start({ args: [...github.args, ...oidc.args] })
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.stop()
  await Promise.all([github?.close(), oidc?.close()])
})

const at = path => `http://127.0.0.1:${server.port}${path}`

/** From the editor, or from a page that refuses: by the provider's own page, and back. */
async function signIn (page, provider, account, button) {
  await button.click()
  const choice = page.getByRole('dialog').getByRole('button', { name: provider })
  await choice.or(page.getByRole('button', { name: `Continue as ${account}` })).first().waitFor()
  if (await choice.count()) await choice.click()
  await page.getByRole('button', { name: `Continue as ${account}` }).click()
  page.complaints = page.complaints.filter(c => !/status of 404/.test(c)) // the providers have no icon
}

test('two people sign in, one restricts what a third has open; a link lets that one watch', async () => {
  const ada = await visit(browser, at('/secret-plans'), { name: 'Ann' })
  const eve = await visit(browser, at('/secret-plans'), { name: 'Somebody' })
  await Promise.all([ready(ada), ready(eve)])
  await write(ada, 'for few')
  await until(eve, 'for few')
  await signIn(ada, 'GitHub', 'ada', ada.locator('#account'))
  await ada.waitForURL(at('/secret-plans'))
  await ready(ada)
  await ada.waitForFunction(() => document.querySelector('#account').innerText === 'Ada')
  // The server says who it is, at everybody's.
  await eve.waitForFunction(() => [...document.querySelectorAll('#people button')].some(b => /ada@example\.com, verified/.test(b.title)))

  await ada.click('#access')
  await ada.getByLabel('Only these people…').check()
  await ada.fill('#emails', 'bob@example.com')
  await ada.locator('.restrict .main').click()
  await ada.locator('.emails').waitFor()
  await eve.locator('#barred').waitFor({ timeout: 2000 })
  assert.equal(await eve.locator('#barred-signin').isVisible(), true)
  await eve.goto(at('/secret-plans'))
  assert.equal(eve.url(), at('/error/authorization?page=secret-plans'))
  assert.match(await eve.innerText('main'), /secret-plans opens for the people on its list/)

  // As somebody who is not on the list either, and then as somebody who is, by another provider.
  await signIn(eve, 'GitHub', 'eve', eve.getByRole('button', { name: /GitHub/ }))
  await eve.waitForURL(at('/error/authorization?page=secret-plans'))
  await eve.waitForFunction(() => /eve@example\.com/.test(document.querySelector('main').innerText))
  const bob = await visit(browser, at('/secret-plans'))
  await signIn(bob, 'Example ID', 'bob', bob.getByRole('button', { name: /Example ID/ }))
  await bob.waitForURL(at('/secret-plans'))
  await ready(bob)
  await until(bob, 'for few')
  await write(bob, '. Noted. ')
  await ada.waitForFunction(() => /Noted/.test(document.querySelector('.cm-content').textContent))

  // A link for eve, who may watch and cannot write.
  const link = await ada.evaluate(async () => (await (await fetch('/api/links', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'secret-plans' }) })).json()).link)
  const text = await textOf(ada)
  await eve.goto(link)
  await until(eve, text)
  await eve.locator('.cm-content').focus()
  await eve.keyboard.type('scribble')
  assert.equal(await textOf(eve), text)
  assert.ok(!(await eve.content()).includes('secret-plans'))
  await ada.evaluate(() => fetch('/api/links?name=secret-plans&hash=*', { method: 'DELETE' }))
  await eve.locator('#barred').waitFor({ timeout: 2000 })
  assert.match(await eve.innerText('#barred'), /revoked/)

  // Being refused shows in the console of the browser, and nothing else does.
  for (const page of [ada, bob, eve]) {
    assert.deepEqual(page.complaints.filter(c => !/status of 403/.test(c)), [])
    await page.context().close()
  }
})

test('who thinks better of it at the provider is told so, and is nobody', async () => {
  const page = await visit(browser, at('/not-today'))
  await ready(page)
  await page.locator('#account').click()
  await page.getByRole('dialog').getByRole('button', { name: 'GitHub' }).click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.waitForURL('**/api/auth/error?error=*')
  assert.match(await page.innerText('body'), /cancel|denied|not .*allow/i)
  await page.goto(at('/not-today'))
  await ready(page)
  await page.waitForFunction(() => document.querySelector('#account').innerText === 'Sign in')
  await page.context().close()
})
