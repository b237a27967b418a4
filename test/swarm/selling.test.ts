// What an UploadPolicy bounds and is told: never a byte beyond what is allowed at the moment, and what was served is what
// comes in at the other end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { plainUploadPolicy } from '../../src/swarm/choker.ts'
import type { DownloadPolicy, UploadPolicy } from '../../src/swarm/policies.ts'
import { type NodeOptions, type TestNode, World } from './swarm-harness.ts'

const blockBytes = 16_384

/** A seed that counts what it serves to each peer, up to what is granted. */
class Seller {
  readonly served = new Map<number, number>()
  readonly granted = new Map<number, number>()
  readonly node: TestNode
  private readonly world: World

  constructor(world: World, options: NodeOptions = {}) {
    this.world = world
    const uploadPolicy: UploadPolicy = {
      ...plainUploadPolicy({ random: world.random }),
      allowanceBytes: (peer) => this.left(peer),
      onServed: (peer, bytes) => {
        this.served.set(peer, (this.served.get(peer) ?? 0) + bytes)
        assert.ok(this.left(peer) >= 0, 'never beyond what is granted')
      },
    }
    this.node = world.node('seller', { has: 'all', maxSlots: 8, ...options, uploadPolicy })
  }

  grant(peer: number, bytes: number): void {
    this.granted.set(peer, (this.granted.get(peer) ?? 0) + bytes)
    this.node.turn(() => this.node.swarm.uploadAllowanceChanged(peer, this.world.time.nowMs()))
  }

  private left(peer: number): number {
    const granted = this.granted.get(peer)
    return granted === undefined ? Number.POSITIVE_INFINITY : granted - (this.served.get(peer) ?? 0)
  }
}

const asksFreely: DownloadPolicy = {
  piecesFor: () => undefined,
  requestAllowanceBytes: () => Number.POSITIVE_INFINITY,
  onVerified: () => {},
}

test('a peer is served whole blocks up to what is allowed, and goes on at once when it is more', () => {
  const world = new World(1, { pieces: 40 })
  const seller = new Seller(world, { behaviour: { allowedFast: false } })
  const leech = world.node('leech')
  seller.granted.set(1, 3 * blockBytes + 100)
  world.connect(leech, seller.node)
  world.run(20_000)
  assert.equal(seller.served.get(1), 3 * blockBytes)
  seller.grant(1, blockBytes - 101)
  world.run(20_000)
  assert.equal(seller.served.get(1), 3 * blockBytes, 'less than a block is none')
  seller.grant(1, 1)
  assert.equal(seller.served.get(1), 4 * blockBytes, 'at once')
  seller.grant(1, Number.POSITIVE_INFINITY)
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 30_000))
  assert.equal(seller.served.get(1), world.torrent.info.totalBytes)
})

test('choked peers and their allowed fast pieces are bound as well, and others are not held up', () => {
  const world = new World(2, { pieces: 12 })
  const seller = new Seller(world, { maxSlots: 1 })
  const bound = world.node('bound')
  const other = world.node('other')
  seller.granted.set(1, 0)
  world.connect(seller.node, bound)
  world.connect(seller.node, other)
  world.run(60_000)
  assert.equal(seller.served.get(1), undefined)
  assert.equal(bound.storage.have.count, 0)
  assert.ok(other.swarm.isFinished)
  seller.grant(1, blockBytes)
  world.run(11_000)
  assert.equal(seller.served.get(1), blockBytes)
})

for (const version of ['v1', 'v2'] as const) {
  test(`what is served is what comes in, to the byte, cancelled and thrown away or not (${version})`, () => {
    let cancelled = 0
    for (let seed = 1; seed <= 12; seed++) {
      const random = simulatedRandom(seed)
      const fast = random.below(4) > 0
      const extents = version === 'v1' ? { extents: [[0, 40_000] as const, [57_000, 600_000] as const] } : {}
      const world = new World(seed, { pieces: 20, blocksPerPiece: 2, version, ...extents })
      // Who parts does not get what is on its way.
      const behaviour = { leavesUseless: false }
      const seller = new Seller(world, { upBytesPerSecond: 60_000, fast, behaviour })
      const second = world.node('second', { has: 'all', upBytesPerSecond: 40_000, fast, behaviour })
      const received = { bytes: 0 }
      const leech = world.node('leech', {
        fast,
        behaviour,
        downloadPolicy: {
          ...asksFreely,
          onReceived: (peer, _piece, bytes) => {
            if (peer === 1) received.bytes += bytes
          },
        },
      })
      world.connect(leech, seller.node)
      world.connect(leech, second)
      const { connection } = leech.link(seller.node)
      const cancel = connection.cancel.bind(connection)
      connection.cancel = (piece, begin, length) => {
        cancelled++
        cancel(piece, begin, length)
      }
      const pieces = new Uint8Array(20).fill(4)
      for (let change = 0; change < 6; change++) {
        const unwanted = random.below(20)
        world.time.at(300 + random.below(6_000), () => {
          pieces[unwanted] = 4 - (pieces[unwanted] as number)
          leech.turn(() => leech.swarm.setPriorities(pieces, world.time.nowMs()))
        })
      }
      world.run(30_000)
      assert.equal(received.bytes, seller.served.get(1) ?? 0, `seed ${seed}`)
      assert.ok(received.bytes > 0)
    }
    assert.ok(cancelled > 20)
  })
}
