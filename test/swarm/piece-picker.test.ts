// What the picker asks of whom: each rule by itself, and what must hold whatever happens.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { Bitfield } from '../../src/base/bitfield.ts'
import { arriving, arrivingSlowly, notArriving } from '../../src/swarm/partial-pieces.ts'
import { type PickRequest, PiecePicker } from '../../src/swarm/piece-picker.ts'

const blockBytes = 16_384

interface Setup {
  readonly pieceCount: number
  readonly blocksPerPiece: number
  readonly have?: readonly number[]
  readonly seed?: number
}

/** A picker, and how its peers ask it. */
class Table {
  readonly picker: PiecePicker
  readonly pieceCount: number
  readonly blocksPerPiece: number
  readonly bits = new Map<number, Bitfield>()
  nowMs = 0

  constructor({ pieceCount, blocksPerPiece, have = [], seed = 1 }: Setup) {
    this.pieceCount = pieceCount
    this.blocksPerPiece = blocksPerPiece
    const pieceLengthBytes = blocksPerPiece * blockBytes
    this.picker = new PiecePicker({
      pieceCount,
      pieceLengthBytes,
      spanBytes: pieceCount * pieceLengthBytes,
      have: this.bitfield(have),
      random: simulatedRandom(seed),
    })
  }

  bitfield(pieces: readonly number[]): Bitfield {
    const bits = new Bitfield(this.pieceCount)
    for (const piece of pieces) bits.set(piece)
    return bits
  }

  join(peer: number, pieces?: readonly number[]): void {
    const bits = this.bitfield(pieces ?? [])
    if (pieces === undefined) bits.setAll()
    this.bits.set(peer, bits)
    this.picker.addPeer(peer, bits)
  }

  ask(peer: number, changes: Partial<PickRequest> = {}): number[] {
    const out = new Float64Array(changes.maxBlocks ?? this.blocksPerPiece)
    const count = this.picker.pick({
      peer,
      bits: this.bits.get(peer) as Bitfield,
      mayBegin: this.bits.get(peer) as Bitfield,
      isSlow: false,
      isAlone: false,
      takesWhole: false,
      outstandingBlocks: 0,
      endGameDepth: 8,
      ranges: undefined,
      maxBlocks: out.length,
      canTake: () => true,
      nowMs: this.nowMs,
      ...changes,
      out,
    })
    return [...out.subarray(0, count)]
  }

  pieceOf(blocks: readonly number[]): number {
    const [first] = blocks
    return first === undefined ? -1 : Math.floor(first / this.blocksPerPiece)
  }

  receive(peer: number, blocks: readonly number[]): number[] {
    const others = new Int32Array(3)
    return blocks.flatMap((block) => {
      const count = this.picker.received(block, peer, others, this.nowMs)
      return count <= 0 ? [] : [...others.subarray(0, count)]
    })
  }
}

const fourHad = [0, 1, 2, 3]

test('the rarest piece is asked for first', () => {
  const table = new Table({ pieceCount: 10, blocksPerPiece: 2, have: fourHad })
  table.join(1)
  table.join(2, [4, 5, 6, 8, 9])
  table.join(3, [4, 5, 6, 7, 8])
  table.picker.removePeer(1, table.bits.get(1) as Bitfield)
  deepEqual([table.pieceOf(table.ask(2)), table.pieceOf(table.ask(3))], [9, 7])
})

test('a rare piece that was just announced comes before common ones', () => {
  const table = new Table({ pieceCount: 40, blocksPerPiece: 1, have: fourHad })
  for (let peer = 0; peer < 5; peer++)
    table.join(
      peer,
      Array.from({ length: 39 }, (_, piece) => piece),
    )
  table.bits.get(2)?.set(39)
  table.picker.peerHas(39)
  deepEqual(table.ask(2), [39])
})

