// RC4, the stream cipher of encrypted peer connections (MSE): it hides what a connection is from those who pass it on,
// and keeps no secrets from anyone who tries. Guarantees: nothing is allocated while it works. The instance owns the
// state of one direction of one connection.
import { assert } from './assert.ts'

const stateLength = 256
const mask = 0xff

export class Rc4 {
  private readonly state = new Uint8Array(stateLength)
  private i = 0
  private j = 0

  /** A key of 1 to 256 bytes, read at once. */
  constructor(key: Uint8Array) {
    assert(key.length > 0 && key.length <= stateLength, 'a key of 1 to 256 bytes')
    const { state } = this
    for (let index = 0; index < stateLength; index++) state[index] = index
    let j = 0
    for (let index = 0; index < stateLength; index++) {
      const value = state[index] as number
      j = (j + value + (key[index % key.length] as number)) & mask
      state[index] = state[j] as number
      state[j] = value
    }
  }

  /** Turns bytes[start, end) into what they are encrypted, or back: the next so many of the stream. */
  apply(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const { state } = this
    let { i, j } = this
    for (let index = start; index < end; index++) {
      i = (i + 1) & mask
      const a = state[i] as number
      j = (j + a) & mask
      const b = state[j] as number
      state[i] = b
      state[j] = a
      bytes[index] = (bytes[index] as number) ^ (state[(a + b) & mask] as number)
    }
    this.i = i
    this.j = j
  }

  /** Drops the next so many bytes of the key stream. */
  skip(count: number): void {
    this.apply(new Uint8Array(count))
  }
}
