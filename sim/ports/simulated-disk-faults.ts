// What goes wrong on a simulated disk: which operations can be made to fail, what is left of a write that did, and
// counts that tell a scenario whether the faults it asked for happened. Keeps no state.
import { type Failure, failure } from '../../src/base/errors.ts'
import type { Random } from '../../src/ports/random.ts'
import { pageBytes } from './known-contents.ts'

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'set-length'
  | 'status'
  | 'rename'
  | 'remove'
  | 'replace'

/** One operation of a kind in so many; 0 or absent: none. */
export type FailingRates = Partial<Readonly<Record<DiskOperation, number>>>

export interface DiskFaultCounts {
  /** Operations that were made to fail. */
  failed: number
  /** Of those, writes that left some of their bytes. */
  torn: number
  /** Writes and replacements for which there was no room. */
  refusedFull: number
  /** Pages that syncs gave up which failed. */
  droppedPages: number
  /** Pages that power losses put back to what the disk was last told to keep. */
  lostPages: number
  /** Names that power losses put back. */
  lostNames: number
  /** Bytes flipped, and files cut off or deleted, behind the program's back. */
  rotted: number
}

export function noFaults(): DiskFaultCounts {
  return { failed: 0, torn: 0, refusedFull: 0, droppedPages: 0, lostPages: 0, lostNames: 0, rotted: 0 }
}

export function ioFailure(operation: DiskOperation): Failure {
  const isReading = operation === 'read' || operation === 'status'
  return failure(isReading ? 'file-unreadable' : 'file-unwritable', `a simulated fault: ${operation}`)
}

export interface PlacedBytes {
  readonly at: number
  readonly bytes: Uint8Array
}

/** What is there of a write that failed: nothing, what precedes some byte, or any of its pages. */
export function tornParts(position: number, parts: readonly Uint8Array[], random: Random): PlacedBytes[] {
  const kind = random.below(3)
  if (kind === 0) return []
  const lengthBytes = parts.reduce((sum, part) => sum + part.length, 0)
  const end = kind === 1 ? position + random.below(Math.max(1, lengthBytes)) : position + lengthBytes
  const torn: PlacedBytes[] = []
  let start = position
  for (const part of parts) {
    for (let at = start; at < Math.min(start + part.length, end); ) {
      const pageEnd = (Math.floor(at / pageBytes) + 1) * pageBytes
      const until = Math.min(kind === 1 ? end : pageEnd, start + part.length)
      if (kind === 1 || random.below(2) === 0) torn.push({ at, bytes: part.subarray(at - start, until - start) })
      at = until
    }
    start += part.length
  }
  return torn
}
