// What to ask a web seed for: many pieces in a row, so that one request brings much (BEP 19). Rarest first is for peers,
// who may leave; a web seed fills the largest gap, and rather one with pieces that no peer has.
// Guarantees: only what is wanted, of the highest priority first; deadlines and sequential order come before gaps. Pure
// but for a draw of where to begin while there is nothing yet, so that not everybody begins with the same pieces.
import type { Bitfield } from '../base/bitfield.ts'
import type { Random } from '../ports/random.ts'
import type { PiecePicker } from './piece-picker.ts'

export interface WebRun {
  /** Both included. */
  readonly first: number
  readonly last: number
  /** `new`: pieces nobody is at. Else a single piece of which blocks lack, `duplicates`: blocks asked of others. */
  readonly kind: 'new' | 'blocks' | 'duplicates'
}

export interface RunQuestion {
  readonly picker: PiecePicker
  /** What the seed has. */
  readonly bits: Bitfield
  readonly maxPieces: number
  /** A suspect: it gets pieces that hold nobody else's blocks. */
  readonly isAlone: boolean
  /** It sends files from their beginning only: as much as possible at once, in order. */
  readonly isInOrder: boolean
  readonly random: Random
  /** What got no block since then has stalled. */
  readonly stalledSinceMs: number
}

/** Of a piece that no peer has, where others count 1. */
const lonelyWeight = 2

function single(piece: number, kind: 'blocks' | 'duplicates'): WebRun | undefined {
  return piece === -1 ? undefined : { first: piece, last: piece, kind }
}

/** The end of a gap: the first piece after `first` that is not of it. */
function gapEnd({ picker, bits }: RunQuestion, first: number): number {
  const { startable } = picker
  const priority = picker.priorityOf(first)
  let end = first + 1
  while (end < bits.length && startable.get(end) && bits.get(end) && picker.priorityOf(end) === priority) end++
  return end
}

function heaviestGap(question: RunQuestion): { first: number; end: number } | undefined {
  const { picker, bits } = question
  const { startable } = picker
  let best: { first: number; end: number } | undefined
  let bestPriority = 0
  let bestWeight = 0
  for (let piece = startable.nextSet(0); piece !== -1; ) {
    if (!bits.get(piece)) {
      piece = piece + 1 < bits.length ? startable.nextSet(piece + 1) : -1
      continue
    }
    const priority = picker.priorityOf(piece)
    const end = gapEnd(question, piece)
    if (priority >= bestPriority) {
      let weight = 0
      for (let each = piece; each < end; each++) weight += picker.availabilityOf(each) === 0 ? lonelyWeight : 1
      if (priority > bestPriority || weight > bestWeight) {
        best = { first: piece, end }
        bestPriority = priority
        bestWeight = weight
      }
    }
    piece = end < bits.length ? startable.nextSet(end) : -1
  }
  return best
}

/** From the first startable piece to the last, whatever lies between. */
function everything({ picker, bits }: RunQuestion): WebRun | undefined {
  const both = picker.startable.clone()
  both.and(bits)
  const first = both.nextSet(0)
  if (first === -1) return undefined
  let last = bits.length - 1
  while (!both.get(last)) last--
  return { first, last, kind: 'new' }
}

function newRun(question: RunQuestion): WebRun | undefined {
  const { picker, bits, maxPieces, random } = question
  if (!picker.startable.intersects(bits)) return undefined
  if (question.isInOrder) return everything(question)
  const inOrder = picker.firstInOrder(bits)
  const gap = inOrder === -1 ? heaviestGap(question) : { first: inOrder, end: gapEnd(question, inOrder) }
  if (gap === undefined) return undefined
  const spare = gap.end - gap.first - maxPieces
  const isFree = inOrder === -1 && !picker.hasSome && spare > 0
  const first = isFree ? gap.first + random.below(spare + 1) : gap.first
  return { first, last: Math.min(gap.end, first + maxPieces) - 1, kind: 'new' }
}

/** Undefined: there is nothing for it. */
export function chooseRun(question: RunQuestion): WebRun | undefined {
  const { picker, bits, isAlone, stalledSinceMs } = question
  if (isAlone) return newRun(question)
  return (
    single(picker.partialFor(bits, 'abandoned', stalledSinceMs), 'blocks') ??
    newRun(question) ??
    single(picker.partialFor(bits, 'free', stalledSinceMs), 'blocks') ??
    single(picker.partialFor(bits, 'stalled', stalledSinceMs), 'duplicates')
  )
}
