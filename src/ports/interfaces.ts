// Port: the network addresses of this machine, for binding, local discovery, and telling self from others.
// Cold: a snapshot and a word when it has changed. Types only.
import type { IpAddress } from '../base/endpoint.ts'

export interface InterfaceAddress extends IpAddress {
  /** As the system calls it: `eth0`, `wg0`. */
  readonly interfaceName: string
  readonly prefixLength: number
  readonly isLoopback: boolean
}

export interface Interfaces {
  /** A snapshot; cheap enough to take every few seconds. */
  list(): readonly InterfaceAddress[]
  /** Called after addresses came or went. The function returned ends it. */
  onChange(listener: () => void): () => void
}
