// From what somebody wants added to the facts of a torrent: a .torrent file, or a magnet link.
// Guarantees: nothing is begun here; every value of the command is checked. Pure.
import { failure, type Result, success } from '../base/errors.ts'
import type { InfoHashV1, InfoHashV2 } from '../base/ids.ts'
import { type Magnet, type PeerAddress, parseMagnet } from '../formats/magnet.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../formats/metainfo/parse-metainfo.ts'
import type { AddOptions, AddSource, TorrentId } from './commands.ts'
import type { SessionConfig } from './session-config.ts'
import { highestPriority, keptBudget, type TorrentFacts, usualPriority } from './torrent-facts.ts'

export interface ParsedSource {
  readonly infoHashV1: InfoHashV1 | undefined
  readonly infoHashV2: InfoHashV2 | undefined
  readonly name: string
  readonly metainfo: Metainfo | undefined
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
  /** Named by the link. */
  readonly peers: readonly PeerAddress[]
  readonly selectedFiles: Magnet['selectedFiles']
}

const maxFiles = 2 ** 21

/** Errors: every metainfo-*, bencode-* and magnet-* code. */
export function parseSource(source: Exclude<AddSource, { type: 'url' }>): Result<ParsedSource> {
  if (source.type === 'metainfo') {
    // The metainfo holds views of these bytes, and the caller's are the caller's.
    const metainfo = parseMetainfo(source.bytes.slice())
    if (!metainfo.ok) return metainfo
    const { info, trackers, webSeeds } = metainfo.value
    return success({
      infoHashV1: info.infoHashV1,
      infoHashV2: info.infoHashV2,
      name: info.name,
      metainfo: metainfo.value,
      trackers,
      webSeeds,
      peers: [],
      selectedFiles: undefined,
    })
  }
  const magnet = parseMagnet(source.link)
  if (!magnet.ok) return magnet
  const { infoHashV1, infoHashV2, name, trackers, webSeeds, peers, selectedFiles } = magnet.value
  return success({
    infoHashV1,
    infoHashV2,
    name: name ?? infoHashV1 ?? infoHashV2 ?? '',
    metainfo: undefined,
    trackers: trackers.map((url) => [url]),
    webSeeds,
    peers,
    selectedFiles,
  })
}

/** Errors: torrent-value. */
export function checkPriorities(priorities: readonly number[], fileCount: number): Result<void> {
  if (priorities.length > fileCount) {
    return failure('torrent-value', `${priorities.length} priorities for ${fileCount} files`)
  }
  const isValid = (priority: number): boolean =>
    Number.isInteger(priority) && priority >= 0 && priority <= highestPriority
  return priorities.every(isValid) ? success(undefined) : failure('torrent-value', 'a priority that is not 0 to 7')
}

function selectedPriorities(selected: NonNullable<Magnet['selectedFiles']>, fileCount: number): number[] {
  const end = Math.min(fileCount, (selected.at(-1)?.last ?? -1) + 1)
  const priorities: number[] = new Array(end).fill(0)
  for (const { first, last } of selected) priorities.fill(usualPriority, first, Math.min(last + 1, end))
  return priorities
}

export interface NewTorrent {
  readonly source: ParsedSource
  readonly options: AddOptions
  readonly config: SessionConfig
  readonly trackerKey: number
  readonly wallMs: number
}

/** Errors: torrent-value. */
export function newFacts({ source, options, config, trackerKey, wallMs }: NewTorrent): Result<TorrentFacts> {
  const fileCount = source.metainfo?.info.files.length ?? maxFiles
  const { selectedFiles } = source
  const priorities =
    options.priorities ?? (selectedFiles === undefined ? [] : selectedPriorities(selectedFiles, fileCount))
  const checked = checkPriorities(priorities, fileCount)
  if (!checked.ok) return checked
  const folder = options.folder ?? config.downloadFolder
  const id = (source.infoHashV1 ?? source.infoHashV2) as string as TorrentId
  const added = options.trackers ?? []
  const addedSeeds = options.webSeeds ?? []
  return success({
    id,
    infoHashV1: source.infoHashV1,
    infoHashV2: source.infoHashV2,
    displayName: source.name,
    metainfo: source.metainfo,
    folder,
    isPlaced: config.incompleteFolder === undefined,
    leftFolder: undefined,
    wantsToRun: options.stopped !== true,
    isForced: options.forced === true,
    isSequential: options.sequential === true,
    isSuperSeeding: options.superSeeding === true,
    mayDownloadAgain: false,
    trackers: [...source.trackers, ...added],
    userTrackers: new Set(added.flat()),
    webSeeds: [...new Set([...source.webSeeds, ...addedSeeds])],
    userWebSeeds: new Set(addedSeeds),
    priorities: [...priorities],
    isRestUnwanted: options.priorities === undefined && selectedFiles !== undefined,
    limits: {
      downloadBytesPerSecond: Number.POSITIVE_INFINITY,
      uploadBytesPerSecond: Number.POSITIVE_INFINITY,
      maxConnections: Number.POSITIVE_INFINITY,
      maxSlots: Number.POSITIVE_INFINITY,
      ...options.limits,
    },
    seedGoals: { ...options.seedGoals },
    totals: { downloadedBytes: 0, uploadedBytes: 0, activeSeconds: 0, seedingSeconds: 0 },
    trackerKey,
    addedMs: wallMs,
    completedMs: undefined,
    budget: keptBudget(options.budget, wallMs),
  })
}
