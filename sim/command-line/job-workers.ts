// Threads that play runs, one run a thread at a time. Guarantees: every run gets a verdict, even one that kills its
// thread or never ends; verdicts do not depend on the number of threads. Owns the threads.
import { Worker } from 'node:worker_threads'
import type { TellProgress } from './play-job.ts'
import { brokenRun, type Job, type RunSummary } from './run-summary.ts'

export type PlayAnswer =
  | { readonly type: 'progress'; readonly progress: Parameters<TellProgress>[0] }
  | { readonly type: 'summary'; readonly summary: RunSummary }

interface Waiting {
  readonly job: Job
  readonly tellProgress: TellProgress
  readonly finish: (summary: RunSummary) => void
}

interface Lane {
  worker: Worker | undefined
  playing: Waiting | undefined
  heardMs: number
}

/** A run that says nothing for so long never ends: some moment of it goes round in circles. */
const usualStuckMs = 300_000
const watchesBeforeStuck = 60

const playWorkerUrl = new URL('./play-worker.ts', import.meta.url)

export class JobWorkers {
  private readonly lanes: Lane[]
  private readonly waiting: Waiting[] = []
  private readonly watch: NodeJS.Timeout
  private readonly workerUrl: URL
  private readonly stuckMs: number

  /** Another program than the usual one, and less patience, are for tests. */
  constructor(threads: number, workerUrl = playWorkerUrl, stuckMs = usualStuckMs) {
    this.workerUrl = workerUrl
    this.stuckMs = stuckMs
    this.lanes = Array.from({ length: threads }, () => ({ worker: undefined, playing: undefined, heardMs: 0 }))
    this.watch = setInterval(() => this.endStuck(), stuckMs / watchesBeforeStuck)
    this.watch.unref()
  }

  /** Runs begin in the order they are given. */
  play(job: Job, tellProgress: TellProgress = () => undefined): Promise<RunSummary> {
    return new Promise((finish) => {
      this.waiting.push({ job, tellProgress, finish })
      for (const lane of this.lanes) this.next(lane)
    })
  }

  /** Ends all threads; runs that are under way are never told of. */
  async close(): Promise<void> {
    clearInterval(this.watch)
    this.waiting.length = 0
    const workers = this.lanes.map(({ worker }) => worker)
    for (const lane of this.lanes) {
      lane.worker = undefined
      lane.playing = undefined
    }
    await Promise.all(workers.map((worker) => worker?.terminate()))
  }

  private next(lane: Lane): void {
    if (lane.playing !== undefined) return
    const next = this.waiting.shift()
    if (next === undefined) return
    lane.playing = next
    lane.heardMs = performance.now()
    lane.worker ??= this.start(lane)
    lane.worker.postMessage(next.job)
  }

  private start(lane: Lane): Worker {
    const worker = new Worker(this.workerUrl, { name: 'play' })
    worker.on('message', (answer: PlayAnswer) => {
      if (lane.worker !== worker) return
      lane.heardMs = performance.now()
      if (answer.type === 'progress') lane.playing?.tellProgress(answer.progress)
      else this.end(lane, answer.summary)
    })
    worker.on('error', (error) =>
      this.lose(lane, worker, 'exception', error instanceof Error ? (error.stack ?? error.message) : String(error)),
    )
    worker.on('exit', (code) => this.lose(lane, worker, 'exception', `the thread ended with code ${code}`))
    return worker
  }

  private end(lane: Lane, summary: RunSummary): void {
    const { playing } = lane
    lane.playing = undefined
    playing?.finish(summary)
    this.next(lane)
  }

  private lose(lane: Lane, worker: Worker, check: string, detail: string): void {
    if (lane.worker !== worker) return
    lane.worker = undefined
    if (lane.playing !== undefined) this.end(lane, brokenRun(lane.playing.job, check, detail))
  }

  private endStuck(): void {
    for (const lane of this.lanes) {
      const { worker, playing, heardMs } = lane
      if (worker === undefined || playing === undefined || performance.now() - heardMs < this.stuckMs) continue
      void worker.terminate()
      this.lose(lane, worker, 'ends', `heard nothing of it for ${this.stuckMs / 1_000} s`)
    }
  }
}
