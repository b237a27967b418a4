// Names of rails (CAIP-2) and of accounts on them (CAIP-10): `eip155:199`, `tron:0x2b6653dc`, and for ledgers
// `swarmbid:` and the first half of the genesis hash; then a colon and the address.
// Guarantees: one text a rail and one an account, so that they are compared as text. Addresses are in lower case there,
// without a checksum, but on TRON: what people are shown and may type is formatAddress and parseAddress.
import { assert } from '../../base/assert.ts'
import { toHex, writeHex } from '../../base/bytes.ts'
import { failure, type Result, success, unwrap } from '../../base/errors.ts'
import type { AccountId, RailId, SigningDomain } from '../../ports/ledger.ts'
import { addressLength, formatEvmAddress, parseEvmAddress } from './evm-address.ts'
import { formatTronAddress, parseTronAddress } from './tron-address.ts'

export const genesisHashLength = 32

const railText = /^(?:eip155:[1-9][0-9]{0,17}|tron:0x[0-9a-f]{8}|swarmbid:[0-9a-f]{32})$/
const tronPrefix = 'tron:'
/** 0x and the digits of an address. */
const addressTextLength = 2 + 2 * addressLength

/** Errors: account-invalid. */
export function parseRailId(text: string): Result<RailId> {
  if (railText.test(text)) return success(text as RailId)
  return failure('account-invalid', 'not the name of a rail, such as eip155:199 or swarmbid: and 32 digits')
}

/** The rail of the ledger with this genesis hash, SHA-256, 32 bytes. */
export function ledgerRail(genesisHash: Uint8Array): RailId {
  assert(genesisHash.length === genesisHashLength, 'a genesis hash of 32 bytes')
  return `swarmbid:${toHex(genesisHash.subarray(0, 16))}` as RailId
}

/** What statements to the ledger with this genesis hash are signed for. The bytes are copied. */
export function ledgerDomain(genesisHash: Uint8Array): SigningDomain {
  assert(genesisHash.length === genesisHashLength, 'a genesis hash of 32 bytes')
  return { type: 'genesis', salt: genesisHash.slice() }
}

/** What statements to a contract on this chain are signed for; of TRON the id is the 32 bits that name the rail. */
export function contractDomain(rail: RailId, contract: Uint8Array): SigningDomain {
  assert(!rail.startsWith('swarmbid:') && contract.length === addressLength, 'a chain and an address of 20 bytes')
  return { type: 'contract', chainId: BigInt(rail.slice(rail.indexOf(':') + 1)), verifyingContract: contract.slice() }
}

/** Whether accounts of the rail may be named in what is signed for the domain. */
export function isRailOfDomain(rail: string, domain: SigningDomain): boolean {
  if (domain.type === 'genesis') return rail === ledgerRail(domain.salt)
  if (rail.startsWith(tronPrefix)) return rail === `tron:0x${domain.chainId.toString(16).padStart(8, '0')}`
  return rail === `eip155:${domain.chainId}`
}

export function accountId(rail: RailId, address: Uint8Array): AccountId {
  assert(address.length === addressLength, 'an address of 20 bytes')
  if (rail.startsWith(tronPrefix)) return `${rail}:${formatTronAddress(address)}` as AccountId
  return `${rail}:0x${toHex(address)}` as AccountId
}

/** The one text of an account, nothing else. Errors: account-invalid. */
export function parseAccountId(text: string): Result<AccountId> {
  const at = text.lastIndexOf(':')
  const rail = parseRailId(text.slice(0, Math.max(at, 0)))
  if (!rail.ok) return rail
  const address = parseAddress(rail.value, text.slice(at + 1))
  if (!address.ok) return address
  const account = accountId(rail.value, address.value)
  return account === text ? success(account) : failure('account-invalid', 'hexadecimal digits not in lower case')
}

export function accountRail(account: AccountId): RailId {
  return account.slice(0, account.lastIndexOf(':')) as RailId
}

/** The 20 bytes of an account. */
export function accountAddress(account: AccountId): Uint8Array {
  const text = account.slice(account.lastIndexOf(':') + 1)
  if (account.startsWith(tronPrefix)) return unwrap(parseTronAddress(text))
  const address = new Uint8Array(addressLength)
  const isWritten = text.length === addressTextLength && writeHex(address, 0, text, 2, addressTextLength)
  assert(isWritten, 'an account id that was checked')
  return address
}

/** An address as people are shown it on this rail, with a checksum. */
export function formatAddress(account: AccountId): string {
  const address = accountAddress(account)
  return account.startsWith(tronPrefix) ? formatTronAddress(address) : formatEvmAddress(address)
}

/** The 20 bytes of an address as people write it on this rail. Errors: account-invalid. */
export function parseAddress(rail: RailId, text: string): Result<Uint8Array> {
  return rail.startsWith(tronPrefix) ? parseTronAddress(text) : parseEvmAddress(text)
}
