// What tests of Speed in sessions begin with: a simulated world with a ledger, machines that pay and earn, and the sums
// that must agree. Keeps no state.
import assert from 'node:assert/strict'
import type { SimulatedLedger } from '../../sim/ports/simulated-ledger.ts'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import type { MachineWallet } from '../../sim/world/machine-wallet.ts'
import type { World } from '../../sim/world/world.ts'
import { present } from '../../src/base/assert.ts'
import { unwrap } from '../../src/base/errors.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import type { SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import { Payee } from '../../src/payment/payee.ts'
import { SpeedLink } from '../../src/peer/speed-link.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import type { Store, StoreRange } from '../../src/ports/store.ts'
import { type AwardRecord, readAwards } from '../../src/session/award-records.ts'
import { BuyingSide } from '../../src/session/buying-side.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import type { SessionConfig, SpeedConfig } from '../../src/session/session-config.ts'
import type { TorrentSpeedSnapshot } from '../../src/session/snapshots.ts'
import { newWorld } from './session-world.ts'

export const token = 10n ** 18n
/** Base units for a MiB, odd so that rounding shows. */
const price = tokenAmount(token / 1_024n + 7n)

export function speedConfig(changes: Partial<SpeedConfig>): SpeedConfig {
  return {
    pays: false,
    earns: false,
    shares: 4,
    startPrice: price,
    floorPrice: price,
    capPrice: price,
    dayBudget: tokenAmount(10n ** 30n),
    leastPerHour: tokenAmount(0n),
    inPrivateTorrents: false,
    ...changes,
  }
}

/** Uploads no more than so much in a second. */
export function slowly(uploadBytesPerSecond: number): Pick<SessionConfig, 'rates'> {
  return { rates: { downloadBytesPerSecond: Number.POSITIVE_INFINITY, uploadBytesPerSecond } }
}

/** It has the content and sells it. */
export async function sellerOf(
  world: World,
  ledger: SimulatedLedger,
  content: Content,
  address: string,
  config: Partial<SessionConfig> = {},
): Promise<Machine> {
  const speed = speedConfig({ earns: true })
  const machine = world.machine(address, { ledger, config: { exemptLocalNetwork: false, speed, ...config } })
  machine.put(content)
  await machine.start()
  const id = await machine.add(content.metainfo)
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  return machine
}

export function payerAt(
  world: World,
  ledger: SimulatedLedger,
  address: string,
  config: Partial<SessionConfig> = {},
): Machine {
  const speed = speedConfig({ pays: true })
  return world.machine(address, { ledger, config: { exemptLocalNetwork: false, speed, ...config } })
}

const plenty = { most: tokenAmount(50n * token) }

export interface Pair {
  readonly world: World
  readonly ledger: SimulatedLedger
  readonly content: Content
  readonly seller: Machine
  readonly payer: Machine
  readonly id: TorrentId
}

interface PairOptions {
  readonly bytes: number
  /** What the seller uploads in a second. */
  readonly rate?: number
  readonly pieceLengthBytes?: number
  readonly seed?: number
}

/** One that sells content, and one that has plenty to pay for it, at 10.0.0.1 and 10.0.0.2. */
export async function pairOf({
  bytes,
  rate = 1_000_000,
  pieceLengthBytes = 65_536,
  seed = 1,
}: PairOptions): Promise<Pair> {
  const world = newWorld(seed)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [bytes], pieceLengthBytes })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(rate))
  const payer = payerAt(world, ledger, '10.0.0.2')
  await payer.start()
  const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget: plenty })
  return { world, ledger, content, seller, payer, id }
}

export function walletOf(machine: Machine): MachineWallet {
  return present(machine.wallet, 'a machine with a wallet')
}

export function speedOf(machine: Machine, id: TorrentId): TorrentSpeedSnapshot {
  return present(machine.torrent(id).speed, 'a torrent that may be dealt in')
}

