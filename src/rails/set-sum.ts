// A sum over the rows of a table in any order: two tables that differ have different ones, but by chance.
// Guarantees: adding costs the same however many there are; it can be gone on with from its text. Pure.
import { toHex, writeHex } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'

const lengthBytes = 32

export class SetSum {
  private readonly lanes: Uint32Array

  /** `text`: of a sum that is gone on with. */
  constructor(text = '0'.repeat(2 * lengthBytes)) {
    const bytes = new Uint8Array(lengthBytes)
    writeHex(bytes, 0, text, 0, text.length)
    this.lanes = new Uint32Array(bytes.buffer)
  }

  add(row: Uint8Array): void {
    const lanes = new Uint32Array(sha256(row).slice().buffer)
    for (let index = 0; index < lanes.length; index++)
      this.lanes[index] = (this.lanes[index] ?? 0) + (lanes[index] ?? 0)
  }

  /** 64 hexadecimal digits. */
  text(): string {
    return toHex(new Uint8Array(this.lanes.buffer))
  }
}
