// Which torrents run and which wait, when there are more than may run at once. A pure decision over a snapshot:
// downloads and seeds are counted apart, in the order of the queue; what is forced runs and takes no place.
import type { QueueLimits } from './session-config.ts'

export interface QueuedTorrent {
  /** The owner wants it to run, and nothing (a check, an error) keeps it from running. */
  readonly wantsToRun: boolean
  readonly isFinished: boolean
  readonly isForced: boolean
}

/** For each torrent, given in the order of the queue, whether it runs. */
export function chooseRunning(torrents: readonly QueuedTorrent[], limits: QueueLimits): boolean[] {
  let downloads = 0
  let seeds = 0
  return torrents.map(({ wantsToRun, isFinished, isForced }) => {
    if (!wantsToRun) return false
    if (isForced) return true
    return isFinished ? seeds++ < limits.maxActiveSeeds : downloads++ < limits.maxActiveDownloads
  })
}

export interface SeedProgress {
  readonly uploadedBytes: number
  readonly wantedBytes: number
  readonly seedingSeconds: number
}

/** Whether a finished torrent has given what its owner wanted it to give. */
export function hasReachedGoal(progress: SeedProgress, goals: { ratio: number; seedingSeconds: number }): boolean {
  if (progress.seedingSeconds >= goals.seedingSeconds) return true
  return progress.wantedBytes > 0 && progress.uploadedBytes >= goals.ratio * progress.wantedBytes
}
