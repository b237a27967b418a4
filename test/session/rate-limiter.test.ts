// What goes through is what the limits say, shared fairly; peers and the clock are simulated.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type RateChannel, type RateGroup, RateLimiter } from '../../src/session/rate-limiter.ts'

const kib = 1024
const mib = 1024 * kib
const unlimited = Number.POSITIVE_INFINITY

interface Peer {
  readonly channel: RateChannel
  /** Bytes it has to transfer a second; Infinity: always more. */
  readonly bytesPerSecond: number
  backlogBytes: number
  bytes: number
  isPaused: boolean
}

interface Transfer {
  /** A block is sent whole when anything is allowed; undefined: exactly what is allowed, 64 KiB at a time. */
  readonly unitBytes?: number
  readonly untilMs: number
  /** How late the driver wakes, at most. */
  readonly lateMs?: number
}

class Simulation {
  readonly limiter: RateLimiter
  readonly peers: Peer[] = []
  nowMs = 0

  constructor(bytesPerSecond: number) {
    this.limiter = new RateLimiter(bytesPerSecond, 0)
  }

  join(group: RateGroup, options: { isExempt?: boolean; weight?: number; bytesPerSecond?: number } = {}): Peer {
    const { isExempt = false, weight = 1, bytesPerSecond = unlimited } = options
    const channel = this.limiter.join(group, isExempt, weight)
    const peer = { channel, bytesPerSecond, backlogBytes: 0, bytes: 0, isPaused: false }
    this.peers.push(peer)
    return peer
  }

  run({ unitBytes, untilMs, lateMs = 0 }: Transfer): void {
    const { limiter, peers } = this
    while (this.nowMs < untilMs) {
      for (const peer of peers) {
        if (peer.bytesPerSecond === unlimited) peer.backlogBytes = unlimited
        if (!peer.isPaused) this.transfer(peer, unitBytes)
      }
      const wakeMs = limiter.nextWakeMs() + lateMs
      const nextMs = Math.min(Math.max(wakeMs, this.nowMs), this.nowMs + 50, untilMs)
      for (const peer of peers) {
        if (peer.bytesPerSecond !== unlimited) peer.backlogBytes += (peer.bytesPerSecond * (nextMs - this.nowMs)) / 1000
      }
      this.nowMs = nextMs
      limiter.wake(this.nowMs)
      for (let ready = limiter.poll(); ready !== undefined; ready = limiter.poll()) {
        const peer = peers.find(({ channel }) => channel === ready) as Peer
        peer.isPaused = false
      }
    }
  }

  private transfer(peer: Peer, unitBytes: number | undefined): void {
    for (let turns = 0; turns < 1000; turns++) {
      if (peer.backlogBytes < (unitBytes ?? 1)) return
      const allowed = this.limiter.allowance(peer.channel, this.nowMs)
      if (allowed <= 0) {
        peer.isPaused = true
        return
      }
      // Where nothing limits, the link does.
      if (allowed === unlimited && turns > 4) return
      const bytes = unitBytes ?? Math.floor(Math.min(allowed, 65_536, peer.backlogBytes))
      this.limiter.charge(peer.channel, bytes, this.nowMs)
      peer.bytes += bytes
      peer.backlogBytes -= bytes
    }
  }
}

function total(peers: readonly Peer[]): number {
  return peers.reduce((sum, peer) => sum + peer.bytes, 0)
}

function isWithin(value: number, wanted: number, share: number, slackBytes = 0): void {
  ok(Math.abs(value - wanted) <= wanted * share + slackBytes, `${value} of ${wanted}`)
}

for (const count of [1, 50]) {
  for (const limit of [10 * kib, 100 * kib, mib, 100 * mib]) {
    test(`${count} peers read ${limit / kib} KiB/s within 5 % over 10 s, each its share`, () => {
      const simulation = new Simulation(limit)
      const group = simulation.limiter.openGroup(unlimited, 0)
      for (let peer = 0; peer < count; peer++) simulation.join(group)
      simulation.run({ untilMs: 10_000, lateMs: 3 })
      isWithin(total(simulation.peers), limit * 10, 0.05)
      for (const peer of simulation.peers) isWithin(peer.bytes, (limit * 10) / count, 0.1, 520)
    })

    test(`${count} peers are sent blocks of 16 KiB at ${limit / kib} KiB/s within 5 % over 10 s, or a block`, () => {
      const simulation = new Simulation(limit)
      const group = simulation.limiter.openGroup(unlimited, 0)
      for (let peer = 0; peer < count; peer++) simulation.join(group)
      simulation.run({ untilMs: 10_000, unitBytes: 16_397 })
      const first = total(simulation.peers)
      isWithin(first, limit * 10, 0.05, 16_397)
      simulation.run({ untilMs: 60_000, unitBytes: 16_397 })
      isWithin(total(simulation.peers), limit * 60, 0.01, 16_397)
      for (const peer of simulation.peers) isWithin(peer.bytes, (limit * 60) / count, 0.1, 2 * 16_397)
    })
  }
}

