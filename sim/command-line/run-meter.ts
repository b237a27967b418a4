// Measures a run from outside, as a check that finds nothing wrong: bytes on the wire, pieces, and how far the swarm is
// at each second. Guarantees: changes nothing in the run. Owns what it counted.
import type { CheckMaker } from '../checks/check.ts'
import type { Participant } from '../stage.ts'
import type { Content } from '../world/content.ts'
import type { Sample } from './run-summary.ts'

export class RunMeter {
  receivedBytes = 0
  verifiedBytes = 0
  readonly samples: Sample[] = []
  /** Pieces of machines that were counted: one that is verified once more was fetched twice. */
  private readonly counted = new Set<string>()
  private readonly contentBytes: number

  constructor(contentBytes: number) {
    this.contentBytes = contentBytes
  }

  readonly check: CheckMaker = {
    name: 'run-meter',
    make: ({ tap }) => {
      tap.observe({
        onBlock: (_connection, way, _piece, _begin, length) => {
          if (way === 'in') this.receivedBytes += length
        },
      })
      return {
        onChange: (machine, change) => {
          if (change.type !== 'piece') return
          const key = `${machine.address} ${change.id} ${change.piece}`
          const content = tap.contentOf(change.id)
          if (content === undefined || this.counted.has(key)) return
          this.counted.add(key)
          this.verifiedBytes += pieceBytes(content, change.piece)
        },
      }
    },
  }

  /** How far the swarm is now. */
  sample(participants: readonly Participant[], simulatedMs: number): Sample {
    const leechers = participants.filter(({ role }) => role === 'leecher')
    const sample: Sample = {
      simulatedMs,
      peers: leechers.filter(({ leftMs }) => leftMs === undefined).length,
      finished: leechers.filter(({ finishedMs }) => finishedMs !== undefined).length,
      share: Math.min(1, this.verifiedBytes / Math.max(1, leechers.length * this.contentBytes)),
      receivedBytes: this.receivedBytes,
    }
    if (simulatedMs > (this.samples.at(-1)?.simulatedMs ?? 0)) this.samples.push(sample)
    return sample
  }
}

/** Without the gaps between files. */
function pieceBytes({ info, files }: Content, piece: number): number {
  const start = piece * info.pieceLengthBytes
  const end = start + info.pieceLengthBytes
  let sum = 0
  for (const { offset, bytes } of files) {
    sum += Math.max(0, Math.min(end, offset + bytes.length) - Math.max(start, offset))
  }
  return sum
}
