// The torrents of a session by every name they have, and in the order of the queue.
// Guarantees: an info hash, whole or cut to 20 bytes, belongs to one torrent at most. Owned by the session.
import { toHex } from '../base/bytes.ts'
import { keyedHash } from '../peer/encryption-handshake.ts'
import { truncatedHash } from '../peer/peer-opening.ts'
import type { TorrentId } from './commands.ts'
import type { Torrent } from './torrent.ts'
import { wireHashes } from './torrent-facts.ts'

export class TorrentRegistry {
  /** In the order of the queue. */
  readonly order: Torrent[] = []
  private readonly byName = new Map<string, Torrent>()
  /** Info hashes of 20 bytes by their hash of MSE, both in hexadecimal. */
  private readonly byKeyedHash = new Map<string, string>()
  private nextRank = 0

  /**
   * At the end of the queue, with `rank` where it is remembered and not too small for that. False: one of its info
   * hashes is another torrent's, and nothing was changed.
   */
  add(torrent: Torrent, rank = 0): boolean {
    if (!this.claim(torrent)) return false
    this.order.push(torrent)
    torrent.rank = Number.isSafeInteger(rank) ? Math.max(rank, this.nextRank) : this.nextRank
    this.nextRank = torrent.rank + 1
    return true
  }

  /** Takes the info hashes it has now. False: another torrent has one of them. */
  claim(torrent: Torrent): boolean {
    const names = namesOf(torrent)
    if (names.some((name) => (this.byName.get(name) ?? torrent) !== torrent)) return false
    for (const name of names) this.byName.set(name, torrent)
    for (const hash of wireHashes(torrent.facts)) this.byKeyedHash.set(keyedHash(hash), toHex(hash))
    return true
  }

  remove(torrent: Torrent): void {
    const index = this.order.indexOf(torrent)
    if (index !== -1) this.order.splice(index, 1)
    for (const name of namesOf(torrent)) if (this.byName.get(name) === torrent) this.byName.delete(name)
    for (const hash of wireHashes(torrent.facts)) this.byKeyedHash.delete(keyedHash(hash))
  }

  /** The info hash, 20 bytes in hexadecimal, of a torrent that is here: what an encrypted connection names it by. */
  infoHashKeyed(keyed: string): string | undefined {
    return this.byKeyedHash.get(keyed)
  }

  /** By id or info hash, whole or as on the wire, in hexadecimal of either case. */
  find(name: string): Torrent | undefined {
    return this.byName.get(name.toLowerCase())
  }

  get(id: TorrentId): Torrent | undefined {
    return this.find(id)
  }

  /** Moves it to a place in the queue, 0 the first. */
  place(torrent: Torrent, position: number): void {
    const index = this.order.indexOf(torrent)
    if (index === -1) return
    this.order.splice(index, 1)
    this.order.splice(Math.min(Math.max(0, Math.trunc(position)), this.order.length), 0, torrent)
    for (const [rank, other] of this.order.entries()) other.rank = rank
    this.nextRank = this.order.length
  }
}

function namesOf({ facts }: Torrent): string[] {
  const names: string[] = [facts.id]
  if (facts.infoHashV1 !== undefined) names.push(facts.infoHashV1)
  if (facts.infoHashV2 !== undefined) names.push(facts.infoHashV2, truncatedHash(facts.infoHashV2))
  return names
}