test('until four pieces are here any is asked for, not the rarest', () => {
  const first = (have: readonly number[], seed: number): number => {
    const table = new Table({ pieceCount: 30, blocksPerPiece: 1, have, seed })
    table.join(1, Array.from({ length: 30 }, (_, piece) => piece).slice(0, 29))
    table.join(
      2,
      Array.from({ length: 30 }, (_, piece) => piece),
    )
    table.picker.peerLost(2, 20, table.bits.get(2) as Bitfield)
    table.bits.get(2)?.clear(20)
    return table.pieceOf(table.ask(2))
  }
  const seeds = Array.from({ length: 40 }, (_, seed) => seed)
  ok(new Set(seeds.map((seed) => first([0, 1, 2], seed))).size > 10)
  deepEqual(new Set(seeds.map((seed) => first(fourHad, seed))), new Set([29]))
})

test('a higher priority comes before rarity, and what is not wanted is never asked for', () => {
  const table = new Table({ pieceCount: 8, blocksPerPiece: 1, have: fourHad })
  table.join(1)
  table.join(2, [4, 5, 6])
  table.picker.setPriorities(Uint8Array.of(4, 4, 4, 4, 4, 5, 4, 0))
  const order = [...table.ask(1), ...table.ask(1), ...table.ask(1)]
  equal(order[0], 5)
  deepEqual([...order].sort(), [4, 5, 6])
  deepEqual(table.ask(1), [])
  ok(!table.picker.missing.get(7))
  table.picker.setPriority(7, 1)
  deepEqual(table.ask(1), [7])
})

test('of the pieces under way those of higher priority are joined first', () => {
  for (const urgent of [7, 12]) {
    const table = new Table({ pieceCount: 20, blocksPerPiece: 512, have: fourHad })
    for (let peer = 1; peer <= 3; peer++) table.join(peer)
    table.picker.setPriority(urgent, 6)
    for (const [index, piece] of [7, 12].entries()) {
      table.ask(index + 1, { maxBlocks: 10, ranges: [{ first: piece, last: piece }] })
    }
    equal(table.pieceOf(table.ask(3, { maxBlocks: 10 })), urgent)
  }
})

test('a peer gets the blocks of one piece in a row, and goes on where it stopped', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 8, have: fourHad })
  table.join(1)
  deepEqual(table.ask(1, { maxBlocks: 3 }), [32, 33, 34])
  deepEqual(table.ask(1, { maxBlocks: 3 }), [35, 36, 37])
  deepEqual(table.ask(1, { maxBlocks: 3 }), [38, 39])
})

test('fast peers take a small piece each, slow ones share theirs, and neither joins the other kind', () => {
  const table = new Table({ pieceCount: 40, blocksPerPiece: 8, have: fourHad })
  for (let peer = 1; peer <= 4; peer++) table.join(peer)
  const pieces = [
    table.pieceOf(table.ask(1, { maxBlocks: 2 })),
    table.pieceOf(table.ask(2, { maxBlocks: 2 })),
    table.pieceOf(table.ask(3, { maxBlocks: 2, isSlow: true })),
    table.pieceOf(table.ask(4, { maxBlocks: 2, isSlow: true })),
  ]
  equal(new Set(pieces.slice(0, 3)).size, 3)
  equal(pieces[3], pieces[2])
})

test('large pieces are shared by peers of one speed', () => {
  const table = new Table({ pieceCount: 20, blocksPerPiece: 512, have: fourHad })
  for (let peer = 1; peer <= 3; peer++) table.join(peer)
  const first = table.ask(1, { maxBlocks: 10 })
  const second = table.ask(2, { maxBlocks: 10 })
  equal(table.pieceOf(second), table.pieceOf(first))
  ok(second.every((block) => !first.includes(block)))
  equal(table.picker.partialCount, 1)
})

test('a piece that its peer left is finished before another is begun, by whoever comes', () => {
  const table = new Table({ pieceCount: 40, blocksPerPiece: 8, have: fourHad })
  table.join(1)
  table.join(2)
  const left = table.ask(1, { maxBlocks: 4 })
  table.receive(1, left.slice(0, 2))
  for (const block of left.slice(2)) equal(table.picker.returned(block, 1), false)
  table.picker.removePeer(1, table.bits.get(1) as Bitfield)
  const start = table.pieceOf(left) * 8
  deepEqual(
    table.ask(2, { isSlow: true, maxBlocks: 6 }),
    [2, 3, 4, 5, 6, 7].map((block) => start + block),
  )
})

