// The words that a wallet is written down as (BIP-39, English). In memory it is their entropy, bytes that can be
// overwritten; text cannot.
// Guarantees: what is read passed its checksum; nothing of a phrase is in a message.
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { assert } from '../base/assert.ts'
import { failure, type Result, success } from '../base/errors.ts'

/** Words of a phrase, and bytes of its entropy. */
const entropyByWords: Readonly<Record<number, number>> = { 12: 16, 15: 20, 18: 24, 21: 28, 24: 32 }
const maxPhraseLength = 1_024
const known = new Set(wordlist)

export function isEntropyLength(lengthBytes: number): boolean {
  return Object.values(entropyByWords).includes(lengthBytes)
}

/** Bytes to draw at random for a new phrase. */
export function entropyLength(words: 12 | 24): number {
  return entropyByWords[words] as number
}

/** Words between single spaces. */
export function phraseOf(entropy: Uint8Array): string {
  assert(isEntropyLength(entropy.length), 'the entropy of 12 to 24 words')
  return entropyToMnemonic(entropy, wordlist)
}

/** Entropy of a phrase as people write it, in either case, with any white space between words. Errors: phrase-invalid. */
export function parsePhrase(text: string): Result<Uint8Array> {
  if (text.length > maxPhraseLength) return failure('phrase-invalid', 'longer than any phrase')
  const words = text.normalize('NFKD').toLowerCase().trim().split(/\s+/)
  if (entropyByWords[words.length] === undefined) {
    return failure('phrase-invalid', `${words.length} words; a phrase has 12, 15, 18, 21 or 24`)
  }
  const unknown = words.findIndex((word) => !known.has(word))
  if (unknown !== -1) return failure('phrase-invalid', `word ${unknown + 1} is none of the list`)
  try {
    return success(mnemonicToEntropy(words.join(' '), wordlist))
  } catch {
    return failure('phrase-invalid', 'the checksum of the phrase does not hold; a word is wrong or in the wrong place')
  }
}
