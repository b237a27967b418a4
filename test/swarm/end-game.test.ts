// The end of a transfer: the last blocks come soon, whoever falls silent, and next to nothing comes twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SwarmBehaviour } from '../../src/swarm/swarm-behaviour.ts'
import { type TestNode, World } from './swarm-harness.ts'

/** Sends nothing more, and keeps its connections. */
function hang(node: TestNode): void {
  node.occupyUplink(1e12)
}

/** Of `count` equal seeds all hang but one when so many pieces lack; how long the rest took then. */
function restWhenOthersHang(
  seed: number,
  count: number,
  lackingPieces: number,
  blocksPerPiece: number,
  behaviour: Partial<SwarmBehaviour> = {},
): number {
  const world = new World(seed, { pieces: 32, blocksPerPiece })
  const seeds = Array.from({ length: count }, (_, index) =>
    world.node(`seed ${index}`, { has: 'all', upBytesPerSecond: 300_000 }),
  )
  const leech = world.node('leech', { behaviour })
  for (const node of seeds) world.connect(node, leech, 40)
  assert.ok(world.runUntil(() => leech.swarm.snapshot(world.time.nowMs()).missingPieces <= lackingPieces))
  for (const node of seeds.slice(1)) hang(node)
  const startMs = world.time.nowMs()
  world.runUntil(() => leech.swarm.isFinished, 300_000)
  return world.time.nowMs() - startMs
}

for (const [count, lackingPieces, blocksPerPiece, maxMs] of [
  [4, 3, 4, 2_000],
  [4, 8, 4, 2_000],
  [12, 8, 4, 3_000],
  [12, 16, 1, 5_000],
] as const) {
  test(`${count - 1} of ${count} peers hang when ${lackingPieces} pieces of ${blocksPerPiece} lack: the one left has them done within seconds`, () => {
    for (const seed of [0, 6]) {
      const tookMs = restWhenOthersHang(seed, count, lackingPieces, blocksPerPiece)
      assert.ok(tookMs < maxMs, `${Math.round(tookMs)} ms, seed ${seed}`)
    }
  })
}

test('without giving others what a late peer owes, the last blocks wait for its timeout', () => {
  assert.ok(restWhenOthersHang(0, 4, 8, 4, { antiSnubbing: false }) > 10_000)
})

/** Of honest seeds with such rates, that stop for up to `pauseMs` every now and then; what came twice or in vain. */
function wastedOf(seed: number, pauseMs: number, rates: readonly number[]): number {
  const world = new World(seed, { pieces: 200, blocksPerPiece: 4 })
  const leech = world.node('leech')
  for (const [index, upBytesPerSecond] of rates.entries()) {
    const node = world.node(`seed ${index}`, { has: 'all', upBytesPerSecond })
    world.connect(node, leech, 20 + 30 * index)
    const pause = () => {
      node.occupyUplink((world.random.below(pauseMs) * upBytesPerSecond) / 1_000)
      if (!leech.swarm.isFinished) world.time.at(world.time.nowMs() + world.random.below(2 * pauseMs + 1_000), pause)
    }
    if (pauseMs > 0) pause()
  }
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 900_000))
  const { wastedBytes, downloadedBytes } = leech.swarm.snapshot(world.time.nowMs())
  return wastedBytes / downloadedBytes
}

for (const pauseMs of [0, 3_000]) {
  for (const rates of [
    [900_000, 60_000, 60_000, 60_000],
    [300_000, 300_000, 90_000, 9_000, 9_000],
  ]) {
    test(`slow but honest: of ${rates.join(', ')} bytes a second, pausing up to ${pauseMs} ms, next to nothing comes twice`, () => {
      const share = wastedOf(1, pauseMs, rates)
      assert.ok(share < 0.01, `${share}`)
    })
  }
}

test('a lone peer that pauses is not asked twice for the same', () => {
  assert.equal(wastedOf(1, 8_000, [200_000]), 0)
})
