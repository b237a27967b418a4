// Addresses, rails and accounts as text: one text each, every checksum checked, nothing half right taken.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../../src/base/assert.ts'
import { fromHex, toHex } from '../../../src/base/bytes.ts'
import { type Result, unwrap } from '../../../src/base/errors.ts'
import {
  accountAddress,
  accountId,
  accountRail,
  contractDomain,
  formatAddress,
  isRailOfDomain,
  ledgerDomain,
  ledgerRail,
  parseAccountId,
  parseAddress,
  parseRailId,
} from '../../../src/formats/money/account-id.ts'
import { formatEvmAddress, parseEvmAddress } from '../../../src/formats/money/evm-address.ts'
import { formatTronAddress, parseTronAddress } from '../../../src/formats/money/tron-address.ts'

const address = fc.uint8Array({ minLength: 20, maxLength: 20 })
const bytesOf = (hex: string) => unwrap(fromHex(hex))
const rails = [
  unwrap(parseRailId('eip155:199')),
  unwrap(parseRailId('tron:0x2b6653dc')),
  unwrap(parseRailId(`swarmbid:${'0f'.repeat(16)}`)),
]

function refuses(result: Result<unknown>, what: string): void {
  assert.ok(!result.ok && result.code === 'account-invalid', what)
}

describe('addresses of EVM chains', () => {
  test('are shown with the checksum of EIP-55, by its own examples', () => {
    const examples = [
      '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
      '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
      '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
      '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
      '0x52908400098527886E0F7030069857D2E4169EE7',
      '0xde709f2102306220921060314715629080e2fb77',
    ]
    for (const example of examples) assert.equal(formatEvmAddress(unwrap(parseEvmAddress(example))), example)
  })

  test('are read back in the checksummed form and in lower and upper case', () => {
    fc.assert(
      fc.property(address, (bytes) => {
        const text = formatEvmAddress(bytes)
        for (const form of [text, text.toLowerCase(), `0x${text.slice(2).toUpperCase()}`]) {
          assert.deepEqual(parseEvmAddress(form), { ok: true, value: bytes })
        }
      }),
      { numRuns: 200 },
    )
  })

  test('are refused with the case of one letter changed, where others carry a checksum', () => {
    fc.assert(
      fc.property(address, fc.nat(39), (bytes, place) => {
        const text = formatEvmAddress(bytes)
        const letter = text.charAt(2 + place)
        const turned = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
        const changed = text.slice(0, 2 + place) + turned + text.slice(3 + place)
        const digits = changed.slice(2)
        if (changed === text || digits === digits.toLowerCase() || digits === digits.toUpperCase()) return
        refuses(parseEvmAddress(changed), changed)
      }),
      { numRuns: 200 },
    )
  })

  test('are nothing shorter, longer or otherwise written', () => {
    const digits = 'de709f2102306220921060314715629080e2fb77'
    for (const text of ['', '0x', digits, `0X${digits}`, `0x${digits}0`, `0x${digits.slice(1)}`, `0x${digits} `]) {
      refuses(parseEvmAddress(text), text)
    }
    refuses(parseEvmAddress(`0xg${digits.slice(1)}`), 'a letter beyond f')
  })
})

