// The genesis of a ledger: who operates it, its one asset, by which rule tokens come to be, fees, windows, limits.
// Guarantees: one canonical byte form, whose hash names the ledger and is bound into every signature on it; nothing of
// it can change later. Amounts are decimal text in it, times milliseconds.
import { assert } from '../base/assert.ts'
import { fromHex, toHex, utf8Length } from '../base/bytes.ts'
import { failure, type Result, success, unwrap } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { type TokenAmount, type TokenSymbol, tokenAmount } from '../base/token-amount.ts'
import { accountId, ledgerDomain, ledgerRail, parseRailId } from '../formats/money/account-id.ts'
import { addressLength } from '../formats/money/evm-address.ts'
import { type Codec, codec, type Form, malformed, record, union } from '../formats/money/form.ts'
import { words } from '../formats/money/operation-forms.ts'
import { amount, bytes32, whole } from '../formats/money/typed-forms.ts'
import type { AccountId, Hash256, RailId, SigningDomain } from '../ports/ledger.ts'

type MintingRule =
  /** The operator admits accounts, each by an invite and with the same grant; play money only. */
  | { readonly type: 'invites'; readonly grant: TokenAmount }
  /** Only what was deposited on a chain exists here. */
  | { readonly type: 'deposits'; readonly chain: string; readonly vault: string; readonly confirmations: number }

interface LedgerFees {
  readonly transfer: TokenAmount
  /** Opening a lane, an escrow, an air-drop. */
  readonly open: TokenAmount
  readonly withdrawal: TokenAmount
  /** Of what a lane or an escrow pays out, in millionths, rounded down. */
  readonly payoutPpm: number
  readonly to: 'burned' | 'operator'
}

interface LedgerLimits {
  readonly minDeposit: TokenAmount
  readonly maxLanesPerPayer: number
  readonly maxLanesPerPair: number
  /** What may be locked for one payee, in thousandths of what the payer has. */
  readonly maxPeerPermille: number
  /** Lanes, escrows and air-drops end no later than so long after they begin. */
  readonly maxLaneMs: number
  readonly maxEscrowMs: number
  readonly maxCampaignMs: number
}

export interface Genesis {
  readonly version: number
  readonly name: string
  /** The operator's address: 40 hexadecimal digits, lower case. */
  readonly operator: string
  readonly symbol: TokenSymbol
  readonly minting: MintingRule
  readonly supplyCap: TokenAmount
  readonly fees: LedgerFees
  /** In which a later voucher wins over a payer's wish to close. */
  readonly challengeMs: number
  /** In which an arbiter must rule; then the payer gets the rest. */
  readonly arbitrationMs: number
  readonly limits: LedgerLimits
  readonly createdAtMs: number
  /** Drawn at random: two ledgers of one operator are never the same. */
  readonly nonce: Hash256
}

/** A genesis with all that follows from it. */
export interface LedgerFacts {
  readonly genesis: Genesis
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  readonly rail: RailId
  readonly domain: SigningDomain
  readonly operator: AccountId
}

const genesisVersion = 1
const maxTextBytes = 128
/** Sums of a few balances never leave 256 bits. */
const maxSupplyCap = 2n ** 200n
const maxDurationMs = 10 * 366 * 86_400_000
const maxPayoutPpm = 100_000

/** At most `maxBytes` in UTF-8. */
function text(maxBytes: number): Form<string> {
  const read = (value: unknown) =>
    typeof value === 'string' && utf8Length(value) <= maxBytes ? value : malformed(`not text of ${maxBytes} bytes`)
  return {
    toBencode: (value) => value,
    fromBencode: (cursor) => read(cursor.text()),
    toJson: (value) => value,
    fromJson: read,
  }
}

const address: Form<string> = {
  toBencode: (value) => unwrap(fromHex(value)),
  fromBencode(cursor) {
    const bytes = cursor.bytes()
    return bytes?.length === addressLength ? toHex(bytes) : malformed('not an address')
  },
  toJson: (value) => `0x${value}`,
  fromJson: (value) =>
    typeof value === 'string' && /^0x[0-9a-f]{40}$/.test(value) ? value.slice(2) : malformed('not an address'),
}

