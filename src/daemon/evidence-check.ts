// Whether a bundle of evidence is of an escrow, and what of it can be checked without judging: hashes and signatures.
// Guarantees: what is not as it says it is, is told part by part. Pure.
import { toHex } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import { formatBaseUnits } from '../base/token-amount.ts'
import { accountId } from '../formats/money/account-id.ts'
import type { EvidenceBundle, EvidenceKind, EvidencePart } from '../formats/money/evidence-bundle.ts'
import { signedVoucherCodec } from '../formats/money/voucher-codec.ts'
import { voucherDigest } from '../formats/money/voucher-digest.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import type { Escrow } from '../ledger/entry.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import type { Hash256 } from '../ports/ledger.ts'

interface CheckedPart {
  readonly kind: EvidenceKind
  readonly name: string
  readonly sha256: string
  readonly lengthBytes: number
  /** Of a voucher, who promised how much in all of which lane. */
  readonly says?: string
  /** What is wrong with it. */
  readonly problem?: string
}

export interface CheckedEvidence {
  /** SHA-256 of the file. */
  readonly hash: string
  readonly parts: readonly CheckedPart[]
  /** What does not hold; empty when all does. */
  readonly problems: readonly string[]
}

function checkPart({ kind, name, content }: EvidencePart, facts: LedgerFacts): CheckedPart {
  const part = { kind, name, sha256: toHex(sha256(content)), lengthBytes: content.length }
  if (kind !== 'voucher') return part
  const voucher = signedVoucherCodec.decode(content, facts.rail)
  if (!voucher.ok) return { ...part, problem: `not a signed voucher: ${voucher.detail}` }
  const signer = secp256k1.scheme.recover(voucherDigest(voucher.value, facts.domain), voucher.value.signature)
  if (!signer.ok) return { ...part, problem: `its signature: ${signer.detail}` }
  const { lane, cumulativeAmount } = voucher.value
  const by = accountId(facts.rail, signer.value)
  return { ...part, says: `${by} owes ${formatBaseUnits(cumulativeAmount)} base units in all of lane ${lane}` }
}

/** `file`: the bytes of the bundle. `disputed`: what a dispute of the escrow names, if there is one. */
export function checkEvidence(
  file: Uint8Array,
  bundle: EvidenceBundle,
  escrow: Pick<Escrow, 'id' | 'terms'>,
  disputed: Hash256 | undefined,
  facts: LedgerFacts,
): CheckedEvidence {
  const hash = toHex(sha256(file))
  const parts = bundle.parts.map((part) => checkPart(part, facts))
  const problems = parts.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]))
  if (bundle.escrow !== escrow.id) problems.push(`it is of the escrow ${bundle.escrow}`)
  if (bundle.terms !== escrow.terms) problems.push('it names other terms than the escrow')
  const terms = parts.filter(({ kind }) => kind === 'terms')
  if (!terms.some((part) => part.sha256 === escrow.terms)) problems.push('the terms of the escrow are not in it')
  if (disputed !== undefined && disputed !== hash) problems.push(`the dispute names other evidence, ${disputed}`)
  return { hash, parts, problems }
}
