// What the literature found of swarms like ours, as directions that hold from every seed: rarest first and choking
// (Legout, Urvoy-Keller and Michiardi 2006; Legout et al. 2007), free riders and altruism (Piatek et al. 2007).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import { runScenario } from '../../sim/run-scenario.ts'
import type { Scenario } from '../../sim/scenario.ts'
import type { Participant, Stage } from '../../sim/stage.ts'
import { Availability, isWithin } from '../../src/swarm/availability.ts'

const { SWARMBID_TEST_LONG: isLong } = process.env
const seeds = Array.from({ length: isLong === undefined ? 3 : 10 }, (_, index) => index + 1)
const pieceLengthBytes = 32_768
const usual = { about: 'what the literature found', peers: 0, pieceLengthBytes, limitMs: 1_200_000 }

/** Plays a scenario of this file, and gives what its judge measured. */
async function measure<T>(seed: number, scenario: Omit<Scenario, 'about'>, result: () => T): Promise<T> {
  const report = await runScenario({ ...usual, ...scenario }, { seed, checks: [], settlePromises })
  assert.deepEqual(report.violations, [])
  return result()
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function secondsOf({ finishedMs, joinedMs }: Participant): number {
  assert.ok(finishedMs !== undefined)
  return (finishedMs - joinedMs) / 1_000
}

/** How many of the leechers have each piece. */
function copiesOf(leechers: readonly Participant[], pieceCount: number): number[] {
  const copies = new Array<number>(pieceCount).fill(0)
  for (const { machine, id } of leechers) {
    const { pieces } = machine.torrent(id)
    for (let piece = 0; piece < pieceCount; piece++) {
      if (((pieces[piece >> 3] as number) & (0x80 >> (piece & 7))) !== 0) copies[piece] = (copies[piece] as number) + 1
    }
  }
  return copies
}

/**
 * What part of all pieces the leechers have among them when their only seed has sent as much as one content. Never all:
 * each leecher has its allowed fast set as well (BEP 6), whatever others have, and some pieces are under way to several.
 */
async function spreadPieces(seed: number): Promise<number> {
  const pieceCount = 600
  const pieceLengthBytes = 16_384
  const contentBytes = pieceCount * pieceLengthBytes
  let leechers: Participant[] = []
  let share = Number.NaN
  const scenario: Omit<Scenario, 'about'> = {
    ...usual,
    name: 'spread-pieces',
    pieceLengthBytes,
    contentBytes,
    async arrange(stage) {
      const { machine } = await stage.seed({ uploadBytesPerSecond: 200_000 })
      leechers = await stage.leechers(6, () => ({ uploadBytesPerSecond: 10_000, latencyMs: 10 }))
      return {
        isOver: () => stage.world.network.trafficOf(machine.address).sentBytes > contentBytes,
        judge: () => {
          share = copiesOf(leechers, pieceCount).filter((copies) => copies > 0).length / pieceCount
        },
      }
    },
  }
  return measure(seed, scenario, () => share)
}

/** In place of the rarest piece: any that may be started and that the peer has. */
function atRandom(this: Availability, ...[bits, ranges, random]: Parameters<Availability['rarest']>): number {
  const pieces: number[] = []
  for (let piece = 0; piece < bits.length; piece++) {
    if (this.startable.get(piece) && bits.get(piece) && isWithin(ranges, piece)) pieces.push(piece)
  }
  return pieces[random.below(Math.max(1, pieces.length))] ?? -1
}

test('by rarest first a seed sends more pieces that nobody else has than in random order', async (t) => {
  const { rarest } = Availability.prototype
  for (const seed of seeds) {
    const withRarest = await spreadPieces(seed)
    Availability.prototype.rarest = atRandom
    let withRandom: number
    try {
      withRandom = await spreadPieces(seed)
    } finally {
      Availability.prototype.rarest = rarest
    }
    t.diagnostic(`seed ${seed}: ${withRarest.toFixed(2)} of the pieces, at random ${withRandom.toFixed(2)}`)
    assert.ok(withRarest > withRandom + 0.02, `seed ${seed}: ${withRarest} of the pieces, at random ${withRandom}`)
  }
})

interface Classes {
  readonly strong: readonly Participant[]
  readonly weak: readonly Participant[]
  /** Bytes of content between the classes: given by the first to the second. */
  readonly strongToStrong: number
  readonly strongToWeak: number
  readonly altruism: number
}

/** Two classes of leechers that differ in what they give only. */
async function classes(seed: number, weakBytesPerSecond: number, contentBytes: number): Promise<Classes> {
  let result: Classes | undefined
  const scenario: Omit<Scenario, 'about'> = {
    ...usual,
    name: 'classes',
    contentBytes,
    async arrange(stage: Stage) {
      const config = {
        connections: { maxConnections: 100, maxConnectionsPerTorrent: 50, maxHalfOpen: 50, maxSlotsPerTorrent: 4 },
      }
      const link = { downloadBytesPerSecond: 400_000, latencyMs: 10, config }
      await stage.seed({ ...link, uploadBytesPerSecond: 150_000 })
      const strong: Participant[] = []
      const weak: Participant[] = []
      for (let index = 0; index < 8; index++) {
        strong.push(await stage.leecher({ ...link, uploadBytesPerSecond: 80_000 }))
        weak.push(await stage.leecher({ ...link, uploadBytesPerSecond: weakBytesPerSecond }))
      }
      const given = new Map<Participant, number>()
      let toStrong = 0
      let toWeak = 0
      stage.world.watchers.push({
        onChange: (machine, change) => {
          if (change.type !== 'finished') return
          const one = strong.find((participant) => participant.machine === machine)
          if (one === undefined) return
          const { uploadedBytes, peers } = machine.torrent(one.id)
          given.set(one, uploadedBytes)
          for (const { endpoint, uploadedBytes: bytes } of peers) {
            if (weak.some((other) => other.machine.address === endpoint.address)) toWeak += bytes
            else toStrong += bytes
          }
        },
      })
      return {
        isOver: () => stage.allFinished(),
        judge: () => {
          const altruism = mean(strong.map((one) => (given.get(one) ?? 0) / contentBytes))
          result = { strong, weak, strongToStrong: toStrong, strongToWeak: toWeak, altruism }
        },
      }
    },
  }
  return measure(seed, scenario, () => {
    assert.ok(result !== undefined)
    return result
  })
}

test('choking clusters peers by speed: the strong give to the strong, and finish sooner', async (t) => {
  let [toStrong, toWeak] = [0, 0]
  for (const seed of seeds) {
    const { strong, weak, strongToStrong, strongToWeak } = await classes(seed, 20_000, 6_000_000)
    const [strongSeconds, weakSeconds] = [mean(strong.map(secondsOf)), mean(weak.map(secondsOf))]
    t.diagnostic(
      `seed ${seed}: ${strongSeconds.toFixed(1)} s, weak ${weakSeconds.toFixed(1)} s; ${(strongToStrong / strongToWeak).toFixed(2)} times as much to the strong`,
    )
    assert.ok(strongSeconds < 0.95 * weakSeconds, `seed ${seed}: ${strongSeconds} s, the weak ${weakSeconds} s`)
    toStrong += strongToStrong
    toWeak += strongToWeak
  }
  // One swarm in eight or so has a pair that never finds each other, and gives as much to either.
  assert.ok(toStrong > 1.1 * toWeak, `${toStrong} to the strong, ${toWeak}`)
})

test('free riders wait longer than those who give, and live by the altruism of the strong', async (t) => {
  for (const seed of seeds) {
    const { strong, weak, altruism } = await classes(seed, 2_000, 1_500_000)
    const [strongSeconds, weakSeconds] = [mean(strong.map(secondsOf)), mean(weak.map(secondsOf))]
    t.diagnostic(
      `seed ${seed}: ${strongSeconds.toFixed(1)} s, free ${weakSeconds.toFixed(1)} s; given ${altruism.toFixed(2)} contents`,
    )
    assert.ok(weakSeconds > 1.2 * strongSeconds, `seed ${seed}: ${weakSeconds} s, who gives ${strongSeconds} s`)
    assert.ok(altruism > 0.8, `seed ${seed}: the strong had given ${altruism} contents when they had theirs`)
  }
})

/** What each leecher, slow and fast by turns, has when the seed, the only one any of them knows, has sent half of all they want. */
async function servedBySeed(seed: number): Promise<number[]> {
  let shares: number[] = []
  const contentBytes = 2_000_000
  const scenario: Omit<Scenario, 'about'> = {
    ...usual,
    name: 'served-by-seed',
    contentBytes,
    async arrange(stage) {
      stage.setContent({ trackers: [] })
      const seed = await stage.seed({ uploadBytesPerSecond: 100_000 })
      const add = { peers: [seed.machine.endpoint] }
      const leechers = await stage.leechers(12, (index) => ({
        downloadBytesPerSecond: index % 2 === 0 ? 20_000 : 200_000,
        add,
      }))
      const sentBytes = () => stage.world.network.trafficOf(seed.machine.address).sentBytes
      return {
        isOver: () => sentBytes() > (leechers.length * contentBytes) / 2,
        judge: () => {
          shares = leechers.map(({ machine, id }) => machine.torrent(id).doneBytes / contentBytes)
        },
      }
    },
  }
  return measure(seed, scenario, () => shares)
}

test('a seed serves slow peers as well as fast ones, whose links are ten times as fast', async (t) => {
  for (const seed of seeds) {
    const shares = await servedBySeed(seed)
    const [slow, fast] = [0, 1].map((remainder) => mean(shares.filter((_, index) => index % 2 === remainder)))
    t.diagnostic(`seed ${seed}: slow ${slow?.toFixed(2)}, fast ${fast?.toFixed(2)} of the content`)
    assert.ok(slow !== undefined && fast !== undefined && slow > 0.3 * fast, `seed ${seed}: ${slow}, fast ${fast}`)
  }
})
