// Info hashes and items of the DHT as a person names them: hashes, keys, magnet links, text, a file with a key.
// Guarantees: a key file is made readable to its owner only and never overwritten; a mutable item is put as the one after
// the latest found, compared and swapped, so that nothing newer is lost.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { fromHex, fromUtf8, toHex, toUtf8 } from '../base/bytes.ts'
import { SwarmbidError, unwrap } from '../base/errors.ts'
import { idBytes } from '../base/ids.ts'
import type { LookupOutcome } from '../dht/dht-events.ts'
import { encode } from '../formats/bencode/encode.ts'
import { scan } from '../formats/bencode/scan.ts'
import { maxItemBytes, maxSaltLength, type StoredItem } from '../formats/krpc/message.ts'
import { itemTarget, mutableTarget, signedBytes } from '../formats/krpc/stored-item.ts'
import { parseMagnet } from '../formats/magnet.ts'
import {
  formatTorrentPointer,
  isTorrentPointer,
  parseTorrentPointer,
  pointedInfoHash,
  pointerValue,
} from '../formats/torrent-pointer.ts'
import { itemKeyOf } from '../host/ed25519.ts'
import { isSystemError } from '../host/file-error.ts'
import { readFileBounded } from '../host/read-input.ts'
import { linkOf } from './make-magnet.ts'
import type { DhtService } from './serve-dht.ts'

const hashLength = 20
const keyLength = 32
const maxKeyFileBytes = 256

/** 20 bytes; version 2 cut to as many (BEP 52). Errors: dht-value, magnet-*. */
export function infoHashNamed(text: string): Uint8Array {
  if (/^\s*magnet:/i.test(text)) {
    const { infoHashV1, infoHashV2 } = unwrap(parseMagnet(text))
    const infoHash = infoHashV1 ?? infoHashV2
    if (infoHash !== undefined) return idBytes(infoHash).subarray(0, hashLength)
  }
  const bytes = fromHex(text)
  if (bytes.ok && (bytes.value.length === hashLength || bytes.value.length === keyLength)) {
    return bytes.value.subarray(0, hashLength)
  }
  throw new SwarmbidError('dht-value', `${text.slice(0, 100)}: expected an info hash or a magnet link`)
}

export interface NamedItem {
  /** 20 bytes. */
  readonly target: Uint8Array
  readonly salt: Uint8Array
}

function saltOf(text: string | undefined): Uint8Array {
  const salt = fromUtf8(text ?? '')
  if (salt.length > maxSaltLength) throw new SwarmbidError('dht-value', 'a salt has at most 64 bytes')
  return salt
}

/** A target of 40 digits, a public key of 64, or a link (BEP 46). Errors: dht-value, magnet-topic. */
export function itemNamed(text: string, saltText: string | undefined): NamedItem {
  if (isTorrentPointer(text)) {
    const { publicKey, salt } = unwrap(parseTorrentPointer(text))
    return { target: mutableTarget(publicKey, salt), salt }
  }
  const salt = saltOf(saltText)
  const bytes = fromHex(text)
  if (bytes.ok && bytes.value.length === hashLength) return { target: bytes.value, salt }
  if (bytes.ok && bytes.value.length === keyLength) return { target: mutableTarget(bytes.value, salt), salt }
  throw new SwarmbidError('dht-value', `${text.slice(0, 100)}: expected a target, a public key or a link to either`)
}

/** The latest item found; undefined: nobody has it. */
export async function findItem(
  service: DhtService,
  { target, salt }: NamedItem,
  signal: AbortSignal,
): Promise<{ readonly item: StoredItem | undefined; readonly outcome: LookupOutcome }> {
  let item: StoredItem | undefined
  const outcome = await service.lookUp({ type: 'get', target, salt }, signal, (output) => {
    if (output.type === 'item') item = output.item
  })
  return { item, outcome }
}

