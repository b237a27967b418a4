// The extension handshake (BEP 10) with the keys of BEP 9 (metadata_size) and BEP 21 (upload_only).
// Guarantees: bounded; a key of the wrong type or out of range counts as absent, as do unknown keys, since
// every item is optional; only what is no dictionary, or too much, is refused.
import { assert } from '../../base/assert.ts'
import { emptyBytes, fromUtf8, toLatin1, toUtf8Lossy } from '../../base/bytes.ts'
import { type Result, success } from '../../base/errors.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { encode } from '../bencode/encode.ts'
import { type AddressFamily, addressBytes, decodeAddress, type IpAddress } from '../compact-endpoint.ts'
import { extensionFailure, integerWithin, readExtensionDictionary } from './extension-dictionary.ts'

export interface ExtensionHandshake {
  /** `m`: by name, the id under which the sender wants it; 0 turns it off. In later handshakes only changes. */
  readonly extensions: ReadonlyMap<string, number>
  /** `v`: name and version. Text of the peer's choosing. */
  readonly client?: string
  /** `p`: the port the sender listens on. */
  readonly listenPort?: number
  /** `reqq`: requests the sender keeps queued without dropping any. */
  readonly requestQueueLength?: number
  /** `yourip`: the receiver's address as the sender sees it. */
  readonly yourAddress?: IpAddress
  /** `ipv4`, `ipv6`: other addresses of the sender. */
  readonly ipv4?: IpAddress
  readonly ipv6?: IpAddress
  /** `metadata_size`: length of the info dictionary (BEP 9). */
  readonly metadataLengthBytes?: number
  /** `upload_only`: the sender wants nothing (BEP 21). Absent in a later handshake: as it was. */
  readonly isUploadOnly?: boolean
  /** `e`: the sender prefers encrypted connections (BEP 11). */
  readonly prefersEncryption?: boolean
}

/** The info dictionary of any torrent; a peer that says more is not believed. */
export const maxMetadataLengthBytes = 30 * 1024 * 1024
const maxExtensions = 100
const maxExtensionNameLength = 64
const maxClientLength = 100

function readExtensions(cursor: BencodeCursor | undefined): Map<string, number> {
  const extensions = new Map<string, number>()
  for (const [key, value] of cursor?.entries() ?? []) {
    const name = key.text()
    const id = integerWithin(value, 0, 255)
    if (name !== undefined && key.byteLength <= maxExtensionNameLength && id !== undefined) extensions.set(name, id)
  }
  return extensions
}

function readAddress(cursor: BencodeCursor | undefined, family?: AddressFamily): IpAddress | undefined {
  const address = decodeAddress(cursor?.bytes() ?? emptyBytes)
  return family === undefined || address?.family === family ? address : undefined
}

/** The payload of an extended message with id 0. Errors: peer-extension. */
export function decodeExtensionHandshake(payload: Uint8Array): Result<ExtensionHandshake> {
  const dictionary = readExtensionDictionary(payload)
  if (!dictionary.ok) return dictionary
  const root = dictionary.value
  const names = root.get('m')
  if (names !== undefined && names.size > maxExtensions) {
    return extensionFailure(`${names.size} extensions, over the limit of ${maxExtensions}`)
  }
  const clientBytes = root.get('v')?.bytes()
  const listenPort = integerWithin(root.get('p'), 1, 65_535)
  const requestQueueLength = integerWithin(root.get('reqq'), 1, Number.MAX_SAFE_INTEGER)
  const yourAddress = readAddress(root.get('yourip'))
  const ipv4 = readAddress(root.get('ipv4'), 4)
  const ipv6 = readAddress(root.get('ipv6'), 6)
  const metadataLengthBytes = integerWithin(root.get('metadata_size'), 1, maxMetadataLengthBytes)
  const uploadOnly = root.get('upload_only')?.integer()
  const encryption = root.get('e')?.integer()
  return success({
    extensions: readExtensions(names),
    ...(clientBytes === undefined ? {} : { client: toUtf8Lossy(clientBytes.subarray(0, maxClientLength)) }),
    ...(listenPort === undefined ? {} : { listenPort }),
    ...(requestQueueLength === undefined ? {} : { requestQueueLength }),
    ...(yourAddress === undefined ? {} : { yourAddress }),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(metadataLengthBytes === undefined ? {} : { metadataLengthBytes }),
    ...(uploadOnly === undefined ? {} : { isUploadOnly: uploadOnly !== 0 }),
    ...(encryption === undefined ? {} : { prefersEncryption: encryption !== 0 }),
  })
}

function compactAddress(address: IpAddress | undefined): Uint8Array | undefined {
  if (address === undefined) return undefined
  const bytes = addressBytes(address.address)
  assert(bytes !== undefined, 'an address in text')
  return bytes
}

function flagInteger(flag: boolean | undefined): 0 | 1 | undefined {
  return flag === undefined ? undefined : flag ? 1 : 0
}

/** The payload of an extended message with id 0, canonical. */
export function encodeExtensionHandshake(handshake: ExtensionHandshake): Uint8Array {
  assert(handshake.extensions.size <= maxExtensions, 'at most 100 extensions')
  const names = new Map<string, number>()
  for (const [name, id] of handshake.extensions) {
    assert(id >= 0 && id <= 255, 'an extension id of one byte')
    names.set(toLatin1(fromUtf8(name)), id)
  }
  return encode({
    m: names,
    v: handshake.client,
    p: handshake.listenPort,
    reqq: handshake.requestQueueLength,
    yourip: compactAddress(handshake.yourAddress),
    ipv4: compactAddress(handshake.ipv4),
    ipv6: compactAddress(handshake.ipv6),
    metadata_size: handshake.metadataLengthBytes,
    upload_only: flagInteger(handshake.isUploadOnly),
    e: flagInteger(handshake.prefersEncryption),
  })
}
