// Text of short byte strings that recur without end: dictionary keys, query methods, message types.
// Guarantees: exactly the latin1 text of the bytes, whatever was asked before; a fixed amount of memory.
import { toLatin1 } from '../../base/bytes.ts'

const maxRememberedLength = 24
const slotCount = 1024
/** The text last asked for, by hash of its bytes. Remembering saves most of the time of making it. */
const remembered: string[] = new Array(slotCount).fill('')

/** The bytes from `start` to `end` as latin1 text. */
export function keyText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start
  if (length > maxRememberedLength || length === 0) return toLatin1(bytes, start, end)
  const first = bytes[start] as number
  const middle = bytes[start + (length >>> 1)] as number
  const last = bytes[end - 1] as number
  const slot = (length * 37 + first * 7 + middle * 61 + last) % slotCount
  const known = remembered[slot] as string
  if (known.length === length) {
    let index = 0
    while (index < length && known.charCodeAt(index) === bytes[start + index]) index++
    if (index === length) return known
  }
  const text = toLatin1(bytes, start, end)
  remembered[slot] = text
  return text
}