test('where there is no memory for a new piece, peers join those under way, and with none left ask for nothing', () => {
  const table = new Table({ pieceCount: 40, blocksPerPiece: 8, have: fourHad })
  table.join(1)
  table.join(2)
  const first = table.ask(1, { maxBlocks: 2 })
  const under = table.pieceOf(first)
  const joined = table.ask(2, { maxBlocks: 2, canTake: (piece) => piece === under })
  equal(table.pieceOf(joined), under)
  deepEqual(table.ask(2, { canTake: () => false }), [])
  equal(table.picker.partialCount, 1)
})

test('the more pieces are under way, the less are begun: beyond a number peers join', () => {
  const table = new Table({ pieceCount: 500, blocksPerPiece: 8, have: fourHad })
  for (let peer = 0; peer < 100; peer++) table.join(peer)
  for (let round = 0; round < 2; round++) for (let peer = 0; peer < 100; peer++) table.ask(peer)
  equal(table.picker.partialCount, 200)
  for (let peer = 0; peer < 100; peer++) equal(table.ask(peer, { maxBlocks: 3 }).length, 3)
  equal(table.picker.partialCount, 200 + Math.ceil(300 / 8))
})

test('in the end idle peers are asked for what others owe, no block of more than three, and receipt names the others', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 4, have: fourHad })
  for (let peer = 1; peer <= 5; peer++) table.join(peer)
  const owed = table.ask(1)
  ok(table.picker.isEndGame)
  deepEqual(table.ask(1), [])
  for (let peer = 2; peer <= 3; peer++) deepEqual(table.ask(peer).sort(), owed)
  deepEqual([table.ask(4), table.ask(5)], [[], []])
  deepEqual(table.receive(2, owed.slice(0, 1)).sort(), [1, 3])
  deepEqual(table.receive(1, owed.slice(0, 1)), [])
  ok(!table.picker.needs(owed[0] as number))
})

test('there is no end game while something reachable is not asked for, nor for peers with work', () => {
  const table = new Table({ pieceCount: 6, blocksPerPiece: 4, have: fourHad })
  table.join(1)
  table.join(2, [4])
  const first = table.ask(1, { ranges: [{ first: 4, last: 4 }] })
  equal(first.length, 4)
  deepEqual(table.ask(2), [])
  table.ask(1)
  equal(table.ask(2, { outstandingBlocks: 8 }).length, 0)
  equal(table.ask(2, { outstandingBlocks: 6 }).length, 2)
})

test('pieces that nobody has do not hold up the end game, untouched or under way', () => {
  const table = new Table({ pieceCount: 7, blocksPerPiece: 4, have: fourHad })
  table.join(1, [4])
  table.join(2, [4])
  table.join(3, [5])
  table.receive(3, table.ask(3, { maxBlocks: 1 }))
  table.picker.removePeer(3, table.bits.get(3) as Bitfield)
  equal(table.picker.partialCount, 1)
  const owed = table.ask(1)
  deepEqual(table.ask(2).sort(), owed)
})

test('slow peers do not repeat in the end what fast ones owe', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 4, have: fourHad })
  table.join(1)
  table.join(2)
  table.ask(1)
  deepEqual(table.ask(2, { isSlow: true }), [])
  equal(table.ask(2).length, 4)
})

test('what somebody is sending at this moment is asked of nobody else, but of fast peers once it takes long', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 4, have: fourHad })
  for (let peer = 1; peer <= 4; peer++) table.join(peer)
  const owed = table.ask(1, { isSlow: true })
  const [first = 0, ...rest] = owed
  table.picker.setArriving(first, arriving)
  deepEqual(table.ask(2).sort(), rest)
  table.picker.setArriving(first, arrivingSlowly)
  deepEqual(table.ask(3, { isSlow: true }), [])
  deepEqual(table.ask(2), [first])
  table.picker.setArriving(first, notArriving)
  ok(table.ask(4).includes(first))
})

test('of the places at a block in the end game slow peers leave the last to a fast one', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 4, have: fourHad })
  for (let peer = 1; peer <= 4; peer++) table.join(peer)
  const owed = table.ask(1, { isSlow: true })
  deepEqual(table.ask(2, { isSlow: true }).sort(), owed)
  deepEqual(table.ask(3, { isSlow: true }), [])
  deepEqual(table.ask(4).sort(), owed)
})

