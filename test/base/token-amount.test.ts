// Token amounts: text has one reading or is refused, arithmetic is exact, no conversion makes value out of nothing.
import { deepEqual, equal, notEqual, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { unwrap } from '../../src/base/errors.ts'
import {
  addAmounts,
  formatBaseUnits,
  formatRounded,
  formatTokenAmount,
  fromLegacy,
  type LegacyAmount,
  legacyAmount,
  maxAmount,
  mulDiv,
  parseBaseUnits,
  parseTokenAmount,
  splitToLegacy,
  subtractAmounts,
  type TokenAmount,
  type TokenSymbol,
  tokenAmount,
  toLegacy,
  zeroAmount,
} from '../../src/base/token-amount.ts'

const token = 10n ** 18n
const legacyUnit = 10n ** 15n
/** Small, around one token, around the largest, and evenly in between. */
const amount: fc.Arbitrary<TokenAmount> = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 1000n }),
    fc.bigInt({ min: token - 1000n, max: token + 1000n }),
    fc.bigInt({ min: 0n, max: 10n ** 40n }),
    fc.bigInt({ min: maxAmount - 1000n, max: maxAmount }),
  )
  .map(tokenAmount)
/** What all of the old supply could be, so that legacy units always hold it. */
const payableAmount = fc.bigInt({ min: 0n, max: 10n ** 33n }).map(tokenAmount)
const symbol = fc.constantFrom<TokenSymbol>('BTT', 'TEST')

function codeOf(result: { ok: boolean; code?: string }): string {
  return result.ok ? 'accepted' : String(result.code)
}

test('what people write is read exactly', () => {
  const cases: readonly [string, bigint, TokenSymbol][] = [
    ['12.5 BTT', 12_500_000_000_000_000_000n, 'BTT'],
    ['50TEST', 50n * token, 'TEST'],
    ['0 BTT', 0n, 'BTT'],
    ['0.000000000000000001BTT', 1n, 'BTT'],
    ['1.50 TEST', 1_500_000_000_000_000_000n, 'TEST'],
    ['990000000000000 BTT', 990_000_000_000_000n * token, 'BTT'],
  ]
  for (const [text, wanted, wantedSymbol] of cases) {
    deepEqual(unwrap(parseTokenAmount(text)), { amount: wanted, symbol: wantedSymbol }, text)
  }
  deepEqual(unwrap(parseTokenAmount('12.5', 'TEST')), { amount: 12_500_000_000_000_000_000n, symbol: 'TEST' })
  deepEqual(unwrap(parseTokenAmount('12.5 TEST', 'TEST')), { amount: 12_500_000_000_000_000_000n, symbol: 'TEST' })
})

test('whatever could mean two things, or is no plain decimal, is refused', () => {
  const refused = [
    ...[
      '',
      ' ',
      'BTT',
      ' BTT',
      '.',
      '.5 BTT',
      '1. BTT',
      '1..5 BTT',
      '1.5.0 BTT',
      '1,5 BTT',
      '1,000 BTT',
      '1.000,5 BTT',
    ],
    ...[
      '1 000 BTT',
      '1_000 BTT',
      "1'000 BTT",
      '1e3 BTT',
      '1E3 BTT',
      '1e-3 BTT',
      '0x10 BTT',
      '0b1 BTT',
      '1n BTT',
      '10n',
    ],
    ...['-0 BTT', '-1 BTT', '+1 BTT', '−1 BTT', '00 BTT', '01 BTT', '007.5 BTT', 'NaN BTT', 'Infinity BTT', '∞ BTT'],
    ...[
      ' 1 BTT',
      '1 BTT ',
      '1  BTT',
      '1\tBTT',
      '1\nBTT',
      '1 BTT\n',
      '\n1 BTT',
      '1\u00a0BTT',
      '1\u202fBTT',
      '\ufeff1 BTT',
    ],
    ...['1\u200bBTT', '1\u0000BTT', '１ BTT', '١ BTT', '१ BTT', '1．5 BTT', '1٫5 BTT', '½ BTT', '² BTT'],
    ...[
      '1 btt',
      '1 Btt',
      '1 BTTC',
      '1 KBTT',
      '1k BTT',
      '1 ВТТ',
      '1 TESTBTT',
      '1 BTT TEST',
      'BTT 1',
      '$1',
      '1 BTT.',
      '1 TST',
    ],
  ]
  for (const text of refused) {
    equal(codeOf(parseTokenAmount(text)), 'amount-invalid', JSON.stringify(text))
    equal(codeOf(parseTokenAmount(text, 'BTT')), 'amount-invalid', JSON.stringify(text))
  }
})

test('a bare number is an amount only where the caller knows the token', () => {
  equal(codeOf(parseTokenAmount('12.5')), 'amount-invalid')
  equal(codeOf(parseTokenAmount('12.5', 'BTT')), 'accepted')
})

