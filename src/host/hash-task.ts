// What the main thread and its hash workers share: the task, the places digests go to, and what is said.
// Arrays over shared memory, written by the workers and read by the main thread when they have ended.
import type { ErrorCode } from '../base/errors.ts'
import type { PiecePlan } from '../storage/piece-plan.ts'

export interface HashTask {
  readonly plan: PiecePlan
  readonly paths: readonly string[]
  /** 20 bytes a piece; absent when SHA-1 is not wanted. */
  readonly sha1Digests: Uint8Array | undefined
  /** 32 bytes a piece; absent when Merkle roots are not wanted. */
  readonly merkleRoots: Uint8Array | undefined
  /** One byte a piece, see hash-pieces. */
  readonly states: Uint8Array
  readonly piecesPerJob: number
  /** Whether a file that is not whole ends everything, or only costs its pieces their digests. */
  readonly onBadFile: 'fail' | 'continue'
  /** Atomic; see the two places below. */
  readonly control: Int32Array
  /** Atomic; one number: bytes read by all workers. */
  readonly readBytes: BigInt64Array
}

/** Places in `control`: the number of the next job nobody has taken, and whether to stop. */
export const controlNextJob = 0
export const controlStop = 1

/** A file that cannot be read whole; may be said more than once. */
export interface BadFileMessage {
  readonly file: number
  readonly code: ErrorCode
  readonly detail: string
}
