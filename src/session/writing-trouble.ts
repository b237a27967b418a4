// What keeps a torrent's content from being written: a disk that fails, or that has no room for what is to come.
// Guarantees: while there is something, nothing is asked of peers and what is complete is still sent; a download begins
// only where there is room for all of it besides what others there have yet to write; it is tried again from time to
// time, so that nobody has to do anything but remove the cause. Owns the problem and its wake-up.
import { type Failure, failure, type Result } from '../base/errors.ts'
import type { TorrentStorage } from '../storage/torrent-storage.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { DiskDemands, RoomLeft } from './disk-demands.ts'
import type { SessionRoom } from './session-room.ts'
import type { Problem } from './snapshots.ts'
import type { Turns, WakeOwner } from './turns.ts'

export interface WritingTarget {
  readonly storage: Pick<TorrentStorage, 'space' | 'retryWrites'>
  readonly swarm: Pick<Swarm, 'setPaused'>
}

type Writing =
  | { readonly type: 'working' }
  /** Before a download begins, the disk is asked for its room. */
  | { readonly type: 'asking' }
  /** `trial`: nothing yet; the disk is asked for its room; it writes again, and nothing has failed so far. */
  | { readonly type: 'failing'; readonly problem: Problem; readonly trial: 'none' | 'asking' | 'writing' }
  /** The content was left. */
  | { readonly type: 'closed' }

const retryMs = 5_000
const trialMs = 1_000
const working: Writing = { type: 'working' }

export class WritingTrouble {
  private readonly turns: Turns
  private readonly demands: DiskDemands
  private readonly target: WritingTarget
  private readonly onChanged: () => void
  private readonly wakeOwner: WakeOwner
  private writing: Writing = working

  /** `onChanged`: the problem is another one than before, or gone; the swarm may have something to do. */
  constructor(room: Pick<SessionRoom, 'turns' | 'diskDemands'>, target: WritingTarget, onChanged: () => void) {
    this.turns = room.turns
    this.demands = room.diskDemands
    this.target = target
    this.onChanged = onChanged
    this.wakeOwner = this.turns.register((nowMs) => this.tryAgain(nowMs))
  }

  /** Why nothing is written now. */
  get problem(): Problem | undefined {
    return this.writing.type === 'failing' ? this.writing.problem : undefined
  }

  /** A download is to begin: nothing is asked of peers until there is known to be room for it. */
  beginDownload(nowMs: number): void {
    if (this.writing.type !== 'working') return
    const asking: Writing = { type: 'asking' }
    this.writing = asking
    this.target.swarm.setPaused({ download: true, upload: false }, nowMs)
    this.askForSpace(asking, (atMs) => this.works(atMs))
  }

  /** It does not go on for now: others may have the room. */
  endDownload(): void {
    this.demands.release(this.target.storage)
  }

  /** More is wanted than before. */
  wantsMore(): void {
    const { writing } = this
    if (writing.type === 'working') this.askForSpace(writing, () => undefined)
  }

  /** Something could not be written. */
  take(why: Failure, nowMs: number): void {
    if (this.writing.type !== 'closed') this.fail({ code: why.code, detail: why.detail }, nowMs)
  }

  /** A piece was written. */
  wrote(nowMs: number): void {
    if (this.writing.type === 'failing' && this.writing.trial === 'writing') this.works(nowMs)
  }

  close(): void {
    this.writing = { type: 'closed' }
    this.endDownload()
    this.turns.unregister(this.wakeOwner)
  }

  /** `onEnough` is called when there is room, or when the disk does not say. */
  private askForSpace(asking: Writing, onEnough: (nowMs: number) => void): void {
    this.turns.after(this.demands.ask(this.target.storage), (room, nowMs) => {
      if (this.writing !== asking) return
      const lack = lackOf(room)
      if (lack === undefined) onEnough(nowMs)
      else this.fail(lack, nowMs)
    })
  }

  private fail(problem: Problem, nowMs: number): void {
    this.endDownload()
    this.writing = { type: 'failing', problem, trial: 'none' }
    this.target.swarm.setPaused({ download: true, upload: false }, nowMs)
    this.turns.wakeAt(this.wakeOwner, nowMs + retryMs)
    this.onChanged()
  }

  private tryAgain(nowMs: number): void {
    const { writing } = this
    if (writing.type !== 'failing') return
    const { problem, trial } = writing
    if (trial === 'writing') {
      this.works(nowMs)
    } else if (problem.code === 'disk-full') {
      const asking: Writing = { type: 'failing', problem, trial: 'asking' }
      this.writing = asking
      this.askForSpace(asking, (atMs) => this.tryWriting(problem, atMs))
    } else this.tryWriting(problem, nowMs)
  }

  /** When nothing has failed a moment later, writing works. */
  private tryWriting(problem: Problem, nowMs: number): void {
    this.writing = { type: 'failing', problem, trial: 'writing' }
    this.target.storage.retryWrites()
    this.turns.wakeAt(this.wakeOwner, nowMs + trialMs)
  }

  private works(nowMs: number): void {
    this.writing = working
    this.turns.wakeAt(this.wakeOwner, Number.POSITIVE_INFINITY)
    this.target.swarm.setPaused({ download: false, upload: false }, nowMs)
    this.onChanged()
  }
}

function lackOf(room: Result<RoomLeft>): Problem | undefined {
  if (!room.ok) return undefined
  const { neededBytes, freeBytes, promisedBytes } = room.value
  if (neededBytes <= freeBytes - promisedBytes) return undefined
  const others = promisedBytes === 0 ? '' : `, ${promisedBytes} of them for other torrents`
  const detail = `${neededBytes} bytes are to be written, and only ${freeBytes} are free${others}`
  const { code } = failure('disk-full', detail)
  return { code, detail }
}
