// Port: UDP. Hot: one fixed sink per socket, views of a reused buffer in, bytes copied out before `send` returns.
// One socket serves uTP, DHT and UDP trackers; telling them apart is the session's work. Types only.
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import type { Result } from '../base/errors.ts'

export interface DatagramSink {
  /** `bytes` is valid until this call returns. `address` is canonical text; port 0 never gets here. */
  onDatagram(bytes: Uint8Array, address: string, port: number): void
  /** There is room again after `send` answered false. */
  onRoom(): void
}

export interface DatagramSocket {
  readonly endpoint: Endpoint
  /**
   * Sends one datagram, or loses it as networks do: no error ever comes back. `bytes` is the caller's on return.
   * False: the queue to the system is full and this one was dropped; hold on until onRoom.
   */
  send(bytes: Uint8Array, address: string, port: number): boolean
  close(): Promise<void>
}

export interface BindOptions {
  readonly family: AddressFamily
  /** Undefined: any address of the machine. */
  readonly address?: string
  /** 0 takes any free one. */
  readonly port: number
  /** Receive what is sent to this group as well (BEP 14), sharing the port with other programs. */
  readonly multicastGroup?: string
}

export interface Datagrams {
  /** Errors: address-in-use, address-unavailable. */
  bind(options: BindOptions, sink: DatagramSink): Promise<Result<DatagramSocket>>
}
