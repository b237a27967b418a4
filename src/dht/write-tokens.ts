// Write tokens (BEP 5): who shows one has received an answer of ours at its address lately, so nobody can announce or
// store in another's name. Guarantees: bound to address and socket, unpredictable, nothing remembered for anyone;
// good for five to ten minutes, as two generations count.
import { sipHashInto, sipHashLength, sipKeyLength } from '../base/sip-hash.ts'
import { encodeAddress } from '../formats/compact-endpoint.ts'
import type { Random } from '../ports/random.ts'

const tokenLength = sipHashLength
const maxAddressLength = 16
const generationMs = 300_000

export class WriteTokens {
  private readonly random: Random
  private readonly secrets = [new Uint8Array(sipKeyLength), new Uint8Array(sipKeyLength)] as const
  private newest: 0 | 1 = 0
  private untilMs: number
  private readonly input = new Uint8Array(1 + maxAddressLength)
  private readonly token = new Uint8Array(tokenLength)

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
    const { input, token } = this
    input[0] = place
    const end = encodeAddress(input, 1, { family: address.includes(':') ? 6 : 4, address })
    input.fill(0, end)
    sipHashInto(this.secrets[generation], input, token, 0)
    return token
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