const genesisForm = record<Genesis>({
  version: whole,
  name: text(maxTextBytes),
  operator: address,
  symbol: words(['BTT', 'TEST']),
  minting: union<MintingRule>({
    invites: { grant: amount },
    deposits: { chain: text(maxTextBytes), vault: text(maxTextBytes), confirmations: whole },
  }),
  supplyCap: amount,
  fees: record<LedgerFees>({
    transfer: amount,
    open: amount,
    withdrawal: amount,
    payoutPpm: whole,
    to: words(['burned', 'operator']),
  }),
  challengeMs: whole,
  arbitrationMs: whole,
  limits: record<LedgerLimits>({
    minDeposit: amount,
    maxLanesPerPayer: whole,
    maxLanesPerPair: whole,
    maxPeerPermille: whole,
    maxLaneMs: whole,
    maxEscrowMs: whole,
    maxCampaignMs: whole,
  }),
  createdAtMs: whole,
  nonce: bytes32<Hash256>(),
})

/** Canonical bytes, and the form people read. Errors: statement-malformed. */
export const genesisCodec: Codec<Genesis> = codec(genesisForm)

/** No rail is read from a genesis: it makes one. */
const noRail = '' as RailId

function problemOf(genesis: Genesis): string | undefined {
  const { version, symbol, minting, supplyCap, fees, limits } = genesis
  if (version !== genesisVersion) return `version ${version}, and this program knows ${genesisVersion}`
  if ((minting.type === 'invites') !== (symbol === 'TEST')) return 'TEST comes by invites and BTT by deposits'
  if (minting.type === 'deposits' && !parseRailId(minting.chain).ok) return 'its deposits are on no known chain'
  if (supplyCap > maxSupplyCap) return 'its supply cap is over 2^200'
  if (fees.payoutPpm > maxPayoutPpm) return 'its fee on what is paid out is over a tenth'
  if (limits.maxPeerPermille > 1000) return 'a share of over a thousand thousandths'
  const durations = [genesis.challengeMs, genesis.arbitrationMs, limits.maxLaneMs, limits.maxEscrowMs]
  return Math.max(...durations, limits.maxCampaignMs) > maxDurationMs ? 'it speaks of over ten years' : undefined
}

/** What follows from the bytes of a genesis. Errors: statement-malformed. */
export function ledgerFacts(bytes: Uint8Array): Result<LedgerFacts> {
  const decoded = genesisCodec.decode(bytes, noRail)
  if (!decoded.ok) return decoded
  const genesis = decoded.value
  const problem = problemOf(genesis)
  if (problem !== undefined) return failure('statement-malformed', `not a genesis: ${problem}`)
  const hash = sha256(bytes)
  const rail = ledgerRail(hash)
  const operator = accountId(rail, unwrap(fromHex(genesis.operator)))
  return success({ genesis, bytes, hash, rail, domain: ledgerDomain(hash), operator })
}

const token = 10n ** 18n
const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** A ledger of play money as a daemon makes one for itself. */
export function testGenesis(name: string, operator: string, createdAtMs: number, nonce: Hash256): Genesis {
  assert(utf8Length(name) <= maxTextBytes, 'a short name')
  return {
    version: genesisVersion,
    name,
    operator,
    symbol: 'TEST',
    minting: { type: 'invites', grant: tokenAmount(10_000n * token) },
    supplyCap: tokenAmount(10n ** 12n * token),
    fees: {
      transfer: tokenAmount(0n),
      open: tokenAmount(0n),
      withdrawal: tokenAmount(0n),
      payoutPpm: 0,
      to: 'burned',
    },
    challengeMs: hourMs,
    arbitrationMs: 14 * dayMs,
    limits: {
      minDeposit: tokenAmount(token / 1000n),
      maxLanesPerPayer: 1000,
      maxLanesPerPair: 8,
      maxPeerPermille: 1000,
      maxLaneMs: 30 * dayMs,
      maxEscrowMs: 366 * dayMs,
      maxCampaignMs: 366 * dayMs,
    },
    createdAtMs,
    nonce,
  }
}
