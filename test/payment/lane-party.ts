// A party of a lane world: its machine as long as the process lives, begun with what is on its disk.
// Owns nothing: parties are the world's.
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import {
  budgets,
  payeeLanes,
  payeeOperations,
  payeeTabs,
  payerLanes,
  payerOperations,
  payerTabs,
  standings,
} from '../../src/payment/lane-records.ts'
import { Payee } from '../../src/payment/payee.ts'
import type { SettlementRule } from '../../src/payment/payee-lanes.ts'
import { Payer } from '../../src/payment/payer.ts'
import type { PayerOptions } from '../../src/payment/payer-lanes.ts'
import type { PayeeNotice, PayerNotice } from '../../src/payment/payment-events.ts'
import type { SigningRequest } from '../../src/ports/signer.ts'
import type { StoreChange } from '../../src/ports/store.ts'
import { MemoryStore } from './memory-store.ts'

type Machine = Payer | Payee

export type Role = 'payer' | 'payee'
export const roles: readonly Role[] = ['payer', 'payee']

/** Of a payee. */
interface ClaimingOptions {
  readonly claimAt?: TokenAmount
  readonly settles?: SettlementRule
  readonly pool?: { totalBytes: number }
}

/** A party: its machine as long as the process lives, and its disk. */
export interface Party {
  readonly role: Role
  store: MemoryStore
  machine: Machine | undefined
  /** Events for an earlier life are void. */
  life: number
  /** On their way to the disk, in order. */
  readonly writing: (readonly StoreChange[])[]
  readonly notices: (PayerNotice | PayeeNotice)[]
  readonly asked: SigningRequest[]
  wakeAtMs: number
  /** When its disk is done with what it has. */
  diskMs: number
  /** Nothing comes through between it and the ledger. */
  isCutOff: boolean
}

export function newParty(role: Role): Party {
  return {
    role,
    store: new MemoryStore(),
    machine: undefined,
    life: 0,
    writing: [],
    notices: [],
    asked: [],
    wakeAtMs: Number.POSITIVE_INFINITY,
    diskMs: 0,
    isCutOff: false,
  }
}

/** Begins with what the store has. */
export function machineOf(
  role: Role,
  store: MemoryStore,
  options: PayerOptions,
  claiming: ClaimingOptions,
  nowMs: number,
): Machine {
  const { rail } = options.terms
  if (role === 'payer') {
    const records = {
      lanes: store.read(payerLanes, rail),
      tabs: store.read(payerTabs, rail),
      budgets: store.read(budgets, rail),
      operations: store.read(payerOperations, rail),
    }
    return new Payer(options, records, nowMs)
  }
  const records = {
    lanes: store.read(payeeLanes, rail),
    tabs: store.read(payeeTabs, rail),
    standings: store.read(standings, rail),
    operations: store.read(payeeOperations, rail),
  }
  const claimAt = claiming.claimAt ?? tokenAmount(10n ** 30n)
  const { pool, settles } = claiming
  const more = { ...(pool === undefined ? {} : { pool }), ...(settles === undefined ? {} : { settles }) }
  return new Payee({ ...options, claimAt, ...more }, records, nowMs)
}