function availableOf(ledger: SimulatedLedger, machine: Machine): bigint {
  return ledger.core.state.account(walletOf(machine).account).available
}

/** What a machine's database has, while its program runs. */
export function databaseOf(machine: Machine): Store {
  const { disk } = walletOf(machine)
  const range = async (table: string, asked: StoreRange) => ({ ok: true, value: disk.entries(table, asked) })
  return { range } as unknown as Store
}

export async function awardsOf(machine: Machine): Promise<AwardRecord[]> {
  return unwrap(await readAwards(databaseOf(machine), walletOf(machine).ledger.terms.rail))
}

/** What so many bytes cost. */
export function costOf(bytes: number, pricePerMiB: TokenAmount = price): bigint {
  return (BigInt(bytes) * pricePerMiB) >> 20n
}

/** Every lane there ever was is closed, and nothing is locked any more. */
export function isQuiet(ledger: SimulatedLedger): boolean {
  return [...ledger.lanes.values()].every(({ state }) => state.type === 'closed')
}

export function claimedOf(ledger: SimulatedLedger): bigint {
  let sum = 0n
  for (const { claimed } of ledger.lanes.values()) sum += claimed
  return sum
}

/** What one machine has less than at the beginning is what others have more, and what the ledger took as fees. */
export function assertConserved(ledger: SimulatedLedger, machines: readonly Machine[]): void {
  const { openFee } = ledger.terms
  const fees = openFee * BigInt(ledger.lanes.size)
  const had = granted * BigInt(machines.length)
  assert.equal(machines.reduce((sum, machine) => sum + availableOf(ledger, machine), 0n) + fees, had)
}

/** Of each account, by the first grant. */
const granted = 10_000n * token

/** Nothing is served beyond what may be unpaid: looked at with every block that any payee in this process counts. */
export function watchExposure(): { readonly blocks: () => number; readonly end: () => void } {
  const { countServed } = Payee.prototype
  let blocks = 0
  Payee.prototype.countServed = function (tab, bytes, nowMs) {
    assert.ok(bytes <= this.allowanceBytes(tab), 'a block that is covered')
    blocks++
    countServed.call(this, tab, bytes, nowMs)
  }
  return {
    blocks: () => blocks,
    end: () => {
      Payee.prototype.countServed = countServed
    },
  }
}

interface Stated {
  readonly statement: SpeedStatement
  readonly from: AccountId
  readonly to: AccountId
}

/** Every statement that any session sends from now on. */
export function watchStatements(): {
  readonly all: SpeedStatement[]
  readonly stated: Stated[]
  readonly end: () => void
} {
  const all: SpeedStatement[] = []
  const stated: Stated[] = []
  const { tellSigned } = SpeedLink.prototype
  SpeedLink.prototype.tellSigned = function (signed) {
    const { state } = this
    const { statement } = signed
    all.push(statement)
    if (state.phase === 'open') {
      stated.push({ statement, from: state.agreement.own.account, to: state.agreement.peer.account })
    }
    return tellSigned.call(this, signed)
  }
  return {
    all,
    stated,
    end: () => {
      SpeedLink.prototype.tellSigned = tellSigned
    },
  }
}

/** From a moment on somebody asks for nothing that it would have to pay for. */
export function idle(): { account: string | undefined; readonly end: () => void } {
  const asked = Object.getOwnPropertyDescriptor(BuyingSide.prototype, 'allowanceBytes')
  assert.ok(asked?.get !== undefined)
  const { get } = asked
  const state = {
    account: undefined as string | undefined,
    end: () => Object.defineProperty(BuyingSide.prototype, 'allowanceBytes', asked),
  }
  Object.defineProperty(BuyingSide.prototype, 'allowanceBytes', {
    ...asked,
    get(this: BuyingSide) {
      return this.own === state.account && this.isInStretch ? 0 : get.call(this)
    },
  })
  return state
}
