// What a person may name as a torrent: a file, standard input, a web address, a magnet link, an info hash, the link of a
// key under which the DHT has an info hash.
// Guarantees: bounded in size and time; a refusal has its code and names the source. Keeps nothing.
import { SwarmbidError } from '../base/errors.ts'
import { type FileRange, formatMagnet, parseMagnet } from '../formats/magnet.ts'
import { encodeMetainfo } from '../formats/metainfo/build-metainfo.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { isPointerAlone } from '../formats/torrent-pointer.ts'
import { fetchTorrentFile } from '../session/fetch-torrent-file.ts'
import type { SessionConfig } from '../session/session-config.ts'
import type { SessionPorts } from '../session/session-ports.ts'
import { followPointer } from './follow-pointer.ts'
import { linkOf } from './make-magnet.ts'
import { parsedTorrent, readTorrentFile, type TorrentFileRead } from './read-torrent.ts'

export interface LoadedSource {
  /** As it was named. */
  readonly source: string
  readonly content:
    | { readonly type: 'metainfo'; readonly bytes: Uint8Array }
    | { readonly type: 'magnet'; readonly link: string }
  readonly metainfo: Metainfo | undefined
  /** In hexadecimal, one or two. */
  readonly infoHashes: readonly string[]
  /** The link names peers. */
  readonly hasPeers: boolean
  /** Files the link asks for (BEP 53). */
  readonly selectedFiles: readonly FileRange[] | undefined
}

export interface SourceContext {
  readonly ports: SessionPorts
  readonly config: SessionConfig
  /** False: the trackers it names are left out. */
  readonly usesTrackers: boolean
  readonly signal: AbortSignal
}

/** So much of a link tells it from others; trackers, whose addresses may be secret, come later in it. */
const shownLinkLength = 60

function hashesOf(named: { readonly infoHashV1?: string; readonly infoHashV2?: string }): string[] {
  return [named.infoHashV1, named.infoHashV2].filter((hash) => hash !== undefined)
}

function shortened(link: string): string {
  return link.length > shownLinkLength ? `${link.slice(0, shownLinkLength)}…` : link
}

function loadMagnet(source: string, link: string, usesTrackers: boolean): LoadedSource {
  const parsed = parseMagnet(link)
  if (!parsed.ok) throw new SwarmbidError(parsed.code, `${shortened(source)}: ${parsed.detail}`)
  const magnet = usesTrackers ? parsed.value : { ...parsed.value, trackers: [] }
  return {
    source,
    content: { type: 'magnet', link: formatMagnet(magnet) },
    metainfo: undefined,
    infoHashes: hashesOf(magnet),
    hasPeers: magnet.peers.length > 0,
    selectedFiles: magnet.selectedFiles,
  }
}

/** What tells it from others; secrets come later in it. */
function addressStart(source: string): string {
  const url = URL.parse(source)
  return `${source.slice(0, source.indexOf('://'))}://${url?.host ?? ''}…`
}

async function fetched(source: string, context: SourceContext): Promise<TorrentFileRead> {
  const file = await fetchTorrentFile(context, source, context.signal)
  // The address may hold a secret; whoever typed it knows it.
  if (!file.ok) throw new SwarmbidError(file.code, `${new URL(source).host}: ${file.detail}`)
  const { bytes } = file.value
  return { bytes, metainfo: parsedTorrent(bytes, new URL(source).host) }
}

/**
 * Throws SwarmbidError: magnet-*, bencode-*, metainfo-*, those of readTorrentFile, fetchTorrentFile and followPointer,
 * usage for what looks like a web address and is none.
 */
export async function loadSource(source: string, context: SourceContext): Promise<LoadedSource> {
  const { usesTrackers, signal } = context
  const link = linkOf(source)
  if (link !== undefined) {
    const followed = isPointerAlone(link) ? await followPointer(link, context) : link
    return loadMagnet(source, followed, usesTrackers)
  }
  const isAddress = /^https?:\/\//i.test(source)
  if (isAddress && !URL.canParse(source)) throw new SwarmbidError('usage', `${addressStart(source)}: not a web address`)
  if (!isAddress && /^[a-z][a-z0-9+.-]*:\/\//i.test(source)) {
    throw new SwarmbidError('usage', `${addressStart(source)}: only http and https addresses can be fetched`)
  }
  const { bytes, metainfo } = isAddress ? await fetched(source, context) : await readTorrentFile(source, signal)
  return {
    source,
    content: { type: 'metainfo', bytes: usesTrackers ? bytes : encodeMetainfo({ ...metainfo, trackers: [] }) },
    metainfo,
    infoHashes: hashesOf(metainfo.info),
    hasPeers: false,
    selectedFiles: undefined,
  }
}
