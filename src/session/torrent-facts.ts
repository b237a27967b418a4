// What is known and wanted of one torrent, apart from what it is doing: plain data that outlives the program (see
// resume-saver.ts), and the pure questions it answers. The torrent owns it; commands change it through the torrent.
import { toHex } from '../base/bytes.ts'
import { sha1Length } from '../base/hash.ts'
import { type InfoHashV1, type InfoHashV2, idBytes } from '../base/ids.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { Metainfo, TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { type PiecePlan, piecesOfFile, planPieces } from '../storage/piece-plan.ts'
import type { FilePriority, TorrentBudget, TorrentId, TorrentLimits } from './commands.ts'
import type { SeedGoals } from './session-config.ts'

export interface TorrentTotals {
  downloadedBytes: number
  uploadedBytes: number
  activeSeconds: number
  seedingSeconds: number
}

/** What may be paid for a torrent in all, fees included. */
export interface KeptBudget {
  readonly most: TokenAmount
  /** Wall clock; undefined: as it comes. */
  readonly deadlineMs: number | undefined
  /** Undefined: nobody is paid to stay. */
  readonly staying?: KeptStaying | undefined
}

/** So many seeders are paid to stay, once all of it is here. */
export interface KeptStaying {
  /** Wall clock. */
  readonly untilMs: number
  readonly seeders: number
}

export interface TorrentFacts {
  readonly id: TorrentId
  /** Both of a hybrid, as far as known. */
  infoHashV1: InfoHashV1 | undefined
  infoHashV2: InfoHashV2 | undefined
  /** What the link called it; the metadata's name counts once it is here. */
  displayName: string
  metainfo: Metainfo | undefined
  /** Absolute path of where the content is to be when it is whole. */
  folder: string
  /** It is there; else in the folder for incomplete content, if there is one. */
  isPlaced: boolean
  /** Absolute path of the folder it was moved from, while files may be there yet. */
  leftFolder: string | undefined
  wantsToRun: boolean
  isForced: boolean
  isSequential: boolean
  isSuperSeeding: boolean
  /** Files that are missing may be downloaded anew. */
  mayDownloadAgain: boolean
  trackers: readonly (readonly string[])[]
  /** Trackers a person named, who may lead to local addresses. */
  readonly userTrackers: Set<string>
  /** BEP 19. */
  webSeeds: readonly string[]
  /** Those of them that a person named, who may lead to local addresses. */
  readonly userWebSeeds: Set<string>
  /** One for each file; what lacks is usual. */
  priorities: readonly FilePriority[]
  /** A link selected files (BEP 53): once they are known, those without a priority are not wanted. */
  isRestUnwanted: boolean
  limits: TorrentLimits
  seedGoals: Partial<SeedGoals>
  readonly totals: TorrentTotals
  /** Of 32 bits, the same for trackers for life. */
  readonly trackerKey: number
  /** Wall clock. */
  readonly addedMs: number
  completedMs: number | undefined
  /** Undefined: nothing is paid for it. */
  budget: KeptBudget | undefined
}

/** `wallMs`: from when on the time given counts. */
export function keptBudget(budget: TorrentBudget | undefined, wallMs: number): KeptBudget | undefined {
  if (budget === undefined) return undefined
  const { most, deadlineInMs, staying } = budget
  return {
    most,
    deadlineMs: deadlineInMs === undefined ? undefined : Math.floor(wallMs + deadlineInMs),
    ...(staying === undefined
      ? {}
      : { staying: { untilMs: Math.floor(wallMs + staying.forMs), seeders: staying.seeders } }),
  }
}

export const usualPriority = 4
export const highestPriority = 7

export function priorityOfFile(facts: Pick<TorrentFacts, 'priorities'>, file: number): FilePriority {
  return facts.priorities[file] ?? usualPriority
}

/** One byte a file. */
export function filePriorities(facts: Pick<TorrentFacts, 'priorities'>, info: TorrentInfo): Uint8Array {
  return Uint8Array.from(info.files, (_, file) => priorityOfFile(facts, file))
}

/** One byte a piece: that of its most wanted file. Pieces of nothing but gaps are as wanted as the least. */
export function piecePriorities(plan: PiecePlan, priorities: Uint8Array): Uint8Array {
  const pieces = new Uint8Array(plan.pieceCount)
  for (const [file, priority] of priorities.entries()) {
    const range = piecesOfFile(plan, file)
    if (range === undefined) continue
    for (let piece = range.first; piece <= range.last; piece++) {
      pieces[piece] = Math.max(pieces[piece] as number, priority)
    }
  }
  return pieces
}

/** Bytes of the wanted files. */
export function wantedBytes(facts: Pick<TorrentFacts, 'priorities'>, info: TorrentInfo): number {
  return info.files.reduce((sum, { lengthBytes }, file) => sum + (priorityOfFile(facts, file) > 0 ? lengthBytes : 0), 0)
}

export function planOf(info: TorrentInfo): PiecePlan {
  return planPieces(info.files, info.pieceLengthBytes, info.spanBytes)
}

/** Whether a version 2 torrent lacks hashes of pieces, so that nothing could be verified. */
export function lacksPieceLayers({ info, pieceLayers }: Metainfo): boolean {
  if (info.version !== 'v2') return false
  return info.files.some(
    ({ piecesRoot, lengthBytes }) =>
      piecesRoot !== undefined && lengthBytes > info.pieceLengthBytes && !pieceLayers.has(toHex(piecesRoot)),
  )
}

/** As trackers and handshakes have them: 20 bytes each, that of version 1 first. */
export function wireHashes({ infoHashV1, infoHashV2 }: Pick<TorrentFacts, 'infoHashV1' | 'infoHashV2'>): Uint8Array[] {
  const hashes: Uint8Array[] = []
  if (infoHashV1 !== undefined) hashes.push(idBytes(infoHashV1))
  if (infoHashV2 !== undefined) hashes.push(idBytes(infoHashV2).subarray(0, sha1Length))
  return hashes
}

/** The metadata is here, and with it whatever info hash was not known. */
export function learnHashes(facts: TorrentFacts, { infoHashV1, infoHashV2 }: TorrentInfo): void {
  facts.infoHashV1 = infoHashV1
  facts.infoHashV2 = infoHashV2
}

/** The metadata is here; hashes of pieces may still lack. */
export function learnInfo(facts: TorrentFacts, info: TorrentInfo): void {
  const rest = facts.isRestUnwanted ? new Array<number>(info.files.length).fill(0) : []
  facts.priorities = [...facts.priorities, ...rest.slice(facts.priorities.length)].slice(0, info.files.length)
  const { trackers, webSeeds } = facts
  facts.metainfo = { info, pieceLayers: new Map(), trackers, webSeeds, httpSeeds: [], nodes: [] }
}
