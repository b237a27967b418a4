// Where something on the network is: an IP address, and an address with a port. Types only; text and compact
// forms, and their checks, are formats (compact-endpoint.ts). Shared by the network ports and every protocol.

export type AddressFamily = 4 | 6

export interface IpAddress {
  readonly family: AddressFamily
  /** Canonical text (RFC 5952), without brackets: `192.0.2.1` or `2001:db8::1`. */
  readonly address: string
}

export interface Endpoint extends IpAddress {
  /** 1 to 65535. */
  readonly port: number
}
