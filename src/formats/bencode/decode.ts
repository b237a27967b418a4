// Bencode (BEP 3) to plain values: for payloads of unknown shape. Who knows the shape scans and reads in
// place (cursor.ts), which does less work.
// Guarantees: never throws on any bytes, no recursion; the limits, strictness and errors are those of `scan`;
// encode(decode(x)) is x for canonical x.
import { type Result, success } from '../../base/errors.ts'
import { keyText } from './key-text.ts'
import {
  cellsPerNode,
  kindDictionary,
  kindInteger,
  kindList,
  kindString,
  nodesEnd,
  type ScanOptions,
  type Tape,
  TapeScanner,
} from './scan.ts'
import { integerValue } from './token.ts'

/**
 * Integers are numbers where those are exact, else bigints; strings are views of the source; dictionaries
 * are keyed by latin1 text, one character a byte, in document order.
 */
export type BencodeValue = number | bigint | Uint8Array | BencodeValue[] | BencodeDictionary
export type BencodeDictionary = Map<string, BencodeValue>

type Container = BencodeValue[] | BencodeDictionary

/** The value of a whole tape. Where keys repeat the first counts, as for a cursor. */
function materialise(tape: Tape): BencodeValue {
  const { bytes, cells } = tape
  const { buffer, byteOffset } = bytes
  const mayRepeatKeys = tape.violation !== undefined
  const count = nodesEnd(cells)
  let root: BencodeValue = 0
  // The containers around the open one, outermost first: what they are, where they end, and how many
  // elements of a list are there. Lists are made as long as they will be: half the garbage of growing ones.
  const parents: (Container | undefined)[] = []
  const parentEnds: number[] = []
  const parentSizes: number[] = []
  let open: Container | undefined
  let openEnd = count
  let openSize = 0
  for (let node = 0; node < count; node += cellsPerNode) {
    while (node === openEnd) {
      open = parents.pop()
      openEnd = parentEnds.pop() as number
      openSize = parentSizes.pop() as number
    }
    let key = ''
    if (open instanceof Map) {
      key = keyText(bytes, cells[node + 2] as number, cells[node + 1] as number)
      node += cellsPerNode
    }
    const kind = (cells[node + 3] as number) & 3
    const end = cells[node + 1] as number
    const middle = cells[node + 2] as number
    let value: BencodeValue
    if (kind === kindString) {
      value = new Uint8Array(buffer, byteOffset + middle, end - middle)
    } else if (kind === kindInteger) {
      value = integerValue(bytes, (cells[node] as number) + 1, end - 1)
    } else if (kind === kindDictionary) {
      value = new Map()
    } else {
      value = new Array<BencodeValue>((cells[node + 3] as number) >>> 2)
    }

    if (open === undefined) root = value
    else if (!(open instanceof Map)) open[openSize++] = value
    else if (!mayRepeatKeys || !open.has(key)) open.set(key, value)

    if (kind >= kindList) {
      parents.push(open)
      parentEnds.push(openEnd)
      parentSizes.push(openSize)
      open = value as Container
      openEnd = middle
      openSize = 0
    }
  }
  return root
}

const scanner = new TapeScanner()

/** One bencoded value as plain values. Errors: those of `scan`. */
export function decode(bytes: Uint8Array, options: ScanOptions = {}): Result<BencodeValue> {
  const scanned = scanner.scan(bytes, options)
  return scanned.ok ? success(materialise(scanned.value)) : scanned
}
