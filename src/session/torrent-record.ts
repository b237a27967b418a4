// The facts of a torrent as a resume record and back. Pure. What is read is a file like any other: every value that
// matters is checked, and what makes no sense gets its usual value.
import type { Endpoint } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { encodeMetainfo } from '../formats/metainfo/build-metainfo.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../formats/metainfo/parse-metainfo.ts'
import type { ResumeRecord } from '../storage/resume-record.ts'
import type { StorageRecord } from '../storage/storage-record.ts'
import type { TorrentId } from './commands.ts'
import type { SessionConfig } from './session-config.ts'
import type { TorrentFacts, TorrentTotals } from './torrent-facts.ts'

/** `totals` and `peers`: as of now; `position`: in the queue. The .torrent is kept beside the record. */
export function recordOf(
  facts: TorrentFacts,
  totals: TorrentTotals,
  storage: StorageRecord | undefined,
  position: number,
  peers: readonly Endpoint[],
): ResumeRecord {
  const { limits, seedGoals } = facts
  const flags = [
    facts.wantsToRun ? 'started' : '',
    facts.isPlaced ? 'placed' : '',
    facts.isForced ? 'forced' : '',
    facts.isSequential ? 'sequential' : '',
    facts.isSuperSeeding ? 'super-seeding' : '',
    facts.isRestUnwanted ? 'rest-unwanted' : '',
  ].filter((flag) => flag !== '')
  return {
    ...(facts.infoHashV1 === undefined ? {} : { infoHashV1: facts.infoHashV1 }),
    ...(facts.infoHashV2 === undefined ? {} : { infoHashV2: facts.infoHashV2 }),
    displayName: facts.displayName,
    folder: facts.folder,
    ...(facts.leftFolder === undefined ? {} : { leftFolder: facts.leftFolder }),
    flags,
    limits: {
      position,
      download: limits.downloadBytesPerSecond,
      upload: limits.uploadBytesPerSecond,
      connections: limits.maxConnections,
      slots: limits.maxSlots,
      ...(seedGoals.ratio === undefined ? {} : { ratio: seedGoals.ratio }),
      ...(seedGoals.seedingSeconds === undefined ? {} : { seeding: seedGoals.seedingSeconds }),
    },
    trackers: facts.trackers,
    userTrackers: [...facts.userTrackers],
    webSeeds: facts.webSeeds,
    userWebSeeds: [...facts.userWebSeeds],
    priorities: facts.priorities,
    totals,
    trackerKey: facts.trackerKey,
    addedMs: facts.addedMs,
    ...(facts.completedMs === undefined ? {} : { completedMs: facts.completedMs }),
    ...(facts.budget === undefined ? {} : { budget: facts.budget }),
    peers,
    ...(storage === undefined ? {} : { storage }),
  }
}

/** The .torrent file with the trackers and web seeds as they are now. */
export function metainfoFile(facts: TorrentFacts, metainfo: Metainfo): Uint8Array {
  return encodeMetainfo({ ...metainfo, trackers: facts.trackers, webSeeds: facts.webSeeds })
}

export interface RestoredTorrent {
  readonly facts: TorrentFacts
  readonly storage: StorageRecord | undefined
  readonly position: number
  readonly peers: readonly Endpoint[]
}

/**
 * `id`: as the files are named. With a .torrent but no usable record it comes back stopped, and will be hashed.
 * Errors: resume-damaged.
 */
export function restoreTorrent(
  id: string,
  kept: ResumeRecord | undefined,
  torrentFile: Uint8Array | undefined,
  config: SessionConfig,
  wallMs: number,
): Result<RestoredTorrent> {
  const parsed = torrentFile === undefined ? undefined : parseMetainfo(torrentFile)
  const metainfo = parsed?.ok === true ? parsed.value : undefined
  // One of another torrent would lead to that one's files.
  const record = kept?.infoHashV1 === id || kept?.infoHashV2 === id ? kept : undefined
  const infoHashV1 = metainfo?.info.infoHashV1 ?? record?.infoHashV1
  const infoHashV2 = metainfo?.info.infoHashV2 ?? record?.infoHashV2
  if (id !== infoHashV1 && id !== infoHashV2) return failure('resume-damaged', 'the record is of another torrent')
  const { position, download, upload, connections: peers, slots, ratio, seeding } = record?.limits ?? {}
  const flags = new Set(record?.flags)
  const facts: TorrentFacts = {
    id: id as TorrentId,
    infoHashV1,
    infoHashV2,
    displayName: record?.displayName ?? id,
    metainfo,
    folder: record?.folder ?? config.downloadFolder,
    isPlaced: record === undefined || flags.has('placed'),
    leftFolder: record?.leftFolder,
    wantsToRun: flags.has('started'),
    isForced: flags.has('forced'),
    isSequential: flags.has('sequential'),
    isSuperSeeding: flags.has('super-seeding'),
    mayDownloadAgain: false,
    trackers: record?.trackers ?? metainfo?.trackers ?? [],
    userTrackers: new Set(record?.userTrackers),
    webSeeds: record?.webSeeds ?? metainfo?.webSeeds ?? [],
    userWebSeeds: new Set(record?.userWebSeeds),
    priorities: (record?.priorities ?? []).slice(0, metainfo?.info.files.length),
    isRestUnwanted: flags.has('rest-unwanted'),
    limits: {
      downloadBytesPerSecond: download ?? Number.POSITIVE_INFINITY,
      uploadBytesPerSecond: upload ?? Number.POSITIVE_INFINITY,
      maxConnections: peers ?? Number.POSITIVE_INFINITY,
      maxSlots: slots ?? Number.POSITIVE_INFINITY,
    },
    seedGoals: {
      ...(ratio === undefined ? {} : { ratio }),
      ...(seeding === undefined ? {} : { seedingSeconds: seeding }),
    },
    totals: { downloadedBytes: 0, uploadedBytes: 0, activeSeconds: 0, seedingSeconds: 0, ...record?.totals },
    trackerKey: record?.trackerKey ?? 0,
    addedMs: record?.addedMs ?? wallMs,
    completedMs: record?.completedMs,
    budget: record?.budget,
  }
  return success({
    facts,
    storage: record?.storage,
    position: position ?? Number.POSITIVE_INFINITY,
    peers: record?.peers ?? [],
  })
}

/**
 * A torrent that is added again: as its owner wants it now, with what is known of it from before. What was on disk is
 * believed where it is in the same folder.
 */
export function rejoined(
  facts: TorrentFacts,
  { facts: before, storage, peers }: RestoredTorrent,
): Pick<RestoredTorrent, 'facts' | 'storage' | 'peers'> {
  const metainfo = facts.metainfo ?? before.metainfo
  return {
    facts: {
      ...facts,
      infoHashV1: facts.infoHashV1 ?? before.infoHashV1,
      infoHashV2: facts.infoHashV2 ?? before.infoHashV2,
      metainfo,
      leftFolder: before.leftFolder,
      priorities: facts.priorities.slice(0, metainfo?.info.files.length),
      totals: before.totals,
      trackerKey: before.trackerKey,
      addedMs: before.addedMs,
      completedMs: before.completedMs,
    },
    storage: facts.folder === before.folder ? storage : undefined,
    peers,
  }
}