test('in sequential mode pieces come in order, those of priority 7 before', () => {
  const table = new Table({ pieceCount: 12, blocksPerPiece: 2 })
  table.join(1)
  table.join(2, [3, 5])
  table.picker.setMode('sequential')
  table.picker.setPriority(9, 7)
  const order = Array.from({ length: 4 }, () => table.pieceOf(table.ask(1)))
  deepEqual(order, [9, 0, 1, 2])
  equal(table.pieceOf(table.ask(2)), 3)
})

test('in sequential mode the first piece under way is finished together', () => {
  const table = new Table({ pieceCount: 12, blocksPerPiece: 8 })
  table.join(1)
  table.join(2)
  table.picker.setMode('sequential')
  deepEqual(table.ask(1, { maxBlocks: 2 }), [0, 1])
  deepEqual(table.ask(2, { maxBlocks: 2 }), [2, 3])
})

test('pieces with a deadline come first, the nearest before, and never to slow peers', () => {
  const table = new Table({ pieceCount: 20, blocksPerPiece: 2, have: fourHad })
  table.join(1)
  table.join(2)
  table.picker.setDeadline(15, 9000)
  table.picker.setDeadline(11, 5000)
  table.picker.setDeadline(13, 7000)
  table.picker.setDeadline(13, undefined)
  table.picker.setMode('sequential')
  equal(table.pieceOf(table.ask(2, { isSlow: true })), 4)
  deepEqual([table.pieceOf(table.ask(1)), table.pieceOf(table.ask(1)), table.pieceOf(table.ask(1))], [11, 15, 5])
})

test('a piece due soon that stalls is asked of a second peer, of a third never', () => {
  const table = new Table({ pieceCount: 20, blocksPerPiece: 2, have: fourHad })
  for (let peer = 1; peer <= 3; peer++) table.join(peer)
  table.picker.setDeadline(11, 3000)
  const owed = table.ask(1)
  equal(table.pieceOf(owed), 11)
  table.nowMs = 500
  ok(table.pieceOf(table.ask(2)) !== 11)
  table.nowMs = 1500
  deepEqual(table.ask(2), owed)
  ok(table.pieceOf(table.ask(3)) !== 11)
})

test('a suspect gets whole pieces of its own, to which nobody adds while it is at them', () => {
  const table = new Table({ pieceCount: 6, blocksPerPiece: 8, have: fourHad })
  for (let peer = 1; peer <= 3; peer++) table.join(peer)
  const first = table.ask(1, { maxBlocks: 2 })
  const alone = table.ask(2, { maxBlocks: 2, isAlone: true })
  ok(table.pieceOf(alone) !== table.pieceOf(first))
  table.receive(2, alone.slice(0, 1))
  equal(table.pieceOf(table.ask(3, { maxBlocks: 6 })), table.pieceOf(first))
  deepEqual(table.ask(3), [])
  equal(table.pieceOf(table.ask(2, { maxBlocks: 1, isAlone: true })), table.pieceOf(alone))
  for (const block of [1, 2]) table.picker.returned((alone[0] as number) + block, 2)
  equal(table.ask(3).length, 7)
})

test('a peer that becomes a suspect does not go on with a piece that holds blocks of others', () => {
  const table = new Table({ pieceCount: 6, blocksPerPiece: 8, have: fourHad })
  table.join(1)
  const shared = table.ask(1, { maxBlocks: 2 })
  ok(table.pieceOf(table.ask(1, { isAlone: true })) !== table.pieceOf(shared))
})

