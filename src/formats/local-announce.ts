// The datagrams of local discovery (BEP 14): "I have these torrents, and listen here", in the form of an HTTP request.
// Guarantees: reading never throws and is bounded in size and in info hashes; lines that are not understood are passed
// over, as the BEP wants; nothing said is believed here: the address is the sender's, not in the message.
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import type { AddressFamily } from '../base/endpoint.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { parsePort } from './compact-endpoint.ts'

export const localGroups: Readonly<Record<AddressFamily, string>> = { 4: '239.192.152.143', 6: 'ff15::efc0:988f' }
export const localGroupPort = 6_771

export interface LocalAnnounce {
  /** Where the sender listens for peers. */
  readonly port: number
  /** In hexadecimal, lower case, 20 bytes each; at least one. */
  readonly infoHashes: readonly string[]
  /** The sender's mark, by which it knows what it sent itself. */
  readonly cookie: string | undefined
}

/** As an Ethernet packet holds it with room to spare. */
export const maxLocalAnnounceBytes = 1_400
/** So many fit into what we send. */
export const maxInfoHashesSent = 20
const maxInfoHashesRead = 64
const maxCookieLength = 128
const requestLine = 'BT-SEARCH * HTTP/1.1'

function malformed(detail: string): Failure {
  return failure('local-announce', detail)
}

/** Errors: local-announce. */
export function decodeLocalAnnounce(bytes: Uint8Array): Result<LocalAnnounce> {
  if (bytes.length > maxLocalAnnounceBytes) return malformed(`${bytes.length} bytes`)
  const [first, ...lines] = toLatin1(bytes).split(/\r?\n/)
  if (first?.trim() !== requestLine) return malformed('no BT-SEARCH')
  let port: number | undefined
  let cookie: string | undefined
  const infoHashes = new Set<string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === 'port') port = parsePort(value)
    else if (name === 'cookie' && value.length <= maxCookieLength) cookie = value
    else if (name === 'infohash' && /^[0-9a-fA-F]{40}$/.test(value) && infoHashes.size < maxInfoHashesRead) {
      infoHashes.add(value.toLowerCase())
    }
  }
  if (port === undefined || port === 0) return malformed('no port')
  if (infoHashes.size === 0) return malformed('no info hash')
  return success({ port, infoHashes: [...infoHashes], cookie })
}

/** At most `maxInfoHashesSent` info hashes. */
export function encodeLocalAnnounce({ port, infoHashes, cookie }: LocalAnnounce, family: AddressFamily): Uint8Array {
  const group = family === 4 ? localGroups[4] : `[${localGroups[6]}]`
  const lines = [
    requestLine,
    `Host: ${group}:${localGroupPort}`,
    `Port: ${port}`,
    ...infoHashes.map((infoHash) => `Infohash: ${infoHash}`),
    ...(cookie === undefined ? [] : [`cookie: ${cookie}`]),
  ]
  return fromLatin1(`${lines.join('\r\n')}\r\n\r\n\r\n`)
}
