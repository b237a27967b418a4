// Statements of every kind, drawn for property tests: edges of every field, on each kind of rail.
// Guarantees: all of them are valid in form; what they say need not make sense to a ledger.
import fc from 'fast-check'
import { toHex, writeUint256 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { tokenAmount } from '../../../src/base/token-amount.ts'
import {
  accountId,
  contractDomain,
  ledgerDomain,
  ledgerRail,
  parseRailId,
} from '../../../src/formats/money/account-id.ts'
import { operationTable } from '../../../src/formats/money/operation-schema.ts'
import type { LedgerReceipt } from '../../../src/formats/money/receipt.ts'
import { parseSignature } from '../../../src/formats/money/signature.ts'
import type {
  AccountId,
  CampaignGate,
  Hash256,
  Lane,
  LaneId,
  LaneState,
  LedgerOperation,
  OperationId,
  RailId,
  SignedVoucher,
  SigningDomain,
} from '../../../src/ports/ledger.ts'

export interface Place {
  readonly rail: RailId
  readonly domain: SigningDomain
}

/** Plain objects, as the product's. */
export function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

const genesisHash = new Uint8Array(32).fill(0x5a)
const contract = new Uint8Array(20).fill(0xc0)
const onChain = (text: string): Place => {
  const rail = unwrap(parseRailId(text))
  return { rail, domain: contractDomain(rail, contract) }
}

export const ledgerPlace: Place = { rail: ledgerRail(genesisHash), domain: ledgerDomain(genesisHash) }
export const places: readonly Place[] = [ledgerPlace, onChain('eip155:199'), onChain('tron:0x2b6653dc')]

const max256 = 2n ** 256n - 1n
const halfOrder = BigInt('0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')

export const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const hex32 = bytes32.map(toHex)
const id = hex32.map((text) => text as OperationId)
const laneId = hex32.map((text) => text as LaneId)
const hash = hex32.map((text) => text as Hash256)
export const amount = fc
  .oneof(fc.constantFrom(0n, 1n, 2n ** 64n - 1n, 2n ** 64n, max256), fc.bigInt({ min: 0n, max: max256 }))
  .map(tokenAmount)
export const whole = fc.oneof(fc.constantFrom(0, 1, 2 ** 32, 2 ** 53 - 1), fc.nat())
export const signature = fc
  .tuple(fc.bigInt({ min: 1n, max: halfOrder }), fc.bigInt({ min: 1n, max: halfOrder }), fc.constantFrom(27, 28))
  .map(([r, s, v]) => {
    const bytes = new Uint8Array(65)
    writeUint256(bytes, 0, r)
    writeUint256(bytes, 32, s)
    bytes[64] = v
    return unwrap(parseSignature(bytes))
  })
export const signedVoucher: fc.Arbitrary<SignedVoucher> = record({
  lane: laneId,
  cumulativeAmount: amount,
  signature,
})

export function accountOn(rail: RailId): fc.Arbitrary<AccountId> {
  return fc.uint8Array({ minLength: 20, maxLength: 20 }).map((address) => accountId(rail, address))
}

export function laneOn(rail: RailId): fc.Arbitrary<Lane> {
  const state: fc.Arbitrary<LaneState> = fc.oneof(
    fc.constant({ type: 'open' } as const),
    record({ type: fc.constant('closing' as const), closesAtMs: whole }),
    fc.constant({ type: 'closed' } as const),
  )
  const account = accountOn(rail)
  const fields = { id: laneId, payer: account, payee: account, deposit: amount, claimed: amount }
  const plain = { ...fields, expiresAtMs: whole, state }
  return fc
    .oneof(record<Lane>(plain), record<Lane>({ ...plain, award: hash }))
    .map((lane) => (lane.claimed <= lane.deposit ? lane : { ...lane, claimed: lane.deposit, deposit: lane.claimed }))
}

const gate: fc.Arbitrary<CampaignGate> = fc.oneof(
  record({ type: fc.constantFrom('invite' as const, 'passkey' as const) }),
  record({ type: fc.constant('balance' as const), height: whole, minimum: amount }),
)

/** Texts by operation and field. */
const texts: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'deposit-settle result': fc.constantFrom('credited', 'dropped'),
  'withdraw-settle result': fc.constantFrom('sent', 'failed'),
  'campaign-propose purpose': fc.constantFrom('gift', 'seeding'),
  'withdraw to': fc.oneof(...places.map((place) => accountOn(place.rail))),
}

interface Member {
  readonly typeName: string
  readonly isOptional?: boolean
}

/** What a field holds, by its type in EIP-712; what is optional is an array there. */
function drawnFor({ typeName, isOptional }: Member, place: string, rail: RailId): fc.Arbitrary<unknown> {
  const elements: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    bytes32: hex32,
    address: accountOn(rail),
    uint256: amount,
    uint64: whole,
    SignedVoucher: signedVoucher,
    CampaignGate: gate,
  }
  const element = typeName === 'string' ? texts[place] : elements[typeName.replace('[]', '')]
  if (element === undefined) throw new Error(`no values of type ${typeName} for ${place}: add them`)
  if (isOptional === true || !typeName.endsWith('[]')) return element
  return fc.array(element, { minLength: 1, maxLength: 4 })
}

/** Names of fields that an operation may lack. */
export const optionalFields: ReadonlySet<string> = new Set([
  // Of a lane.
  'award',
  ...Object.values(operationTable).flatMap(({ fields }) => {
    const members = Object.entries(fields as Readonly<Record<string, Member>>)
    return members.filter(([, { isOptional }]) => isOptional === true).map(([name]) => name)
  }),
])

/** By type, so that every kind is drawn as often as any other: of every row of the table. */
export function operationsOn(rail: RailId): Readonly<Record<string, fc.Arbitrary<LedgerOperation>>> {
  const arbitraries = Object.entries(operationTable).map(([type, { fields }]) => {
    const members = Object.entries(fields as Readonly<Record<string, Member>>)
    const model = Object.fromEntries(members.map(([name, member]) => [name, drawnFor(member, `${type} ${name}`, rail)]))
    const required = members.filter(([, { isOptional }]) => isOptional !== true).map(([name]) => name)
    const requiredKeys = ['type', 'id', ...required]
    const drawn = fc.record({ type: fc.constant(type), id, ...model }, {
      noNullPrototype: true,
      requiredKeys,
    } as object)
    return [type, drawn as fc.Arbitrary<unknown> as fc.Arbitrary<LedgerOperation>] as const
  })
  return Object.fromEntries(arbitraries)
}

export function operationOn(rail: RailId): fc.Arbitrary<LedgerOperation> {
  return fc.oneof(...Object.values(operationsOn(rail)))
}

export function receiptOn(rail: RailId): fc.Arbitrary<LedgerReceipt> {
  const account = accountOn(rail)
  const of = <Type extends string>(type: Type) => fc.constant(type)
  const height = whole
  const timeMs = whole
  return fc.oneof(
    record({ type: of('operation'), id, account, digest: hash, fee: amount, height, entryHash: hash, timeMs }),
    record({
      type: of('balance'),
      account,
      available: amount,
      locked: amount,
      leaving: amount,
      arriving: amount,
      height,
      stateRoot: hash,
      timeMs,
    }),
    record({ type: of('lane'), lane: laneOn(rail), height, stateRoot: hash, timeMs }),
    record({ type: of('head'), height, entryHash: hash, stateRoot: hash, timeMs }),
  )
}