test('a peer that takes whole pieces gets ones nobody has begun, and nobody else is asked for any of them', () => {
  const table = new Table({ pieceCount: 6, blocksPerPiece: 8, have: fourHad })
  for (let peer = 1; peer <= 3; peer++) table.join(peer)
  const shared = table.ask(1, { maxBlocks: 2 })
  const kept = table.ask(2, { maxBlocks: 3, takesWhole: true })
  ok(table.pieceOf(kept) !== table.pieceOf(shared))
  const isKept = (block: number) => Math.floor(block / 8) === table.pieceOf(kept)
  const others = [...table.ask(3, { maxBlocks: 20 }), ...table.ask(1, { maxBlocks: 20 })]
  ok(others.length >= 6 && !others.some(isKept))
  table.receive(2, kept)
  ok(!table.ask(3).some(isKept))
  equal(table.ask(2, { maxBlocks: 20, takesWhole: true }).length, 5)
  ok(!table.ask(3, { endGameDepth: 20 }).some(isKept))
  table.picker.letGo(2)
  ok(table.ask(3, { endGameDepth: 20, maxBlocks: 20 }).some(isKept))
})

test('a peer that takes whole pieces gets all that is left of one, once nobody else is at it', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 8, have: fourHad })
  table.join(1)
  table.join(2)
  const begun = table.ask(1, { maxBlocks: 4 })
  deepEqual(table.ask(2, { takesWhole: true }), [])
  table.receive(1, begun.slice(0, 3))
  deepEqual(table.ask(2, { takesWhole: true }), [])
  table.picker.returned(begun[3] as number, 1)
  deepEqual(table.ask(2, { takesWhole: true }), [35, 36, 37, 38, 39])
  deepEqual(table.ask(1), [])
})

test('one that takes whole pieces goes on with its own, even if it was asked for them before it did', () => {
  const table = new Table({ pieceCount: 6, blocksPerPiece: 8, have: fourHad })
  table.join(1)
  table.join(2)
  const before = table.ask(1, { maxBlocks: 2 })
  equal(table.pieceOf(table.ask(1, { maxBlocks: 6, takesWhole: true })), table.pieceOf(before))
  ok(table.pieceOf(table.ask(2, { maxBlocks: 8 })) !== table.pieceOf(before))
})

test('no piece is begun with a peer that takes whole ones while two of its are not asked for to their end', () => {
  const table = new Table({ pieceCount: 12, blocksPerPiece: 4, have: fourHad })
  table.join(1)
  const blocks = table.ask(1, { maxBlocks: 12, takesWhole: true })
  equal(blocks.length, 12)
  const pieces = [...new Set(blocks.map((block) => Math.floor(block / 4)))]
  const isElsewhere = (piece: number) => !pieces.includes(piece)
  table.picker.returned(blocks[0] as number, 1)
  equal(table.ask(1, { maxBlocks: 4, takesWhole: true, canTake: isElsewhere }).length, 4)
  table.picker.returned(blocks[4] as number, 1)
  deepEqual(table.ask(1, { maxBlocks: 4, takesWhole: true, canTake: isElsewhere }), [])
  equal(table.ask(1, { maxBlocks: 4, takesWhole: true }).length, 4)
})

test('a peer that takes whole pieces gets what is left of those that others began, and nothing new while three hold blocks of it', () => {
  const table = new Table({ pieceCount: 30, blocksPerPiece: 4, have: fourHad })
  for (let peer = 1; peer <= 6; peer++) table.join(peer)
  const firsts = [2, 3, 4, 5].map((peer) => table.ask(peer, { maxBlocks: 1 })[0] as number)
  for (const [index, first] of firsts.entries()) table.receive(index + 2, [first])
  const begun = firsts.map((first) => Math.floor(first / 4))
  equal(new Set(begun).size, 4)
  const blocks = table.ask(1, { maxBlocks: 20, takesWhole: true })
  equal(blocks.length, 20)
  const pieces = [...new Set(blocks.map((block) => Math.floor(block / 4)))]
  equal(pieces.filter((piece) => begun.includes(piece)).length, 4)
  for (const piece of pieces.slice(0, 2))
    table.receive(1, [blocks.find((block) => Math.floor(block / 4) === piece) as number])
  equal(table.ask(1, { maxBlocks: 4, takesWhole: true }).length, 4, 'two hold blocks of it')
  const last = pieces.at(-1) as number
  table.receive(1, [blocks.find((block) => Math.floor(block / 4) === last) as number])
  deepEqual(table.ask(1, { maxBlocks: 8, takesWhole: true }), [])
})

