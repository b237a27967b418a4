// One web seed (BEP 19) as the swarm sees it: what it has, what it is asked for, how it fares. State only, written by
// web-seeding.ts and its parts; to everyone else it is a handle. It is no peer: it chokes nobody and is told nothing.
// Its number is below that of nobody, so that it can be the sender of blocks beside peers.
import type { Bitfield } from '../base/bitfield.ts'
import type { Failure } from '../base/errors.ts'
import { nobody } from './partial-pieces.ts'
import { RateMeter } from './rate-meter.ts'
import { noBlock } from './swarm-peer.ts'

/** One file's part of what a web seed is asked for at a time. */
export interface WebRequest {
  readonly url: string
  readonly file: number
  /** Bytes of the file; `end` is exclusive. */
  readonly first: number
  readonly end: number
  readonly fileBytes: number
}

/**
 * `idle`: it could be asked. `held`: it has a run, and waits for memory between two requests. `asking`: no answer yet.
 * `receiving`: the body comes. `resting`: it failed, and is asked again. `retired`: it is not.
 */
export type WebSeedState =
  | { readonly type: 'idle' }
  | { readonly type: 'held' }
  | { readonly type: 'asking'; readonly request: WebRequest }
  | { readonly type: 'receiving'; readonly request: WebRequest }
  | { readonly type: 'resting'; readonly untilMs: number; readonly why: Failure }
  | { readonly type: 'retired'; readonly why: Failure }

const firstNumber = nobody - 1

export function isWebSeedNumber(number: number): boolean {
  return number <= firstNumber
}

export class WebSeed {
  readonly number: number
  readonly url: string
  /** Pieces it may have: all, but for those of files that were not there. */
  readonly bits: Bitfield
  readonly meter: RateMeter
  state: WebSeedState = { type: 'idle' }
  /** The last thing that went wrong, until a block comes. */
  problem: Failure | undefined
  /** Since a block came. */
  failureCount = 0
  /** Files that were not there, since a block came. */
  absentCount = 0
  /** It sends whole files, whatever is asked. */
  ignoresRanges = false
  /** Since when there are files it was not asked for, as it would send them whole; Infinity: there are none. */
  passedOverMs = Number.POSITIVE_INFINITY
  /** Of its content, what was thrown away. */
  wastedBytes = 0

  // What it is at, in bytes of the piece space: what comes next, where its run ends, where the request under way ends.
  position = 0
  runEnd = 0
  requestEnd = 0
  /** Bytes of the body that come before `position`. */
  skipBytes = 0
  /** The piece it has claimed, or -1; those from `nextReserved` to before `reservedEnd` are reserved for it. */
  piece = -1
  nextReserved = 0
  reservedEnd = 0
  /** It begins pieces that others are at. */
  isDuplicating = false
  /** The block at `position`, once some of it came, or noBlock; and whether it goes to storage. */
  block: number = noBlock
  isBlockTaken = false
  bodyMs = 0
  /** There was no memory for what comes next. */
  isStarved = false
  /** Rate limits keep it from sending. */
  isHeld = false
  /** Since when it was free to send, and what came since. */
  measuredMs = 0
  measuredBytes = 0

  /** `index`: of the seeds there ever were. */
  constructor(index: number, url: string, bits: Bitfield, nowMs: number) {
    this.number = firstNumber - index
    this.url = url
    this.bits = bits
    this.meter = new RateMeter(nowMs)
  }

  get isBusy(): boolean {
    const { type } = this.state
    return type === 'held' || type === 'asking' || type === 'receiving'
  }

  /** Pieces that nobody else may start. */
  get reservedCount(): number {
    return Math.max(0, this.reservedEnd - this.nextReserved)
  }
}