/** The seed in a key file, 64 hexadecimal digits; a new one is made where there is no file. */
async function readSeed(path: string): Promise<Uint8Array> {
  const made = toHex(randomBytes(keyLength))
  try {
    await writeFile(path, `${made}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST') {
      throw new SwarmbidError('file-unwritable', `${path}: cannot be made`, { cause: error })
    }
  }
  const bytes = await readFileBounded(path, { maxBytes: maxKeyFileBytes, code: 'dht-value' })
  const seed = fromHex((toUtf8(bytes) ?? '').trim())
  if (!seed.ok || seed.value.length !== keyLength) {
    throw new SwarmbidError('dht-value', `${path}: expected a key of 64 hexadecimal digits`)
  }
  return seed.value
}

export interface PutRequest {
  readonly text: string
  /** The text as a string, bencode already, or the info hash or link of a torrent that the item is to lead to (BEP 46). */
  readonly form: 'text' | 'bencode' | 'torrent'
  /** Undefined: an immutable item. */
  readonly keyFile: string | undefined
  readonly salt: string | undefined
}

/** What names a torrent can change, and names it by version 1. */
function pointerTo(text: string, keyFile: string | undefined): Uint8Array {
  if (keyFile === undefined)
    throw new SwarmbidError('dht-value', 'what leads to a torrent is put under a key (`--key`)')
  const link = linkOf(text)
  const magnet = link === undefined ? undefined : unwrap(parseMagnet(link))
  if (magnet?.infoHashV1 === undefined) {
    throw new SwarmbidError('dht-value', `${text.slice(0, 100)}: expected a version 1 info hash or a link with one`)
  }
  return pointerValue(idBytes(magnet.infoHashV1))
}

/** Checked before anything is asked of anybody. Errors: dht-value, magnet-*. */
function putValueOf({ text, form, keyFile }: PutRequest): Uint8Array {
  if (form === 'torrent') return pointerTo(text, keyFile)
  const isBencoded = form === 'bencode'
  const value = isBencoded ? fromUtf8(text) : encode(text)
  if (value.length > maxItemBytes) throw new SwarmbidError('dht-value', 'an item has at most 1,000 bytes')
  const scanned = isBencoded ? scan(value, { strict: true }) : undefined
  if (scanned?.ok === false) throw new SwarmbidError('dht-value', `the value is no bencode: ${scanned.detail}`)
  return value
}

/** A put that is ready: `publish` does it once the node knows others. Errors: dht-value, magnet-*, file-*. */
export async function preparePut(request: PutRequest): Promise<{
  publish(service: DhtService, signal: AbortSignal): Promise<{ item: StoredItem; outcome: LookupOutcome }>
}> {
  const value = putValueOf(request)
  const salt = saltOf(request.salt)
  if (request.keyFile === undefined) {
    const item = { kind: 'immutable', value } as const
    return {
      async publish(service, signal) {
        const task = { type: 'put', item, expectedSequence: undefined } as const
        return { item, outcome: await service.lookUp(task, signal, () => undefined) }
      },
    }
  }
  const key = itemKeyOf(await readSeed(request.keyFile))
  const { publicKey } = key
  return {
    async publish(service, signal) {
      const { item: latest } = await findItem(service, { target: mutableTarget(publicKey, salt), salt }, signal)
      const expectedSequence = latest?.kind === 'mutable' ? latest.sequence : undefined
      const sequence = (expectedSequence ?? 0n) + 1n
      const signature = key.sign(signedBytes({ value, sequence, salt }))
      const item = { kind: 'mutable', value, publicKey, signature, sequence, salt } as const
      const task = { type: 'put', item, expectedSequence } as const
      return { item, outcome: await service.lookUp(task, signal, () => undefined) }
    },
  }
}

/** An item for a program or a person: all that is told of it, bytes as hexadecimal digits. */
export function describeItem(item: StoredItem) {
  const scanned = scan(item.value)
  const isText = item.value[0] !== undefined && item.value[0] >= 0x30 && item.value[0] <= 0x39 && scanned.ok
  const infoHash = pointedInfoHash(item.value)
  const text = isText ? toUtf8(item.value.subarray(item.value.indexOf(0x3a) + 1)) : undefined
  return {
    target: toHex(itemTarget(item)),
    value: toHex(item.value),
    text: text ?? null,
    publicKey: item.kind === 'mutable' ? toHex(item.publicKey) : null,
    sequence: item.kind === 'mutable' ? `${item.sequence}` : null,
    salt: item.kind === 'mutable' ? toHex(item.salt) : null,
    infoHash: infoHash === undefined ? null : toHex(infoHash),
    link: item.kind === 'mutable' && infoHash !== undefined ? formatTorrentPointer(item) : null,
  }
}
