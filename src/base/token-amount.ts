// Amounts of tokens: whole base units as bigint under one brand, 18 decimals a token, at most 256 bits.
// Guarantees: no float anywhere; text that could mean two things is refused; no operation makes value out of nothing,
// and whatever rounds says in which direction. An amount does not know its token: every text form names it.
import { assert } from './assert.ts'
import type { Brand } from './brand.ts'
import { failure, type Result, success } from './errors.ts'

/** Base units, 0 to 2^256 - 1. Compared with the ordinary operators. */
export type TokenAmount = Brand<bigint, 'TokenAmount'>
/** Base units of the token of 2019, TRC-10 id 1002000: 6 decimals, 0 to 2^63 - 1; one token is 1000 BTT. */
export type LegacyAmount = Brand<bigint, 'LegacyAmount'>
/** BTT has value; TEST is a ledger's own play money and is never exchanged for it. */
export type TokenSymbol = 'BTT' | 'TEST'
/** Which way a division goes: down favours whoever pays the result, up whoever gets it. */
export type Rounding = 'down' | 'up'

export interface TokenSum {
  readonly amount: TokenAmount
  readonly symbol: TokenSymbol
}

const decimals = 18
const baseUnitsPerToken = 10n ** 18n
/** 10^-6 old tokens = 10^-3 BTT = 10^15 base units. */
const baseUnitsPerLegacyUnit = 10n ** 15n
const maxLegacyUnits = 2n ** 63n - 1n
const maxUnits = 2n ** 256n - 1n
/** Decimal digits of 2^256 - 1. */
const maxUnitDigits = 78

export const zeroAmount = 0n as TokenAmount
export const maxAmount = maxUnits as TokenAmount

/** An amount made by the program itself; out of range is a bug. */
export function tokenAmount(baseUnits: bigint): TokenAmount {
  assert(baseUnits >= 0n && baseUnits <= maxUnits, 'an amount of 0 to 2^256 - 1 base units')
  return baseUnits as TokenAmount
}

/** Base units as JSON and the database hold them: `^(0|[1-9][0-9]*)$`. Errors: amount-invalid, amount-out-of-range. */
export function parseBaseUnits(text: string): Result<TokenAmount> {
  if (!/^(?:0|[1-9][0-9]*)$/.test(text)) return failure('amount-invalid', 'not a whole number of base units')
  return inRange(text)
}

/** The inverse of parseBaseUnits. */
export function formatBaseUnits(amount: TokenAmount): string {
  return amount.toString()
}

/**
 * What a person writes: `12.5 BTT`, `50TEST`, or a bare `12.5` where the caller knows the token. One form only:
 * ASCII digits, a point with digits on both sides, at most one space before the token, nothing else.
 * Errors: amount-invalid, amount-out-of-range (256 bits, 18 decimals), amount-other-token.
 */
export function parseTokenAmount(text: string, expected?: TokenSymbol): Result<TokenSum> {
  const match = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?(?: ?(BTT|TEST))?$/.exec(text)
  if (match === null) {
    return failure('amount-invalid', 'not an amount; write it as in "12.5 BTT", with a point and no separators')
  }
  const [, whole = '', fraction = '', unit] = match
  const symbol = (unit as TokenSymbol | undefined) ?? expected
  if (symbol === undefined) return failure('amount-invalid', 'the amount does not say of which token: BTT or TEST')
  if (expected !== undefined && symbol !== expected) {
    return failure('amount-other-token', `the amount is in ${symbol}, not in ${expected}`)
  }
  if (fraction.length > decimals) {
    return failure('amount-out-of-range', `${fraction.length} decimals; ${symbol} has ${decimals}`)
  }
  const parsed = inRange(`${whole}${fraction.padEnd(decimals, '0')}`)
  return parsed.ok ? success({ amount: parsed.value, symbol }) : parsed
}

/** Exact: every decimal that is not a trailing zero, and the token. parseTokenAmount reads it back. */
export function formatTokenAmount(amount: TokenAmount, symbol: TokenSymbol): string {
  const fraction = (amount % baseUnitsPerToken).toString().padStart(decimals, '0').replace(/0+$/, '')
  const whole = amount / baseUnitsPerToken
  return fraction === '' ? `${whole} ${symbol}` : `${whole}.${fraction} ${symbol}`
}

