// The catalogues that earn mode chooses from: folders of torrent files, lists and feeds on this machine or on the web.
// Guarantees: all is bounded in number, size and time; what a catalogue names leads to local addresses only as a web seed may
// (S15); one that cannot be read now leaves what it had the last time. Owns what was read, without the torrents' bytes.
import { type Stats, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { toUtf8Lossy } from '../base/bytes.ts'
import { failure, type Result, SwarmbidError, success, unwrap } from '../base/errors.ts'
import { catalogLimits, parseCatalog } from '../formats/catalog.ts'
import { parseMagnet } from '../formats/magnet.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { fileError } from '../host/file-error.ts'
import { readFileBounded } from '../host/read-input.ts'
import type { AddSource } from '../session/commands.ts'
import type { EarnOffer } from '../session/earn-types.ts'
import { fetchTorrentFile } from '../session/fetch-torrent-file.ts'
import type { SessionConfig } from '../session/session-config.ts'
import type { SessionPorts } from '../session/session-ports.ts'
import { linkOf } from './make-magnet.ts'
import { parsedTorrent, readTorrentFile } from './read-torrent.ts'

export interface CatalogProblem {
  readonly name: string
  readonly code: SwarmbidError['code']
  readonly detail: string
}

export interface CatalogsRead {
  readonly offers: readonly EarnOffer[]
  /** Of whole catalogues, and of torrents that they name, some of them. */
  readonly problems: readonly CatalogProblem[]
  /** Catalogues that could be read. */
  readonly readable: number
}

interface CatalogPlace {
  readonly ports: SessionPorts
  readonly config: SessionConfig
}

const listLimit = { maxBytes: 4 * catalogLimits.maxCharacters, code: 'catalog-malformed' } as const
/** Torrent files on the web that are looked at in one reading; the others the next time. */
const fetchesAtOnce = 50
const toldProblems = 20

export class EarnCatalogs {
  private readonly names: readonly string[]
  private readonly place: CatalogPlace
  /** By catalogue, as it was read last. */
  private readonly known = new Map<string, readonly EarnOffer[]>()
  /** By path with its time and length, or by web address. */
  private readonly torrents = new Map<string, EarnOffer>()
  private problems: CatalogProblem[] = []
  private fetches = 0

  /** Folders, files, web addresses. */
  constructor(names: readonly string[], place: CatalogPlace) {
    this.names = names
    this.place = place
  }

  async read(signal: AbortSignal): Promise<CatalogsRead> {
    this.problems = []
    this.fetches = 0
    let readable = 0
    for (const name of this.names) {
      const offers = await this.attempt(name, () => this.readOne(name, signal))
      if (offers === undefined) continue
      readable++
      this.known.set(name, offers)
    }
    const all = [...this.known.values()].flat()
    const offers = [...new Map(all.map((offer) => [offer.id, offer])).values()].slice(0, catalogLimits.maxNames)
    return { offers, problems: this.problems, readable }
  }

  private async readOne(name: string, signal: AbortSignal): Promise<readonly EarnOffer[]> {
    if (/^https?:\/\//i.test(name)) {
      const { bytes } = unwrap(await fetchTorrentFile(this.place, name, signal))
      return await this.offersOf(bytes, signal)
    }
    const path = resolve(name)
    const status = statusOf(path)
    if (!status.isDirectory()) {
      if (/\.torrent$/i.test(path)) return [await this.fileOffer(path, status, signal)]
      return await this.offersOf(await readFileBounded(path, listLimit), signal)
    }
    const files = (await readdir(path)).filter((file) => /\.torrent$/i.test(file)).toSorted()
    if (files.length > catalogLimits.maxNames) {
      throw new SwarmbidError('catalog-malformed', `${name}: more than ${catalogLimits.maxNames} torrent files`)
    }
    const offers: EarnOffer[] = []
    for (const file of files) {
      const each = join(path, file)
      const offer = await this.attempt(each, () => this.fileOffer(each, statusOf(each), signal))
      if (offer !== undefined) offers.push(offer)
    }
    return offers
  }

  private async offersOf(bytes: Uint8Array, signal: AbortSignal): Promise<readonly EarnOffer[]> {
    const { names } = unwrap(parseCatalog(toUtf8Lossy(bytes)))
    const offers: EarnOffer[] = []
    for (const name of names) {
      const offer = await this.attempt(shown(name), () => this.namedOffer(name, signal))
      if (offer !== undefined) offers.push(offer)
    }
    return offers
  }

  private async namedOffer(name: string, signal: AbortSignal): Promise<EarnOffer | undefined> {
    const link = linkOf(name)
    if (link !== undefined) return linkOffer(link)
    const known = this.torrents.get(name)
    if (known !== undefined) return known
    if (this.fetches >= fetchesAtOnce) return undefined
    this.fetches++
    const load = () => fetchTorrentFile(this.place, name, signal, 'torrent-seed')
    const offer = offerOf(parsedTorrent(unwrap(await load()).bytes, shown(name)), load)
    this.torrents.set(name, offer)
    return offer
  }

  private async fileOffer(path: string, { mtimeMs, size }: Stats, signal: AbortSignal): Promise<EarnOffer> {
    const key = `${path} ${mtimeMs} ${size}`
    const known = this.torrents.get(key)
    if (known !== undefined) return known
    const load = async (): Promise<Result<AddSource>> => {
      try {
        return success({ type: 'metainfo', bytes: (await readTorrentFile(path, signal)).bytes })
      } catch (error) {
        if (error instanceof SwarmbidError) return failure(error.code, error.message)
        throw error
      }
    }
    const offer = offerOf((await readTorrentFile(path, signal)).metainfo, load)
    this.torrents.set(key, offer)
    return offer
  }

  /** Undefined: it is told, and left out. */
  private async attempt<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof SwarmbidError) || error.code === 'interrupted') throw error
      if (this.problems.length < toldProblems) {
        this.problems.push({ name, code: error.code, detail: error.message })
      }
      return undefined
    }
  }
}

/** Throws file-not-found, file-unreadable. */
function statusOf(path: string): Stats {
  try {
    return statSync(path)
  } catch (error) {
    throw fileError(error, path, 'read')
  }
}

/** Secrets stand in paths and queries. */
function shown(name: string): string {
  const url = URL.parse(name)
  return url?.host === undefined || url.host === '' ? `${name.slice(0, 60)}` : `${url.host}/…`
}

function offerOf({ info, trackers }: Metainfo, load: EarnOffer['load']): EarnOffer {
  const id: string | undefined = info.infoHashV1 ?? info.infoHashV2
  const { name, totalBytes: sizeBytes, isPrivate } = info
  return { id: id ?? '', name, sizeBytes, isPrivate, trackers: trackers.flat(), load }
}

/** Its size is what its metadata says; what the link says of it is anybody's. */
function linkOffer(link: string): EarnOffer {
  const { infoHashV1, infoHashV2, name, trackers } = unwrap(parseMagnet(link))
  const id: string = infoHashV1 ?? infoHashV2 ?? ''
  const source: AddSource = { type: 'magnet', link }
  const load = (): Promise<Result<AddSource>> => Promise.resolve(success(source))
  return { id, name: name ?? id, sizeBytes: 0, isPrivate: false, trackers, load }
}
