// Who is served: each rule is shown by a swarm with it and one where somebody else decides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { plainUploadPolicy } from '../../src/swarm/choker.ts'
import type { DownloadPolicy, EpochSnapshot, UploadPolicy } from '../../src/swarm/policies.ts'
import { habit, type NodeOptions, type TestNode, World } from './swarm-harness.ts'

/** Serves whoever connected first, whatever they do. */
const firstCome: UploadPolicy = {
  allocate: ({ peers, maxSlots }) =>
    peers
      .filter(({ isInterested, isSeed }) => isInterested && !isSeed)
      .slice(0, maxSlots)
      .map(({ peer }) => ({ peer, allowanceBytes: Number.POSITIVE_INFINITY })),
}
const serveNobody: UploadPolicy = { allocate: () => [] }

function sentTo(node: TestNode, other: TestNode): number {
  return node.swarm.peers.find(({ remote }) => remote === other.endpoint)?.uploadMeter.totalBytes ?? 0
}

function every(first: number, step: number, end: number): number[] {
  return Array.from({ length: Math.ceil((end - first) / step) }, (_, index) => first + index * step)
}

test('tit-for-tat: who gives gets, and who only takes hardly does', () => {
  const shares = (uploadPolicy: UploadPolicy | undefined) => {
    const world = new World(1, { pieces: 240, blocksPerPiece: 2 })
    const options = { upBytesPerSecond: 40_000, behaviour: { allowedFast: false } }
    const plain = uploadPolicy === undefined ? {} : { uploadPolicy }
    const taker = world.node('taker', { ...options, uploadPolicy: serveNobody })
    const taker2 = world.node('taker2', { ...options, uploadPolicy: serveNobody })
    const us = world.node('us', { ...options, has: every(0, 3, 240), maxSlots: 2, ...plain })
    const giver = world.node('giver', { ...options, has: every(1, 3, 240) })
    for (const other of [taker, taker2, giver]) world.connect(us, other)
    world.run(100_000)
    return { taker: sentTo(us, taker) + sentTo(us, taker2), giver: sentTo(us, giver) }
  }
  const fair = shares(undefined)
  assert.ok(fair.giver > 0.75 * fair.taker && fair.giver > 1_000_000, JSON.stringify(fair))
  const blind = shares(firstCome)
  assert.ok(blind.giver === 0 && blind.taker > 2_000_000, JSON.stringify(blind))
})

test('what a peer is paid for earns it no slot by tit-for-tat: those go to who gives', () => {
  const sent = (isPaid: boolean) => {
    const world = new World(1, { pieces: 240, blocksPerPiece: 2 })
    const options = { upBytesPerSecond: 40_000, behaviour: { allowedFast: false } }
    const downloadPolicy: DownloadPolicy = {
      piecesFor: () => undefined,
      requestAllowanceBytes: () => Number.POSITIVE_INFINITY,
      takesWholePieces: (peer) => isPaid && peer === 1,
      onVerified: () => {},
    }
    const us = world.node('us', { ...options, has: every(0, 4, 240), maxSlots: 2, downloadPolicy })
    const seller = world.node('seller', { ...options, upBytesPerSecond: 60_000, has: every(1, 4, 240) })
    const giver = world.node('giver', { ...options, upBytesPerSecond: 30_000, has: every(2, 4, 240) })
    const taker = world.node('taker', { ...options, uploadPolicy: serveNobody })
    for (const other of [seller, giver, taker]) world.connect(us, other)
    world.run(60_000)
    return { seller: sentTo(us, seller), giver: sentTo(us, giver) }
  }
  const [paid, plain] = [sent(true), sent(false)]
  const message = JSON.stringify({ paid, plain })
  assert.ok(paid.giver > 1.5 * paid.seller, message)
  assert.ok(plain.giver < 1.2 * plain.seller, message)
})

test('optimistic unchoke: a newcomer with nothing to give gets something to begin with', () => {
  const newcomerHas = (optimisticSlots: number) => {
    const world = new World(2, { pieces: 400, blocksPerPiece: 2 })
    const behaviour = { allowedFast: false }
    const traders = [0, 1, 2].map((index) =>
      world.node(`t${index}`, {
        has: every(index, 4, 400),
        upBytesPerSecond: 30_000,
        maxSlots: 2,
        behaviour,
        uploadPolicy: plainUploadPolicy({ random: world.random, optimisticSlots }),
      }),
    )
    world.connectAll()
    world.run(25_000)
    const newcomer = world.node('newcomer', { behaviour })
    for (const trader of traders) world.connect(newcomer, trader)
    world.run(60_000)
    return newcomer.storage.have.count
  }
  assert.ok(newcomerHas(1) >= 3)
  assert.equal(newcomerHas(0), 0)
})