describe('addresses of TRON', () => {
  test('a known one: the contract of USDT', () => {
    const bytes = bytesOf('a614f803b6fd780986a42c78ec9c7f77e6ded13c')
    assert.equal(formatTronAddress(bytes), 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')
    assert.deepEqual(parseTronAddress('TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'), { ok: true, value: bytes })
  })

  test('have 34 characters, begin with T and are read back the same', () => {
    const extremes = [new Uint8Array(20), new Uint8Array(20).fill(255)]
    fc.assert(
      fc.property(fc.oneof(address, fc.constantFrom(...extremes)), (bytes) => {
        const text = formatTronAddress(bytes)
        assert.match(text, /^T[1-9A-HJ-NP-Za-km-z]{33}$/)
        assert.deepEqual(parseTronAddress(text), { ok: true, value: bytes })
      }),
      { numRuns: 200 },
    )
  })

  test('are refused with any one character changed', () => {
    const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl+é'
    fc.assert(
      fc.property(address, fc.nat(33), fc.nat(alphabet.length - 1), (bytes, place, letter) => {
        const text = formatTronAddress(bytes)
        const changed = text.slice(0, place) + alphabet.charAt(letter) + text.slice(place + 1)
        if (changed !== text) refuses(parseTronAddress(changed), changed)
      }),
      { numRuns: 300 },
    )
  })

  test('are refused too short, too long, too large, or of another network', () => {
    const text = formatTronAddress(new Uint8Array(20))
    for (const wrong of ['', text.slice(1), `1${text}`, `${text}1`, 'z'.repeat(34), '1'.repeat(34)]) {
      refuses(parseTronAddress(wrong), wrong)
    }
  })
})

describe('rails and accounts', () => {
  test('rails have one text each', () => {
    const wrong = ['', 'eip155', 'eip155:', 'eip155:0', 'eip155:0199', 'eip155:1e3', 'EIP155:199', 'tron:2b6653dc']
    wrong.push(
      'tron:0x2B6653DC',
      `swarmbid:${'0'.repeat(31)}`,
      `swarmbid:${'0F'.repeat(16)}`,
      'eip155:199\n',
      'bip122:1',
    )
    for (const text of wrong) refuses(parseRailId(text), text)
  })

  test('accounts have one text each, which gives rail and address back', () => {
    fc.assert(
      fc.property(address, fc.constantFrom(...rails), (bytes, rail) => {
        const account = accountId(rail, bytes)
        assert.deepEqual(parseAccountId(account), { ok: true, value: account })
        assert.deepEqual(accountAddress(account), bytes)
        assert.equal(accountRail(account), rail)
        assert.deepEqual(parseAddress(rail, formatAddress(account)), { ok: true, value: bytes })
      }),
      { numRuns: 200 },
    )
  })

  test('another text of the same account is refused, so that accounts may be compared as text', () => {
    const mixed = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
    refuses(parseAccountId(`eip155:199:${mixed}`), 'mixed case')
    refuses(parseAccountId(`eip155:199:${mixed.toUpperCase().replace('X', 'x')}`), 'upper case')
    assert.ok(parseAccountId(`eip155:199:${mixed.toLowerCase()}`).ok)
    for (const text of ['', ':', 'eip155:199', 'eip155:199:', `eip155:199::${mixed}`, mixed.toLowerCase()]) {
      refuses(parseAccountId(text), text)
    }
    refuses(parseAccountId(`tron:0x2b6653dc:${mixed.toLowerCase()}`), 'an EVM address on TRON')
    refuses(parseAccountId('eip155:199:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'), 'a TRON address on an EVM chain')
  })

  test('a ledger is named by the first half of its genesis hash', () => {
    const hash = bytesOf('00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef')
    assert.equal(ledgerRail(hash), 'swarmbid:00112233445566778899aabbccddeeff')
    assert.ok(parseRailId(ledgerRail(hash)).ok)
    assert.throws(() => ledgerRail(hash.subarray(1)), AssertionError)
  })

  test('a domain is that of one rail; of TRON by the 32 bits of its chain id', () => {
    const contract = new Uint8Array(20).fill(3)
    const [evm, tron, ledger] = rails as [(typeof rails)[0], (typeof rails)[0], (typeof rails)[0]]
    const hash = bytesOf('0f'.repeat(16) + 'aa'.repeat(16))
    const domains = [contractDomain(evm, contract), contractDomain(tron, contract), ledgerDomain(hash)]
    const tronDomain = domains[1]
    assert.ok(tronDomain?.type === 'contract' && tronDomain.chainId === 0x2b66_53dcn)
    for (const [place, domain] of domains.entries()) {
      for (const [other, rail] of rails.entries()) assert.equal(isRailOfDomain(rail, domain), place === other)
    }
    assert.throws(() => contractDomain(ledger, contract), AssertionError)
    assert.throws(() => contractDomain(evm, contract.subarray(1)), AssertionError)
  })

  test('a domain keeps its own copy of what names it', () => {
    const hash = new Uint8Array(32).fill(1)
    const domain = ledgerDomain(hash)
    hash.fill(2)
    assert.ok(domain.type === 'genesis')
    assert.equal(toHex(domain.salt), '01'.repeat(32))
  })
})
