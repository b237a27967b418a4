// What a torrent is busy with, and what is shown of that. Types and pure questions; how one phase leads to the next is
// the torrent's business, in torrent.ts.
import type { Swarm } from '../swarm/swarm.ts'
import type { Fetching } from './fetching-metadata.ts'
import type { Problem, TorrentState } from './snapshots.ts'
import type { Swarming } from './swarming.ts'
import type { TorrentContent } from './torrent-content.ts'

export interface CheckingPhase {
  readonly type: 'checking'
  readonly abort: AbortController
  /** Those who gave the metadata, and are needed at once. */
  readonly keepsPeers: boolean
  /** Its record is compared with its files, which takes but a moment: it keeps its place in the queue meanwhile. */
  isBrief: boolean
  checkedPieces: number
  pieces: number
}

/** What a torrent is busy with, whether it runs or not. */
export type TorrentPhase =
  | { readonly type: 'awaiting-metadata'; readonly fetching: Fetching }
  | { readonly type: 'awaiting-piece-layers'; readonly fetching: Fetching }
  | CheckingPhase
  /** Its check was stopped; it is made anew when the torrent is started. */
  | { readonly type: 'unchecked' }
  | { readonly type: 'ready'; readonly content: TorrentContent; readonly swarm: Swarm; readonly swarming: Swarming }
  | { readonly type: 'failed'; readonly problem: Problem; readonly resumesByItself: boolean }
  | { readonly type: 'closed' }

export function isFetching({ type }: TorrentPhase): boolean {
  return type === 'awaiting-metadata' || type === 'awaiting-piece-layers'
}

/** `problem`: why nothing can be written now. */
export function shownState(
  phase: TorrentPhase,
  wantsToRun: boolean,
  isRunning: boolean,
  problem: Problem | undefined,
): TorrentState {
  if (phase.type === 'failed') {
    return { type: 'error', problem: phase.problem, resumesByItself: phase.resumesByItself }
  }
  if (phase.type === 'checking') {
    return { type: 'checking', checkedPieces: phase.checkedPieces, pieces: phase.pieces }
  }
  if (!wantsToRun || phase.type === 'closed' || phase.type === 'unchecked') return { type: 'stopped' }
  if (problem !== undefined) return { type: 'error', problem, resumesByItself: true }
  if (!isRunning) return { type: 'queued' }
  if (phase.type === 'ready') return { type: phase.swarm.isFinished ? 'seeding' : 'downloading' }
  return { type: phase.type }
}