test('seeding: all leeches have their turn, not only the first ones', () => {
  const served = (uploadPolicy: UploadPolicy | undefined) => {
    const world = new World(3, { pieces: 400, blocksPerPiece: 2 })
    const upBytesPerSecond = 40_000
    const behaviour = { allowedFast: false }
    const seed = world.node('seed', {
      has: 'all',
      upBytesPerSecond,
      maxSlots: 2,
      behaviour,
      ...(uploadPolicy === undefined ? {} : { uploadPolicy }),
    })
    const leeches = [0, 1, 2, 3, 4, 5].map((index) => world.node(`l${index}`, { behaviour }))
    for (const leech of leeches) world.connect(seed, leech)
    world.run(300_000)
    return leeches.filter((leech) => leech.storage.have.count >= 8).length
  }
  assert.equal(served(undefined), 6)
  assert.equal(served(firstCome), 2)
})

test('snubbing: who does not send what it promised loses its slot', () => {
  const shareOfSilent = (antiSnubbing: boolean) => {
    const world = new World(4, { pieces: 300, blocksPerPiece: 2 })
    const options = { upBytesPerSecond: 30_000, behaviour: { allowedFast: false } }
    const silent = world.node('silent', { ...options, has: every(1, 3, 300) })
    const plain = plainUploadPolicy({ random: world.random })
    let judged: EpochSnapshot | undefined
    const us = world.node('us', {
      ...options,
      has: every(0, 3, 300),
      maxSlots: 3,
      behaviour: { ...habit('antiSnubbing', antiSnubbing), allowedFast: false },
      uploadPolicy: {
        allocate: (snapshot) => {
          judged = snapshot
          return plain.allocate(snapshot)
        },
      },
    })
    const others = [0, 1, 2].map((index) =>
      world.node(`o${index}`, { ...options, upBytesPerSecond: 5_000, has: every(2, 3, 300) }),
    )
    world.connect(us, silent)
    for (const other of others) world.connect(us, other)
    world.run(10_000)
    silent.occupyUplink(30_000 * 100_000)
    world.run(75_000)
    const { peers } = us.swarm.snapshot(world.time.nowMs())
    const row = peers.find(({ remote }) => remote === silent.endpoint)
    const { number } = us.link(silent).peer
    assert.equal(judged?.peers.find(({ peer }) => peer === number)?.isSnubbing, row?.isSnubbing)
    return row?.isSnubbing
  }
  assert.equal(shareOfSilent(true), true)
  assert.equal(shareOfSilent(false), false)
})

test('upload policy: slots as it says, in its order, and never more bytes in an epoch than it allows', () => {
  const world = new World(5, { pieces: 200 })
  const allowed = 100_000
  const seen: number[] = []
  const uploadPolicy: UploadPolicy = {
    allocate: ({ peers, epoch }) => {
      seen.push(epoch)
      return peers
        .filter(({ isInterested, peer }) => isInterested && peer > 1)
        .reverse()
        .map(({ peer }) => ({ peer, allowanceBytes: allowed }))
    },
  }
  const seed = world.node('seed', { has: 'all', uploadPolicy, behaviour: { allowedFast: false } })
  const leeches = [0, 1, 2].map((index) => world.node(`l${index}`))
  for (const leech of leeches) world.connect(seed, leech)
  world.run(9_000)
  const sums = leeches.map((leech) => sentTo(seed, leech))
  assert.equal(sums[0], 0)
  for (const sum of sums.slice(1)) assert.ok(sum >= allowed && sum < allowed + 16_384, `${sum} bytes`)
  assert.deepEqual(
    leeches.map((leech) => seed.link(leech).peer.uploadRank),
    [2, 1, 0],
  )
  world.run(10_000)
  for (const leech of leeches.slice(1)) {
    const sum = sentTo(seed, leech)
    assert.ok(sum >= 2 * allowed && sum < 2 * (allowed + 16_384), `${sum} bytes in two epochs`)
  }
  assert.ok(new Set(seen).size >= 2)
})

test('upload policy: slots without a bound next to each other have one rank, as all peers have without a policy', () => {
  const ranks = (allowances: readonly number[] | undefined) => {
    const world = new World(11, { pieces: 100 })
    const uploadPolicy: UploadPolicy = {
      allocate: ({ peers }) =>
        (allowances ?? []).map((allowanceBytes, index) => ({ peer: peers[index]?.peer ?? 0, allowanceBytes })),
    }
    const options: NodeOptions = { has: 'all', maxSlots: 2, upBytesPerSecond: 50_000 }
    const seed = world.node('seed', allowances === undefined ? options : { ...options, uploadPolicy })
    const leeches = [0, 1, 2, 3].map((index) => world.node(`l${index}`))
    for (const leech of leeches) world.connect(seed, leech)
    world.run(1_000)
    // Who has just come stands where those without a slot do.
    world.connect(seed, world.node('late'))
    return seed.swarm.peers.map(({ uploadRank }) => uploadRank)
  }
  const free = Number.POSITIVE_INFINITY
  assert.deepEqual(ranks(undefined), [0, 0, 0, 0, 0])
  assert.deepEqual(ranks([free, 9, free, free]), [0, 1, 2, 2, 2])
  assert.deepEqual(ranks([free, free, 9]), [0, 0, 1, 2, 2])
})

