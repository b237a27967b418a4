// What the operating system says about the network, in this program's words: errors as Failures, addresses in their
// one canonical text. Guarantees: an address that is IPv4 in IPv6 clothes (`::ffff:192.0.2.1`) comes out as IPv4, so
// that nothing judges it as another one; zone identifiers (`%eth0`) are dropped. Keeps no state.
import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import { type Failure, failure } from '../base/errors.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'

const mappedPrefix = '::ffff:'

/** An IP literal in canonical text; undefined if it is none. */
export function canonicalAddress(text: string): IpAddress | undefined {
  const zone = text.indexOf('%')
  const ip = parseAddress(zone < 0 ? text : text.slice(0, zone))
  if (ip?.family !== 6 || !ip.address.startsWith(mappedPrefix) || !ip.address.includes('.')) return ip
  return { family: 4, address: ip.address.slice(mappedPrefix.length) }
}

/** As sockets report their ends; undefined when one is not connected (any more). */
export function canonicalEndpoint(address: string | undefined, port: number | undefined): Endpoint | undefined {
  const ip = address === undefined ? undefined : canonicalAddress(address)
  if (ip === undefined || port === undefined) return undefined
  return { family: ip.family, address: ip.address, port }
}

const explanations: Readonly<Record<string, string>> = {
  EACCES: 'not permitted',
  EADDRINUSE: 'the port is taken',
  EADDRNOTAVAIL: 'this machine does not have the local address',
  EAFNOSUPPORT: 'this machine lacks this kind of addresses',
  ECONNABORTED: 'broken off',
  ECONNREFUSED: 'refused',
  ECONNRESET: 'broken off by the other side',
  EHOSTDOWN: 'the host is down',
  EHOSTUNREACH: 'no way to the host',
  EINVAL: 'the local and the remote address do not go together',
  EMFILE: 'too many files and connections are open',
  ENETDOWN: 'the network is down',
  ENETUNREACH: 'no way to the network',
  ENFILE: 'too many files and connections are open on this machine',
  EPERM: 'not permitted',
  EPIPE: 'the other side takes no more',
  ETIMEDOUT: 'no answer',
}

export function systemErrorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function explain(error: unknown): string {
  const code = systemErrorCode(error)
  return explanations[code] ?? (code === '' ? 'failed' : code)
}

/** Why a connection to `place` could not be made or broke: timed-out or connection-failed. */
export function connectionFailure(error: unknown, place: string): Failure {
  return failure(
    systemErrorCode(error) === 'ETIMEDOUT' ? 'timed-out' : 'connection-failed',
    `${place}: ${explain(error)}`,
  )
}

/** Why nothing can be received at `place`: address-in-use or address-unavailable. */
export function bindFailure(error: unknown, place: string): Failure {
  return failure(
    systemErrorCode(error) === 'EADDRINUSE' ? 'address-in-use' : 'address-unavailable',
    `${place}: ${explain(error)}`,
  )
}
