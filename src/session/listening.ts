// Where a session is reached and through which address it leaves: listens on every address it was given, all on one
// port, and answers which local address a connection to some family must use.
// Guarantees: bound to an address or interface, nothing goes any other way, not even when that one vanishes.
import type { AddressFamily, Endpoint, IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import type { Interfaces } from '../ports/interfaces.ts'
import type { AcceptStream, Listening, Streams } from '../ports/streams.ts'

/** Of ports drawn by the system one may be free for IPv4 and taken for IPv6. */
const maxDraws = 5

async function listenOn(
  streams: Streams,
  addresses: readonly IpAddress[],
  port: number,
  accept: AcceptStream,
): Promise<Result<readonly Listening[]>> {
  const listening: Listening[] = []
  let taken = port
  let refused = failure('address-unavailable', 'no address to listen on')
  for (const { address } of addresses) {
    const result = await streams.listen(address, taken, accept)
    if (result.ok) {
      listening.push(result.value)
      taken = result.value.endpoint.port
    } else if (result.code === 'address-unavailable') {
      refused = result
    } else {
      await Promise.all(listening.map((one) => one.close()))
      return result
    }
  }
  return listening.length > 0 ? success(listening) : refused
}

/**
 * Listens on all addresses with one port; 0 draws one. Addresses this machine lacks are left out, unless all are.
 * Errors: address-in-use, address-unavailable.
 */
export async function listenOnAll(
  streams: Streams,
  addresses: readonly IpAddress[],
  port: number,
  accept: AcceptStream,
): Promise<Result<readonly Listening[]>> {
  for (let draw = 1; ; draw++) {
    const result = await listenOn(streams, addresses, port, accept)
    if (result.ok || port !== 0 || result.code !== 'address-in-use' || draw === maxDraws) return result
  }
}

export type LocalAddress =
  /** The system chooses. */
  | { readonly type: 'any' }
  | { readonly type: 'bound'; readonly address: string }
  /** Bound to something that has no address of this family now. */
  | { readonly type: 'none' }

/** Which local address a connection of `family` leaves through, when bound to an address or interface. */
export function localAddress(bindTo: string | undefined, interfaces: Interfaces, family: AddressFamily): LocalAddress {
  if (bindTo === undefined) return { type: 'any' }
  const literal = parseAddress(bindTo)
  if (literal !== undefined) {
    return literal.family === family ? { type: 'bound', address: literal.address } : { type: 'none' }
  }
  const found = interfaces.list().find((entry) => entry.interfaceName === bindTo && entry.family === family)
  return found === undefined ? { type: 'none' } : { type: 'bound', address: found.address }
}

/** The addresses to listen on: those configured, narrowed to what the session is bound to. */
export function listenAddresses(
  configured: readonly string[],
  bindTo: string | undefined,
  interfaces: Interfaces,
): IpAddress[] {
  const addresses: IpAddress[] = []
  for (const text of configured) {
    const parsed = parseAddress(text)
    if (parsed === undefined) continue
    const local = localAddress(bindTo, interfaces, parsed.family)
    if (local.type === 'none') continue
    const address = local.type === 'bound' ? local.address : parsed.address
    if (!addresses.some((known) => known.address === address)) addresses.push({ family: parsed.family, address })
  }
  return addresses
}

/** Whether an endpoint is one this session listens on, as far as the machine's own addresses tell. */
export function isOwnEndpoint(endpoint: Endpoint, listening: readonly Listening[], interfaces: Interfaces): boolean {
  return listening.some(({ endpoint: own }) => {
    if (own.port !== endpoint.port || own.family !== endpoint.family) return false
    if (own.address === endpoint.address) return true
    const isAny = own.address === '0.0.0.0' || own.address === '::'
    return isAny && interfaces.list().some((entry) => entry.address === endpoint.address)
  })
}
