// Write tokens (BEP 5): who shows one has received an answer of ours at its address lately, so nobody can announce or
// store in another's name. Guarantees: bound to address and socket, unpredictable, nothing remembered for anyone;
// good for five to ten minutes, as two generations count.
import { assert } from '../base/assert.ts'
import { copyBytes } from '../base/bytes.ts'
import { sha1Into, sha1Length } from '../base/hash.ts'
import { addressBytes } from '../formats/compact-endpoint.ts'
import type { Random } from '../ports/random.ts'

const tokenLength = 8
const secretLength = 16
const maxAddressLength = 16
const generationMs = 300_000

export class WriteTokens {
  private readonly random: Random
  private readonly secrets = [new Uint8Array(secretLength), new Uint8Array(secretLength)] as const
  private newest: 0 | 1 = 0
  private untilMs: number
  private readonly input = new Uint8Array(secretLength + 1 + maxAddressLength)
  private readonly digest = new Uint8Array(sha1Length)
  private readonly token = this.digest.subarray(0, tokenLength)

  constructor(random: Random, nowMs: number) {
    this.random = random
    for (const secret of this.secrets) random.fill(secret)
    this.untilMs = nowMs + generationMs
  }

  /** For an address and the socket it talks to; a view valid until the next call. */
  issue(place: number, address: string, nowMs: number): Uint8Array {
    this.rotate(nowMs)
    return this.make(this.newest, place, address)
  }

  isValid(token: Uint8Array, place: number, address: string, nowMs: number): boolean {
    if (token.length !== tokenLength) return false
    this.rotate(nowMs)
    return this.matches(token, 0, place, address) || this.matches(token, 1, place, address)
  }

  private matches(token: Uint8Array, generation: 0 | 1, place: number, address: string): boolean {
    const expected = this.make(generation, place, address)
    let difference = 0
    for (let index = 0; index < tokenLength; index++) {
      difference |= (token[index] as number) ^ (expected[index] as number)
    }
    return difference === 0
  }

  private make(generation: 0 | 1, place: number, address: string): Uint8Array {
    const { input, digest } = this
    const bytes = addressBytes(address)
    assert(bytes !== undefined, 'an address')
    input.set(this.secrets[generation])
    input[secretLength] = place
    input.fill(0, secretLength + 1)
    copyBytes(input, secretLength + 1, bytes, 0, bytes.length)
    sha1Into(input, digest, 0)
    return this.token
  }

  private rotate(nowMs: number): void {
    if (nowMs < this.untilMs) return
    // After a long pause both are too old.
    const isLate = nowMs >= this.untilMs + generationMs
    this.newest = this.newest === 0 ? 1 : 0
    this.random.fill(this.secrets[this.newest])
    if (isLate) this.random.fill(this.secrets[this.newest === 0 ? 1 : 0])
    this.untilMs = nowMs + generationMs
  }
}
