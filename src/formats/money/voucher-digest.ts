// What a payer signs for a voucher and a payee for a waiver (EIP-712). The one statement that is signed thousands of
// times a second, so written out: two words after the type hash, in memory that is used again.
import { assert } from '../../base/assert.ts'
import { writeHex, writeUint256 } from '../../base/bytes.ts'
import type { LaneId, LaneWaiver, SigningDomain, Voucher } from '../../ports/ledger.ts'
import { typedDigest, typeHash, wordLength } from './typed-data.ts'

const laneDigits = 2 * wordLength
const voucherWords = structWords('Voucher(bytes32 lane,uint256 cumulativeAmount)')
const waiverWords = structWords('LaneWaiver(bytes32 lane,uint256 finalAmount)')

function structWords(encodedType: string): Uint8Array {
  const words = new Uint8Array(3 * wordLength)
  words.set(typeHash(encodedType))
  return words
}

/** 32 bytes, the caller's. */
export function voucherDigest(voucher: Voucher, domain: SigningDomain): Uint8Array {
  return laneDigest(voucherWords, voucher.lane, voucher.cumulativeAmount, domain)
}

/** 32 bytes, the caller's. */
export function waiverDigest(waiver: LaneWaiver, domain: SigningDomain): Uint8Array {
  return laneDigest(waiverWords, waiver.lane, waiver.finalAmount, domain)
}

function laneDigest(words: Uint8Array, lane: LaneId, amount: bigint, domain: SigningDomain): Uint8Array {
  assert(lane.length === laneDigits && writeHex(words, wordLength, lane, 0, laneDigits), 'the id of a lane')
  writeUint256(words, 2 * wordLength, amount)
  return typedDigest(domain, words)
}