test('any torrent limit holds below any session limit, and one torrent cannot take from the other', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 40, max: 4000 }),
      fc.integer({ min: 20, max: 4000 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      (sessionKib, torrentKib, firstCount, secondCount) => {
        const simulation = new Simulation(sessionKib * kib)
        const limited = simulation.limiter.openGroup(torrentKib * kib, 0)
        const free = simulation.limiter.openGroup(unlimited, 0)
        const first = Array.from({ length: firstCount }, () => simulation.join(limited))
        const second = Array.from({ length: secondCount }, () => simulation.join(free))
        simulation.run({ untilMs: 10_000 })
        isWithin(total(simulation.peers), sessionKib * kib * 10, 0.05)
        const fairShare = (sessionKib * firstCount) / (firstCount + secondCount)
        ok(total(first) <= torrentKib * kib * 10 * 1.05, `${total(first)}`)
        isWithin(total(first), Math.min(torrentKib, fairShare) * kib * 10, 0.1, 2 * kib)
        isWithin(total(second), (sessionKib - Math.min(torrentKib, fairShare)) * kib * 10, 0.1, 2 * kib)
      },
    ),
    { numRuns: 40 },
  )
})

test('with twice the weight a peer gets twice as much', () => {
  const simulation = new Simulation(300 * kib)
  const group = simulation.limiter.openGroup(unlimited, 0)
  const [light, heavy] = [simulation.join(group), simulation.join(group, { weight: 2 })]
  simulation.run({ untilMs: 10_000 })
  isWithin(heavy.bytes, 2 * light.bytes, 0.05)
})

test('in the order of a torrent the first get all they can use, the next what they leave, and other torrents lose nothing', () => {
  const simulation = new Simulation(600 * kib)
  const group = simulation.limiter.openGroup(unlimited, 0)
  const last = simulation.join(group)
  const first = simulation.join(group)
  const second = simulation.join(group, { bytesPerSecond: 50 * kib })
  const others = simulation.limiter.openGroup(unlimited, 0)
  const strangers = [simulation.join(others), simulation.join(others), simulation.join(others)]
  for (const [rank, { channel }] of [first, second, last].entries()) simulation.limiter.setRank(channel, rank)
  simulation.run({ untilMs: 10_000 })
  isWithin(first.bytes, 10 * 300 * kib, 0.1)
  ok(second.bytes + last.bytes < 0.05 * first.bytes, `${second.bytes} and ${last.bytes} beside ${first.bytes}`)
  isWithin(total(strangers), 10 * 300 * kib, 0.1)
  simulation.limiter.leave(first.channel)
  simulation.peers.splice(simulation.peers.indexOf(first), 1)
  simulation.run({ untilMs: 20_000 })
  isWithin(second.bytes, 20 * 50 * kib, 0.05)
  ok(last.bytes > 10 * 90 * kib, `${last.bytes} of what the others leave`)
  isWithin(first.bytes + total(simulation.peers), 20 * 600 * kib, 0.05)
})

test('peers that want less than their share leave the rest to others', () => {
  const simulation = new Simulation(mib)
  const group = simulation.limiter.openGroup(unlimited, 0)
  const slow = Array.from({ length: 20 }, () => simulation.join(group, { bytesPerSecond: 5 * kib }))
  const fast = simulation.join(group)
  simulation.run({ untilMs: 10_000 })
  isWithin(total(slow), 20 * 5 * kib * 10, 0.05)
  isWithin(total(simulation.peers), 10 * mib, 0.05)
  isWithin(fast.bytes, (1024 - 100) * kib * 10, 0.07)
})

test('a turn that is not used goes to others', () => {
  const simulation = new Simulation(100 * kib)
  const { limiter } = simulation
  const group = limiter.openGroup(unlimited, 0)
  const busy = simulation.join(group)
  // They wait once, are called, and have nothing to send.
  const idle = Array.from({ length: 30 }, () => limiter.join(group, false))
  for (const channel of idle) limiter.allowance(channel, 0)
  simulation.peers.push(
    ...idle.map((channel) => ({ channel, bytesPerSecond: 0, backlogBytes: 0, bytes: 0, isPaused: true })),
  )
  simulation.run({ untilMs: 10_000 })
  isWithin(busy.bytes, 1000 * kib, 0.05)
})

