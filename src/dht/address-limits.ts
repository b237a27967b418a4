// Which nodes count as one for the limits of the DHT: those at one address, and those in one block of addresses that
// one party is likely to have: a /24, in IPv6 a /64. Guarantees: by the one address-class policy, only addresses that
// anyone in the world can have are limited; a local network may be as dense as it likes. Pure.
import { toLatin1 } from '../base/bytes.ts'
import { acceptsPeer, addressClass } from '../formats/address-class.ts'
import { addressBytes, type Endpoint, endpointKey } from '../formats/compact-endpoint.ts'
import { nodeIdFits } from '../formats/krpc/node-id.ts'

const blockBytes4 = 3
const blockBytes6 = 8

/** What the limits say of a node's place on the network. */
export interface Placement {
  /** One node each. Local addresses differ by port too. */
  readonly key: string
  /** One node a bucket and lookup; undefined: not limited. */
  readonly block: string | undefined
}

export function placementOf(endpoint: Endpoint): Placement {
  const { address } = endpoint
  if (addressClass(address) !== 'global') return { key: endpointKey(endpoint), block: undefined }
  return { key: address, block: blockOf(address) }
}

/** As `placementOf` has it, of an endpoint of that address. */
export function placementKey(address: string, port: number): string {
  return addressClass(address) === 'global' ? address : `${address}|${port}`
}

/** The /24 or /64 of an address. */
function blockOf(address: string): string {
  const bytes = addressBytes(address) ?? new Uint8Array(0)
  return toLatin1(bytes, 0, bytes.length === 4 ? blockBytes4 : blockBytes6)
}

/**
 * Who is limited together with others when it asks: an IPv4 address by itself, IPv6 ones by their /64. Undefined: not
 * limited.
 */
export function askerKey(address: string): string | undefined {
  if (addressClass(address) !== 'global') return undefined
  return address.includes(':') ? blockOf(address) : address
}

/** Whether a node may have this id at its address (BEP 42); anyone may where addresses are local. */
export function mayHaveId(id: Uint8Array, address: string): boolean {
  const bytes = addressBytes(address)
  return bytes !== undefined && (addressClass(address) !== 'global' || nodeIdFits(id, bytes))
}

/** Whether a node's or peer's endpoint that `teller` names is worth keeping. */
export function mayTell(teller: string, endpoint: Endpoint): boolean {
  return acceptsPeer(endpoint, { address: teller })
}
