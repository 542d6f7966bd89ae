// The page over https through nginx: its socket must find the way, and nothing may complain.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startServer } from '../lib/harness.mjs'
import { startNginx } from '../lib/nginx.mjs'
import { launch, ready, until, visit, write } from './browser.mjs'

let server, nginx, browser
before(async () => { server = await startServer(); nginx = await startNginx(server); browser = await launch() })
after(async () => { await browser?.close(); await nginx?.stop(); await server?.stop() })

test('two windows over https type into each other', async () => {
  const [a, b] = await Promise.all(['Ann', 'Bob'].map(name => visit(browser, `${nginx.origin}/tls`, { name, ignoreHTTPSErrors: true })))
  await Promise.all([ready(a), ready(b)])
  await write(a, 'over TLS')
  await until(b, 'over TLS')
  await ready(a)
  assert.equal((await nginx.get('/tls/raw')).body, 'over TLS')
  for (const page of [a, b]) {
    assert.deepEqual(page.complaints, [])
    await page.context().close()
  }
})
