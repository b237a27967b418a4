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

interface Window {
  readonly first: number
  readonly end: number
  readonly priority: number
  readonly weight: number
  /** Of the gap it is in. */
  readonly gapPieces: number
}

function weightOf({ picker }: RunQuestion, piece: number): number {
  return picker.availabilityOf(piece) === 0 ? lonelyWeight : 1
}

/** The part of a gap to ask for: the heaviest, of equal ones the first, or any while there is nothing yet. */
function heaviestWindow(question: RunQuestion, first: number, end: number): Window {
  const { picker, maxPieces, random } = question
  const length = Math.min(maxPieces, end - first)
  let sum = 0
  for (let piece = first; piece < first + length; piece++) sum += weightOf(question, piece)
  let weight = sum
  let count = 1
  let from = first
  const slide = (start: number) => {
    sum += weightOf(question, start + length - 1) - weightOf(question, start - 1)
  }
  for (let start = first + 1; start + length <= end; start++) {
    slide(start)
    if (sum > weight) {
      weight = sum
      count = 1
      from = start
    } else if (sum === weight) count++
  }
  if (count > 1 && !picker.hasSome) {
    let skipped = random.below(count)
    for (let start = from; skipped > 0 && start + length < end; ) {
      if (start === from) sum = weight
      slide(++start)
      if (sum !== weight) continue
      skipped--
      if (skipped === 0) from = start
    }
  }
  return { first: from, end: from + length, priority: picker.priorityOf(first), weight, gapPieces: end - first }
}

function isBetter(window: Window, best: Window | undefined): boolean {
  if (best === undefined) return true
  if (window.priority !== best.priority) return window.priority > best.priority
  return window.weight === best.weight ? window.gapPieces > best.gapPieces : window.weight > best.weight
}

function heaviest(question: RunQuestion): Window | undefined {
  const { picker, bits } = question
  const { startable } = picker
  let best: Window | undefined
  for (let piece = startable.nextSet(0); piece !== -1; ) {
    const isThere = bits.get(piece)
    const end = isThere ? gapEnd(question, piece) : piece + 1
    if (isThere && (best === undefined || picker.priorityOf(piece) >= best.priority)) {
      const window = heaviestWindow(question, piece, end)
      if (isBetter(window, best)) best = window
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
  const { picker, bits, maxPieces } = question
  if (!picker.startable.intersects(bits)) return undefined
  if (question.isInOrder) return everything(question)
  const inOrder = picker.firstInOrder(bits)
  if (inOrder !== -1) {
    const end = Math.min(gapEnd(question, inOrder), inOrder + maxPieces)
    return { first: inOrder, last: end - 1, kind: 'new' }
  }
  const window = heaviest(question)
  return window === undefined ? undefined : { first: window.first, last: window.end - 1, kind: 'new' }
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
