// Contested shares between whole sessions: sealed rounds over connections, what they cost, and what cheating in them leads to.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { SimulatedLedger } from '../../sim/ports/simulated-ledger.ts'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { AuctionCall } from '../../src/market/market-messages.ts'
import { auctionListRoot } from '../../src/market/sealing.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import { SpeedConnection } from '../../src/session/speed-connection.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  awardsOf,
  claimedOf,
  costOf,
  idle,
  isQuiet,
  payerAt,
  sellerOf,
  slowly,
  speedConfig,
  speedOf,
  token,
  walletOf,
  watchStatements,
} from './speed-world.ts'

interface Contest {
  readonly world: World
  readonly ledger: SimulatedLedger
  readonly content: Content
  readonly seller: Machine
  readonly payers: readonly Machine[]
}

/** So many that pay, each with another budget, at one that sells fewer shares. */
async function contest(
  payerCount: number,
  shares: number,
  { seed = 1, lengthBytes = 20_000_000 } = {},
): Promise<Contest> {
  const world = newWorld(seed)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [lengthBytes], pieceLengthBytes: 65_536 })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', {
    ...slowly(1_000_000),
    speed: speedConfig({ earns: true, shares }),
  })
  const payers: Machine[] = []
  for (let index = 0; index < payerCount; index++) {
    const payer = payerAt(world, ledger, `10.0.0.${index + 2}`, slowly(0))
    payers.push(payer)
    await payer.start()
    // One token for a MiB and a half, and twice as much for each that follows.
    const budget = { most: tokenAmount((costOf(lengthBytes) * 12n * BigInt(10 + index)) / 10n) }
    await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
  }
  return { world, ledger, content, seller, payers }
}

test('when more want shares than there are, sealed rounds decide; nobody pays over its bid, and all adds up', async () => {
  const { world, ledger, content, seller, payers } = await contest(3, 1)
  const id = torrentIdOf(content)
  const watched = watchStatements()
  await world.until('all finished', () => payers.every((payer) => payer.torrent(id).isFinished), 600_000)
  watched.end()
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  await world.clock.run(1_000)
  const kinds = new Set(watched.all.map(({ type }) => type))
  for (const kind of ['auction-call', 'auction-commit', 'auction-list', 'auction-reveal', 'auction-award'] as const) {
    assert.ok(kinds.has(kind), kind)
  }
  let bids = 0
  for (const payer of payers) {
    const bought = await awardsOf(payer)
    bids += bought.filter(({ bid }) => bid !== undefined).length
    for (const { price, bid } of bought) assert.ok(bid === undefined || price <= bid)
  }
  assert.ok(bids > 0)
  const sold = await awardsOf(seller)
  assert.ok(sold.some(({ reason }) => reason === 'highest-losing-bid'))
  assert.ok(claimedOf(ledger) > 0n)
  assertConserved(ledger, [seller, ...payers])
  assert.ok(payers.every((payer) => payer.session.snapshot().bannedAddresses.length === 0))
})

test('a provider that signs two lists in one round is found out by what its bidders show each other', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [30_000_000], pieceLengthBytes: 65_536 })
  const id = torrentIdOf(content)
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', {
    ...slowly(500_000),
    speed: speedConfig({ earns: true, shares: 1 }),
  })
  const speed = speedConfig({ pays: true, earns: true })
  const payers = ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map((address) =>
    world.machine(address, { ledger, config: { exemptLocalNetwork: false, speed, ...slowly(50_000) } }),
  )
  const { state } = SpeedConnection.prototype
  let call: AuctionCall | undefined
  let lists = 0
  // Every third is shown another list, without one of the others, that is as right by itself as the first.
  SpeedConnection.prototype.state = function (statement) {
    if (statement.type === 'auction-call') call = statement
    if (statement.type !== 'auction-list' || call === undefined || lists++ % 3 < 2) {
      state.call(this, statement)
      return
    }
    const left = statement.commitments.findIndex(({ account }) => account !== this.selling?.account)
    const commitments = statement.commitments.filter((_, index) => index !== left)
    const listRoot = auctionListRoot(walletOf(seller).account, call, commitments)
    state.call(this, { ...statement, commitments, listRoot })
  }
  try {
    for (const [index, payer] of payers.entries()) {
      await payer.start()
      const peers = [seller, ...payers.slice(0, index)].map(({ endpoint }) => endpoint)
      await payer.add(content.metainfo, { peers, budget: { most: tokenAmount(50n * token) } })
    }
    const isFound = (payer: Machine) => payer.session.snapshot().bannedAddresses.includes(seller.address)
    await world.until('found out by all', () => payers.every(isFound), 300_000)
    await world.clock.run(1_000)
    for (const payer of payers) {
      assert.ok(walletOf(payer).disk.entries('speed-proofs', { order: 'ascending', maxCount: 10 }).length > 0)
    }
    assert.ok(payers.every((payer) => payer.torrent(id).state.type === 'downloading'))
  } finally {
    SpeedConnection.prototype.state = state
  }
})

