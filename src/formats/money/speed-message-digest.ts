// What peers sign of what they tell each other about bids, asks and awards (EIP-712, in the domain of the rail they
// would pay on). Guarantees: the rail and the kind are part of it, so no message passes for another.
import { assert } from '../../base/assert.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import { idBytes } from '../../base/ids.ts'
import type { SigningDomain } from '../../ports/ledger.ts'
import type { SpeedMessage } from '../../ports/signer.ts'
import { isRailOfDomain } from './account-id.ts'
import { typedDigest, typeHash, wordLength } from './typed-data.ts'
import { writeHash } from './typed-struct.ts'

const messageTypeHash = typeHash('SpeedMessage(string rail,string kind,bytes32 infoHash,bytes body)')

/** 32 bytes, the caller's. A version 1 info hash is followed by 12 zero bytes; none is all zeros. */
export function speedMessageDigest(message: SpeedMessage, domain: SigningDomain): Uint8Array {
  assert(isRailOfDomain(message.rail, domain), 'a message for the rail that is signed for')
  const words = new Uint8Array(5 * wordLength)
  words.set(messageTypeHash)
  writeHash(words, wordLength, fromUtf8(message.rail))
  writeHash(words, 2 * wordLength, fromUtf8(message.kind))
  if (message.infoHash !== undefined) words.set(idBytes(message.infoHash), 3 * wordLength)
  writeHash(words, 4 * wordLength, message.body)
  return typedDigest(domain, words)
}
