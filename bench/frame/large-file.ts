// The content of most transfers: one file of the size asked for, in pieces of the size asked for or of the one usual
// for the claim.
import type { BenchmarkOptions } from '../measure.ts'
import { makeLargeContent } from './place.ts'
import type { TransferClaim } from './transfers.ts'

export function largeFile(usualPieceLength: string): Pick<TransferClaim, 'describe' | 'sizeMiB' | 'makeContent'> {
  const pieceLength = (options: BenchmarkOptions) => options.pieceLength ?? usualPieceLength
  return {
    describe: (options) => `${options.sizeMiB} MiB in pieces of ${pieceLength(options)}`,
    sizeMiB: (options) => options.sizeMiB,
    makeContent: (place, options) => makeLargeContent(place, options.sizeMiB, pieceLength(options)),
  }
}