/** SHA-256 of parts as docs/protocol/speed.md, Commitments, writes them: text with its length, numbers of 8 bytes, hashes. */
function digestOf(...parts: readonly (string | number | Uint8Array)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = Buffer.alloc(typeof part === 'number' ? 8 : 4)
    if (typeof part === 'number') bytes.writeBigUInt64BE(BigInt(part))
    else bytes.writeUInt32BE(part.length)
    if (part instanceof Uint8Array) hash.update(part)
    else hash.update(bytes).update(typeof part === 'number' ? '' : part)
  }
  return hash.digest()
}

test('equal bids are ordered by lot: by the list and all nonces together, which nobody knew before', async () => {
  const winners = new Set<number>()
  for (let seed = 1; seed <= 6; seed++) {
    const watched = watchStatements()
    const { world, seller, payers } = await contest(4, 1, { seed })
    const awards = () =>
      watched.stated.flatMap(({ statement, to }) => (statement.type === 'auction-award' ? [{ ...statement, to }] : []))
    await world.until('awards for all', () => awards().length >= 4)
    watched.end()
    const [{ openings, listRoot, epoch }] = awards() as [ReturnType<typeof awards>[number]]
    // Who has bought before bids less, as prices were less than it feared; the others bid the same.
    const most = openings.reduce((highest, { bid }) => (bid > highest ? bid : highest), tokenAmount(0n))
    const equals = openings.filter(({ bid }) => bid === most).map(({ account }) => account)
    assert.equal(equals.length, 3)
    const nonces = openings.map(({ nonce }) => Buffer.from(nonce, 'hex')).sort(Buffer.compare)
    const lot = digestOf(Buffer.from(listRoot, 'hex'), epoch, ...nonces)
    const [first] = equals.sort((a, b) => Buffer.compare(digestOf(lot, a), digestOf(lot, b)))
    const [won] = awards().filter(({ share }) => share === 1)
    assert.deepEqual([won?.to, won?.price], [first, most])
    const accounts = payers.map((payer) => walletOf(payer).account)
    winners.add(accounts.indexOf(first as AccountId))
    assert.ok(payers.every((payer) => !payer.session.snapshot().bannedAddresses.includes(seller.address)))
  }
  assert.ok(winners.size >= 3, `of those who came later each wins sometimes: ${[...winners]}`)
})

/** The connection breaks, and comes again as any does; the time when it is there. */
async function broken({ world, content, seller }: Contest, payer: Machine): Promise<number> {
  await payer.run({ type: 'ban', address: seller.address })
  await payer.run({ type: 'unban', address: seller.address })
  const id = torrentIdOf(content)
  await world.until('a connection', () => payer.torrent(id).peers.length > 0, 300_000)
  return world.clock.nowMs()
}

