// Messages of Speed as the payload of extension messages (BEP 10): one canonical bencode dictionary each, `k` its kind,
// `v` the version, of statements `s` the signature (docs/protocol/speed.md).
// Guarantees: bounded, never throws; strict, so encode(decode(x)) is x; what is read keeps no part of the bytes.
import { assert } from '../../base/assert.ts'
import { attempt, type Failure, failure, type Result, success } from '../../base/errors.ts'
import type { RailId, Signature } from '../../ports/ledger.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { encode } from '../bencode/encode.ts'
import { kindDictionary, scan } from '../bencode/scan.ts'
import { union, type Variants } from '../money/form.ts'
import { signatureBytes } from '../money/typed-forms.ts'
import { plainForms, statementForms, versionForm, type WirePlain } from './speed-forms.ts'
import {
  maxSpeedMessageBytes,
  maxWordLength,
  type SpeedKind,
  type SpeedMessage,
  type SpeedPlain,
  type SpeedStatement,
  speedVersion,
} from './speed-messages.ts'

/** A message whose kind is known, and whose members are yet to be read. */
export interface ScannedSpeed {
  /** Undefined: of another version, or a kind that does not exist yet; to be ignored. */
  readonly kind: SpeedKind | undefined
  /** As it stands there. */
  readonly text: string
  readonly cursor: BencodeCursor
}

/** The award of a job with 64 asks has some 600 values; the receipt of a lane is five deep. */
const limits = { maxBytes: maxSpeedMessageBytes, maxDepth: 6, maxTokens: 1_024 }
const kindKey = 'k'

type WireSigned = SpeedStatement & { readonly v: number; readonly s: Signature }
type WireMessage = (WirePlain & { readonly v: number }) | WireSigned

function withEach(variants: object, fields: object): object {
  return Object.fromEntries(Object.entries(variants).map(([type, own]) => [type, { ...own, ...fields }]))
}

const wireForm = union<WireMessage>(
  {
    ...withEach(plainForms, { v: versionForm }),
    ...withEach(statementForms, { v: versionForm, s: signatureBytes }),
  } as unknown as Variants<WireMessage>,
  kindKey,
)

const ackText = 'ack'
const plainKinds = new Set(Object.keys(plainForms))
const statementKinds = new Set(Object.keys(statementForms))

export function speedFailure(detail: string): Failure {
  return failure('speed-message', detail)
}

/** What a kind is called on the wire. */
export function speedKindText(kind: SpeedKind): string {
  return kind === 'acknowledge' ? ackText : kind
}

function kindOf(text: string): SpeedKind | undefined {
  if (text === ackText) return 'acknowledge'
  return plainKinds.has(text) || statementKinds.has(text) ? (text as SpeedKind) : undefined
}

function wireOf(message: SpeedPlain): WirePlain {
  if (message.type === 'voucher') {
    const { cumulativeAmount, lane, signature } = message.voucher
    return { type: 'voucher', a: cumulativeAmount, l: lane, s: signature }
  }
  if (message.type !== 'acknowledge') return message
  return { type: ackText, a: message.cumulativeAmount, l: message.lane, w: message.windowBytes }
}

function plainOf(wire: WirePlain): SpeedPlain {
  if (wire.type === 'voucher') {
    const { a, l, s } = wire
    return { type: 'voucher', voucher: { lane: l, cumulativeAmount: a, signature: s } }
  }
  if (wire.type !== ackText) return wire
  return { type: 'acknowledge', lane: wire.l, cumulativeAmount: wire.a, windowBytes: wire.w }
}

/** The payload. What is out of bounds is a bug. */
export function encodeSpeedMessage(message: SpeedMessage): Uint8Array {
  const wire = (
    message.type === 'plain'
      ? { ...wireOf(message.message), v: speedVersion }
      : { ...message.statement, v: speedVersion, s: message.signature }
  ) as WireMessage
  const payload = encode(wireForm.toBencode(wire))
  assert(payload.length <= maxSpeedMessageBytes, 'a message that can be read again')
  return payload
}

/** What kind of message a payload is. Errors: speed-message. */
export function scanSpeedMessage(payload: Uint8Array): Result<ScannedSpeed> {
  const scanned = scan(payload, { limits, strict: true })
  if (!scanned.ok) return speedFailure(scanned.detail)
  const cursor = new BencodeCursor(scanned.value)
  const text = cursor.get(kindKey)?.latin1()
  const version = cursor.get('v')?.integer()
  if (cursor.kind !== kindDictionary || text === undefined || version === undefined || version < 1) {
    return speedFailure('not a dictionary with a kind and a version')
  }
  if (text.length > maxWordLength) return speedFailure('a kind that is longer than any')
  return success({ kind: version === speedVersion ? kindOf(text) : undefined, text, cursor })
}

/** Reads a message of a known kind; accounts, but those of terms, are taken as of `rail`. Errors: speed-message. */
export function readSpeedMessage({ kind, cursor }: ScannedSpeed, rail: RailId): Result<SpeedMessage> {
  if (kind === undefined) return speedFailure('a message of a kind that is not known')
  const read = attempt(() => wireForm.fromBencode(cursor, rail))
  if (!read.ok) return speedFailure(`${kind}: ${read.detail}`)
  const { v: _, ...wire } = read.value
  if (plainKinds.has(wire.type)) return success({ type: 'plain', message: plainOf(wire as WirePlain) })
  const { s: signature, ...statement } = wire as Omit<WireSigned, 'v'>
  return success({ type: 'signed', statement: statement as SpeedStatement, signature })
}
