// What keeps a torrent's content from being written: a disk that fails, or that has no room for what is to come.
// Guarantees: while there is something, nothing is asked of peers and what is complete is still sent; a download begins
// only where there is room for all of it; it is tried again from time to time, so that nobody has to do anything but
// remove the cause. Owns the problem and its wake-up.
import { type Failure, failure, type Result } from '../base/errors.ts'
import type { DiskSpace } from '../storage/disk-space.ts'
import type { TorrentStorage } from '../storage/torrent-storage.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { Problem } from './snapshots.ts'
import type { Turns, WakeOwner } from './turns.ts'

export interface WritingTarget {
  readonly storage: Pick<TorrentStorage, 'space' | 'retryWrites'>
  readonly swarm: Pick<Swarm, 'setPaused'>
}

/** Called within a turn. */
export interface WritingEvents {
  /** The problem is another one than before, or gone; the swarm may have something to do. */
  onChanged(nowMs: number): void
}

type Writing =
  | { readonly type: 'working' }
  /** Before a download begins, the disk is asked for its room. */
  | { readonly type: 'asking' }
  /** `trial`: nothing yet; the disk is asked for its room; it writes again, and nothing has failed so far. */
  | { readonly type: 'failing'; readonly problem: Problem; readonly trial: 'none' | 'asking' | 'writing' }

const retryMs = 5_000
const trialMs = 1_000
const working: Writing = { type: 'working' }

export class WritingTrouble {
  private readonly turns: Turns
  private readonly events: WritingEvents
  private readonly wakeOwner: WakeOwner
  private target: WritingTarget | undefined
  private writing: Writing = working

  constructor(turns: Turns, events: WritingEvents) {
    this.turns = turns
    this.events = events
    this.wakeOwner = turns.register((nowMs) => this.tryAgain(nowMs))
  }

  /** Why nothing is written now. */
  get problem(): Problem | undefined {
    return this.writing.type === 'failing' ? this.writing.problem : undefined
  }

  /** The content from now on; undefined: none. */
  attach(target: WritingTarget | undefined): void {
    this.target = target
    this.writing = working
    this.turns.wakeAt(this.wakeOwner, Number.POSITIVE_INFINITY)
  }

  /** A download is to begin: nothing is asked of peers until there is known to be room for it. */
  beginDownload(nowMs: number): void {
    const { target } = this
    if (target === undefined || this.writing.type !== 'working') return
    const asking: Writing = { type: 'asking' }
    this.writing = asking
    target.swarm.setPaused({ download: true, upload: false }, nowMs)
    this.askForSpace(target, asking, (atMs) => this.works(atMs))
  }

  /** More is wanted than before. */
  wantsMore(): void {
    const { target, writing } = this
    if (target !== undefined && writing.type === 'working') this.askForSpace(target, writing, () => undefined)
  }

  /** Something could not be written. */
  take(why: Failure, nowMs: number): void {
    if (this.target === undefined) return
    this.fail({ code: why.code, detail: why.detail }, nowMs)
  }

  /** A piece was written. */
  wrote(nowMs: number): void {
    if (this.writing.type === 'failing' && this.writing.trial === 'writing') this.works(nowMs)
  }

  close(): void {
    this.target = undefined
    this.turns.unregister(this.wakeOwner)
  }

  /** `onEnough` is called when there is room, or when the disk does not say. */
  private askForSpace(target: WritingTarget, asking: Writing, onEnough: (nowMs: number) => void): void {
    this.turns.after(target.storage.space(), (space, nowMs) => {
      if (this.target !== target || this.writing !== asking) return
      const lack = lackOf(space)
      if (lack === undefined) onEnough(nowMs)
      else this.fail(lack, nowMs)
    })
  }

  private fail(problem: Problem, nowMs: number): void {
    this.writing = { type: 'failing', problem, trial: 'none' }
    this.target?.swarm.setPaused({ download: true, upload: false }, nowMs)
    this.turns.wakeAt(this.wakeOwner, nowMs + retryMs)
    this.events.onChanged(nowMs)
  }

  private tryAgain(nowMs: number): void {
    const { target, writing } = this
    if (target === undefined || writing.type !== 'failing') return
    const { problem, trial } = writing
    if (trial === 'writing') {
      this.works(nowMs)
    } else if (problem.code === 'disk-full') {
      const asking: Writing = { type: 'failing', problem, trial: 'asking' }
      this.writing = asking
      this.askForSpace(target, asking, (atMs) => this.tryWriting(target, problem, atMs))
    } else this.tryWriting(target, problem, nowMs)
  }

  /** When nothing has failed a moment later, writing works. */
  private tryWriting(target: WritingTarget, problem: Problem, nowMs: number): void {
    this.writing = { type: 'failing', problem, trial: 'writing' }
    target.storage.retryWrites()
    this.turns.wakeAt(this.wakeOwner, nowMs + trialMs)
  }

  private works(nowMs: number): void {
    this.writing = working
    this.turns.wakeAt(this.wakeOwner, Number.POSITIVE_INFINITY)
    this.target?.swarm.setPaused({ download: false, upload: false }, nowMs)
    this.events.onChanged(nowMs)
  }
}

function lackOf(space: Result<DiskSpace>): Problem | undefined {
  if (!space.ok || space.value.neededBytes <= space.value.freeBytes) return undefined
  const { neededBytes, freeBytes } = space.value
  const detail = `${neededBytes} bytes are to be written, and only ${freeBytes} are free`
  const { code } = failure('disk-full', detail)
  return { code, detail }
}
