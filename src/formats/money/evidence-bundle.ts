// What an arbiter is given to judge an escrow by: request, award, openings, vouchers, hashes and whatever else was agreed
// or said, in one file. Its SHA-256 is what a dispute names, so that it cannot become another one later.
// Guarantees: canonical bencode, one form a bundle; strict reading, everything capped. Whether what is in it is true is
// for the arbiter; whether it is of this escrow is for whoever checks it (daemon/evidence-check.ts). Pure.
import { utf8Length } from '../../base/bytes.ts'
import type { Result } from '../../base/errors.ts'
import type { Hash256, OperationId, RailId } from '../../ports/ledger.ts'
import { type Codec, codec, type Form, list, malformed, record } from './form.ts'
import { words } from './operation-forms.ts'
import { bytes32, whole } from './typed-forms.ts'

/**
 * `terms`: what the escrow was funded for, whose hash it names. `voucher`: a signed voucher in canonical bencode.
 * `hashes`: of the content, as the parties saw it. Others are the peers' own messages, or plain words.
 */
export const evidenceKinds = ['terms', 'request', 'award', 'opening', 'voucher', 'hashes', 'statement'] as const
export type EvidenceKind = (typeof evidenceKinds)[number]

export interface EvidencePart {
  readonly kind: EvidenceKind
  /** For people. */
  readonly name: string
  readonly content: Uint8Array
}

export interface EvidenceBundle {
  readonly version: number
  readonly rail: RailId
  readonly escrow: OperationId
  /** Of the escrow. */
  readonly terms: Hash256
  readonly parts: readonly EvidencePart[]
}

export const evidenceVersion = 1
export const maxEvidenceBytes = 16 * 1_048_576
export const maxEvidenceParts = 4_096
const maxNameBytes = 256
const limits = { maxBytes: maxEvidenceBytes, maxDepth: 4, maxTokens: 16 * maxEvidenceParts }

const notJson = () => malformed('evidence is not written as JSON')
const content: Form<Uint8Array> = {
  toBencode: (value) => value,
  fromBencode: (cursor) => cursor.bytes()?.slice() ?? malformed('no bytes'),
  toJson: notJson,
  fromJson: notJson,
}

const nameText: Form<string> = {
  toBencode: (value) => value,
  fromBencode(cursor) {
    const text = cursor.text()
    return text !== undefined && utf8Length(text) <= maxNameBytes ? text : malformed('not a name')
  },
  toJson: notJson,
  fromJson: notJson,
}

const railText: Form<RailId> = {
  toBencode: (value) => value,
  fromBencode: (cursor, rail) => (cursor.latin1() === rail ? rail : malformed(`evidence of another rail than ${rail}`)),
  toJson: notJson,
  fromJson: notJson,
}

const bundleCodec: Codec<EvidenceBundle> = codec(
  record<EvidenceBundle>({
    version: whole,
    rail: railText,
    escrow: bytes32<OperationId>(),
    terms: bytes32<Hash256>(),
    parts: list(record<EvidencePart>({ kind: words(evidenceKinds), name: nameText, content }), 1, maxEvidenceParts),
  }),
  limits,
)

/** The file. */
export function encodeEvidence(bundle: EvidenceBundle): Uint8Array {
  return bundleCodec.encode(bundle)
}

/** Errors: statement-malformed, also where it is of another rail. */
export function decodeEvidence(bytes: Uint8Array, rail: RailId): Result<EvidenceBundle> {
  const read = bundleCodec.decode(bytes, rail)
  if (!read.ok || read.value.version === evidenceVersion) return read
  return { ok: false, code: 'statement-malformed', detail: `evidence of version ${read.value.version}` }
}
