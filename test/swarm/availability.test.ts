// The order of pieces by priority and rarity agrees with the plain computation after any changes.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { Bitfield } from '../../src/base/bitfield.ts'
import { Availability, isWithin } from '../../src/swarm/availability.ts'
import type { PieceRange } from '../../src/swarm/policies.ts'

const pieceCount = 40

function bitfieldOf(pieces: readonly number[], length = pieceCount): Bitfield {
  const bits = new Bitfield(length)
  for (const piece of pieces) bits.set(piece)
  return bits
}

const pieces = fc.uniqueArray(fc.nat(pieceCount - 1), { maxLength: pieceCount })
const change = fc.oneof(
  fc.record({ type: fc.constant('join' as const), pieces }),
  fc.record({ type: fc.constant('leave' as const), index: fc.nat() }),
  fc.record({ type: fc.constant('have' as const), index: fc.nat(), piece: fc.nat(pieceCount - 1) }),
  fc.record({
    type: fc.constant('level' as const),
    piece: fc.nat(pieceCount - 1),
    level: fc.nat(7),
    isLater: fc.boolean(),
  }),
  fc.record({ type: fc.constant('seed' as const) }),
  fc.record({ type: fc.constant('look' as const), pieces, first: fc.nat(pieceCount - 1), size: fc.nat(pieceCount) }),
)

test('whatever changes, the piece found is of the highest priority and the rarest that the peer has', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.nat(), (changes, seed) => {
      const availability = new Availability(pieceCount)
      const random = simulatedRandom(seed)
      const peers: Bitfield[] = []
      const levels = new Uint8Array(pieceCount)
      const rank = (piece: number): number =>
        (7 - (levels[piece] as number)) * 1000 + peers.filter((bits) => bits.get(piece)).length
      for (const step of changes) {
        if (step.type === 'join') {
          peers.push(bitfieldOf(step.pieces))
          availability.changeAll(bitfieldOf(step.pieces), 1)
        } else if (step.type === 'leave' && peers.length > 0) {
          const [bits] = peers.splice(step.index % peers.length, 1)
          availability.changeAll(bits as Bitfield, -1)
        } else if (step.type === 'have' && peers.length > 0) {
          const bits = peers[step.index % peers.length] as Bitfield
          const isNew = bits.set(step.piece)
          if (!isNew) bits.clear(step.piece)
          availability.change(step.piece, isNew ? 1 : -1)
        } else if (step.type === 'level') {
          levels[step.piece] = step.level
          if (step.isLater) availability.setLevelLater(step.piece, step.level)
          else availability.setLevel(step.piece, step.level)
        } else if (step.type === 'seed') {
          availability.seedCount++
        } else if (step.type === 'look') {
          const ranges: PieceRange[] = [{ first: step.first, last: step.first + step.size }]
          const usable = step.pieces.filter((piece) => levels[piece] !== 0 && isWithin(ranges, piece))
          // A piece that a peer asks for is with that peer, so it counts.
          const counted = bitfieldOf(step.pieces)
          availability.changeAll(counted, 1)
          peers.push(counted)
          const best = Math.min(...usable.map(rank))
          const found = availability.rarest(counted, ranges, random)
          if (usable.length === 0) equal(found, -1)
          else equal(usable.includes(found) && rank(found), best)
          const highest = Math.max(...usable.map((piece) => levels[piece] as number))
          const first = usable.filter((piece) => highest !== 7 || levels[piece] === 7)
          equal(availability.first(counted, ranges), usable.length === 0 ? -1 : Math.min(...first))
          const any = availability.any(counted, ranges, random)
          equal(usable.length === 0 ? any : usable.includes(any), usable.length === 0 ? -1 : true)
        }
        for (let piece = 0; piece < pieceCount; piece++) {
          const count = peers.filter((bits) => bits.get(piece)).length
          equal(availability.of(piece), count + availability.seedCount)
        }
        const isReachable = levels.some((level, piece) => level !== 0 && availability.of(piece) > 0)
        equal(availability.hasReachable, isReachable)
      }
    }),
  )
})

test('equally rare pieces are found by lot', () => {
  const found = new Set<number>()
  for (let seed = 0; seed < 200; seed++) {
    const availability = new Availability(pieceCount)
    for (let piece = 0; piece < pieceCount; piece++) availability.setLevelLater(piece, 4)
    const bits = new Bitfield(pieceCount)
    bits.setAll()
    availability.changeAll(bits, 1)
    found.add(availability.rarest(bits, undefined, simulatedRandom(seed)))
  }
  ok(found.size > pieceCount / 2, `${found.size} of ${pieceCount}`)
})

test('more than 255 peers are counted, and come and go in any order', () => {
  const availability = new Availability(3)
  for (let piece = 0; piece < 3; piece++) availability.setLevel(piece, 4)
  for (let peer = 0; peer < 300; peer++) for (const piece of [0, 1]) availability.change(piece, 1)
  for (let peer = 0; peer < 60; peer++) availability.change(0, -1)
  deepEqual(
    [0, 1, 2].map((piece) => availability.of(piece)),
    [240, 300, 0],
  )
  equal(availability.rarest(bitfieldOf([0, 1], 3), undefined, simulatedRandom(1)), 0)
})

test('a peer that has a few of very many pieces is served all of them', () => {
  const many = 100_000
  const availability = new Availability(many)
  for (let piece = 0; piece < many; piece++) availability.setLevelLater(piece, 4)
  const common = bitfieldOf([10, 50_000, 99_999], many)
  // They are the most common ones, so they stand at the very end of the order.
  for (let peer = 0; peer < 3; peer++) availability.changeAll(common, 1)
  const rest = new Bitfield(many)
  rest.setAll()
  rest.andNot(common)
  availability.changeAll(rest, 1)
  const found: number[] = []
  for (let round = 0; round < 4; round++) {
    const piece = availability.rarest(common, undefined, simulatedRandom(round))
    found.push(piece)
    if (piece !== -1) availability.setLevel(piece, 0)
  }
  deepEqual(
    found.sort((a, b) => a - b),
    [-1, 10, 50_000, 99_999],
  )
})

test('a piece lies within ascending ranges or does not', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60), { maxLength: 8 }), fc.nat(60), (bounds, piece) => {
      const sorted = [...bounds].sort((a, b) => a - b)
      const ranges: PieceRange[] = []
      for (let index = 0; index + 1 < sorted.length; index += 2) {
        ranges.push({ first: sorted[index] as number, last: sorted[index + 1] as number })
      }
      equal(
        isWithin(ranges, piece),
        ranges.some(({ first, last }) => first <= piece && piece <= last),
      )
    }),
  )
  ok(isWithin(undefined, 5))
})
