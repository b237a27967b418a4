// Contested shares between whole sessions: sealed rounds over connections, what they cost, and what cheating in them leads to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedLedger } from '../../sim/ports/simulated-ledger.ts'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { AuctionCall } from '../../src/market/market-messages.ts'
import { auctionListRoot } from '../../src/market/sealing.ts'
import { SpeedLink } from '../../src/peer/speed-link.ts'
import { SpeedConnection } from '../../src/session/speed-connection.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  awardsOf,
  claimedOf,
  costOf,
  isQuiet,
  payerAt,
  sellerOf,
  slowly,
  speedConfig,
  token,
  walletOf,
} from './speed-world.ts'

interface Contest {
  readonly world: World
  readonly ledger: SimulatedLedger
  readonly content: Content
  readonly seller: Machine
  readonly payers: readonly Machine[]
}

/** So many that pay, each with another budget, at one that sells fewer shares. */
async function contest(payerCount: number, shares: number, seed = 1): Promise<Contest> {
  const world = newWorld(seed)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [20_000_000], pieceLengthBytes: 65_536 })
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
    const budget = { most: tokenAmount((costOf(20_000_000) * 12n * BigInt(10 + index)) / 10n) }
    await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
  }
  return { world, ledger, content, seller, payers }
}

test('when more want shares than there are, sealed rounds decide; nobody pays over its bid, and all adds up', async () => {
  const { world, ledger, content, seller, payers } = await contest(3, 1)
  const id = torrentIdOf(content)
  const kinds = new Set<string>()
  const { tellSigned } = SpeedLink.prototype
  SpeedLink.prototype.tellSigned = function (signed) {
    kinds.add(signed.statement.type)
    return tellSigned.call(this, signed)
  }
  await world.until('all finished', () => payers.every((payer) => payer.torrent(id).isFinished), 600_000)
  SpeedLink.prototype.tellSigned = tellSigned
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  await world.clock.run(1_000)
  for (const kind of ['auction-call', 'auction-commit', 'auction-list', 'auction-reveal', 'auction-award']) {
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