test('a rest that somebody else sends a block of goes to who takes whole pieces, but not one that more is asked of others', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 4, have: fourHad })
  table.join(1)
  table.join(2)
  const blocks = table.ask(2)
  const [first, coming, third, last] = blocks as [number, number, number, number]
  table.receive(2, [first])
  table.picker.setArriving(coming, arriving)
  table.picker.resign(Math.floor(first / 4))
  deepEqual(table.ask(1, { takesWhole: true }), [])
  table.picker.returned(third, 2)
  table.picker.returned(last, 2)
  deepEqual(table.ask(1, { maxBlocks: 1, takesWhole: true }), [third])
  deepEqual(table.ask(2, { endGameDepth: 0 }), [], 'it is kept')
  ok(table.picker.welcome(last, 2), 'what is not asked of the keeper yet')
  ok(!table.picker.welcome(third, 2))
  ok(!table.picker.welcome(first, 2))
  deepEqual(table.ask(1, { takesWhole: true }), [], 'nothing is asked of it that another sends')
})

test('pieces that a peer may not begin are left to others', () => {
  const table = new Table({ pieceCount: 8, blocksPerPiece: 4, have: fourHad })
  table.join(1)
  const mayBegin = table.bitfield([6])
  equal(table.pieceOf(table.ask(1, { mayBegin })), 6)
  deepEqual(table.ask(1, { mayBegin, endGameDepth: 0 }), [])
})

test('a deadline does not lead out of the ranges given', () => {
  const table = new Table({ pieceCount: 20, blocksPerPiece: 1, have: fourHad })
  table.join(1)
  table.picker.setDeadline(15, 1000)
  deepEqual(table.ask(1, { ranges: [{ first: 7, last: 7 }], maxBlocks: 2 }), [7])
  deepEqual(table.ask(1), [15])
})

test('only pieces within the ranges given are asked for', () => {
  const table = new Table({ pieceCount: 30, blocksPerPiece: 1, have: fourHad })
  table.join(1)
  const ranges = [
    { first: 10, last: 11 },
    { first: 20, last: 20 },
  ]
  const asked = Array.from({ length: 4 }, () => table.ask(1, { ranges })).flat()
  deepEqual(
    asked.sort((a, b) => a - b),
    [10, 11, 20],
  )
})

test('a damaged piece is asked for again from the beginning, and its senders are known until then', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 4, have: fourHad })
  table.join(1)
  table.join(2)
  const blocks = table.ask(1)
  table.receive(1, blocks.slice(0, 3))
  table.receive(2, blocks.slice(3))
  ok(table.picker.isWhole(4))
  deepEqual(table.ask(2), [])
  deepEqual([...table.picker.sourcesOf(4)], [1, 1, 1, 2])
  equal(table.picker.pieceDamaged(4), true)
  deepEqual(table.ask(2), blocks)
})

test('what is refused can be asked of others at once, and the memory of an untouched piece goes back', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 2, have: fourHad })
  table.join(1)
  table.join(2)
  const blocks = table.ask(1)
  equal(table.picker.returned(blocks[0] as number, 1), false)
  equal(table.picker.returned(blocks[1] as number, 1), true)
  equal(table.picker.returned(blocks[1] as number, 1), false)
  equal(table.picker.partialCount, 0)
  deepEqual(table.ask(2), blocks)
})

test('a piece that we lost is wanted again, and one that we have is not', () => {
  const table = new Table({ pieceCount: 5, blocksPerPiece: 1, have: fourHad })
  table.join(1)
  table.receive(1, table.ask(1))
  table.picker.pieceVerified(4)
  ok(!table.picker.missing.hasAny)
  deepEqual(table.ask(1), [])
  equal(table.picker.received(4, 1, new Int32Array(3), 0), -1)
  table.picker.pieceLost(2)
  deepEqual(table.ask(1), [2])
})

test('a seed that loses a piece is counted for all the others still', () => {
  const table = new Table({ pieceCount: 6, blocksPerPiece: 1 })
  table.join(1)
  table.join(2, [0, 1])
  const bits = table.bits.get(1) as Bitfield
  bits.clear(1)
  table.picker.peerLost(1, 1, bits)
  const counts = (): number[] => Array.from({ length: 6 }, (_, piece) => table.picker.availabilityOf(piece))
  deepEqual(counts(), [2, 1, 1, 1, 1, 1])
  bits.set(1)
  table.picker.peerHas(1)
  table.picker.removePeer(1, bits)
  deepEqual(counts(), [1, 1, 0, 0, 0, 0])
})

