// A catalogue of torrents as text: one magnet link, info hash or web address of a torrent file a line, or an RSS or Atom feed.
// Guarantees: never throws, work is bounded by the limits below; what is no name of a torrent is left out and counted.
// Keeps no state.
import { failure, type Result, success } from '../base/errors.ts'

export interface Catalog {
  /** In their order, each once: links, info hashes in hexadecimal, web addresses. */
  readonly names: readonly string[]
  /** Lines that name no torrent. */
  readonly strangeLines: number
}

export const catalogLimits = { maxCharacters: 8_388_608, maxNames: 10_000, maxNameCharacters: 65_536 }

const nameText = /^(?:magnet:\?\S+|https?:\/\/\S+|[0-9a-f]{40}|[0-9a-f]{64})$/i
const feedText = /^\uFEFF?\s*<(?:\?xml|rss|feed)\b/i
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#38': '&' }

/** Errors: catalog-malformed (too long, too many, or nothing but strange lines). */
export function parseCatalog(text: string): Result<Catalog> {
  const { maxCharacters, maxNames, maxNameCharacters } = catalogLimits
  if (text.length > maxCharacters) return failure('catalog-malformed', `more than ${maxCharacters} characters`)
  const names = new Set<string>()
  let strangeLines = 0
  for (const name of feedText.test(text) ? namesOfFeed(text) : namesOfLines(text)) {
    if (name.length > maxNameCharacters || !nameText.test(name)) strangeLines++
    else names.add(name)
    if (names.size > maxNames) return failure('catalog-malformed', `more than ${maxNames} torrents`)
  }
  if (names.size === 0 && strangeLines > 0) return failure('catalog-malformed', 'no line of it names a torrent')
  return success({ names: [...names], strangeLines })
}

function* namesOfLines(text: string): Generator<string> {
  for (const line of text.split('\n')) {
    const name = line.trim()
    if (name !== '' && !name.startsWith('#')) yield name
  }
}

/** Of each entry its magnet link, or else the torrent file that it encloses. */
function* namesOfFeed(text: string): Generator<string> {
  for (const entry of text.split(/<(?:item|entry)\b/).slice(1)) {
    const [magnet] = /magnet:\?[^<>"'\s\]]+/.exec(entry) ?? []
    const [, enclosed] = /<enclosure\b[^<>]*\burl=["']([^<>"']+)["']/.exec(entry) ?? []
    const name = magnet ?? enclosed
    if (name !== undefined)
      yield name.replaceAll(/&(amp|lt|gt|quot|apos|#38);/g, (_, entity: string) => entities[entity] ?? '')
  }
}
