// What sessions call the torrent of a content: any info hash of it is understood, whatever it was added by.
// Keeps no state.
import { assert } from '../../src/base/assert.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import type { Content } from './content.ts'

export function torrentIdOf({ info }: Content): TorrentId {
  const infoHash: string | undefined = info.infoHashV1 ?? info.infoHashV2
  assert(infoHash !== undefined, 'a content with an info hash')
  return infoHash as TorrentId
}
