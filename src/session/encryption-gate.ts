// How encrypted connections (MSE) may be: which way whom to dial, what to take, and for how many of those who come there
// is time. Guarantees: keys, 0.2 ms for each who sends 96 bytes, take 3 % of the time at most in the long run, however
// many come; one global address has a small share of it. The gate owns what addresses have had.
import { fromHex } from '../base/bytes.ts'
import { unwrap } from '../base/errors.ts'
import { addressClass } from '../formats/address-class.ts'
import type { OpeningContext, OpeningWay } from '../peer/stream-opening.ts'
import type { Random } from '../ports/random.ts'
import type { EncryptionPolicy } from './session-config.ts'

interface Bucket {
  left: number
  refilledMs: number
}

interface BucketSize {
  readonly perSecond: number
  readonly most: number
}

const ofAll: BucketSize = { perSecond: 150, most: 300 }
const ofOne: BucketSize = { perSecond: 1, most: 20 }
/** With more of them, the one that was here longest ago is forgotten. */
const mostAddresses = 4_096

export class EncryptionGate {
  private readonly all: Bucket = { left: ofAll.most, refilledMs: 0 }
  /** The one that was there longest ago first. */
  private readonly byAddress = new Map<string, Bucket>()

  /** Whether there is time for one more of this address, which it then has had. */
  admits(address: string, nowMs: number): boolean {
    if (addressClass(address) !== 'global') return takes(this.all, ofAll, nowMs)
    const own = this.byAddress.get(address) ?? { left: ofOne.most, refilledMs: nowMs }
    this.byAddress.delete(address)
    this.byAddress.set(address, own)
    if (this.byAddress.size > mostAddresses) this.forgetOldest()
    return takes(own, ofOne, nowMs) && takes(this.all, ofAll, nowMs)
  }

  private forgetOldest(): void {
    for (const address of this.byAddress.keys()) {
      this.byAddress.delete(address)
      return
    }
  }
}

function takes(bucket: Bucket, { perSecond, most }: BucketSize, nowMs: number): boolean {
  bucket.left = Math.min(most, bucket.left + ((nowMs - bucket.refilledMs) / 1_000) * perSecond)
  bucket.refilledMs = nowMs
  if (bucket.left < 1) return false
  bucket.left--
  return true
}

/** How to dial a peer for which `known` is the way that is left to try, if one is. */
export function openingWay(policy: EncryptionPolicy, known: OpeningWay | undefined): OpeningWay {
  if (policy === 'require') return 'encrypted'
  if (policy === 'off') return 'plaintext'
  return known ?? (policy === 'prefer' ? 'encrypted' : 'plaintext')
}

/** What is left to try with a peer that did not answer. */
export function otherWay(policy: EncryptionPolicy, refused: OpeningWay | undefined): OpeningWay | undefined {
  if (refused === undefined || policy === 'require' || policy === 'off') return undefined
  return refused === 'plaintext' ? 'encrypted' : 'plaintext'
}

export function openingContext(
  policy: EncryptionPolicy,
  random: Random,
  infoHashKeyed: (keyedHash: string) => string | undefined,
  mayExchange: () => boolean,
): OpeningContext {
  return {
    random,
    allowsPlaintextOpening: policy !== 'require',
    allowsEncryptedOpening: policy !== 'off',
    allowsPlaintextPayload: policy !== 'require',
    infoHashOf: (keyed) => {
      const infoHash = infoHashKeyed(keyed)
      return infoHash === undefined ? undefined : unwrap(fromHex(infoHash))
    },
    mayExchange,
  }
}
