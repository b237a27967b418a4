// What the maker of a torrent says about it beside the content, and whether that can stand in a torrent.
// Guarantees: URLs of schemes that clients know and without control characters, node addresses that parse. Pure.
import { SwarmbidError } from '../base/errors.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'

export interface TorrentDescription {
  /** Instead of the last component of the content's path. */
  readonly name?: string
  readonly trackers: Metainfo['trackers']
  readonly webSeeds: Metainfo['webSeeds']
  readonly nodes: Metainfo['nodes']
  readonly isPrivate: boolean
  readonly comment?: string
  readonly createdBy?: string
  readonly creationDateSeconds?: number
  readonly source?: string
}

const trackerSchemes = ['http:', 'https:', 'udp:', 'ws:', 'wss:']
const webSeedSchemes = ['http:', 'https:', 'ftp:']

function checkUrl(text: string, schemes: readonly string[], what: string): void {
  const url = URL.parse(text)
  if (url === null || !schemes.includes(url.protocol) || url.hostname === '' || /[\s\p{Cc}]/u.test(text)) {
    const known = schemes.map((scheme) => `${scheme}//`).join(', ')
    throw new SwarmbidError('create-options', `${text}: not the URL of a ${what} (${known})`)
  }
}

/** Throws SwarmbidError: create-options, naming what is wrong. */
export function checkDescription(description: TorrentDescription): void {
  for (const tier of description.trackers) for (const url of tier) checkUrl(url, trackerSchemes, 'tracker')
  for (const url of description.webSeeds) checkUrl(url, webSeedSchemes, 'web seed')
  const { creationDateSeconds: date } = description
  if (date !== undefined && !(Number.isSafeInteger(date) && date >= 0)) {
    throw new SwarmbidError('create-options', 'the creation date must be whole seconds since 1970')
  }
  if (description.isPrivate && description.nodes.length > 0) {
    throw new SwarmbidError('create-options', 'a private torrent has no DHT nodes (BEP 27)')
  }
}
