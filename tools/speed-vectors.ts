// Test vectors of Speed (docs/protocol/speed.md) for other implementors: one message of each kind between two fixed
// parties, as it is on the wire, and of what is signed the body, the digest and the signature.
// Guarantees: the same on every run. Imported by the generator of the page and by its test.
import { toHex } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { sha256 } from '../src/base/hash.ts'
import { infoHashV1, peerId } from '../src/base/ids.ts'
import { tokenAmount } from '../src/base/token-amount.ts'
import { accountId, ledgerDomain, ledgerRail } from '../src/formats/money/account-id.ts'
import { receiptDigest, type SignedReceipt } from '../src/formats/money/receipt.ts'
import { speedMessageDigest } from '../src/formats/money/speed-message-digest.ts'
import { voucherDigest } from '../src/formats/money/voucher-digest.ts'
import { encodeSpeedMessage } from '../src/formats/peer/speed-codec.ts'
import type { SpeedPlain, SpeedStatement, SpeedTerms } from '../src/formats/peer/speed-messages.ts'
import { bindMessage, speedSession, speedTermsHash, statementMessage } from '../src/formats/peer/speed-signing.ts'
import { secp256k1 } from '../src/host/secp256k1.ts'
import { stayAnswer } from '../src/market/stay-messages.ts'
import { speedSenders } from '../src/peer/speed-agreement.ts'
import type { Hash256, LaneId } from '../src/ports/ledger.ts'
import type { SpeedMessage as SignedMessage } from '../src/ports/signer.ts'

export interface SpeedVector {
  readonly kind: string
  readonly from: 'requester' | 'provider'
  /** The message, for a person: amounts as text, bytes as 0x and digits. */
  readonly message: unknown
  readonly payload: string
  /** Of what is signed over a SpeedMessage. */
  readonly signed?: {
    readonly kind: string
    readonly body: string
    readonly digest: string
    readonly signature: string
  }
}

function bytesOf(seed: string): Uint8Array {
  return sha256(new TextEncoder().encode(`speed vectors: ${seed}`))
}

function hashOf(seed: string): Hash256 {
  return toHex(bytesOf(seed)) as Hash256
}

const secrets = { requester: bytesOf('requester'), provider: bytesOf('provider'), operator: bytesOf('operator') }
const keys = {
  requester: unwrap(secp256k1.openKey(secrets.requester)),
  provider: unwrap(secp256k1.openKey(secrets.provider)),
  operator: unwrap(secp256k1.openKey(secrets.operator)),
}
const genesisHash = bytesOf('genesis')
const rail = ledgerRail(genesisHash)
const domain = ledgerDomain(genesisHash)
const infoHash = infoHashV1(bytesOf('torrent').subarray(0, 20))
const requester = accountId(rail, keys.requester.address)
const provider = accountId(rail, keys.provider.address)
const other = accountId(rail, bytesOf('another bidder').subarray(0, 20))
const price = tokenAmount(976_562_500_000_000_000n)
const dearer = tokenAmount(1_250_000_000_000_000_000n)
const lane = hashOf('lane') as string as LaneId
const timeMs = 1_793_491_200_000

function termsOf(seed: string, own: typeof requester, pays: boolean): SpeedTerms {
  const ledgers = [{ account: own, postedPrice: price }]
  const ticks = { leastTickBytes: 262_144, mostTickBytes: 16_777_216 }
  return { nonce: hashOf(`nonce of the ${seed}`), ledgers, pays, earns: !pays, ...ticks }
}

const terms = { requester: termsOf('requester', requester, true), provider: termsOf('provider', provider, false) }
const parties = {
  requester: {
    account: requester,
    peerId: peerId(bytesOf('peer id of the requester').subarray(0, 20)),
    termsHash: speedTermsHash(terms.requester),
  },
  provider: {
    account: provider,
    peerId: peerId(bytesOf('peer id of the provider').subarray(0, 20)),
    termsHash: speedTermsHash(terms.provider),
  },
}
const session = speedSession(parties.requester, parties.provider)

