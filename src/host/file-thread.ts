// Where tasks on files are performed: with promises on the thread that asks, or, as soon as many are under way at once,
// by a thread of their own, which makes all the calls of one task in a row. A call that goes through Node's own pool
// costs several times what the system takes for it, and a task makes ten.
// Guarantees: each task is answered once, never from inside the call; tasks of a thread that died fail; the process is
// kept alive by tasks and by nothing else. Owns the thread, which ends when it had nothing to do for a while.
import { Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import type { Result } from '../base/errors.ts'
import type { RelativePath } from '../ports/files.ts'
import { type AnswerTo, type FileTask, lostTask, perform } from './file-task.ts'
import { runLater } from './system-steps.ts'

/** What a thread says of one task. */
export interface TaskAnswer {
  readonly result: Result<unknown>
  readonly madeIn: readonly RelativePath[]
}

interface TaskUnderWay {
  readonly end: (answer: TaskAnswer) => void
}

export interface FileThreadOptions {
  /** With so many under way at once it pays to have a thread. */
  readonly busyCount: number
  readonly idleMs: number
  readonly workerUrl: URL
}

/** Tasks are small and soon forgotten; the usual sizes would only take memory. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 }

// Run from source the worker is TypeScript beside this file, in a build JavaScript.
const workerUrl = new URL(`./file-worker${/\.[a-z]+$/.exec(import.meta.url)?.[0] ?? '.js'}`, import.meta.url)

const defaults: FileThreadOptions = { busyCount: 16, idleMs: 10_000, workerUrl }

export class FileThread {
  private readonly options: FileThreadOptions
  private worker: Worker | undefined
  /** It has begun to take tasks. */
  private isUp = false
  private hereCount = 0
  /** Sent, or to be sent, in order. */
  private underWay: TaskUnderWay[] = []
  private unsent: FileTask[] = []
  /** Sent and not answered. */
  private sentCount = 0
  private isSending = false
  private wasUsed = false
  private idleTimer: NodeJS.Timeout | undefined

  constructor(options: Partial<FileThreadOptions> = {}) {
    this.options = { ...defaults, ...options }
  }

  /** Whether tasks go to a thread of their own now. */
  get isApart(): boolean {
    return this.isUp
  }

  /** `madeIn` as in `perform`; it is complete when the promise settles. */
  perform<Task extends FileTask>(task: Task, madeIn: RelativePath[] = []): Promise<Result<AnswerTo<Task>>> {
    return this.isUp ? this.performThere(task, madeIn) : this.performHere(task, madeIn)
  }

  private async performHere<Task extends FileTask>(
    task: Task,
    madeIn: RelativePath[],
  ): Promise<Result<AnswerTo<Task>>> {
    this.hereCount++
    if (this.hereCount >= this.options.busyCount && this.worker === undefined) this.start()
    try {
      return await runLater(perform(task, madeIn))
    } finally {
      this.hereCount--
    }
  }

  private performThere<Task extends FileTask>(task: Task, madeIn: RelativePath[]): Promise<Result<AnswerTo<Task>>> {
    this.wasUsed = true
    if (this.underWay.length === 0) this.worker?.ref()
    this.unsent.push(task)
    if (this.sentCount === 0) this.sendSoon()
    return new Promise((resolve) => {
      this.underWay.push({
        end: (answer) => {
          madeIn.push(...answer.madeIn)
          resolve(answer.result as Result<AnswerTo<Task>>)
        },
      })
    })
  }

  /** What is asked for in one turn of the event loop, and while the thread is busy, is sent together. */
  private sendSoon(): void {
    if (this.isSending) return
    this.isSending = true
    setImmediate(() => {
      this.isSending = false
      const { unsent, worker } = this
      if (unsent.length === 0) return
      this.unsent = []
      this.sentCount = unsent.length
      worker?.postMessage(unsent)
    })
  }

  private start(): void {
    // Descriptors are opened there and closed here.
    const worker = new Worker(this.options.workerUrl, { name: 'files', resourceLimits, trackUnmanagedFds: false })
    let reason = 'ended'
    worker.unref()
    worker.once('online', () => {
      if (this.worker === worker) this.isUp = true
    })
    worker.on('message', (answers: TaskAnswer[]) => this.onAnswers(worker, answers))
    worker.on('error', (error) => {
      reason = String(error)
    })
    worker.once('exit', () => this.onExit(worker, reason))
    this.worker = worker
    this.wasUsed = true
    this.watchIdle(worker)
  }

  private watchIdle(worker: Worker): void {
    this.idleTimer = setTimeout(() => {
      if (this.worker !== worker) return
      if (this.wasUsed || this.underWay.length > 0) {
        this.wasUsed = false
        this.watchIdle(worker)
        return
      }
      this.forget()
      void worker.terminate()
    }, this.options.idleMs)
    this.idleTimer.unref()
  }

  private onAnswers(worker: Worker, answers: readonly TaskAnswer[]): void {
    if (this.worker !== worker) return
    const ended = this.underWay.splice(0, answers.length)
    assert(ended.length === answers.length, 'no answer but to a task')
    this.sentCount -= answers.length
    if (this.underWay.length === 0) worker.unref()
    else if (this.sentCount === 0) this.sendSoon()
    for (const [index, { end }] of ended.entries()) end(answers[index] as TaskAnswer)
  }

  private onExit(worker: Worker, reason: string): void {
    if (this.worker !== worker) return
    const lost = this.underWay
    this.forget()
    for (const { end } of lost) end({ result: lostTask(reason), madeIn: [] })
  }

  private forget(): void {
    clearTimeout(this.idleTimer)
    this.worker = undefined
    this.isUp = false
    this.underWay = []
    this.unsent = []
    this.sentCount = 0
  }
}