test('policies that do what plain BitTorrent does change nothing: the history is the same', () => {
  const history = (isBound: boolean) => {
    const world = new World(6, { pieces: 40 })
    const bound = (): NodeOptions => {
      if (!isBound) return {}
      return {
        uploadPolicy: plainUploadPolicy({ random: world.random }),
        downloadPolicy: {
          piecesFor: () => undefined,
          requestAllowanceBytes: () => Number.POSITIVE_INFINITY,
          onVerified: () => {},
        },
      }
    }
    world.node('seed', { has: 'all', upBytesPerSecond: 100_000, maxSlots: 2, ...bound() })
    for (const name of ['a', 'b', 'c']) world.node(name, { upBytesPerSecond: 50_000, maxSlots: 2, ...bound() })
    world.connectAll()
    world.runUntil(() => world.nodes.every(({ swarm }) => swarm.isFinished))
    const told = world.nodes.map(({ outputs }) =>
      outputs.map((output) => ('piece' in output ? output.piece : output.type)),
    )
    return JSON.stringify([world.time.nowMs(), told])
  }
  assert.equal(history(true), history(false))
  assert.equal(history(false), history(false))
})

test('slots: never more are unchoked than there are, and a free one is given at once', () => {
  const world = new World(7, { pieces: 200 })
  const seed = world.node('seed', { has: 'all', maxSlots: 3, upBytesPerSecond: 100_000 })
  for (let index = 0; index < 8; index++) world.connect(seed, world.node(`l${index}`))
  let most = 0
  const unchoked = () => seed.swarm.peers.filter(({ connection }) => !connection.amChoking).length
  world.runUntil(() => {
    most = Math.max(most, unchoked())
    return unchoked() === 3
  }, 1_000)
  assert.equal(unchoked(), 3)
  world.runUntil(() => {
    most = Math.max(most, unchoked())
    return false
  }, 100_000)
  assert.equal(most, 3)
  seed.setPaused({ download: false, upload: true })
  assert.equal(unchoked(), 0)
})

test('slots: one whose peer wants nothing any more is given to another at once, not with the next epoch', () => {
  const world = new World(9, { pieces: 200 })
  const options = { upBytesPerSecond: 40_000, behaviour: { allowedFast: false } }
  const seed = world.node('seed', { ...options, has: 'all', maxSlots: 1 })
  const leeches = ['a', 'b'].map((name) => world.node(name, options))
  for (const leech of leeches) world.connect(seed, leech)
  world.run(1_000)
  const hasSlot = (leech: TestNode) => !seed.link(leech).connection.amChoking
  assert.deepEqual(leeches.map(hasSlot), [true, false])
  leeches[0]?.setPaused({ download: true, upload: false })
  world.run(500)
  assert.deepEqual(leeches.map(hasSlot), [false, true])
})

test('slots: none for a partial seed, whatever interest it claims', () => {
  const world = new World(10, { pieces: 200 })
  const options = { upBytesPerSecond: 40_000, behaviour: { allowedFast: false } }
  const us = world.node('us', { ...options, has: every(0, 2, 200) })
  const other = world.node('other', { ...options, has: every(1, 2, 200) })
  world.connect(us, other)
  world.run(1_000)
  const { connection } = us.link(other)
  assert.deepEqual([connection.amChoking, connection.isInterested], [false, true])
  other.turn(() => other.link(us).connection.uploadOnly(true))
  world.run(1_000)
  assert.deepEqual([connection.amChoking, connection.isInterested], [true, true])
})

test('a peer whose interest flickers does not make the policy busy', () => {
  const world = new World(8, { pieces: 20 })
  let calls = 0
  const random = simulatedRandom(1)
  const plain = plainUploadPolicy({ random })
  const uploadPolicy: UploadPolicy = {
    allocate: (snapshot) => {
      calls++
      return plain.allocate(snapshot)
    },
  }
  const seed = world.node('seed', { has: 'all', uploadPolicy, upBytesPerSecond: 20_000 })
  const leech = world.node('leech')
  world.connect(seed, leech)
  for (let index = 0; index < 60; index++) {
    leech.setPaused({ download: index % 2 === 0, upload: false })
    world.run(20)
  }
  assert.ok(calls <= 10, `${calls} calls in 1.2 s`)
})
