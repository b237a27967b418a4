// Hashing on worker threads: whole contents hashed for creation and verification.
// Guarantees: workers are gone when the promise settles, whatever happened; digests are placed by index, so the
// result does not depend on the number of threads. Owns the shared memory results are written to.
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { sha1Length, sha256Length } from '../base/hash.ts'
import type { ContentHashes, ContentHashRequest } from '../ports/hasher.ts'
import { piecesTogether, pieceUnknown } from '../storage/hash-pieces.ts'
import { type PiecePlan, piecesOfFile, planPieces } from '../storage/piece-plan.ts'
import { hashJobs } from './hash-jobs.ts'
import { type BadFileMessage, controlStop, type HashTask } from './hash-task.ts'

/** What the port promises, and piece by piece which digests mean something. */
export interface ContentDigests extends ContentHashes {
  /** One byte a piece: `pieceHashed` or `pieceUnavailable`. */
  readonly states: Uint8Array
  /** 32 bytes a piece: its root within its file; empty unless v2 was wanted. `pieceLayers` are views of it. */
  readonly merkleRoots: Uint8Array
}

const jobLengthBytes = 4_194_304
/** Less than this is read and hashed in a millisecond, sooner than a thread starts. */
const inPlaceBytes = 1_048_576
const progressIntervalMs = 100
const maxThreads = 16

/** As many threads as the machine runs at once, within reason: more only take memory. */
export function defaultThreads(): number {
  return Math.min(availableParallelism(), maxThreads)
}

// Run from source the worker is TypeScript beside this file, in a build JavaScript.
const workerUrl = new URL(`./hash-worker${/\.[a-z]+$/.exec(import.meta.url)?.[0] ?? '.js'}`, import.meta.url)

function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length))
}

function newTask(request: ContentHashRequest): HashTask {
  const plan = planPieces(request.files, request.pieceLengthBytes, request.spanBytes)
  return {
    plan,
    paths: request.files.map((file) => file.path),
    sha1Digests: request.wants === 'v2' ? undefined : sharedBytes(plan.pieceCount * sha1Length),
    merkleRoots: request.wants === 'v1' ? undefined : sharedBytes(plan.pieceCount * sha256Length),
    states: sharedBytes(plan.pieceCount),
    piecesPerJob: Math.max(piecesTogether, Math.floor(jobLengthBytes / request.pieceLengthBytes)),
    onBadFile: request.onBadFile,
    control: new Int32Array(new SharedArrayBuffer(8)),
    readBytes: new BigInt64Array(new SharedArrayBuffer(8)),
  }
}

/** Does jobs on this thread, which may do what else it has to do after each. */
async function runHere(task: HashTask, onMessage: (message: BadFileMessage) => void): Promise<void> {
  for (const _ of hashJobs(task, onMessage)) await setImmediate()
}

/** Starts one worker; settles when it has ended, with an exception only for a defect. */
function runWorker(task: HashTask, onMessage: (message: BadFileMessage) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerUrl, { workerData: task, name: 'hash' })
    worker.on('message', onMessage)
    worker.once('error', (error) => {
      Atomics.store(task.control, controlStop, 1)
      reject(error)
    })
    worker.once('exit', () => resolve())
  })
}

function layersOf(plan: PiecePlan, merkleRoots: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: plan.starts.length }, (_, file) => {
    const pieces = piecesOfFile(plan, file)
    if (pieces === undefined) return new Uint8Array(0)
    return merkleRoots.subarray(pieces.first * sha256Length, (pieces.last + 1) * sha256Length)
  })
}

/**
 * All of a content's digests. Errors: file-not-found, file-unreadable, file-changed (length differs), interrupted
 * (signal). `onProgress` is told the bytes read so far, a few times a second at most. With `lendsThread` the calling
 * thread is one of those that hash: a thread less to start, for programs that only wait for the result. It is busy for
 * a piece, or some milliseconds, at a time.
 */
export async function hashContent(
  request: ContentHashRequest,
  onProgress: (readBytes: number) => void,
  signal: AbortSignal,
  lendsThread = false,
): Promise<Result<ContentDigests>> {
  const task = newTask(request)
  const { plan, control } = task
  const badFiles = new Map<number, Failure>()
  const jobCount = Math.ceil(plan.pieceCount / task.piecesPerJob)
  const threadCount = Math.max(1, Math.min(request.maxThreads, maxThreads, jobCount))
  const stop = () => void Atomics.store(control, controlStop, 1)
  const onMessage = ({ file, code, detail }: BadFileMessage) => {
    if (!badFiles.has(file)) badFiles.set(file, failure(code, detail))
  }
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const progressTimer = setInterval(() => onProgress(Number(Atomics.load(task.readBytes, 0))), progressIntervalMs)
  try {
    const isHere = lendsThread || request.spanBytes <= inPlaceBytes
    const threads = Array.from({ length: isHere ? threadCount - 1 : threadCount }, () => runWorker(task, onMessage))
    if (isHere) threads.push(runHere(task, onMessage))
    for (const end of await Promise.allSettled(threads)) if (end.status === 'rejected') throw end.reason
  } finally {
    clearInterval(progressTimer)
    signal.removeEventListener('abort', stop)
  }
  if (signal.aborted) return failure('interrupted', 'stopped while hashing')
  const [firstBad] = [...badFiles.keys()].sort((a, b) => a - b)
  if (request.onBadFile === 'fail' && firstBad !== undefined) return badFiles.get(firstBad) as Failure
  assert(!task.states.includes(pieceUnknown), 'a digest or a reason for every piece')
  onProgress(Number(Atomics.load(task.readBytes, 0)))
  const merkleRoots = task.merkleRoots ?? new Uint8Array(0)
  return success({
    pieces: task.sha1Digests ?? new Uint8Array(0),
    merkleRoots,
    pieceLayers: task.merkleRoots === undefined ? [] : layersOf(plan, merkleRoots),
    states: task.states,
    badFiles,
  })
}
