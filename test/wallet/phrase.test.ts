// Phrases: the published ones of BIP-39, and what people mistype.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { entropyLength, isEntropyLength, parsePhrase, phraseOf } from '../../src/wallet/phrase.ts'

/** From the vectors that BIP-39 names. */
const published: readonly (readonly [string, string])[] = [
  ['00000000000000000000000000000000', `${'abandon '.repeat(11)}about`],
  ['7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f', 'legal winner thank year wave sausage worth useful legal winner thank yellow'],
  [
    '80808080808080808080808080808080',
    'letter advice cage absurd amount doctor acoustic avoid letter advice cage above',
  ],
  ['ffffffffffffffffffffffffffffffff', `${'zoo '.repeat(11)}wrong`],
  [
    '0ce452419635c1a5faf44d60f2029f73fdc43419b4de1f03',
    'artefact card motor cluster foster spray type meadow genius mosquito pond tree sword borrow grocery orange business burger',
  ],
  ['0000000000000000000000000000000000000000000000000000000000000000', `${'abandon '.repeat(23)}art`],
  [
    '00ac97c48106f0aeb8ba061e0250a559b3251dc35854e694780ba51d53a50120',
    'absent gorilla van acoustic humor firm title dolphin bulk barely citizen recall crane moment aspect appear track phrase actual enforce steel spoon afraid benefit',
  ],
  [
    '911fec0fbd88029f6fa99164896c18d898c9232af18bdcca3e42d53b86493104',
    'much youth advance kitchen lens exile salt cram goose enter alert raise milk muscle profit cousin system faint mouse price reveal cause series long',
  ],
]

function codeOf(text: string): string {
  const parsed = parsePhrase(text)
  return parsed.ok ? 'accepted' : parsed.code
}

test('the phrases of BIP-39 have the entropy that it says, both ways', () => {
  for (const [entropy, phrase] of published) {
    assert.equal(phraseOf(unwrap(fromHex(entropy))), phrase)
    assert.equal(toHex(unwrap(parsePhrase(phrase))), entropy)
  }
})

test('a phrase is read as people write it: capitals, line breaks, more space', () => {
  const [entropy, phrase] = published[1] as readonly [string, string]
  for (const written of [phrase.toUpperCase(), `  ${phrase.replaceAll(' ', '  \n')}\n`, phrase.replaceAll(' ', '\t')]) {
    assert.equal(toHex(unwrap(parsePhrase(written))), entropy)
  }
})

test('any entropy comes back from its phrase; a word changed or moved is refused but for one in 16 to 256', () => {
  let changed = 0
  let missed = 0
  const lengths = fc.constantFrom(16, 20, 24, 28, 32)
  fc.assert(
    fc.property(
      lengths.chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
      fc.nat(),
      (entropy, at) => {
        const phrase = phraseOf(entropy)
        assert.deepEqual(unwrap(parsePhrase(phrase)), entropy)
        const words = phrase.split(' ')
        const other = words[at % words.length] === 'zoo' ? 'zone' : 'zoo'
        words[at % words.length] = other
        changed++
        if (parsePhrase(words.join(' ')).ok) missed++
      },
    ),
    { numRuns: 200 },
  )
  assert.ok(missed < changed / 8, `${missed} of ${changed}`)
})

test('what is no phrase is refused, and no word of it is in the message', () => {
  const phrase = published[1]?.[1] ?? ''
  const wrong = [
    '',
    'legal',
    phrase.replace('legal', 'lethal'),
    phrase.replace('yellow', 'year'),
    phrase.split(' ').slice(1).join(' '),
    `${phrase} ${phrase}`,
    'x'.repeat(1_000_000),
    `${'абв '.repeat(11)}абв`,
  ]
  for (const text of wrong) {
    const parsed = parsePhrase(text)
    assert.ok(!parsed.ok && parsed.code === 'phrase-invalid', text.slice(0, 40))
    for (const word of text.split(' ').filter((part) => part.length > 4)) assert.ok(!parsed.detail.includes(word), word)
  }
  assert.equal(codeOf(phrase), 'accepted')
})

test('new phrases have 12 or 24 words', () => {
  assert.equal(phraseOf(new Uint8Array(entropyLength(12))).split(' ').length, 12)
  assert.equal(phraseOf(new Uint8Array(entropyLength(24))).split(' ').length, 24)
  assert.deepEqual([15, 16, 17, 32, 33].map(isEntropyLength), [false, true, false, true, false])
})
