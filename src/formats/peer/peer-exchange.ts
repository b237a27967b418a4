// ut_pex (BEP 11): which peers the sender got connected to, and which it lost, since its last message.
// Guarantees: bounded lists without duplicates, IPv4 before IPv6; entries with port 0 dropped. What is said here
// is hearsay: how many entries to use, and which addresses, is for the caller.
import { type Result, success } from '../../base/errors.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { encode } from '../bencode/encode.ts'
import {
  type AddressFamily,
  compactEndpointLength,
  decodeCompactEndpoint,
  type Endpoint,
  encodeCompactEndpoints,
  endpointKey,
} from '../compact-endpoint.ts'
import { extensionFailure, readExtensionDictionary } from './extension-dictionary.ts'

export const peerExchangeExtension = 'ut_pex'

export interface ExchangedPeer {
  readonly endpoint: Endpoint
  readonly prefersEncryption: boolean
  /** A seed, or a peer that wants nothing. */
  readonly isUploadOnly: boolean
  readonly supportsUtp: boolean
  readonly supportsHolepunch: boolean
  /** The sender connected to it, so it takes connections. */
  readonly isReachable: boolean
}

export interface PeerExchange {
  readonly added: readonly ExchangedPeer[]
  readonly dropped: readonly Endpoint[]
}

/** Entries looked at in each list of a message; BEP 11 allows 50 but for the first message. */
export const maxExchangedPeers = 200

const flagEncryption = 0x01
const flagUploadOnly = 0x02
const flagUtp = 0x04
const flagHolepunch = 0x08
const flagReachable = 0x10

const families: readonly AddressFamily[] = [4, 6]

function keyOf(name: string, family: AddressFamily): string {
  return family === 4 ? name : `${name}6`
}

/** The endpoints under a key with their positions; undefined when it is no list of them. */
function readEndpoints(
  root: BencodeCursor,
  name: string,
  family: AddressFamily,
  take: (endpoint: Endpoint, position: number) => void,
): boolean {
  const cursor = root.get(keyOf(name, family))
  if (cursor === undefined) return true
  const bytes = cursor.bytes()
  const stride = compactEndpointLength(family)
  if (bytes === undefined || bytes.length % stride !== 0) return false
  const count = Math.min(bytes.length / stride, maxExchangedPeers)
  for (let position = 0; position < count; position++) {
    const endpoint = decodeCompactEndpoint(bytes, position * stride, family)
    if (endpoint !== undefined) take(endpoint, position)
  }
  return true
}

function exchangedPeer(endpoint: Endpoint, flags: number): ExchangedPeer {
  return {
    endpoint,
    prefersEncryption: (flags & flagEncryption) !== 0,
    isUploadOnly: (flags & flagUploadOnly) !== 0,
    supportsUtp: (flags & flagUtp) !== 0,
    supportsHolepunch: (flags & flagHolepunch) !== 0,
    isReachable: (flags & flagReachable) !== 0,
  }
}

/** The payload of a ut_pex message; missing lists are empty, missing flags are off. Errors: peer-extension. */
export function decodePeerExchange(payload: Uint8Array): Result<PeerExchange> {
  const dictionary = readExtensionDictionary(payload)
  if (!dictionary.ok) return dictionary
  const root = dictionary.value
  const added = new Map<string, ExchangedPeer>()
  const dropped = new Map<string, Endpoint>()
  for (const family of families) {
    const flags = root.get(`${keyOf('added', family)}.f`)?.bytes()
    const areListsRight =
      readEndpoints(root, 'added', family, (endpoint, position) => {
        const key = endpointKey(endpoint)
        if (!added.has(key)) added.set(key, exchangedPeer(endpoint, flags?.[position] ?? 0))
      }) && readEndpoints(root, 'dropped', family, (endpoint) => dropped.set(endpointKey(endpoint), endpoint))
    if (!areListsRight) return extensionFailure(`exchanged peers that are no list of IPv${family} endpoints`)
  }
  return success({ added: [...added.values()], dropped: [...dropped.values()] })
}

function flagsOf(peer: ExchangedPeer): number {
  return (
    (peer.prefersEncryption ? flagEncryption : 0) |
    (peer.isUploadOnly ? flagUploadOnly : 0) |
    (peer.supportsUtp ? flagUtp : 0) |
    (peer.supportsHolepunch ? flagHolepunch : 0) |
    (peer.isReachable ? flagReachable : 0)
  )
}

/** The payload of a ut_pex message, canonical, with all keys: some clients expect them even where empty. */
export function encodePeerExchange(exchange: PeerExchange): Uint8Array {
  const entries = families.flatMap((family): [string, Uint8Array][] => {
    const added = exchange.added.filter((peer) => peer.endpoint.family === family)
    const endpoints = added.map((peer) => peer.endpoint)
    return [
      [keyOf('added', family), encodeCompactEndpoints(endpoints, family)],
      [`${keyOf('added', family)}.f`, Uint8Array.from(added, flagsOf)],
      [keyOf('dropped', family), encodeCompactEndpoints(exchange.dropped, family)],
    ]
  })
  return encode(Object.fromEntries(entries))
}
