// The magnet link of a torrent (BEP 9, 53): enough for anyone to find and join it, no more.
// Guarantees: within the limits that our own parser of links has, so it can always be read back. Pure.
import { type Magnet, magnetLimits } from '../formats/magnet.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'

export function magnetOf(metainfo: Metainfo): Magnet {
  const { info } = metainfo
  return {
    ...(info.infoHashV1 === undefined ? {} : { infoHashV1: info.infoHashV1 }),
    ...(info.infoHashV2 === undefined ? {} : { infoHashV2: info.infoHashV2 }),
    name: info.name,
    trackers: metainfo.trackers.flat().slice(0, magnetLimits.maxTrackers),
    webSeeds: metainfo.webSeeds.slice(0, magnetLimits.maxWebSeeds),
    sources: [],
    peers: [],
    lengthBytes: info.totalBytes,
  }
}