test('TEST is never taken for BTT, nor BTT for TEST', () => {
  equal(codeOf(parseTokenAmount('1 TEST', 'BTT')), 'amount-other-token')
  equal(codeOf(parseTokenAmount('1 BTT', 'TEST')), 'amount-other-token')
  fc.assert(
    fc.property(amount, fc.nat({ max: 18 }), (value, decimals) => {
      for (const format of [formatTokenAmount, (a: TokenAmount, s: TokenSymbol) => formatRounded(a, s, decimals)]) {
        ok(format(value, 'TEST').endsWith(' TEST') && !format(value, 'TEST').includes('BTT'))
        ok(format(value, 'BTT').endsWith(' BTT') && !format(value, 'BTT').includes('TEST'))
      }
    }),
  )
})

test('more than 18 decimals, or more than 256 bits, is out of range at once, however long', () => {
  equal(codeOf(parseTokenAmount('0.0000000000000000001 BTT')), 'amount-out-of-range')
  equal(codeOf(parseTokenAmount('1.0000000000000000000 BTT')), 'amount-out-of-range')
  equal(unwrap(parseTokenAmount(formatTokenAmount(maxAmount, 'BTT'))).amount, maxAmount)
  const above = `${2n ** 256n / token}.${(2n ** 256n % token).toString().padStart(18, '0')} BTT`
  equal(codeOf(parseTokenAmount(above)), 'amount-out-of-range')
  equal(codeOf(parseTokenAmount(`${'9'.repeat(1_000_000)} BTT`)), 'amount-out-of-range')
  equal(codeOf(parseBaseUnits(maxAmount.toString())), 'accepted')
  equal(codeOf(parseBaseUnits((maxAmount + 1n).toString())), 'amount-out-of-range')
  equal(codeOf(parseBaseUnits('9'.repeat(1_000_000))), 'amount-out-of-range')
})

