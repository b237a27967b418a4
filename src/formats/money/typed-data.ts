// EIP-712 by hand: type hashes, domain separators, and the digest that is signed. A struct is hashed as words of 32
// bytes, its type hash first. Guarantees: synchronous; the voucher path makes no garbage but the digest.
// Owns the separators of domains seen, which go with their domain.
import { assert } from '../../base/assert.ts'
import { equalBytes, fromUtf8, writeUint256 } from '../../base/bytes.ts'
import { keccak256, keccak256Into, keccakLength } from '../../base/keccak.ts'
import type { SigningDomain } from '../../ports/ledger.ts'
import { genesisHashLength } from './account-id.ts'
import { addressLength } from './evm-address.ts'

export const wordLength = 32

const productName = 'Swarmbid'
const protocolVersion = '1'
const contractDomainType = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'
const genesisDomainType = 'EIP712Domain(string name,string version,bytes32 salt)'

interface Separator {
  /** What the separator was made of: bytes that change after all must not be signed for the wrong domain. */
  readonly source: Uint8Array
  readonly bytes: Uint8Array
}

const separators = new WeakMap<SigningDomain, Separator>()
/** 0x19 0x01, the domain separator, the hash of the struct. */
const preimage = new Uint8Array(2 + 2 * wordLength)
preimage[0] = 0x19
preimage[1] = 0x01

export function typeHash(encodedType: string): Uint8Array {
  return keccak256(fromUtf8(encodedType))
}

/** Writes an address as a word. */
export function writeAddressWord(target: Uint8Array, offset: number, address: Uint8Array): void {
  assert(address.length === addressLength, 'an address of 20 bytes')
  target.fill(0, offset, offset + wordLength - addressLength)
  target.set(address, offset + wordLength - addressLength)
}

/** The digest that is signed: 32 bytes, the caller's. `words` is the struct's encoding, replaced by its hash. */
export function typedDigest(domain: SigningDomain, words: Uint8Array): Uint8Array {
  const digest = new Uint8Array(keccakLength)
  preimage.set(separatorOf(domain), 2)
  keccak256Into(words, 0, words.length, preimage, 2 + wordLength)
  keccak256Into(preimage, 0, preimage.length, digest, 0)
  return digest
}

function separatorOf(domain: SigningDomain): Uint8Array {
  const source = domain.type === 'genesis' ? domain.salt : domain.verifyingContract
  const known = separators.get(domain)
  if (known !== undefined && equalBytes(known.source, source)) return known.bytes
  const bytes = domainSeparator(domain)
  separators.set(domain, { source: source.slice(), bytes })
  return bytes
}

/** The hash of the domain itself, as EIP712Domain. */
export function domainSeparator(domain: SigningDomain): Uint8Array {
  const isGenesis = domain.type === 'genesis'
  const words = new Uint8Array(wordLength * (isGenesis ? 4 : 5))
  words.set(typeHash(isGenesis ? genesisDomainType : contractDomainType))
  words.set(keccak256(fromUtf8(productName)), wordLength)
  words.set(keccak256(fromUtf8(protocolVersion)), 2 * wordLength)
  if (isGenesis) {
    assert(domain.salt.length === genesisHashLength, 'a genesis hash of 32 bytes')
    words.set(domain.salt, 3 * wordLength)
  } else {
    assert(domain.chainId > 0n && domain.chainId < 2n ** 64n, 'a chain id')
    writeUint256(words, 3 * wordLength, domain.chainId)
    writeAddressWord(words, 4 * wordLength, domain.verifyingContract)
  }
  return keccak256(words)
}
