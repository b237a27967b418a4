// What is signed of Speed (docs/protocol/speed.md): bodies of statements, which name their author and, where they are made
// to one peer, that peer and the connection; and the binding of an account to a connection.
// Guarantees: ledger, info hash, kind, parties and connection are part of every signature, so none holds anywhere else.
import { assert } from '../../base/assert.ts'
import { compareBytes, concatBytes, equalBytes, toHex } from '../../base/bytes.ts'
import { attempt, type Result, success } from '../../base/errors.ts'
import { sha256 } from '../../base/hash.ts'
import { type InfoHashV1, type InfoHashV2, idBytes, type PeerId } from '../../base/ids.ts'
import type { AccountId, Hash256, RailId, SigningDomain } from '../../ports/ledger.ts'
import type { SpeedMessage as SignedSpeedMessage } from '../../ports/signer.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { type BencodeInput, encode } from '../bencode/encode.ts'
import { scan } from '../bencode/scan.ts'
import { accountAddress, accountRail } from '../money/account-id.ts'
import { type Form, record } from '../money/form.ts'
import { hash256 } from '../money/operation-forms.ts'
import { speedMessageDigest } from '../money/speed-message-digest.ts'
import { account } from '../money/typed-forms.ts'
import { encodeSpeedMessage, speedFailure } from './speed-codec.ts'
import { shownKinds, statementForms, versionForm } from './speed-forms.ts'
import { type SpeedPlain, type SpeedStatement, type SpeedTerms, speedVersion } from './speed-messages.ts'

export type SpeedInfoHash = InfoHashV1 | InfoHashV2

/** One side of a connection, as both know it once terms were exchanged. */
export interface SpeedParty {
  readonly account: AccountId
  readonly peerId: PeerId
  /** SHA-256 of its terms as they were sent, nonce and all. */
  readonly termsHash: Hash256
}

/** Where a statement is made: by whom, to whom, over which connection. */
export interface SpeedPlace {
  readonly infoHash: SpeedInfoHash
  readonly domain: SigningDomain
  readonly session: Hash256
  readonly from: AccountId
  readonly to: AccountId
}

export interface ShownStatement {
  readonly statement: Extract<SpeedStatement, { readonly type: ShownKind }>
  readonly from: AccountId
}

type ShownKind = (typeof shownKinds)[number]
type AnyForm = Form<Readonly<Record<string, unknown>>>

const shown: ReadonlySet<string> = new Set(shownKinds)
const bodyLimits = { maxBytes: 16_384, maxDepth: 6, maxTokens: 1_024 }

const bodyForms = new Map(
  Object.entries(statementForms).map(([type, fields]): [string, AnyForm] => {
    const parties = shown.has(type) ? { from: account } : { from: account, to: account, session: hash256 }
    return [type, record({ ...fields, ...parties, v: versionForm } as never) as AnyForm]
  }),
)

function bodyForm(type: string): AnyForm {
  const form = bodyForms.get(type)
  assert(form !== undefined, 'a statement that is known')
  return form
}

function hashText(bytes: Uint8Array): Hash256 {
  return toHex(sha256(bytes)) as Hash256
}

/** What both sides are known by in this connection. */
export function speedTermsHash(terms: SpeedTerms): Hash256 {
  return hashText(encodeSpeedMessage({ type: 'plain', message: { type: 'terms', ...terms } }))
}

/** Names the connection: the same for both sides, and for no other two terms. */
export function speedSession(one: SpeedParty, other: SpeedParty): Hash256 {
  const parties = [one, other].map((party) => encode(partyOf(party)))
  return hashText(concatBytes(parties.sort(compareBytes)))
}

/** What `from` signs to say that the account is its own on this connection. */
export function bindMessage(infoHash: SpeedInfoHash, from: SpeedParty, to: SpeedParty): SignedSpeedMessage {
  const body = encode({ from: partyOf(from), to: partyOf(to), v: speedVersion })
  return { rail: accountRail(from.account), kind: 'bind', infoHash, body }
}

function partyOf({ account, peerId, termsHash }: SpeedParty): BencodeInput {
  return { account: accountAddress(account), peer: idBytes(peerId), terms: hash256.toBencode(termsHash) }
}

/** What is signed of a statement. */
export function statementMessage(statement: SpeedStatement, place: Omit<SpeedPlace, 'domain'>): SignedSpeedMessage {
  const { type, ...fields } = statement
  const { infoHash, from, to, session } = place
  const parties = shown.has(type) ? { from } : { from, to, session }
  const body = encode(bodyForm(type).toBencode({ ...fields, ...parties, v: speedVersion }))
  return { rail: accountRail(from), kind: type, infoHash, body }
}

/** The digest that the author of evidence signed. */
export function evidenceDigest(
  evidence: Pick<Extract<SpeedPlain, { readonly type: 'evidence' }>, 'author' | 'of' | 'body'>,
  infoHash: SpeedInfoHash,
  domain: SigningDomain,
): Uint8Array {
  const { author, of, body } = evidence
  return speedMessageDigest({ rail: accountRail(author), kind: of, infoHash, body }, domain)
}

/** What evidence says, its signature aside. Errors: speed-message. */
export function readEvidence(of: ShownKind, body: Uint8Array, rail: RailId): Result<ShownStatement> {
  const scanned = scan(body, { limits: bodyLimits, strict: true })
  if (!scanned.ok) return speedFailure(scanned.detail)
  const read = attempt(() => bodyForm(of).fromBencode(new BencodeCursor(scanned.value), rail))
  if (!read.ok) return speedFailure(`${of}: ${read.detail}`)
  const { from, v: _, ...fields } = read.value
  const statement = { type: of, ...fields } as unknown as ShownStatement['statement']
  return success({ statement, from: from as AccountId })
}

/** Whether two statements of one author cannot both be honest: the same round, and something else said of it. */
export function isContradiction(one: ShownStatement, other: ShownStatement): boolean {
  const { statement: a } = one
  const { statement: b } = other
  if (one.from !== other.from || a.type !== b.type || roundOf(a) !== roundOf(b)) return false
  return !equalBytes(encode(bodyOf(one)), encode(bodyOf(other)))
}

function roundOf(statement: ShownStatement['statement']): string {
  return 'epoch' in statement ? String(statement.epoch) : statement.job
}

function bodyOf({ statement: { type, ...fields }, from }: ShownStatement) {
  return bodyForm(type).toBencode({ ...fields, from, v: speedVersion })
}
