// Prices as people say them, for a GiB, and as peers do, for a MiB.
// Guarantees: what is rounded is rounded up, so that nobody gets less than was asked for. Pure.
import { mulDiv, type TokenAmount } from '../base/token-amount.ts'

const mebibytesPerGibibyte = 1_024n

export function pricePerMiB(perGiB: TokenAmount): TokenAmount {
  return mulDiv(perGiB, 1n, mebibytesPerGibibyte, 'up')
}

export function pricePerGiB(perMiB: TokenAmount): TokenAmount {
  return mulDiv(perMiB, mebibytesPerGibibyte, 1n, 'up')
}
