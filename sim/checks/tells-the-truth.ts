// A session claims only what its disk shows, and sends only bytes of the torrent: never a false `have`, nothing
// unverified served, nothing called finished that is not (reliability: have before write).
import { equalBytes } from '../../src/base/bytes.ts'
import type { CheckMaker } from './check.ts'

export const tellsTheTruth: CheckMaker = {
  name: 'tells-the-truth',
  make: ({ tap, violate }) => {
    tap.observe({
      onHave: ({ machine, content }, way, piece) => {
        if (way === 'in' || content === undefined || machine.holds(content, piece)) return
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
