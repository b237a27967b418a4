// Who is unchoked: by what they give, in turn, or by luck; each rule of BEP 3 by itself.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { plainUploadPolicy, slotsForCapacity } from '../../src/swarm/choker.ts'
import type { EpochSnapshot, PeerSnapshot } from '../../src/swarm/policies.ts'

function peerOf(peer: number, changes: Partial<PeerSnapshot> = {}): PeerSnapshot {
  return {
    peer,
    isInterested: true,
    isUnchoked: false,
    isSeed: false,
    isSnubbing: false,
    downloadRate: 0,
    uploadRate: 0,
    downloadedBytes: 0,
    uploadedBytes: 1,
    roundUploadedBytes: 0,
    unchokedAtMs: Number.NEGATIVE_INFINITY,
    connectedAtMs: 0,
    ...changes,
  }
}

function snapshotOf(peers: readonly PeerSnapshot[], changes: Partial<EpochSnapshot> = {}): EpochSnapshot {
  const epoch = changes.epoch ?? 0
  return { nowMs: epoch * 10_000, epoch, isSeeding: false, maxSlots: 4, peers, ...changes }
}

const policyOf = (seed = 1, optimisticSlots?: number) =>
  plainUploadPolicy(
    optimisticSlots === undefined
      ? { random: simulatedRandom(seed) }
      : { random: simulatedRandom(seed), optimisticSlots },
  )

test('while leeching the slots go to those who give most, in that order', () => {
  const rates = [10, 60, 30, 50, 20, 40]
  const peers = rates.map((downloadRate, peer) => peerOf(peer, { downloadRate }))
  const slots = policyOf()
    .allocate(snapshotOf(peers))
    .map(({ peer }) => peer)
  deepEqual(slots.slice(0, 3), [1, 3, 5])
  equal(slots.length, 4)
})

test('of those who give alike who has a slot keeps it', () => {
  const peers = [0, 1, 2].map((peer) => peerOf(peer, { downloadRate: 50, isUnchoked: peer === 2 }))
  const slots = policyOf(1, 0).allocate(snapshotOf(peers, { maxSlots: 2 }))
  deepEqual(
    slots.map(({ peer }) => peer),
    [2, 0],
  )
})

test('one who stops giving loses its slot to one who gives', () => {
  const policy = policyOf(1, 0)
  const of = (rates: readonly number[], epoch: number): number[] =>
    policy
      .allocate(
        snapshotOf(
          rates.map((downloadRate, peer) => peerOf(peer, { downloadRate })),
          { epoch, maxSlots: 2 },
        ),
      )
      .map(({ peer }) => peer)
  deepEqual(of([9, 8, 7], 0), [0, 1])
  deepEqual(of([0, 8, 7], 1), [1, 2])
})

