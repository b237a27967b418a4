// Promises of what is owed for blocks that came in paid stretches, over everything a swarm may say of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PaidBlocks, type PaidSource } from '../../src/session/paid-blocks.ts'

interface Source extends PaidSource {
  owedBytes: number
}

function source(): Source {
  const made: Source = {
    undecidedBytes: 0,
    isGuilty: false,
    owedBytes: 0,
    owe: (bytes) => {
      made.owedBytes += bytes
    },
  }
  return made
}

test('a block is owed for when its piece is verified, one that is thrown away at once', () => {
  const [paid, one] = [new PaidBlocks(), source()]
  paid.received(one, 1, 7, 100, true)
  paid.received(one, 1, 7, 20, false)
  assert.deepEqual([one.owedBytes, one.undecidedBytes], [20, 100])
  paid.verified(7)
  paid.verified(7)
  assert.deepEqual([one.owedBytes, one.undecidedBytes], [120, 0])
})

test('of a damaged piece nothing is owed to who sent wrong bytes, and all to the others once it is right', () => {
  for (const isBlamedFirst of [false, true]) {
    const [paid, liar, honest] = [new PaidBlocks(), source(), source()]
    paid.received(liar, 1, 7, 100, true)
    paid.received(honest, 2, 7, 100, true)
    paid.received(liar, 1, 8, 50, true)
    if (isBlamedFirst) paid.blamed(1)
    paid.damaged(7)
    assert.equal(honest.owedBytes, 0)
    paid.received(honest, 2, 7, 200, true)
    if (!isBlamedFirst) paid.blamed(1)
    paid.verified(7)
    assert.deepEqual([liar.owedBytes, honest.owedBytes], [0, 300])
    paid.verified(8)
    assert.equal(liar.owedBytes, 50, 'what was right is owed for all the same')
  }
})

test('what was given up is owed for, unless something was wrong with it', () => {
  const [paid, one] = [new PaidBlocks(), source()]
  paid.received(one, 1, 7, 100, true)
  paid.received(one, 1, 8, 100, true)
  paid.damaged(8)
  paid.abandoned(7)
  paid.abandoned(8)
  assert.deepEqual([one.owedBytes, one.undecidedBytes], [100, 100])
})

test('whatever happens, no byte is owed for twice or lost, and none of a liar in a damaged piece', () => {
  const event = fc.oneof(
    fc.record({ type: fc.constant('received' as const), peer: fc.nat(2), piece: fc.nat(3), isKept: fc.boolean() }),
    fc.record({ type: fc.constantFrom('verified' as const, 'damaged', 'abandoned'), piece: fc.nat(3) }),
    fc.record({ type: fc.constant('blamed' as const), peer: fc.nat(2) }),
    fc.record({ type: fc.constant('cleared' as const) }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const paid = new PaidBlocks()
      const sources = [source(), source(), source()]
      const received = [0, 0, 0]
      for (const each of events) {
        if (each.type === 'received') {
          const from = sources[each.peer]
          assert.ok(from !== undefined)
          paid.received(from, each.peer, each.piece, 16_384, each.isKept)
          received[each.peer] = (received[each.peer] ?? 0) + 16_384
        } else if (each.type === 'blamed') paid.blamed(each.peer)
        else if (each.type === 'cleared') paid.clear()
        else paid[each.type](each.piece)
        for (const [peer, { owedBytes, undecidedBytes }] of sources.entries()) {
          assert.ok(undecidedBytes >= 0 && owedBytes + undecidedBytes <= (received[peer] ?? 0))
        }
      }
      for (let piece = 0; piece < 4; piece++) paid.verified(piece)
      for (const { undecidedBytes } of sources) assert.equal(undecidedBytes, 0)
    }),
    { numRuns: 300 },
  )
})
