// The magnet link of a torrent (BEP 9, 53): enough for anyone to find and join it, no more.
// Guarantees: within the limits that our own parser of links has, so it can always be read back. Pure.
import { type Magnet, magnetLimits } from '../formats/magnet.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'

const infoHashV1Text = /^(?:[0-9a-f]{40}|[a-z2-7]{32})$/i
const infoHashV2Text = /^(?:1220)?([0-9a-f]{64})$/i

/** The magnet link that `text` is, or stands for as a bare info hash; undefined for anything else. */
export function linkOf(text: string): string | undefined {
  const trimmed = text.trim()
  if (/^magnet:/i.test(trimmed)) return trimmed
  if (infoHashV1Text.test(trimmed)) return `magnet:?xt=urn:btih:${trimmed}`
  const [, infoHashV2] = infoHashV2Text.exec(trimmed) ?? []
  return infoHashV2 === undefined ? undefined : `magnet:?xt=urn:btmh:1220${infoHashV2}`
}

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
