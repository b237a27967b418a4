// Statements of every kind with what viem says of them, read from test/vectors/statements.json into the product's types.
// Guarantees: nothing of what viem says was made by the code under test.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fromHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import type { InfoHashV1, InfoHashV2 } from '../../../src/base/ids.ts'
import { tokenAmount } from '../../../src/base/token-amount.ts'
import { accountId, contractDomain, ledgerDomain, parseRailId } from '../../../src/formats/money/account-id.ts'
import { operationCodec } from '../../../src/formats/money/operation-codec.ts'
import { operationDigest } from '../../../src/formats/money/operation-digest.ts'
import { receiptCodec, receiptDigest } from '../../../src/formats/money/receipt.ts'
import { speedMessageDigest } from '../../../src/formats/money/speed-message-digest.ts'
import { voucherDigest, waiverDigest } from '../../../src/formats/money/voucher-digest.ts'
import type { LaneId, RailId, SigningDomain } from '../../../src/ports/ledger.ts'

type Json = Readonly<Record<string, unknown>>

interface VectorFile {
  readonly secret: string
  readonly signer: string
  readonly domains: readonly { readonly rail: string; readonly genesisHash?: string; readonly contract?: string }[]
  readonly statements: readonly {
    readonly primaryType: string
    readonly domain: number
    readonly message: Json
    readonly digest: string
    readonly signature: string
  }[]
}

export interface StatementVector {
  readonly name: string
  readonly primaryType: string
  readonly rail: RailId
  readonly domain: SigningDomain
  /** The digest as the product makes it. */
  readonly ours: (domain: SigningDomain) => Uint8Array
  readonly digest: Uint8Array
  /** By `signer`. */
  readonly signature: Uint8Array
}

function bytesOf(text: unknown): Uint8Array {
  assert.ok(typeof text === 'string' && text.startsWith('0x'))
  return unwrap(fromHex(text.slice(2)))
}

const file = JSON.parse(readFileSync(new URL('../../vectors/statements.json', import.meta.url), 'utf8')) as VectorFile

/** 20 bytes. */
export const signer: Uint8Array = bytesOf(file.signer)

/** `OpenLane` is the struct of `open-lane`. */
function operationType(primaryType: string): string {
  return primaryType.replace(/(?<=[a-z])[A-Z]/g, (capital) => `-${capital}`).toLowerCase()
}

/** What is optional is an array of none or one in a struct. */
function withOptional(message: Json, keys: readonly string[]): Json {
  const entries = Object.entries(message).flatMap(([key, value]): [string, unknown][] => {
    if (!keys.includes(key)) return [[key, value]]
    return (value as readonly unknown[]).map((element) => [key, element])
  })
  return Object.fromEntries(entries)
}

/** viem has addresses where JSON of ours has accounts. */
function withAccounts(message: Json, rail: RailId): Json {
  const named = Object.entries(message).map(([key, value]): [string, unknown] =>
    /^(account|to|payee|payer|arbiter|approver)$/.test(key) && String(value).startsWith('0x')
      ? [key, accountId(rail, bytesOf(value))]
      : [key, value],
  )
  return Object.fromEntries(named)
}

function oursOf(primaryType: string, message: Json, rail: RailId): StatementVector['ours'] {
  const hex = (key: string) => String(message[key]).slice(2)
  const amount = (key: string) => tokenAmount(BigInt(String(message[key])))
  if (primaryType === 'Voucher') {
    const voucher = { lane: hex('lane') as LaneId, cumulativeAmount: amount('cumulativeAmount') }
    return (domain) => voucherDigest(voucher, domain)
  }
  if (primaryType === 'LaneWaiver') {
    const waiver = { lane: hex('lane') as LaneId, finalAmount: amount('finalAmount') }
    return (domain) => waiverDigest(waiver, domain)
  }
  if (primaryType === 'SpeedMessage') {
    const digits = hex('infoHash').replace(/0{24}$/, '')
    const infoHash = /^0*$/.test(digits) ? undefined : (digits as InfoHashV1 | InfoHashV2)
    const speedMessage = { rail, kind: String(message['kind']), infoHash, body: bytesOf(message['body']) }
    return (domain) => speedMessageDigest(speedMessage, domain)
  }
  if (primaryType.endsWith('Receipt')) {
    const type = primaryType.replace('Receipt', '').toLowerCase()
    const lane = message['lane'] as Json | undefined
    const receipt = unwrap(
      receiptCodec.fromJson(
        { type, ...withAccounts(message, rail), ...(lane === undefined ? {} : { lane: laneOf(lane, rail) }) },
        rail,
      ),
    )
    return (domain) => receiptDigest(receipt, domain)
  }
  const { account, ...fields } = withAccounts(withOptional(message, ['last', 'arbiter']), rail)
  const gates = fields['gates'] as readonly Json[] | undefined
  const json = {
    type: operationType(primaryType),
    ...fields,
    ...(gates === undefined ? {} : { gates: gates.map(gateOf) }),
  }
  const operation = unwrap(operationCodec.fromJson(json, rail))
  return (domain) => operationDigest(operation, account as Parameters<typeof operationDigest>[1], domain)
}

/** Signed with zeros for what it does not have. */
function gateOf({ type, ...members }: Json): Json {
  return type === 'balance' ? { type, ...members } : { type }
}

function laneOf(lane: Json, rail: RailId): Json {
  const { type, closesAtMs } = lane['state'] as Json
  return {
    ...withAccounts(withOptional(lane, ['award']), rail),
    state: type === 'closing' ? { type, closesAtMs } : { type },
  }
}

export const statementVectors: readonly StatementVector[] = file.statements.map((statement, index) => {
  const place = file.domains[statement.domain]
  assert.ok(place !== undefined)
  const rail = unwrap(parseRailId(place.rail))
  const domain =
    place.genesisHash === undefined
      ? contractDomain(rail, bytesOf(place.contract))
      : ledgerDomain(bytesOf(place.genesisHash))
  return {
    name: `${statement.primaryType} ${index} on ${rail}`,
    primaryType: statement.primaryType,
    rail,
    domain,
    ours: oursOf(statement.primaryType, statement.message, rail),
    digest: bytesOf(statement.digest),
    signature: bytesOf(statement.signature),
  }
})

/** Of the key of `signer`, 32 bytes. */
export const secret: Uint8Array = bytesOf(file.secret)