test('a winner whose connection breaks loses its share to the next score, and bids again within an epoch and a round of its return', async () => {
  const made = await contest(3, 1, { lengthBytes: 60_000_000 })
  const { world, ledger, content, payers } = made
  const id = torrentIdOf(content)
  const stateOf = (payer: Machine) => speedOf(payer, id).rows.find(({ state }) => state !== 'closed')?.state
  const holders = () => payers.filter((payer) => stateOf(payer) === 'holding')
  await world.clock.run(25_000)
  for (let times = 0; times < 3; times++) {
    const isBetween = () => holders().length === 1 && payers.every((payer) => stateOf(payer) !== 'bidding')
    await world.until('a winner, and no round', isBetween)
    const [winner] = holders()
    assert.ok(winner !== undefined)
    const breaking = broken(made, winner)
    await world.until('another winner', () => holders().some((payer) => payer !== winner), 1_000)
    const sinceMs = await breaking
    await world.until('a bid again', () => stateOf(winner) === 'bidding' || stateOf(winner) === 'holding', 30_000)
    // What is left of the epoch, and both steps of a round.
    assert.ok(world.clock.nowMs() - sinceMs <= 18_000, `${world.clock.nowMs() - sinceMs} ms`)
  }
  await world.until('all finished', () => payers.every((payer) => payer.torrent(id).isFinished), 900_000)
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  assert.equal(ledger.lanes.size, payers.length, 'the lanes of before are paid on')
  for (const payer of payers) {
    const awards = await awardsOf(payer)
    for (const { price, bid } of awards) assert.ok(bid === undefined || price <= bid)
  }
})

const hourMs = 3_600_000

test('a winner that draws nothing for two seconds loses its share to the next score, pays for a quarter of it, and weighs one for an hour', async () => {
  const watched = watchStatements()
  const idling = idle()
  try {
    const made = await contest(3, 1, { lengthBytes: 80_000_000 })
    const { world, content, seller, payers } = made
    const id = torrentIdOf(content)
    const weightsOf = (account: string) =>
      watched.all.flatMap((one) =>
        one.type === 'auction-call'
          ? one.seats.filter((seat) => seat.account === account).map(({ weight }) => weight)
          : [],
      )
    const holders = () => payers.filter((payer) => speedOf(payer, id).rows[0]?.state === 'holding')
    // So much paid that it weighs more than one.
    const isHeavy = (payer: Machine) => (weightsOf(walletOf(payer).account).at(-1) ?? 0) > 1_024
    await world.until('a winner that weighs more', () => holders().some(isHeavy))
    const [winner] = holders()
    assert.ok(winner !== undefined)
    const { account } = walletOf(winner)
    watched.all.length = 0
    watched.stated.length = 0
    const sinceMs = world.clock.nowMs()
    idling.account = account
    const lost = () =>
      watched.stated.flatMap(({ statement, to }) =>
        statement.type === 'share-lost' && to === account && statement.owedBytes > 0 ? [statement] : [],
      )
    await world.until('it is lost', () => lost().length > 0, 10_000)
    // What was asked for comes first; it is looked at each second.
    const afterMs = world.clock.nowMs() - sinceMs
    assert.ok(afterMs >= 2_000 && afterMs <= 6_000, `${afterMs} ms`)
    const [{ owedBytes = 0 } = {}] = lost()
    // A slot of eight of a megabyte a second, a quarter of it, for two to three seconds.
    assert.ok(owedBytes >= 55_000 && owedBytes <= 100_000, `${owedBytes} bytes`)
    await world.until('the next score has it', () => holders().some((payer) => payer !== winner), 1_000)

    idling.account = undefined
    watched.all.length = 0
    await seller.stop()
    await seller.start()
    await world.until('it bids again', () => weightsOf(account).length > 0, 300_000)
    assert.deepEqual([...new Set(weightsOf(account))], [1_024], 'after a restart of the provider, too')
    for (const payer of payers) await payer.stop()
    await world.clock.run(hourMs)
    for (const payer of payers) await payer.start()
    watched.all.length = 0
    await world.until('it bids after an hour', () => weightsOf(account).length > 0, 300_000)
    assert.ok(isHeavy(winner))
  } finally {
    idling.end()
    watched.end()
  }
})
