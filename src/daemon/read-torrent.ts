// Reads a .torrent file, or one piped in, and parses it.
// Guarantees: nothing over the limit is read, and every way to fail has a code. Keeps no state.
import { SwarmbidError } from '../base/errors.ts'
import { defaultLimits } from '../formats/bencode/scan.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../formats/metainfo/parse-metainfo.ts'
import { readFileBounded, readStandardInput } from '../host/read-input.ts'

const limit = { maxBytes: defaultLimits.maxBytes, code: 'bencode-too-large' } as const

/** What names standard input in place of a file. */
const standardInput = '-'

/**
 * The torrent in a file, or in standard input for `-`. Throws SwarmbidError: file-not-found, file-unreadable,
 * file-not-regular, interrupted, bencode-*, metainfo-*.
 */
export async function readTorrent(path: string, signal: AbortSignal): Promise<Metainfo> {
  const bytes = path === standardInput ? await readStandardInput(limit, signal) : await readFileBounded(path, limit)
  const parsed = parseMetainfo(bytes)
  if (parsed.ok) return parsed.value
  throw new SwarmbidError(parsed.code, `${path === standardInput ? 'standard input' : path}: ${parsed.detail}`)
}
