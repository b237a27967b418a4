// Room on disks that several torrents download to: what those that began there have yet to write is not free for others.
// Guarantees: who is told that there is room counts from then on, until it is released; of two that ask at once the first
// has it; one disk that does not answer holds up nobody who writes elsewhere. Owns what was granted.
import { type Result, success } from '../base/errors.ts'
import type { DiskSpace } from '../storage/disk-space.ts'

export interface DiskWriter {
  space(): Promise<Result<DiskSpace>>
}

export interface RoomLeft {
  /** What it has yet to write. */
  readonly neededBytes: number
  readonly freeBytes: number
  /** Of those that are free, what others there have yet to write. */
  readonly promisedBytes: number
}

export class DiskDemands {
  /** Who was told that there is room, and on which volume. */
  private readonly granted = new Map<DiskWriter, string>()
  /** The last question of each writer, if it was not released since. */
  private readonly asking = new Map<DiskWriter, number>()
  /** By volume: one question after another. */
  private readonly lastAnswers = new Map<string, Promise<unknown>>()
  private lastQuestion = 0

  /** What there is for a writer; if that is enough, it is granted. Errors: of the disk. */
  async ask(writer: DiskWriter): Promise<Result<RoomLeft>> {
    const question = ++this.lastQuestion
    this.asking.set(writer, question)
    const space = await writer.space()
    if (!space.ok) return space
    const { volume, neededBytes, freeBytes } = space.value
    if (neededBytes === 0) return success({ neededBytes, freeBytes, promisedBytes: 0 })
    const before = this.lastAnswers.get(volume) ?? Promise.resolve()
    const answer = before.then(() => this.answer(writer, volume, question))
    this.lastAnswers.set(volume, answer)
    return await answer
  }

  /** It writes no more, or not now. */
  release(writer: DiskWriter): void {
    this.granted.delete(writer)
    this.asking.delete(writer)
  }

  private async answer(writer: DiskWriter, volume: string, question: number): Promise<Result<RoomLeft>> {
    const space = await writer.space()
    if (!space.ok) return space
    const others = [...this.granted].filter(([other, where]) => other !== writer && where === volume)
    const theirs = await Promise.all(others.map(([other]) => other.space()))
    const { neededBytes, freeBytes } = space.value
    const promisedBytes = theirs.reduce((sum, their) => sum + (their.ok ? their.value.neededBytes : 0), 0)
    if (this.asking.get(writer) === question && neededBytes <= freeBytes - promisedBytes) {
      this.granted.set(writer, volume)
    }
    return success({ neededBytes, freeBytes, promisedBytes })
  }
}
