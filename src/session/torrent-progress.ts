// How much of a torrent is here: bytes of files and of what is wanted, counted over the verified pieces.
// Guarantees: counted anew only when something changed. The torrent owns the one value.
import type { Bitfield } from '../base/bitfield.ts'
import type { PiecePlan } from '../storage/piece-plan.ts'

export interface Progress {
  /** By file. */
  readonly fileBytes: Float64Array
  readonly wantedBytes: number
  readonly doneWantedBytes: number
  /** Of all files. */
  readonly missingBytes: number
}

/** Counts over pieces and files in one pass. `priorities`: one byte a file, 0 is unwanted. */
export function countProgress(plan: PiecePlan, have: Bitfield, priorities: Uint8Array): Progress {
  const { starts, ends, pieceLengthBytes } = plan
  const fileBytes = new Float64Array(starts.length)
  let wantedBytes = 0
  let doneWantedBytes = 0
  let missingBytes = 0
  for (let file = 0; file < starts.length; file++) {
    const start = starts[file] as number
    const end = ends[file] as number
    let done = 0
    let position = start
    while (position < end) {
      const piece = Math.floor(position / pieceLengthBytes)
      const isHere = have.get(piece)
      // Runs of pieces that are alike are counted at once.
      const next = isHere ? have.nextClear(piece) : have.nextSet(piece)
      const until = next === -1 ? end : Math.min(end, next * pieceLengthBytes)
      if (isHere) done += until - position
      position = until
    }
    fileBytes[file] = done
    missingBytes += end - start - done
    if (priorities[file] === 0) continue
    wantedBytes += end - start
    doneWantedBytes += done
  }
  return { fileBytes, wantedBytes, doneWantedBytes, missingBytes }
}
