// A session claims only what its disk shows, and sends only bytes of the torrent: never a false `have`, nothing
// unverified served, nothing called finished that is not (reliability: have before write).
import { equalBytes } from '../../src/base/bytes.ts'
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'

/** What a disk was found to show, and when. */
interface Shown {
  readonly machine: Machine
  readonly content: Content
  readonly piece: number
  readonly atMs: number
}

export const tellsTheTruth: CheckMaker = {
  name: 'tells-the-truth',
  make: ({ world, tap, violate }) => {
    /** A piece is told to many peers at once: its machine's disk is looked at once. */
    let last: Shown | undefined
    const shows = (machine: Machine, content: Content, piece: number): boolean => {
      const atMs = world.clock.nowMs()
      if (last?.atMs === atMs && last.piece === piece && last.machine === machine && last.content === content)
        return true
      if (!machine.holds(content, piece)) return false
      last = { machine, content, piece, atMs }
      return true
    }
    tap.observe({
      onHave: ({ machine, content }, way, piece) => {
        if (way === 'in' || content === undefined || shows(machine, content, piece)) return
        violate(machine, `told a peer of piece ${piece}, which its disk does not show`)
      },
      onBlockBytes: ({ machine, content }, way, piece, begin, chunk, start, end) => {
        if (way === 'in' || content === undefined) return
        const position = piece * content.info.pieceLengthBytes + begin
        for (const file of content.files) {
          const from = Math.max(position, file.offset)
          const to = Math.min(position + end - start, file.offset + file.bytes.length)
          if (from >= to) continue
          const wanted = file.bytes.subarray(from - file.offset, to - file.offset)
          if (equalBytes(chunk.subarray(start + from - position, start + to - position), wanted)) continue
          violate(machine, `sent bytes of piece ${piece} from ${begin} on that are not the torrent's`)
        }
      },
    })
    return {
      onChange: (machine, change) => {
        if (change.type !== 'piece') return
        const content = tap.contentOf(change.id)
        if (content === undefined || machine.holds(content, change.piece)) return
        violate(machine, `believes it has piece ${change.piece}, which its disk does not show`)
      },
    }
  },
}
