// How much of a torrent's peer list may rest on hearsay: endpoints that nobody but strangers named, and that nobody was
// connected to yet. Guarantees: each sort of stranger has its share of the list, each single one of them far less, and
// one address, which may be the victim they all point at, few places; so no number of liars crowds out what trackers
// and persons name. Owns the counts; entries are the list's.
import type { Endpoint } from '../base/endpoint.ts'
import { addressClass } from '../formats/address-class.ts'
import { endpointKey } from '../formats/compact-endpoint.ts'

/** Where hearsay comes from. */
export type HearsaySource = 'dht' | 'pex' | 'lsd'

/** What is known of an entry that rests on hearsay. */
export interface Hearsay {
  readonly source: HearsaySource
  readonly teller: string
  readonly address: string
}

/** Of the places in a list. */
const shares: Readonly<Record<HearsaySource, number>> = { dht: 0.5, pex: 0.25, lsd: 0.05 }
const maxPerTeller = 100
const maxPerAddress = 4

export class HearsayLimits {
  private readonly maxPeers: number
  private readonly bySource = new Map<HearsaySource, number>()
  private readonly byTeller = new Map<string, number>()
  private readonly byAddress = new Map<string, number>()

  constructor(maxPeers: number) {
    this.maxPeers = maxPeers
  }

  /** The share of a source is taken. */
  isFull(source: HearsaySource): boolean {
    return (this.bySource.get(source) ?? 0) >= this.maxPeers * shares[source]
  }

  /** Counts one more entry; undefined: there is no room for it. */
  take(source: HearsaySource, endpoint: Endpoint, teller: Endpoint | undefined): Hearsay | undefined {
    const { address } = endpoint
    const hearsay = { source, teller: teller === undefined ? '' : tellerKey(teller), address }
    if (this.isFull(source)) return undefined
    if ((this.byTeller.get(hearsay.teller) ?? 0) >= maxPerTeller) return undefined
    // Machines of one house or one laboratory are many at one address.
    const isCounted = addressClass(address) === 'global'
    if (isCounted && (this.byAddress.get(address) ?? 0) >= maxPerAddress) return undefined
    change(this.bySource, source, 1)
    change(this.byTeller, hearsay.teller, 1)
    change(this.byAddress, address, 1)
    return hearsay
  }

  /** The entry is gone, or rests on something better from now on. */
  release({ source, teller, address }: Hearsay): void {
    change(this.bySource, source, -1)
    change(this.byTeller, teller, -1)
    change(this.byAddress, address, -1)
  }

  clear(): void {
    this.bySource.clear()
    this.byTeller.clear()
    this.byAddress.clear()
  }
}

/** Who has many ports at an address anyone can have is one teller. */
function tellerKey(teller: Endpoint): string {
  return addressClass(teller.address) === 'global' ? teller.address : endpointKey(teller)
}

function change<Key>(counts: Map<Key, number>, key: Key, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