test('any text at all gives an amount or a typed failure of bounded length', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'0159.,-+eE BTES') })),
      (text) => {
        for (const result of [parseTokenAmount(text), parseTokenAmount(text, 'TEST'), parseBaseUnits(text)]) {
          if (result.ok) continue
          ok(/^amount-/.test(result.code))
          ok(result.detail.length < 200)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('the exact form for people reads back as the same amount of the same token', () => {
  fc.assert(
    fc.property(amount, symbol, (value, unit) => {
      const text = formatTokenAmount(value, unit)
      deepEqual(unwrap(parseTokenAmount(text)), { amount: value, symbol: unit })
      ok(/^(0|[1-9][0-9]*)(\.[0-9]*[1-9])? (BTT|TEST)$/.test(text), text)
    }),
  )
  equal(formatTokenAmount(tokenAmount(12_500_000_000_000_000_000n), 'BTT'), '12.5 BTT')
  equal(formatTokenAmount(tokenAmount(1n), 'TEST'), '0.000000000000000001 TEST')
  equal(formatTokenAmount(zeroAmount, 'BTT'), '0 BTT')
})

test('a shortened form is never above the amount, less than one step below it, and never passes for exact', () => {
  fc.assert(
    fc.property(amount, symbol, fc.nat({ max: 18 }), (value, unit, decimals) => {
      const step = 10n ** BigInt(18 - decimals)
      const text = formatRounded(value, unit, decimals)
      if (value % step === 0n) return equal(text, formatTokenAmount(value, unit))
      equal(codeOf(parseTokenAmount(text)), 'amount-invalid', text)
      const shown = unwrap(parseTokenAmount(text.slice(1))).amount
      if (text.startsWith('<')) return ok(value < shown && shown === step)
      ok(text.startsWith('~') && shown <= value && value - shown < step, text)
    }),
  )
  equal(formatRounded(tokenAmount(12_345_678_900_000_000_000n), 'BTT', 2), '~12.34 BTT')
  equal(formatRounded(tokenAmount(1n), 'TEST', 2), '<0.01 TEST')
  equal(formatRounded(tokenAmount(1n), 'TEST', 0), '<1 TEST')
  equal(formatRounded(zeroAmount, 'BTT', 2), '0 BTT')
  throws(() => formatRounded(zeroAmount, 'BTT', 19), { name: 'AssertionError' })
})

test('base units in JSON and the database are plain digits and round trip', () => {
  fc.assert(
    fc.property(amount, (value) => {
      const text = formatBaseUnits(value)
      ok(/^(0|[1-9][0-9]*)$/.test(text))
      equal(unwrap(parseBaseUnits(text)), value)
    }),
  )
  for (const text of [
    '',
    '00',
    '01',
    '-0',
    '-1',
    '+1',
    '1.0',
    '1e3',
    '1n',
    ' 1',
    '1 ',
    '1\n',
    '0x1',
    '1_0',
    '１',
    '1 BTT',
  ]) {
    equal(codeOf(parseBaseUnits(text)), 'amount-invalid', JSON.stringify(text))
  }
})

test('an amount out of range is a bug wherever the program makes one', () => {
  equal(tokenAmount(0n), zeroAmount)
  for (const wrong of [-1n, maxAmount + 1n]) throws(() => tokenAmount(wrong), { name: 'AssertionError' })
  throws(() => addAmounts(maxAmount, tokenAmount(1n)), { name: 'AssertionError' })
  throws(() => subtractAmounts(tokenAmount(1n), tokenAmount(2n)), { message: /larger than what it is taken from/ })
})

test('adding and taking away again leaves what was there', () => {
  const half = fc.bigInt({ min: 0n, max: maxAmount / 2n }).map(tokenAmount)
  fc.assert(
    fc.property(half, half, (a, b) => {
      equal(addAmounts(a, b), a + b)
      equal(subtractAmounts(addAmounts(a, b), b), a)
    }),
  )
})

test('a ratio of an amount is exact, rounded only in the direction asked', () => {
  const factor = fc.bigInt({ min: 1n, max: 10n ** 20n })
  fc.assert(
    fc.property(payableAmount, factor, factor, (value, numerator, denominator) => {
      const down = mulDiv(value, numerator, denominator, 'down')
      const up = mulDiv(value, numerator, denominator, 'up')
      ok(down * denominator <= value * numerator && value * numerator < (down + 1n) * denominator)
      ok(up * denominator >= value * numerator && value * numerator > (up - 1n) * denominator)
      equal(up - down, (value * numerator) % denominator === 0n ? 0n : 1n)
    }),
  )
  equal(mulDiv(maxAmount, maxAmount, maxAmount, 'down'), maxAmount)
  equal(mulDiv(tokenAmount(5n), 0n, 3n, 'up'), 0n)
  throws(() => mulDiv(maxAmount, 2n, 1n, 'down'), { name: 'AssertionError' })
  throws(() => mulDiv(maxAmount, 1n, 0n, 'down'), { name: 'AssertionError' })
  throws(() => mulDiv(maxAmount, -1n, 1n, 'down'), { name: 'AssertionError' })
})

test('one token of 2019 (TRC-10, 6 decimals) is a thousand of today, both ways', () => {
  const oldToken = unwrap(legacyAmount(1_000_000n))
  equal(fromLegacy(oldToken), 1000n * token)
  deepEqual(unwrap(toLegacy(tokenAmount(1000n * token))), { units: oldToken, dust: 0n })
})

test('converting to legacy units keeps every base unit: whole units out, dust to its owner', () => {
  fc.assert(
    fc.property(payableAmount, (value) => {
      const { units, dust } = unwrap(toLegacy(value))
      equal(fromLegacy(units) + dust, value)
      ok(dust < legacyUnit)
    }),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (units) => {
      const legacy = unwrap(legacyAmount(units))
      deepEqual(unwrap(toLegacy(fromLegacy(legacy))), { units: legacy, dust: 0n })
    }),
  )
})

test('what does not fit a signed 64-bit TRC-10 amount is refused', () => {
  const largest = 2n ** 63n - 1n
  equal(codeOf(legacyAmount(largest)), 'accepted')
  equal(codeOf(legacyAmount(largest + 1n)), 'amount-out-of-range')
  equal(codeOf(legacyAmount(-1n)), 'amount-out-of-range')
  equal(codeOf(toLegacy(fromLegacy(largest as LegacyAmount))), 'accepted')
  equal(codeOf(toLegacy(tokenAmount((largest + 1n) * legacyUnit))), 'amount-out-of-range')
  equal(codeOf(splitToLegacy(fromLegacy(largest as LegacyAmount), tokenAmount(legacyUnit))), 'amount-out-of-range')
})

test('two claims on one pot: never more than both, nothing lost but dust, the odd unit to the smaller claim', () => {
  fc.assert(
    fc.property(payableAmount, payableAmount, (a, b) => {
      const { first, second, dust } = unwrap(splitToLegacy(a, b))
      equal(fromLegacy(first) + fromLegacy(second) + dust, a + b)
      ok(dust < legacyUnit)
      const [larger, toLarger, smaller, toSmaller] = a > b ? [a, first, b, second] : [b, second, a, first]
      equal(toLarger, larger / legacyUnit)
      const odd = toSmaller - smaller / legacyUnit
      ok(odd === 0n || odd === 1n)
      equal(odd === 1n, (a % legacyUnit) + (b % legacyUnit) >= legacyUnit)
    }),
    { numRuns: 500 },
  )
  const whole = unwrap(splitToLegacy(tokenAmount(legacyUnit - 1n), tokenAmount(5n * legacyUnit + 1n)))
  deepEqual(whole, { first: 1n, second: 5n, dust: 0n })
  const equalClaims = unwrap(splitToLegacy(tokenAmount(legacyUnit / 2n), tokenAmount(legacyUnit / 2n)))
  deepEqual(equalClaims, { first: 1n, second: 0n, dust: 0n })
  notEqual(whole.first, whole.second)
})
