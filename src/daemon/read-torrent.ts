// Reads a .torrent file, or one piped in, and parses it.
// Guarantees: nothing over the limit is read, and every way to fail has a code. Keeps no state.
import { SwarmbidError } from '../base/errors.ts'
import { defaultLimits } from '../formats/bencode/scan.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../formats/metainfo/parse-metainfo.ts'
import { readFileBounded, readStandardInput } from '../host/read-input.ts'

export interface TorrentFileRead {
  readonly bytes: Uint8Array
  readonly metainfo: Metainfo
}

const limit = { maxBytes: defaultLimits.maxBytes, code: 'bencode-too-large' } as const

/** What names standard input in place of a file. */
const standardInput = '-'

/**
 * The torrent in a file, or in standard input for `-`, with its bytes. Throws SwarmbidError: file-not-found,
 * file-unreadable, file-not-regular, interrupted, bencode-*, metainfo-*.
 */
export async function readTorrentFile(path: string, signal: AbortSignal): Promise<TorrentFileRead> {
  const bytes = path === standardInput ? await readStandardInput(limit, signal) : await readFileBounded(path, limit)
  return { bytes, metainfo: parsedTorrent(bytes, path === standardInput ? 'standard input' : path) }
}

/** `d`: every torrent is a dictionary. */
const firstByte = 0x64

/** `place`: where the bytes are from, for people. Throws SwarmbidError: bencode-*, metainfo-*. */
export function parsedTorrent(bytes: Uint8Array, place: string): Metainfo {
  const parsed = parseMetainfo(bytes)
  if (parsed.ok) return parsed.value
  // Most often content or a web page was named instead, and where its bytes go wrong says nothing to anybody.
  const what = bytes.length === 0 ? 'empty' : bytes[0] === firstByte ? parsed.detail : 'not a torrent file'
  throw new SwarmbidError(parsed.code, `${place}: ${what}`)
}

/** As readTorrentFile, without the bytes. */
export async function readTorrent(path: string, signal: AbortSignal): Promise<Metainfo> {
  return (await readTorrentFile(path, signal)).metainfo
}
