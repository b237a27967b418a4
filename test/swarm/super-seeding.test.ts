// A super-seed gives each piece away about once, and to those who pass them on (BEP 16).
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { Bitfield } from '../../src/base/bitfield.ts'
import { SuperSeeding } from '../../src/swarm/super-seeding.ts'

class Leechers {
  readonly seeding: SuperSeeding
  readonly bits: Bitfield[] = []
  /** Pieces that were sent by the seed. */
  sentCount = 0

  constructor(pieceCount: number, count: number, seed: number) {
    this.seeding = new SuperSeeding(pieceCount, simulatedRandom(seed))
    for (let peer = 0; peer < count; peer++) {
      this.bits.push(new Bitfield(pieceCount))
      this.seeding.addPeer(peer, this.bits[peer] as Bitfield)
    }
  }

  get(peer: number, piece: number): void {
    if ((this.bits[peer] as Bitfield).set(piece)) this.seeding.peerHas(peer, piece)
  }

  /** What is shown to a peer now. */
  show(peer: number): number[] {
    const shown: number[] = []
    for (let piece = this.seeding.next(peer); piece !== -1; piece = this.seeding.next(peer)) shown.push(piece)
    return shown
  }
}

test('a peer is shown two pieces, and no more until another has one of them', () => {
  const swarm = new Leechers(50, 3, 1)
  const [first, second] = swarm.show(0) as [number, number]
  ok(first !== second)
  swarm.get(0, first)
  swarm.get(0, second)
  deepEqual(swarm.show(0), [])
  swarm.get(1, first)
  equal(swarm.show(0).length, 1)
  swarm.get(2, second)
  equal(swarm.show(0).length, 1)
})

test('different peers are shown different pieces as long as there are any', () => {
  const swarm = new Leechers(20, 10, 2)
  const shown = Array.from({ length: 10 }, (_, peer) => swarm.show(peer)).flat()
  equal(new Set(shown).size, 20)
})

test('the piece with fewest copies is shown first', () => {
  const swarm = new Leechers(9, 4, 6)
  for (let piece = 0; piece < 9; piece++) for (const peer of piece === 4 ? [1] : [1, 2]) swarm.get(peer, piece)
  equal(swarm.seeding.next(0), 4)
})

test('only what was shown may be asked for', () => {
  const swarm = new Leechers(20, 2, 3)
  const shown = swarm.show(0)
  for (let piece = 0; piece < 20; piece++) equal(swarm.seeding.isShown(0, piece), shown.includes(piece))
  ok(!swarm.seeding.isShown(7, 0))
})

test('a lone peer gets everything, as there is nobody to pass it on to', () => {
  const swarm = new Leechers(15, 1, 4)
  for (let round = 0; round < 15; round++) for (const piece of swarm.show(0)) swarm.get(0, piece)
  ok(swarm.bits[0]?.isComplete)
})

test('who waited for the last other peer to get its pieces goes on when that one leaves', () => {
  const swarm = new Leechers(15, 2, 5)
  for (const piece of swarm.show(0)) swarm.get(0, piece)
  deepEqual(swarm.seeding.waiting(), [1])
  swarm.seeding.removePeer(1)
  deepEqual(swarm.seeding.waiting(), [0])
  equal(swarm.show(0).length, 2)
})

test('who turns out to have everything leaves nothing behind of what it was shown', () => {
  const swarm = new Leechers(2, 2, 5)
  equal(swarm.show(0).length, 2)
  swarm.seeding.dismiss(0)
  equal(swarm.show(1).length, 2)
  for (const piece of [0, 1]) swarm.get(1, piece)
  ok(swarm.bits[1]?.isComplete)
})

test('peers that share among themselves all finish, and the seed sends little more than one copy', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), (count, seed) => {
      const pieceCount = 60
      const swarm = new Leechers(pieceCount, count, seed)
      const random = simulatedRandom(seed + 1)
      for (let round = 0; round < 2000 && !swarm.bits.every((bits) => bits.isComplete); round++) {
        const peer = random.below(count)
        // Sharing first: a piece that some other peer has.
        const other = random.below(count)
        const offered = swarm.bits[other] as Bitfield
        for (let piece = offered.nextSet(0); piece !== -1; piece = offered.nextSet(piece + 1)) swarm.get(peer, piece)
        for (const waiting of swarm.seeding.waiting()) swarm.show(waiting)
        const bits = swarm.bits[peer] as Bitfield
        for (let piece = 0; piece < pieceCount; piece++) {
          if (!swarm.seeding.isShown(peer, piece) || bits.get(piece)) continue
          swarm.sentCount++
          swarm.get(peer, piece)
          break
        }
      }
      ok(swarm.bits.every((bits) => bits.isComplete))
      // What was under way to each when the last one had been shown comes twice, some of it more often.
      ok(swarm.sentCount <= pieceCount + 5 * count, `${swarm.sentCount}`)
    }),
    { numRuns: 40 },
  )
})

test('a peer is never shown what it has or was shown, whoever comes and goes', () => {
  const step = fc.record({ type: fc.constantFrom('show', 'get', 'leave'), peer: fc.nat(3), piece: fc.nat(9) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, seed) => {
      const swarm = new Leechers(10, 4, seed)
      for (const { type, peer, piece } of steps) {
        if (type === 'get') swarm.get(peer, piece)
        else if (type === 'leave') {
          swarm.seeding.removePeer(peer)
          swarm.bits[peer] = new Bitfield(10)
          swarm.seeding.addPeer(peer, swarm.bits[peer] as Bitfield)
        } else {
          const before = Array.from({ length: 10 }, (_, index) => swarm.seeding.isShown(peer, index))
          const shown = swarm.seeding.next(peer)
          if (shown !== -1) ok(!before[shown] && !swarm.bits[peer]?.get(shown))
        }
      }
    }),
  )
})