test('what a peer was allowed and did not use in time is given to who waits', () => {
  const limiter = new RateLimiter(100 * kib, 0)
  const group = limiter.openGroup(unlimited, 0)
  const [idle, busy] = [limiter.join(group, false), limiter.join(group, false)]
  const unused = limiter.allowance(idle, 1000)
  ok(unused >= 10 * kib)
  equal(limiter.allowance(busy, 1000), 0)
  limiter.wake(1250)
  equal(limiter.poll(), busy)
  ok(limiter.allowance(busy, 1250) >= unused + 10 * kib)
  equal(limiter.allowance(idle, 1250), 0)
})

test('a read beyond the allowance is paid back by all, and the one that took it stands back', () => {
  const simulation = new Simulation(64 * kib)
  const { limiter } = simulation
  const group = limiter.openGroup(unlimited, 0)
  const greedy = simulation.join(group)
  const modest = simulation.join(group)
  simulation.run({ untilMs: 1000 })
  limiter.charge(greedy.channel, 64 * kib, simulation.nowMs)
  greedy.bytes += 64 * kib
  simulation.run({ untilMs: 11_000 })
  isWithin(total(simulation.peers), 11 * 64 * kib, 0.05)
  isWithin(greedy.bytes, modest.bytes, 0.1)
})

test('the local network is exempt, and its peers leave the limit to the others', () => {
  const simulation = new Simulation(100 * kib)
  const group = simulation.limiter.openGroup(50 * kib, 0)
  const local = simulation.join(group, { isExempt: true })
  const far = simulation.join(group)
  simulation.run({ untilMs: 10_000 })
  isWithin(far.bytes, 500 * kib, 0.05)
  ok(local.bytes > 5 * mib)
  equal(simulation.limiter.allowance(local.channel, simulation.nowMs), unlimited)
  simulation.limiter.setExempt(local.channel, false, simulation.nowMs)
  const before = local.bytes
  simulation.run({ untilMs: 20_000 })
  isWithin(local.bytes - before, 250 * kib, 0.07)
})

test('limits can be changed and lifted while peers wait', () => {
  const simulation = new Simulation(20 * kib)
  const group = simulation.limiter.openGroup(unlimited, 0)
  const peer = simulation.join(group)
  simulation.run({ untilMs: 10_000 })
  const slow = peer.bytes
  isWithin(slow, 200 * kib, 0.05)
  simulation.limiter.setSessionRate(400 * kib, simulation.nowMs)
  simulation.run({ untilMs: 20_000 })
  isWithin(peer.bytes - slow, 4000 * kib, 0.05)
  const before = peer.bytes
  simulation.limiter.setSessionRate(unlimited, simulation.nowMs)
  simulation.run({ untilMs: 21_000 })
  ok(peer.bytes - before > 5 * mib)
  const free = peer.bytes
  simulation.limiter.setGroupRate(group, 10 * kib, simulation.nowMs)
  simulation.run({ untilMs: 31_000 })
  isWithin(peer.bytes - free, 100 * kib, 0.05)
})

test('a limit of nothing lets nothing through and never wakes anybody', () => {
  const simulation = new Simulation(0)
  const peer = simulation.join(simulation.limiter.openGroup(unlimited, 0))
  simulation.run({ untilMs: 5000 })
  equal(peer.bytes, 0)
  equal(simulation.limiter.nextWakeMs(), unlimited)
})

test('without a limit nobody waits and nobody is woken', () => {
  const limiter = new RateLimiter(unlimited, 0)
  const channel = limiter.join(limiter.openGroup(unlimited, 0), false)
  equal(limiter.allowance(channel, 0), unlimited)
  limiter.charge(channel, 1e12, 0)
  equal(limiter.allowance(channel, 0), unlimited)
  equal(limiter.nextWakeMs(), unlimited)
})

test('who left is not called, and what it was allowed goes to the others', () => {
  const limiter = new RateLimiter(100 * kib, 0)
  const group = limiter.openGroup(unlimited, 0)
  const channels = [limiter.join(group, false), limiter.join(group, false)]
  for (const channel of channels) equal(limiter.allowance(channel, 0), 0)
  limiter.wake(1000)
  limiter.leave(channels[0] as RateChannel)
  const called: (RateChannel | undefined)[] = [limiter.poll(), limiter.poll()]
  deepEqual(
    called.map((channel) => (channel === undefined ? 'nobody' : channels.indexOf(channel))),
    [1, 'nobody'],
  )
})
