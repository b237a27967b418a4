// Our own address as others see it (BEP 42): each answer may say it, and a clear majority of tellers from different
// blocks of addresses is believed. Guarantees: one vote a block, so that nobody can talk us into another id alone; only
// addresses anyone can have count; the latest votes only. Owns the votes.
import type { AddressFamily, IpAddress } from '../base/endpoint.ts'
import { addressClass } from '../formats/address-class.ts'
import { placementOf } from './address-limits.ts'

const maxVotes = 24
const minVotes = 5

export class ExternalAddress {
  private readonly family: AddressFamily
  /** What each block of tellers said last; the oldest first. */
  private readonly votes = new Map<string, string>()
  private believed: string | undefined

  constructor(family: AddressFamily) {
    this.family = family
  }

  /** Undefined: not known yet. */
  get address(): IpAddress | undefined {
    return this.believed === undefined ? undefined : { family: this.family, address: this.believed }
  }

  /** Takes an address for granted, one that is the socket's own for instance, until others agree on another. */
  assume(address: string): void {
    if (addressClass(address) === 'global') this.believed = address
  }

  /** A node that answered says where our query came from. True: another address is believed from now on. */
  vote(teller: string, said: IpAddress): boolean {
    if (said.family !== this.family || addressClass(said.address) !== 'global') return false
    const { block } = placementOf({ family: this.family, address: teller, port: 1 })
    // Who is in a local network with us sees another address than the rest of the world.
    if (block === undefined) return false
    this.votes.delete(block)
    this.votes.set(block, said.address)
    if (this.votes.size > maxVotes) {
      for (const oldest of this.votes.keys()) {
        this.votes.delete(oldest)
        break
      }
    }
    let agreeing = 0
    for (const address of this.votes.values()) {
      if (address === said.address) agreeing++
    }
    if (said.address === this.believed || agreeing < minVotes || 2 * agreeing <= this.votes.size) return false
    this.believed = said.address
    return true
  }
}
