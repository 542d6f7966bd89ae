// A TCP proxy inside the test that delays what passes and cuts connections after a random number of bytes,
// so often in the middle of a frame. Everything random comes from the generator that it is given.

import net from 'node:net'

export class FaultyNetwork {
  constructor (port, random) {
    this.port = port
    this.random = random
    this.faulty = true
    this.cuts = 0
    this.pairs = new Set()
    this.server = net.createServer(socket => this.pair(socket))
  }

  listen () {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen(0, '127.0.0.1', () => resolve(`ws://127.0.0.1:${this.server.address().port}/ws`))
    })
  }

  pair (near) {
    const far = net.connect(this.port, '127.0.0.1')
    const pair = { near, far, budget: this.faulty ? 500 + this.random.below(8000) : Infinity }
    this.pairs.add(pair)
    const end = () => { near.destroy(); far.destroy(); this.pairs.delete(pair) }
    for (const socket of [near, far]) socket.setNoDelay(true).on('error', end).on('close', end)
    this.carry(pair, near, far, end)
    this.carry(pair, far, near, end)
  }

  // One chunk after the other, so that a delay never changes their order.
  carry (pair, from, to, end) {
    let last = Promise.resolve()
    from.on('data', data => {
      const wait = this.faulty ? this.random.below(12) : 0
      last = last.then(() => new Promise(resolve => setTimeout(resolve, wait))).then(() => {
        if (to.destroyed) return
        if (data.length < pair.budget) { pair.budget -= data.length; to.write(data); return }
        this.cuts++
        to.write(data.subarray(0, pair.budget), end)
      })
    })
  }

  /** From now on connections live and nothing is delayed; those that are doomed end at once. */
  heal () {
    this.faulty = false
    for (const pair of this.pairs) pair.near.destroy()
  }

  close () {
    for (const pair of this.pairs) { pair.near.destroy(); pair.far.destroy() }
    this.server.close()
  }
}
