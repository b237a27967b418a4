// The fields of `--json` that say which torrent it is and how it is cut; the names are a promise to programs (see
// docs/command-line.md). Pure.
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'

export function torrentFields(info: TorrentInfo): Readonly<Record<string, unknown>> {
  return {
    name: info.name,
    infoHashV1: info.infoHashV1 ?? null,
    infoHashV2: info.infoHashV2 ?? null,
    pieceLengthBytes: info.pieceLengthBytes,
    pieceCount: info.pieceCount,
    totalBytes: info.totalBytes,
  }
}
