// What a torrent is busy with, and the pure questions about it: whether it may run, and what is shown. How one phase
// leads to the next is in torrent.ts.
import type { Fetching } from './fetching.ts'
import type { Problem, TorrentState } from './snapshots.ts'
import type { TorrentTransfer } from './torrent-transfer.ts'

export interface CheckingPhase {
  readonly type: 'checking'
  readonly abort: AbortController
  /**
   * What becomes of it meanwhile. `runs`: its peers just gave the metadata, and are needed at once. `keeps-place`: a
   * record is compared with the files, which takes but a moment. `gives-way`: what is on disk is hashed, and others run.
   */
  meanwhile: 'runs' | 'keeps-place' | 'gives-way'
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
  | { readonly type: 'ready'; readonly transfer: TorrentTransfer }
  | { readonly type: 'failed'; readonly problem: Problem; readonly resumesByItself: boolean }
  | { readonly type: 'closed' }

export function isFetching({ type }: TorrentPhase): boolean {
  return type === 'awaiting-metadata' || type === 'awaiting-piece-layers'
}

/** Nothing but the queue and its owner keeps it from running. */
export function canRun(phase: TorrentPhase): boolean {
  return phase.type === 'checking' ? phase.meanwhile !== 'gives-way' : phase.type === 'ready' || isFetching(phase)
}

/** Whether it runs as soon as the queue lets it. */
export function runsAtOnce(phase: TorrentPhase): boolean {
  return phase.type !== 'checking' || phase.meanwhile === 'runs'
}

/** What is shown of it. */
export function shownState(phase: TorrentPhase, wantsToRun: boolean, isRunning: boolean): TorrentState {
  if (phase.type === 'failed') {
    return { type: 'error', problem: phase.problem, resumesByItself: phase.resumesByItself }
  }
  if (phase.type === 'checking') {
    return { type: 'checking', checkedPieces: phase.checkedPieces, pieces: phase.pieces }
  }
  if (!wantsToRun || phase.type === 'closed' || phase.type === 'unchecked') return { type: 'stopped' }
  const problem = phase.type === 'ready' ? phase.transfer.problem : undefined
  if (problem !== undefined) return { type: 'error', problem, resumesByItself: true }
  if (!isRunning) return { type: 'queued' }
  if (phase.type === 'ready') return { type: phase.transfer.isInPlace ? 'seeding' : 'downloading' }
  return { type: phase.type }
}