test('the last piece and pieces of odd length have as many blocks as they need', () => {
  const picker = new PiecePicker({
    pieceCount: 3,
    pieceLengthBytes: 40_000,
    spanBytes: 80_001,
    have: new Bitfield(3),
    random: simulatedRandom(1),
  })
  const bits = new Bitfield(3)
  bits.setAll()
  picker.addPeer(1, bits)
  const out = new Float64Array(20)
  const count = picker.pick({
    peer: 1,
    bits,
    mayBegin: bits,
    isSlow: false,
    isAlone: false,
    takesWhole: false,
    outstandingBlocks: 0,
    endGameDepth: 8,
    ranges: undefined,
    maxBlocks: 20,
    out,
    canTake: () => true,
    nowMs: 0,
  })
  deepEqual(
    [...out.subarray(0, count)].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6],
  )
})

const action = fc.oneof(
  fc.record({
    type: fc.constant('pick' as const),
    peer: fc.nat(4),
    max: fc.integer({ min: 1, max: 6 }),
    isSlow: fc.boolean(),
    isAlone: fc.boolean(),
    takesWhole: fc.boolean(),
    memory: fc.nat(3),
  }),
  fc.record({ type: fc.constant('receive' as const), peer: fc.nat(4), index: fc.nat(30) }),
  fc.record({ type: fc.constant('return' as const), peer: fc.nat(4), index: fc.nat(30) }),
  fc.record({ type: fc.constant('leave' as const), peer: fc.nat(4) }),
  fc.record({ type: fc.constant('let-go' as const), peer: fc.nat(4) }),
  fc.record({ type: fc.constant('have' as const), peer: fc.nat(4), piece: fc.nat(7) }),
  fc.record({ type: fc.constant('judge' as const), isGood: fc.boolean() }),
  fc.record({ type: fc.constant('lose' as const), piece: fc.nat(7) }),
  fc.record({ type: fc.constant('priority' as const), piece: fc.nat(7), priority: fc.nat(7) }),
  fc.record({
    type: fc.constant('deadline' as const),
    piece: fc.nat(7),
    atMs: fc.option(fc.nat(5000), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('mode' as const), mode: fc.constantFrom('rarest' as const, 'sequential' as const) }),
  fc.record({ type: fc.constant('time' as const), ms: fc.nat(3000) }),
)

test('whatever happens: nothing is asked that is here, unwanted, elsewhere or asked already; all gets done in the end', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 150 }), fc.nat(), (actions, seed) => {
      const table = new Table({ pieceCount: 8, blocksPerPiece: 3, seed })
      const { picker } = table
      const priorities = new Uint8Array(8).fill(4)
      const owed = new Map<number, number[]>()
      const here = new Set<number>()
      const had = new Set<number>()
      const dropDone = (): void => {
        for (let piece = 0; piece < 8; piece++)
          ok(picker.missing.get(piece) === (!had.has(piece) && priorities[piece] !== 0))
      }
      const join = (peer: number, pieces?: readonly number[]): void => {
        table.join(peer, pieces)
        owed.set(peer, [])
      }
      for (let peer = 0; peer < 5; peer++) join(peer, peer === 0 ? undefined : [peer, peer + 1, peer + 2])
      const ask = (peer: number, changes: Partial<PickRequest>): void => {
        const taken = new Set<number>()
        const isTake = changes.canTake ?? (() => true)
        const wasEndGame = picker.isEndGame
        const blocks = table.ask(peer, {
          ...changes,
          canTake: (piece, begin) => {
            const isTaken = isTake(piece, begin)
            if (isTaken) taken.add(piece * 3 + begin / blockBytes)
            return isTaken
          },
        })
        deepEqual(new Set(blocks), taken)
        equal(taken.size, blocks.length)
        for (const block of blocks) {
          const piece = Math.floor(block / 3)
          ok(!here.has(block) && !had.has(piece) && priorities[piece] !== 0 && table.bits.get(peer)?.get(piece))
          const askers = [...owed].filter(([, list]) => list.includes(block)).map(([other]) => other)
          ok(!askers.includes(peer) && askers.length < 3)
          if (changes.takesWhole === true) deepEqual(askers, [])
          if (askers.length > 0 && !wasEndGame) equal(askers.length, 1)
          owed.get(peer)?.push(block)
        }
      }
      const receive = (peer: number, block: number): void => {
        const list = owed.get(peer) as number[]
        const others = new Int32Array(3)
        const count = picker.received(block, peer, others, table.nowMs)
        const expected = [...owed].filter(([other, blocks]) => other !== peer && blocks.includes(block))
        deepEqual([...others.subarray(0, count)].sort(), expected.map(([other]) => other).sort())
        for (const [, blocks] of expected) blocks.splice(blocks.indexOf(block), 1)
        list.splice(list.indexOf(block), 1)
        here.add(block)
      }
      const giveBack = (peer: number, block: number): void => {
        const list = owed.get(peer) as number[]
        list.splice(list.indexOf(block), 1)
        picker.returned(block, peer)
      }
      const judge = (isGood: boolean): void => {
        for (let piece = 0; piece < 8; piece++) {
          if (!picker.isWhole(piece)) continue
          ok([0, 1, 2].every((block) => here.has(piece * 3 + block)))
          for (const block of [0, 1, 2]) here.delete(piece * 3 + block)
          if (isGood) picker.pieceVerified(piece)
          else picker.pieceDamaged(piece)
          if (isGood) had.add(piece)
        }
      }
      for (const step of actions) {
        if (step.type === 'time') table.nowMs += step.ms
        else if (step.type === 'mode') picker.setMode(step.mode)
        else if (step.type === 'judge') judge(step.isGood)
        else if (step.type === 'deadline') picker.setDeadline(step.piece, step.atMs)
        else if (step.type === 'priority') {
          priorities[step.piece] = step.priority
          picker.setPriority(step.piece, step.priority)
        } else if (step.type === 'lose') {
          if (had.delete(step.piece)) picker.pieceLost(step.piece)
        } else if (step.type === 'have') {
          if (table.bits.get(step.peer)?.set(step.piece) === true) picker.peerHas(step.piece)
        } else if (step.type === 'pick') {
          let memory = step.memory === 0 ? 2 : Number.POSITIVE_INFINITY
          const seen = new Set<string>()
          ask(step.peer, {
            maxBlocks: step.max,
            isSlow: step.isSlow,
            isAlone: step.isAlone,
            takesWhole: step.takesWhole,
            outstandingBlocks: owed.get(step.peer)?.length ?? 0,
            endGameDepth: 8,
            canTake: (piece, begin) => {
              if (seen.has(`${piece} ${begin}`)) return true
              if (memory-- <= 0) return false
              seen.add(`${piece} ${begin}`)
              return true
            },
          })
        } else if (step.type === 'let-go') {
          picker.letGo(step.peer)
        } else if (step.type === 'leave') {
          for (const block of [...(owed.get(step.peer) as number[])]) giveBack(step.peer, block)
          picker.removePeer(step.peer, table.bits.get(step.peer) as Bitfield)
          join(step.peer, [step.peer, step.peer + 2])
        } else {
          const list = owed.get(step.peer) as number[]
          const block = list[step.index % Math.max(list.length, 1)]
          if (block === undefined) continue
          if (step.type === 'receive') receive(step.peer, block)
          else giveBack(step.peer, block)
        }
        dropDone()
      }
      // Whoever is left finishes: one seed that answers everything, and the others give up.
      for (let peer = 0; peer < 5; peer++) picker.letGo(peer)
      for (let peer = 0; peer < 5; peer++) for (const block of [...(owed.get(peer) as number[])]) giveBack(peer, block)
      join(9)
      for (let round = 0; round < 60 && picker.missing.hasAny; round++) {
        ask(9, { maxBlocks: 4 })
        for (const block of [...(owed.get(9) as number[])]) receive(9, block)
        judge(true)
      }
      ok(!picker.missing.hasAny)
    }),
    { numRuns: 150 },
  )
})
