// Distances between ids of the DHT (BEP 5): the exclusive or of their 160 bits, the first bits counting most.
// Guarantees: pure, and without garbage where ids are only compared.
import { nodeIdLength } from '../formats/krpc/message.ts'

export const idBits = 8 * nodeIdLength

/** How many bits two ids of 20 bytes begin with in common; 160: they are the same. */
export function commonPrefixLength(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < nodeIdLength; index++) {
    const difference = (a[index] as number) ^ (b[index] as number)
    if (difference !== 0) return 8 * index + Math.clz32(difference) - 24
  }
  return idBits
}

/** < 0: `a` is closer to `target` than `b` is; 0: they are the same. */
export function compareDistances(target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < nodeIdLength; index++) {
    const byteOfA = a[index] as number
    const byteOfB = b[index] as number
    if (byteOfA !== byteOfB) {
      const wanted = target[index] as number
      return (byteOfA ^ wanted) - (byteOfB ^ wanted)
    }
  }
  return 0
}

/** `random`, 20 random bytes, made an id that has exactly `prefixLength` < 160 bits with `id` in common. */
export function idAtPrefix(id: Uint8Array, prefixLength: number, random: Uint8Array): Uint8Array {
  const made = random.slice()
  const whole = prefixLength >> 3
  const rest = prefixLength & 7
  made.set(id.subarray(0, whole))
  const keptMask = (0xff00 >> rest) & 0xff
  const turned = 0x80 >> rest
  const own = id[whole] as number
  made[whole] = (own & keptMask) | (~own & turned) | ((made[whole] as number) & (turned - 1))
  return made
}

/** An id that is as far from `target` as `a` and `b` are from each other. */
export function idAtDistance(target: Uint8Array, a: Uint8Array, b: Uint8Array): Uint8Array {
  return target.map((byte, index) => byte ^ (a[index] as number) ^ (b[index] as number))
}