/**
 * Shortened for a screen to at most `maxDecimals`, rounded down. Never passes for the exact form: `~12.5 BTT`, and
 * `<0.01 BTT` where a remainder would look like nothing.
 */
export function formatRounded(amount: TokenAmount, symbol: TokenSymbol, maxDecimals: number): string {
  assert(Number.isInteger(maxDecimals) && maxDecimals >= 0 && maxDecimals <= decimals, '0 to 18 decimals')
  const step = 10n ** BigInt(decimals - maxDecimals)
  const remainder = amount % step
  if (remainder === 0n) return formatTokenAmount(amount, symbol)
  if (amount < step) return `<${formatTokenAmount(tokenAmount(step), symbol)}`
  return `~${formatTokenAmount(tokenAmount(amount - remainder), symbol)}`
}

/** Over 256 bits is a bug: the caller bounds what it adds. */
export function addAmounts(a: TokenAmount, b: TokenAmount): TokenAmount {
  return tokenAmount(a + b)
}

/** Less than nothing is a bug: the caller compares before. */
export function subtractAmounts(from: TokenAmount, amount: TokenAmount): TokenAmount {
  assert(amount <= from, 'an amount not larger than what it is taken from')
  return tokenAmount(from - amount)
}

/** amount * numerator / denominator with no loss in between; `rounding` decides who gets the last fraction. */
export function mulDiv(amount: TokenAmount, numerator: bigint, denominator: bigint, rounding: Rounding): TokenAmount {
  assert(numerator >= 0n && denominator > 0n, 'a ratio that is not negative')
  const product = amount * numerator
  return tokenAmount((rounding === 'up' ? product + denominator - 1n : product) / denominator)
}

/** An amount of legacy units from a chain. Errors: amount-out-of-range. */
export function legacyAmount(units: bigint): Result<LegacyAmount> {
  if (units >= 0n && units <= maxLegacyUnits) return success(units as LegacyAmount)
  return failure('amount-out-of-range', 'not 0 to 2^63 - 1 units of the TRC-10 token')
}

/** Exact. */
export function fromLegacy(amount: LegacyAmount): TokenAmount {
  return tokenAmount(amount * baseUnitsPerLegacyUnit)
}

/**
 * As many whole legacy units as the amount covers, and the dust that stays with its owner: always
 * fromLegacy(units) + dust = amount. Errors: amount-out-of-range.
 */
export function toLegacy(amount: TokenAmount): Result<{ readonly units: LegacyAmount; readonly dust: TokenAmount }> {
  const units = legacyAmount(amount / baseUnitsPerLegacyUnit)
  return units.ok ? success({ units: units.value, dust: tokenAmount(amount % baseUnitsPerLegacyUnit) }) : units
}

/**
 * Two claims on one pot, paid out in legacy units. Each gets the whole units it covers; where the fractions of both
 * make up one more unit, it goes to the owner of the smaller claim (of equal ones, the first).
 * Never more than both claims together, and less by under one unit. Errors: amount-out-of-range.
 */
export function splitToLegacy(
  first: TokenAmount,
  second: TokenAmount,
): Result<{ readonly first: LegacyAmount; readonly second: LegacyAmount; readonly dust: TokenAmount }> {
  const pot = toLegacy(addAmounts(first, second))
  if (!pot.ok) return pot
  const { units, dust } = pot.value
  const larger = first > second ? first : second
  const toLarger = larger / baseUnitsPerLegacyUnit
  const toSmaller = units - toLarger
  const isFirstLarger = first > second
  return success({
    first: (isFirstLarger ? toLarger : toSmaller) as LegacyAmount,
    second: (isFirstLarger ? toSmaller : toLarger) as LegacyAmount,
    dust,
  })
}

/** Digits in front of the cap are counted before they are converted, so a megabyte of them costs nothing. */
function inRange(digits: string): Result<TokenAmount> {
  const significant = digits.replace(/^0+(?=[0-9])/, '')
  const units = significant.length <= maxUnitDigits ? BigInt(significant) : maxUnits + 1n
  if (units > maxUnits) return failure('amount-out-of-range', 'more than 2^256 - 1 base units')
  return success(units as TokenAmount)
}
