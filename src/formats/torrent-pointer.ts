// Torrents that change (BEP 46): a mutable item of the DHT whose value names the info hash that counts now, and the link
// to such an item, `magnet:?xs=urn:btpk:KEY&s=SALT`. Guarantees: never throws; values and links are capped; pure.
import { assert } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { BencodeCursor } from './bencode/cursor.ts'
import { encode } from './bencode/encode.ts'
import { scan } from './bencode/scan.ts'
import { maxItemBytes, maxSaltLength, nodeIdLength, publicKeyLength } from './krpc/message.ts'

/** Where the item is: of whom, and which of theirs. */
export interface TorrentPointer {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** At most 64 bytes. */
  readonly salt: Uint8Array
}

const prefix = 'magnet:?'
const urn = 'urn:btpk:'
const maxLinkLength = 4_096
const scanOptions = { limits: { maxBytes: maxItemBytes, maxDepth: 8, maxTokens: 256 } }

/** Whether a magnet link is one to a torrent that changes; parseTorrentPointer says whether a good one. */
export function isTorrentPointer(link: string): boolean {
  return link.length <= maxLinkLength && /^\s*magnet:\?(?:.*&)?xs=urn(?::|%3a)btpk(?::|%3a)/i.test(link)
}

/** One that names a key and no torrent; a link that names both is of the torrent it names. */
export function isPointerAlone(link: string): boolean {
  return isTorrentPointer(link) && !/[?&]xt(?:\.\d+)?=/i.test(link)
}

/** Errors: magnet-topic. */
export function parseTorrentPointer(link: string): Result<TorrentPointer> {
  const text = link.trim()
  if (text.length > maxLinkLength || text.slice(0, prefix.length).toLowerCase() !== prefix) {
    return failure('magnet-topic', 'not a magnet link to a torrent that changes')
  }
  const parameters = new URLSearchParams(text.slice(prefix.length))
  const source = parameters.get('xs') ?? ''
  const publicKey = source.toLowerCase().startsWith(urn) ? fromHex(source.slice(urn.length)) : undefined
  if (publicKey?.ok !== true || publicKey.value.length !== publicKeyLength) {
    return failure('magnet-topic', '`xs=urn:btpk:` wants a public key of 64 hexadecimal digits')
  }
  const salt = fromHex(parameters.get('s') ?? '')
  if (!salt.ok || salt.value.length > maxSaltLength) {
    return failure('magnet-topic', '`s` wants a salt of at most 128 hexadecimal digits')
  }
  return success({ publicKey: publicKey.value, salt: salt.value })
}

export function formatTorrentPointer({ publicKey, salt }: TorrentPointer): string {
  assert(publicKey.length === publicKeyLength && salt.length <= maxSaltLength, 'a key of 32 bytes, salt of at most 64')
  return `${prefix}xs=${urn}${toHex(publicKey)}${salt.length === 0 ? '' : `&s=${toHex(salt)}`}`
}

/** The info hash that an item's value names, 20 bytes, a view of it; undefined: it names none. */
export function pointedInfoHash(value: Uint8Array): Uint8Array | undefined {
  const scanned = scan(value, scanOptions)
  const infoHash = scanned.ok ? new BencodeCursor(scanned.value).get('ih')?.bytes() : undefined
  return infoHash?.length === nodeIdLength ? infoHash : undefined
}

/** The value of an item that names an info hash of 20 bytes. */
export function pointerValue(infoHash: Uint8Array): Uint8Array {
  assert(infoHash.length === nodeIdLength, 'an info hash of 20 bytes')
  return encode({ ih: infoHash })
}
