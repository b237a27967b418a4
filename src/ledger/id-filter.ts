// Ids that may have been seen, in two bytes each: a row of Bloom filters, each twice as large as the one before.
// Guarantees: never says no of an id that was added; says yes of about one in a thousand others, more often only of such
// as somebody chose for it; past its cap it says yes of all. Ids are drawn at random, so their own digits are the hash.
import { readUint32, writeHex } from '../base/bytes.ts'
import type { OperationId } from '../ports/ledger.ts'

const firstCapacity = 1 << 14
const bitsPerId = 16
const probes = 4
/** 128 MiB of them. */
const maxIds = 1 << 26

interface Layer {
  readonly bits: Uint32Array
  readonly mask: number
  room: number
}

function newLayer(capacity: number): Layer {
  const bitCount = capacity * bitsPerId
  return { bits: new Uint32Array(bitCount / 32), mask: bitCount - 1, room: capacity }
}

const start = new Uint8Array(8)

export class IdFilter {
  private readonly layers: Layer[] = []
  private count = 0

  add(id: OperationId): void {
    if (++this.count > maxIds) return
    let layer = this.layers.at(-1)
    if (layer === undefined || layer.room === 0) {
      layer = newLayer(firstCapacity << this.layers.length)
      this.layers.push(layer)
    }
    layer.room--
    writeHex(start, 0, id, 0, 2 * start.length)
    const [first, step] = [readUint32(start, 0), readUint32(start, 4) | 1]
    for (let probe = 0; probe < probes; probe++) {
      const bit = (first + Math.imul(probe, step)) & layer.mask
      layer.bits[bit >>> 5] = (layer.bits[bit >>> 5] as number) | (1 << (bit & 31))
    }
  }

  mayHave(id: OperationId): boolean {
    if (this.count > maxIds) return true
    if (this.count === 0) return false
    writeHex(start, 0, id, 0, 2 * start.length)
    const [first, step] = [readUint32(start, 0), readUint32(start, 4) | 1]
    return this.layers.some(({ bits, mask }) => {
      for (let probe = 0; probe < probes; probe++) {
        const bit = (first + Math.imul(probe, step)) & mask
        if (((bits[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false
      }
      return true
    })
  }
}
