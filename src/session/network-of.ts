// The network that somebody's address is of: /24 of IPv4, /56 of IPv6. Who has one address there has as many as they like.
// Pure.
import { toHex } from '../base/bytes.ts'
import type { IpAddress } from '../base/endpoint.ts'
import { addressBytes } from '../formats/compact-endpoint.ts'

const bytesOfNetwork = { 4: 3, 6: 7 }

/** The same text for all of a network, whatever the port. */
export function networkOf({ family, address }: IpAddress): string {
  const bytes = addressBytes(address)
  return bytes === undefined ? address : `${family}/${toHex(bytes.subarray(0, bytesOfNetwork[family]))}`
}