test('seeds and uninterested peers never hold a slot, and slots are never more than there are', () => {
  const peer = fc.record({
    isInterested: fc.boolean(),
    isSeed: fc.boolean(),
    isSnubbing: fc.boolean(),
    isUnchoked: fc.boolean(),
    downloadRate: fc.nat(5),
    uploadRate: fc.nat(5),
    uploadedBytes: fc.nat(1),
    unchokedAtMs: fc.nat(100_000),
    roundUploadedBytes: fc.nat(20_000_000),
  })
  fc.assert(
    fc.property(
      fc.array(fc.array(peer, { maxLength: 12 }), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      fc.nat(6),
      fc.nat(),
      (epochs, isSeeding, maxSlots, seed) => {
        const policy = policyOf(seed)
        for (const [epoch, rows] of epochs.entries()) {
          const peers = rows.map((row, number) => peerOf(number, row))
          const snapshot = snapshotOf(peers, { epoch: epoch + 10, maxSlots, isSeeding })
          const slots = policy.allocate(snapshot).map((slot) => slot.peer)
          const able = peers.filter((row) => row.isInterested && !row.isSeed)
          equal(new Set(slots).size, slots.length)
          for (const slot of slots) ok(able.some((row) => row.peer === slot))
          // No slot is left empty while somebody wants it.
          equal(slots.length, Math.min(maxSlots, able.length))
          deepEqual(new Set(policy.allocate(snapshot).map((slot) => slot.peer)), new Set(slots))
        }
      },
    ),
  )
})

test('an optimistic unchoke lasts 30 s and then goes to another', () => {
  const policy = policyOf()
  const peers = Array.from({ length: 12 }, (_, peer) => peerOf(peer, { downloadRate: peer < 3 ? 100 : 0 }))
  const lucky = Array.from({ length: 12 }, (_, epoch) => policy.allocate(snapshotOf(peers, { epoch }))[3]?.peer)
  for (let turn = 0; turn < 4; turn++) equal(new Set(lucky.slice(turn * 3, turn * 3 + 3)).size, 1)
  for (let turn = 1; turn < 4; turn++) ok(lucky[turn * 3] !== lucky[turn * 3 - 1])
  ok(lucky.every((peer) => peer !== undefined && peer >= 3))
})

test('a newcomer is three times as likely to be lucky', () => {
  const peers = Array.from({ length: 8 }, (_, peer) => peerOf(peer, { uploadedBytes: peer === 0 ? 0 : 1 }))
  let newcomers = 0
  const draws = 4000
  for (let seed = 0; seed < draws; seed++) {
    const [slot] = policyOf(seed, 1).allocate(snapshotOf(peers, { maxSlots: 1 }))
    if (slot?.peer === 0) newcomers++
  }
  // 3 of 10 lots.
  ok(Math.abs(newcomers / draws - 0.3) < 0.03, `${newcomers / draws}`)
})

test('whoever snubs us keeps no slot but by luck, and its slot is given by luck as well', () => {
  const peers = Array.from({ length: 20 }, (_, peer) =>
    peerOf(peer, { downloadRate: peer < 4 ? 1000 - peer : 0, isSnubbing: peer < 2, isUnchoked: peer < 4 }),
  )
  const chosen = new Set<number>()
  for (let seed = 0; seed < 100; seed++) {
    const slots = policyOf(seed)
      .allocate(snapshotOf(peers))
      .map(({ peer }) => peer)
    deepEqual(slots.slice(0, 2), [2, 3])
    equal(slots.length, 4)
    for (const slot of slots.slice(2)) chosen.add(slot)
  }
  ok(chosen.size > 10)
  const punished = peers.map((peer) => ({ ...peer, isSnubbing: false }))
  deepEqual(
    policyOf()
      .allocate(snapshotOf(punished))
      .slice(0, 3)
      .map(({ peer }) => peer),
    [0, 1, 2],
  )
})

test('while seeding every peer gets its turn, whatever its speed', () => {
  const policy = policyOf(1, 0)
  const count = 20
  const peers = Array.from({ length: count }, (_, peer) => ({ ...peerOf(peer) }))
  const served = new Float64Array(count)
  for (let epoch = 0; epoch < 120; epoch++) {
    const nowMs = epoch * 10_000
    const slots = policy.allocate(snapshotOf(peers, { epoch, isSeeding: true })).map(({ peer }) => peer)
    for (const [number, peer] of peers.entries()) {
      const isUnchoked = slots.includes(number)
      // Peer n takes n times 100 KB a second.
      const bytes = isUnchoked ? (number + 1) * 1_000_000 : 0
      served[number] = (served[number] as number) + bytes
      peers[number] = {
        ...peer,
        isUnchoked,
        unchokedAtMs: isUnchoked && !peer.isUnchoked ? nowMs : peer.unchokedAtMs,
        roundUploadedBytes: (isUnchoked && peer.isUnchoked ? peer.roundUploadedBytes : 0) + bytes,
        uploadRate: bytes / 10,
      }
    }
  }
  ok(
    served.every((bytes) => bytes > 0),
    [...served].join(),
  )
})

test('while seeding a peer keeps its slot until its turn is over, and then yields to who has waited longest', () => {
  const policy = policyOf(1, 0)
  const inTurn = peerOf(0, { isUnchoked: true, unchokedAtMs: 0, roundUploadedBytes: 9_000_000, uploadRate: 1 })
  const late = peerOf(1, { unchokedAtMs: 5000, connectedAtMs: 0 })
  const early = peerOf(2, { unchokedAtMs: 2000, connectedAtMs: 0 })
  const at = (epoch: number): number[] =>
    policy.allocate(snapshotOf([inTurn, late, early], { epoch, isSeeding: true, maxSlots: 1 })).map(({ peer }) => peer)
  deepEqual(at(2), [0])
  deepEqual(at(3), [2])
})

test('while seeding the turn of a peer too slow for all of it ends after three minutes', () => {
  const policy = policyOf(1, 0)
  const slow = peerOf(0, { isUnchoked: true, unchokedAtMs: 0, roundUploadedBytes: 1000, uploadRate: 1 })
  const at = (epoch: number): number[] =>
    policy.allocate(snapshotOf([slow, peerOf(1)], { epoch, isSeeding: true, maxSlots: 1 })).map(({ peer }) => peer)
  deepEqual(at(17), [0])
  deepEqual(at(18), [1])
})

test('while seeding peers that ask for nothing do not keep those waiting that do', () => {
  const policy = policyOf(3)
  // The last five take what they can; the others are interested, and idle.
  const peers = Array.from({ length: 55 }, (_, peer) => ({ ...peerOf(peer, { uploadedBytes: 0 }) }))
  const served = new Float64Array(55)
  for (let epoch = 0; epoch < 180; epoch++) {
    const nowMs = epoch * 10_000
    const slots = policy.allocate(snapshotOf(peers, { epoch, isSeeding: true })).map(({ peer }) => peer)
    for (const [number, peer] of peers.entries()) {
      const isUnchoked = slots.includes(number)
      const bytes = isUnchoked && number >= 50 ? 1_000_000 : 0
      served[number] = (served[number] as number) + bytes
      peers[number] = {
        ...peer,
        isUnchoked,
        unchokedAtMs: isUnchoked && !peer.isUnchoked ? nowMs : peer.unchokedAtMs,
        uploadedBytes: peer.uploadedBytes + bytes,
        roundUploadedBytes: (isUnchoked && !peer.isUnchoked ? 0 : peer.roundUploadedBytes) + bytes,
      }
    }
  }
  // In half an hour, each idle peer has had half a minute; after that three of four slots are for those who ask.
  const all = served.reduce((sum, bytes) => sum + bytes)
  ok(all > 270_000_000, `${all} bytes in ${180 * 4} turns of 1,000,000`)
  ok(served.slice(50).every((bytes) => bytes > all / 10))
})

test('who was unchoked and asked for nothing is no newcomer any more', () => {
  const idle = { uploadedBytes: 0, unchokedAtMs: 0 }
  const peers = Array.from({ length: 8 }, (_, peer) => peerOf(peer, peer === 0 ? { uploadedBytes: 0 } : idle))
  let newcomers = 0
  const draws = 4000
  for (let seed = 0; seed < draws; seed++) {
    if (policyOf(seed, 1).allocate(snapshotOf(peers, { maxSlots: 1 }))[0]?.peer === 0) newcomers++
  }
  ok(Math.abs(newcomers / draws - 0.3) < 0.03, `${newcomers / draws}`)
})

test('a single slot is shared between who earns it and luck', () => {
  const policy = policyOf()
  const peers = Array.from({ length: 6 }, (_, peer) => peerOf(peer, { downloadRate: peer === 0 ? 100 : 0 }))
  const holders = Array.from(
    { length: 18 },
    (_, epoch) => policy.allocate(snapshotOf(peers, { epoch, maxSlots: 1 }))[0]?.peer,
  )
  equal(holders.filter((peer) => peer === 0).length, 12)
  ok(holders.filter((peer) => peer !== 0).length === 6)
})

test('slots grow with the capacity, within bounds', () => {
  equal(slotsForCapacity(0), 4)
  equal(slotsForCapacity(Number.POSITIVE_INFINITY), 64)
  ok(slotsForCapacity(2 ** 20) > 20 && slotsForCapacity(2 ** 20) < 30)
  fc.assert(
    fc.property(fc.nat(1e9), fc.nat(1e9), (a, b) => {
      ok(slotsForCapacity(Math.min(a, b)) <= slotsForCapacity(Math.max(a, b)))
    }),
  )
})

test('the same snapshots and seed give the same slots', () => {
  const peers = Array.from({ length: 30 }, (_, peer) => peerOf(peer))
  const run = (): number[] => {
    const policy = policyOf(9)
    return Array.from({ length: 9 }, (_, epoch) => policy.allocate(snapshotOf(peers, { epoch })))
      .flat()
      .map(({ peer }) => peer)
  }
  deepEqual(run(), run())
})
