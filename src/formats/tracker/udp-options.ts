// Options behind the fixed part of a UDP announce (BEP 41): URLData, the path and query of the announce URL, so
// that trackers that tell users apart by passkey work over UDP too.
// Guarantees: reading never throws and is bounded by the datagram; unknown options are passed over.
import { assert } from '../../base/assert.ts'
import { emptyBytes, fromUtf8 } from '../../base/bytes.ts'
import { failure, type Result, success } from '../../base/errors.ts'

const endOfOptions = 0
const noOperation = 1
const urlDataOption = 2
const maxOptionLength = 255
export const maxUrlDataLength = 1_024

/**
 * The URLData of the options from `offset` to the end of the datagram, pieces joined; empty if there is none.
 * Errors: tracker-request, for an option that goes beyond the datagram and for more than 1,024 bytes.
 */
export function decodeUrlData(datagram: Uint8Array, offset: number): Result<Uint8Array> {
  let urlData = emptyBytes
  let position = offset
  while (position < datagram.length) {
    const option = datagram[position++]
    if (option === endOfOptions) break
    if (option === noOperation) continue
    const length = datagram[position++]
    if (length === undefined || position + length > datagram.length) {
      return failure('tracker-request', `an option beyond the end of the datagram at byte ${position}`)
    }
    if (option === urlDataOption && length > 0) {
      if (urlData.length + length > maxUrlDataLength) return failure('tracker-request', 'too much URL data')
      const joined = new Uint8Array(urlData.length + length)
      joined.set(urlData)
      joined.set(datagram.subarray(position, position + length), urlData.length)
      urlData = joined
    }
    position += length
  }
  return success(urlData)
}

/** What a `udp:` URL has after its host and port, without a fragment: the content of URLData. */
export function urlDataOf(url: string): Uint8Array {
  const rest = /^[a-z]+:\/\/[^/?#]*([^#]*)/i.exec(url)?.[1] ?? ''
  return fromUtf8(rest)
}

/** Writes URL data of at most 1,024 bytes as options at `offset`; the offset after them. Nothing if it is empty. */
export function encodeUrlData(target: Uint8Array, offset: number, urlData: Uint8Array): number {
  assert(urlData.length <= maxUrlDataLength, 'URL data of at most 1,024 bytes')
  if (urlData.length === 0) return offset
  const options = Math.ceil(urlData.length / maxOptionLength)
  assert(offset + urlData.length + 2 * options + 1 <= target.length, 'room for the options')
  let position = offset
  for (let start = 0; start < urlData.length; start += maxOptionLength) {
    const piece = urlData.subarray(start, start + maxOptionLength)
    target[position] = urlDataOption
    target[position + 1] = piece.length
    target.set(piece, position + 2)
    position += 2 + piece.length
  }
  target[position] = endOfOptions
  return position + 1
}