function laneReceipt(): SignedReceipt {
  const receipt = {
    type: 'lane',
    lane: {
      id: lane,
      payer: requester,
      payee: provider,
      deposit: tokenAmount(30_000_000_000_000_000_000n),
      claimed: tokenAmount(0n),
      expiresAtMs: timeMs + 86_400_000,
      state: { type: 'open' },
    },
    height: 42,
    stateRoot: hashOf('state'),
    timeMs,
  } as const
  return { receipt, signature: keys.operator.sign(receiptDigest(receipt, domain)) }
}

const voucherFields = { lane, cumulativeAmount: tokenAmount(244_140_625_000_000_000n) }
const voucher = { ...voucherFields, signature: keys.requester.sign(voucherDigest(voucherFields, domain)) }
const job = hashOf('job')
const seal = { account: requester, commitment: hashOf('commitment') }
const askSeal = { account: provider, commitment: hashOf('commitment of an ask') }
const listRoot = hashOf('root')
const nonce = hashOf('nonce of a bid')

const stay = hashOf('stay')
/** Zeros. */
const stayContents = [new Uint8Array(16_384), new Uint8Array(1_000)]
const stayChallenge = {
  type: 'stay-challenge',
  stay,
  tick: 1,
  nonce: hashOf('nonce of a challenge'),
  blocks: [
    { piece: 3, offset: 32_768, length: 16_384 },
    { piece: 8, offset: 0, length: 1_000 },
  ],
} as const

const auctionCall: SpeedStatement = {
  type: 'auction-call',
  epoch: 7,
  shares: 4,
  postedPrice: price,
  seats: [
    { account: requester, weight: 1_024 },
    { account: other, weight: 1_536 },
  ],
  backedMiB: 16,
  commitWithinMs: 1_000,
}

/** What either says, in an order in which it could be said. */
const plains: readonly SpeedPlain[] = [
  { type: 'want-share', isWanting: true },
  { type: 'lane', event: 'open', receipt: laneReceipt() },
  { type: 'hello', lanes: [{ lane, signed: tokenAmount(0n) }], unpaid: tokenAmount(0n) },
  { type: 'present', lanes: [{ lane }], windowBytes: 1_048_576 },
  { type: 'voucher', voucher },
  { type: 'acknowledge', lane, cumulativeAmount: voucher.cumulativeAmount, windowBytes: 2_097_152 },
  { type: 'finish', lanes: [lane] },
  { type: 'shown-root', provider: other, epoch: 7, listRoot },
  { type: 'shown-job-root', requester: other, job, listRoot },
  { type: 'job-end', job },
  {
    type: 'stay-offer',
    stay,
    lastsMs: 86_400_000,
    perHour: tokenAmount(500_000_000_000_000_000n),
    intervalMs: 300_000,
    blocks: 4,
  },
  { type: 'stay-accept', stay },
  { type: 'stay-refuse', stay, reason: 'too-cheap', leastPerHour: price },
  stayChallenge,
  { type: 'stay-proof', stay, tick: 1, answer: stayAnswer(provider, stayChallenge, stayContents) },
  { type: 'stay-end', stay },
  { type: 'refuse', of: 'voucher', reason: 'voucher-invalid', lane },
]

