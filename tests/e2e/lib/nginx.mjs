// A real nginx with TLS, with the server block that contrib/nginx.conf tells people to use.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import WebSocket from 'ws'
import { freePort, launch, root, tempFolder, until } from './harness.mjs'

function replaced (text, pairs) {
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`contrib/nginx.conf has no longer ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

/** In front of a server: { port, origin, ws, ca, WebSocket, get, reload, stop }. */
export async function startNginx (server) {
  const folder = tempFolder()
  const at = name => path.join(folder, name)
  const port = await freePort()
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', at('key.pem'), '-out', at('cert.pem')], { stdio: 'ignore' })
  const block = replaced(readFileSync(path.join(root, 'contrib/nginx.conf'), 'utf8'), [
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['server_name code.example.org', 'server_name localhost'],
    ['/etc/ssl/code.example.org.pem', at('cert.pem')],
    ['/etc/ssl/code.example.org.key', at('key.pem')],
    ['http://127.0.0.1:8080', `http://127.0.0.1:${server.port}`]
  ])
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${at('tmp')};`).join(' ')
  mkdirSync(at('tmp'))
  // Old workers are cut off soon after a reload, not when their last connection ends.
  writeFileSync(at('nginx.conf'), `${process.getuid() === 0 ? 'user root;' : ''} daemon off; worker_processes 1; pid ${at('pid')}; error_log stderr;
worker_shutdown_timeout 200ms; events {} http { access_log off; ${temp} ${block} }`)
  const child = launch('/usr/sbin/nginx', ['-p', folder, '-c', at('nginx.conf'), '-e', 'stderr'], { detached: true })
  // Its workers go with it, whatever ends this process.
  process.once('exit', () => { try { process.kill(-child.pid, 'SIGKILL') } catch {} })
  const ca = readFileSync(at('cert.pem'))
  const origin = `https://127.0.0.1:${port}`
  const get = (url, headers = {}) => new Promise((resolve, reject) => {
    https.get(origin + url, { ca, headers, agent: false }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', text => { body += text })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
    }).on('error', reject)
  })
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${child.err}`)
    return (await get('/healthz').catch(() => null))?.status === 200
  }, () => `nginx to serve: ${child.err}`)
  return {
    port,
    origin,
    ca,
    get,
    ws: `wss://127.0.0.1:${port}/ws`,
    WebSocket: class extends WebSocket { constructor (url, protocols, options) { super(url, protocols, { ca, ...options }) } },
    reload: () => child.kill('SIGHUP'),
    stop: () => { child.kill('SIGTERM'); return child.ended }
  }
}
