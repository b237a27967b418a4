// Received blocks of a piece or of a chunk of one to disk and back, a transfer for each run of neighbours.
// `bytes` stands at `start` of the piece space and begins with the block `firstBlock` of its piece. Each call answers
// once, and never from inside. Used where pieces are put aside, and for very large ones.
import type { Failure } from '../base/errors.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { ContentFiles } from './content-files.ts'
import { receivedRuns } from './piece-filling.ts'
import type { WriteGate } from './write-gate.ts'

export interface BlockBytes {
  readonly start: number
  readonly bytes: Uint8Array
  readonly firstBlock: number
}

function runsOf(
  blocks: Uint8Array,
  { start, bytes, firstBlock }: BlockBytes,
): readonly (readonly [number, Uint8Array])[] {
  const endBlock = firstBlock + Math.ceil(bytes.length / blockLengthBytes)
  return Array.from(receivedRuns(blocks, firstBlock, endBlock), ([first, end]) => {
    const offset = (first - firstBlock) * blockLengthBytes
    return [start + offset, bytes.subarray(offset, (end - firstBlock) * blockLengthBytes)]
  })
}

/** Writes the received blocks, of which there is one at least. */
export function writeRuns(
  gate: WriteGate,
  blocks: Uint8Array,
  at: BlockBytes,
  done: (failure: Failure | undefined) => void,
): void {
  const runs = runsOf(blocks, at)
  let outstanding = runs.length
  let failed: Failure | undefined
  for (const [start, bytes] of runs) {
    gate.write(start, bytes, (failure) => {
      failed ??= failure
      if (--outstanding === 0) done(failed)
    })
  }
}

/** Reads the received blocks, of which there is one at least; false if not all of them are there. */
export function readRuns(
  files: ContentFiles,
  blocks: Uint8Array,
  at: BlockBytes,
  done: (isRead: boolean) => void,
): void {
  const runs = runsOf(blocks, at)
  let outstanding = runs.length
  let isRead = true
  for (const [start, bytes] of runs) {
    files.read(start, bytes, (outcome) => {
      if (outcome.type !== 'read') isRead = false
      if (--outstanding === 0) done(isRead)
    })
  }
}
