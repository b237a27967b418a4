// Where a tracker is reached: HTTP and UDP on one port of each address.
// Guarantees: all of it or nothing is listening; any free port means one that is free everywhere. Listeners own themselves.
import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import { type HttpListenerOptions, listenHttp } from '../host/http-listener.ts'
import { udpDatagrams } from '../host/udp-datagrams.ts'
import type { DatagramSocket } from '../ports/datagrams.ts'

export interface Listener {
  readonly endpoint: Endpoint
  close(): Promise<void>
}

export interface TrackerHandlers extends Pick<HttpListenerOptions, 'answer' | 'upgrade'> {
  /** The reply to a datagram, if any: a view that is sent at once. */
  answerDatagram(bytes: Uint8Array, from: IpAddress): Uint8Array | undefined
}

/** Another program may have the port on another address. */
const maxPortAttempts = 10

async function listenUdp(handlers: TrackerHandlers, address: IpAddress, port: number): Promise<Result<Listener>> {
  let socket: DatagramSocket | undefined
  const source = { family: address.family, address: '' }
  const bound = await udpDatagrams().bind(
    { ...address, port },
    {
      onDatagram(bytes, from, fromPort) {
        source.address = from
        const reply = handlers.answerDatagram(bytes, source)
        if (reply !== undefined) socket?.send(reply, from, fromPort)
      },
      onRoom: () => undefined,
    },
  )
  if (!bound.ok) return bound
  socket = bound.value
  return bound
}

async function closeAll(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()))
}

/** HTTP, then UDP of each address. */
async function listenAll(
  handlers: TrackerHandlers,
  addresses: readonly IpAddress[],
  wantedPort: number,
): Promise<Result<Listener[]>> {
  const listeners: Listener[] = []
  let port = wantedPort
  for (const address of addresses) {
    for (const listen of [() => listenHttp({ ...handlers, address, port }), () => listenUdp(handlers, address, port)]) {
      const listening = await listen()
      if (!listening.ok) {
        await closeAll(listeners)
        return listening
      }
      listeners.push(listening.value)
      port = listening.value.endpoint.port
    }
  }
  return success(listeners)
}

async function listenSomewhere(
  handlers: TrackerHandlers,
  addresses: readonly IpAddress[],
  port: number,
): Promise<Result<Listener[]>> {
  let result = await listenAll(handlers, addresses, port)
  for (let attempt = 1; attempt < maxPortAttempts && port === 0; attempt++) {
    if (result.ok || result.code !== 'address-in-use') break
    result = await listenAll(handlers, addresses, port)
  }
  return result
}

function parseAddresses(texts: readonly string[]): Result<IpAddress[]> {
  const addresses: IpAddress[] = []
  for (const text of texts) {
    const address = parseAddress(text)
    if (address === undefined) return failure('address-unavailable', `${text.slice(0, 100)} is not an IP address`)
    addresses.push(address)
  }
  return success(addresses)
}

/** `addresses` undefined: this machine's own, IPv6 if it has it. Errors: address-in-use, address-unavailable. */
export async function listenTracker(
  handlers: TrackerHandlers,
  addresses: readonly string[] | undefined,
  port: number,
): Promise<Result<Listener[]>> {
  const named = parseAddresses(addresses ?? ['127.0.0.1', '::1'])
  if (!named.ok) return named
  const listening = await listenSomewhere(handlers, named.value, port)
  const isWithoutIpv6 = !listening.ok && listening.code === 'address-unavailable' && addresses === undefined
  return isWithoutIpv6 ? listenSomewhere(handlers, named.value.slice(0, 1), port) : listening
}
