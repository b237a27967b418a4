// Which intervals of paid staying were proved, as it passes on the wires: an answer counts if it is that of the content that
// was asked for. Guarantees: computes by itself what the right answer is. Owns what was offered and asked on each connection.
import type { TokenAmount } from '../../src/base/token-amount.ts'
import { type StayChallenge, type StayTerms, stayAnswer, stayTickPrice } from '../../src/market/stay-messages.ts'
import type { Content } from '../world/content.ts'
import type { SpeedLine, SpeedTap } from './speed-tap.ts'

interface Stay {
  readonly terms: StayTerms
  challenge: StayChallenge | undefined
  passed: number
}

/** `onProved`: of a line whose machine pays, for one interval more. */
export function watchStays(speed: SpeedTap, onProved: (line: SpeedLine, price: TokenAmount) => void): void {
  const stays = new Map<SpeedLine, Stay>()
  speed.observe({
    onMessage: (line, way, message) => {
      const stay = stays.get(line)
      if (way === 'out') {
        if (message.type === 'stay-offer') stays.set(line, { terms: message, challenge: undefined, passed: 0 })
        else if (message.type === 'stay-challenge' && stay?.terms.stay === message.stay) stay.challenge = message
        return
      }
      const { connection, peer } = line
      const { content } = connection
      if (message.type !== 'stay-proof' || stay?.challenge === undefined) return
      if (content === undefined || peer === undefined || message.tick !== stay.passed + 1) return
      const contents = stay.challenge.blocks.map(({ piece, offset, length }) => {
        return bytesOf(content, piece * content.info.pieceLengthBytes + offset, length)
      })
      if (stayAnswer(peer, stay.challenge, contents) !== message.answer) return
      onProved(line, stayTickPrice(stay.terms, stay.passed))
      stay.passed++
    },
    onClosed: (line) => void stays.delete(line),
  })
}

/** Of the piece space, in which gaps are zero. */
function bytesOf({ files }: Content, start: number, length: number): Uint8Array {
  const target = new Uint8Array(length)
  for (const { offset, bytes } of files) {
    const from = Math.max(start, offset)
    const to = Math.min(start + length, offset + bytes.length)
    if (from < to) target.set(bytes.subarray(from - offset, to - offset), from - start)
  }
  return target
}