const statements: readonly SpeedStatement[] = [
  auctionCall,
  { type: 'auction-commit', epoch: 7, commitment: seal.commitment, backing: laneReceipt() },
  { type: 'auction-list', epoch: 7, listRoot, commitments: [seal], revealWithinMs: 1_000 },
  { type: 'auction-reveal', epoch: 7, bid: dearer, nonce },
  {
    type: 'auction-award',
    epoch: 7,
    listRoot,
    openings: [{ account: requester, bid: dearer, nonce }],
    dropped: [],
    share: 1,
    price,
    fromByte: 1_048_576,
  },
  { type: 'walk-in-award', epoch: 7, price, fromByte: 0 },
  { type: 'share-lost', epoch: 7, owedBytes: 65_536, fromByte: 4_194_304 },
  {
    type: 'job-request',
    job,
    units: 100,
    deadlineMs: 600_000,
    ceilingCommitment: hashOf('ceiling'),
    seats: [{ account: provider, handicap: 6_554, mostUnits: 100 }],
    askWithinMs: 500,
  },
  { type: 'job-ask', job, commitment: askSeal.commitment },
  { type: 'job-list', job, listRoot, commitments: [askSeal], revealWithinMs: 500 },
  { type: 'job-reveal', job, cost: price, units: 60, nonce },
  {
    type: 'job-award',
    job,
    listRoot,
    ceiling: dearer,
    salt: hashOf('salt'),
    openings: [{ account: provider, cost: price, units: 60, nonce }],
    units: 60,
    pay: tokenAmount(60n * price),
    fromByte: 0,
  },
  { type: 'receipt', lane, bytes: 1_048_576, amount: price },
]

function readable(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return `0x${toHex(value)}`
  if (typeof value === 'string') return /^[0-9a-f]{64}$/.test(value) ? `0x${value}` : value
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, readable(member)]))
}

type Side = SpeedVector['from']

function sidesOf(type: SpeedPlain['type'] | SpeedStatement['type']): readonly [Side, Side] {
  return speedSenders[type] === 'payee' ? ['provider', 'requester'] : ['requester', 'provider']
}

function plainVector(message: SpeedPlain, from: Side, signed?: SpeedVector['signed']): SpeedVector {
  const payload = toHex(encodeSpeedMessage({ type: 'plain', message }))
  return { kind: message.type, from, message: readable(message), payload, ...(signed === undefined ? {} : { signed }) }
}

function sign(message: SignedMessage, by: keyof typeof keys) {
  const digest = speedMessageDigest(message, domain)
  const signature = keys[by].sign(digest)
  const { kind, body } = message
  const shown = { kind, body: toHex(body), digest: toHex(digest), signature: toHex(signature) }
  return { signature, shown }
}

function bindVector(from: Side, to: Side): SpeedVector {
  const { signature, shown } = sign(bindMessage(infoHash, parties[from], parties[to]), from)
  return plainVector({ type: 'bind', signature }, from, shown)
}

function statementVector(statement: SpeedStatement): SpeedVector {
  const [from, to] = sidesOf(statement.type)
  const place = { infoHash, session, from: parties[from].account, to: parties[to].account }
  const { signature, shown } = sign(statementMessage(statement, place), from)
  const payload = toHex(encodeSpeedMessage({ type: 'signed', statement, signature }))
  return { kind: statement.type, from, message: readable(statement), payload, signed: shown }
}

function evidenceVector(): SpeedVector {
  const place = { infoHash, session, from: provider, to: requester }
  const { signature, shown } = sign(statementMessage(auctionCall, place), 'provider')
  const { body } = statementMessage(auctionCall, place)
  const evidence: SpeedPlain = { type: 'evidence', author: provider, of: 'auction-call', body, signature }
  return plainVector(evidence, 'requester', shown)
}

/** What all of them rest on. */
export const speedVectorWorld = {
  rail,
  genesisHash: toHex(genesisHash),
  infoHash,
  session,
  requester: { secret: toHex(secrets.requester), ...parties.requester },
  provider: { secret: toHex(secrets.provider), ...parties.provider },
  operator: { secret: toHex(secrets.operator), account: accountId(rail, keys.operator.address) },
} as const

export const speedVectors: readonly SpeedVector[] = [
  plainVector({ type: 'terms', ...terms.requester }, 'requester'),
  plainVector({ type: 'terms', ...terms.provider }, 'provider'),
  bindVector('requester', 'provider'),
  bindVector('provider', 'requester'),
  ...plains.map((message) => plainVector(message, sidesOf(message.type)[0])),
  ...statements.map(statementVector),
  evidenceVector(),
]
