// Keccak-256 as Ethereum and TRON use it (the padding of the competition, not that of SHA3-256): addresses, EIP-712.
// Guarantees: synchronous; no garbage but the digest where one is returned. Lanes of 64 bits are pairs of words, low
// word first, since numbers rotate faster than bigints do. Rotations are written out: 2.5 times as fast as a table.
import { assert } from './assert.ts'

export const keccakLength = 32

/** Bytes absorbed by one permutation. */
const rateBytes = 136
const rateWords = rateBytes / 4

type Ten<T> = [T, T, T, T, T, T, T, T, T, T]
type Lanes = [...Ten<number>, ...Ten<number>, ...Ten<number>, ...Ten<number>, ...Ten<number>]

const stateWords = new Int32Array(50)
const rotatedWords = new Int32Array(50)
// The same memory, as what literal indexes are known to be in.
const state = stateWords as unknown as Lanes
const rotated = rotatedWords as unknown as Lanes
const columns = new Int32Array(10) as unknown as Ten<number>

const roundConstants = Int32Array.of(
  0x0000_0001,
  0x0000_0000,
  0x0000_8082,
  0x0000_0000,
  0x0000_808a,
  0x8000_0000,
  0x8000_8000,
  0x8000_0000,
  0x0000_808b,
  0x0000_0000,
  0x8000_0001,
  0x0000_0000,
  0x8000_8081,
  0x8000_0000,
  0x0000_8009,
  0x8000_0000,
  0x0000_008a,
  0x0000_0000,
  0x0000_0088,
  0x0000_0000,
  0x8000_8009,
  0x0000_0000,
  0x8000_000a,
  0x0000_0000,
  0x8000_808b,
  0x0000_0000,
  0x0000_008b,
  0x8000_0000,
  0x0000_8089,
  0x8000_0000,
  0x0000_8003,
  0x8000_0000,
  0x0000_8002,
  0x8000_0000,
  0x0000_0080,
  0x8000_0000,
  0x0000_800a,
  0x0000_0000,
  0x8000_000a,
  0x8000_0000,
  0x8000_8081,
  0x8000_0000,
  0x0000_8080,
  0x8000_0000,
  0x8000_0001,
  0x0000_0000,
  0x8000_8008,
  0x8000_0000,
)

/** Theta: what each column of lanes is changed by, into `d`. */
function mixColumns(a: Lanes, d: Ten<number>): void {
  const c0 = a[0] ^ a[10] ^ a[20] ^ a[30] ^ a[40]
  const c1 = a[1] ^ a[11] ^ a[21] ^ a[31] ^ a[41]
  const c2 = a[2] ^ a[12] ^ a[22] ^ a[32] ^ a[42]
  const c3 = a[3] ^ a[13] ^ a[23] ^ a[33] ^ a[43]
  const c4 = a[4] ^ a[14] ^ a[24] ^ a[34] ^ a[44]
  const c5 = a[5] ^ a[15] ^ a[25] ^ a[35] ^ a[45]
  const c6 = a[6] ^ a[16] ^ a[26] ^ a[36] ^ a[46]
  const c7 = a[7] ^ a[17] ^ a[27] ^ a[37] ^ a[47]
  const c8 = a[8] ^ a[18] ^ a[28] ^ a[38] ^ a[48]
  const c9 = a[9] ^ a[19] ^ a[29] ^ a[39] ^ a[49]
  d[0] = c8 ^ ((c2 << 1) | (c3 >>> 31))
  d[1] = c9 ^ ((c3 << 1) | (c2 >>> 31))
  d[2] = c0 ^ ((c4 << 1) | (c5 >>> 31))
  d[3] = c1 ^ ((c5 << 1) | (c4 >>> 31))
  d[4] = c2 ^ ((c6 << 1) | (c7 >>> 31))
  d[5] = c3 ^ ((c7 << 1) | (c6 >>> 31))
  d[6] = c4 ^ ((c8 << 1) | (c9 >>> 31))
  d[7] = c5 ^ ((c9 << 1) | (c8 >>> 31))
  d[8] = c6 ^ ((c0 << 1) | (c1 >>> 31))
  d[9] = c7 ^ ((c1 << 1) | (c0 >>> 31))
}

/** Rho and pi of the lanes in the upper two rows. */
function rotateUpper(a: Lanes, d: Ten<number>, b: Lanes): void {
  let lo = 0
  let hi = 0
  b[0] = a[0] ^ d[0]
  b[1] = a[1] ^ d[1]
  lo = a[2] ^ d[2]
  hi = a[3] ^ d[3]
  b[20] = (lo << 1) | (hi >>> 31)
  b[21] = (hi << 1) | (lo >>> 31)
  lo = a[4] ^ d[4]
  hi = a[5] ^ d[5]
  b[40] = (hi << 30) | (lo >>> 2)
  b[41] = (lo << 30) | (hi >>> 2)
  lo = a[6] ^ d[6]
  hi = a[7] ^ d[7]
  b[10] = (lo << 28) | (hi >>> 4)
  b[11] = (hi << 28) | (lo >>> 4)
  lo = a[8] ^ d[8]
  hi = a[9] ^ d[9]
  b[30] = (lo << 27) | (hi >>> 5)
  b[31] = (hi << 27) | (lo >>> 5)
  lo = a[10] ^ d[0]
  hi = a[11] ^ d[1]
  b[32] = (hi << 4) | (lo >>> 28)
  b[33] = (lo << 4) | (hi >>> 28)
  lo = a[12] ^ d[2]
  hi = a[13] ^ d[3]
  b[2] = (hi << 12) | (lo >>> 20)
  b[3] = (lo << 12) | (hi >>> 20)
  lo = a[14] ^ d[4]
  hi = a[15] ^ d[5]
  b[22] = (lo << 6) | (hi >>> 26)
  b[23] = (hi << 6) | (lo >>> 26)
  lo = a[16] ^ d[6]
  hi = a[17] ^ d[7]
  b[42] = (hi << 23) | (lo >>> 9)
  b[43] = (lo << 23) | (hi >>> 9)
  lo = a[18] ^ d[8]
  hi = a[19] ^ d[9]
  b[12] = (lo << 20) | (hi >>> 12)
  b[13] = (hi << 20) | (lo >>> 12)
}

/** Rho and pi of the lanes in the lower three rows. */
function rotateLower(a: Lanes, d: Ten<number>, b: Lanes): void {
  let lo = 0
  let hi = 0
  lo = a[20] ^ d[0]
  hi = a[21] ^ d[1]
  b[14] = (lo << 3) | (hi >>> 29)
  b[15] = (hi << 3) | (lo >>> 29)
  lo = a[22] ^ d[2]
  hi = a[23] ^ d[3]
  b[34] = (lo << 10) | (hi >>> 22)
  b[35] = (hi << 10) | (lo >>> 22)
  lo = a[24] ^ d[4]
  hi = a[25] ^ d[5]
  b[4] = (hi << 11) | (lo >>> 21)
  b[5] = (lo << 11) | (hi >>> 21)
  lo = a[26] ^ d[6]
  hi = a[27] ^ d[7]
  b[24] = (lo << 25) | (hi >>> 7)
  b[25] = (hi << 25) | (lo >>> 7)
  lo = a[28] ^ d[8]
  hi = a[29] ^ d[9]
  b[44] = (hi << 7) | (lo >>> 25)
  b[45] = (lo << 7) | (hi >>> 25)
  lo = a[30] ^ d[0]
  hi = a[31] ^ d[1]
  b[46] = (hi << 9) | (lo >>> 23)
  b[47] = (lo << 9) | (hi >>> 23)
  lo = a[32] ^ d[2]
  hi = a[33] ^ d[3]
  b[16] = (hi << 13) | (lo >>> 19)
  b[17] = (lo << 13) | (hi >>> 19)
  lo = a[34] ^ d[4]
  hi = a[35] ^ d[5]
  b[36] = (lo << 15) | (hi >>> 17)
  b[37] = (hi << 15) | (lo >>> 17)
  lo = a[36] ^ d[6]
  hi = a[37] ^ d[7]
  b[6] = (lo << 21) | (hi >>> 11)
  b[7] = (hi << 21) | (lo >>> 11)
  lo = a[38] ^ d[8]
  hi = a[39] ^ d[9]
  b[26] = (lo << 8) | (hi >>> 24)
  b[27] = (hi << 8) | (lo >>> 24)
  lo = a[40] ^ d[0]
  hi = a[41] ^ d[1]
  b[28] = (lo << 18) | (hi >>> 14)
  b[29] = (hi << 18) | (lo >>> 14)
  lo = a[42] ^ d[2]
  hi = a[43] ^ d[3]
  b[48] = (lo << 2) | (hi >>> 30)
  b[49] = (hi << 2) | (lo >>> 30)
  lo = a[44] ^ d[4]
  hi = a[45] ^ d[5]
  b[18] = (hi << 29) | (lo >>> 3)
  b[19] = (lo << 29) | (hi >>> 3)
  lo = a[46] ^ d[6]
  hi = a[47] ^ d[7]
  b[38] = (hi << 24) | (lo >>> 8)
  b[39] = (lo << 24) | (hi >>> 8)
  lo = a[48] ^ d[8]
  hi = a[49] ^ d[9]
  b[8] = (lo << 14) | (hi >>> 18)
  b[9] = (hi << 14) | (lo >>> 18)
}

/** Chi of the row that begins at word `row`. */
function mixRow(words: Int32Array, row: number, target: Int32Array): void {
  const b0 = words[row + 0] as number
  const b1 = words[row + 1] as number
  const b2 = words[row + 2] as number
  const b3 = words[row + 3] as number
  const b4 = words[row + 4] as number
  const b5 = words[row + 5] as number
  const b6 = words[row + 6] as number
  const b7 = words[row + 7] as number
  const b8 = words[row + 8] as number
  const b9 = words[row + 9] as number
  target[row + 0] = b0 ^ (~b2 & b4)
  target[row + 1] = b1 ^ (~b3 & b5)
  target[row + 2] = b2 ^ (~b4 & b6)
  target[row + 3] = b3 ^ (~b5 & b7)
  target[row + 4] = b4 ^ (~b6 & b8)
  target[row + 5] = b5 ^ (~b7 & b9)
  target[row + 6] = b6 ^ (~b8 & b0)
  target[row + 7] = b7 ^ (~b9 & b1)
  target[row + 8] = b8 ^ (~b0 & b2)
  target[row + 9] = b9 ^ (~b1 & b3)
}

function permute(): void {
  for (let round = 0; round < roundConstants.length; round += 2) {
    mixColumns(state, columns)
    rotateUpper(state, columns, rotated)
    rotateLower(state, columns, rotated)
    for (let row = 0; row < 50; row += 10) mixRow(rotatedWords, row, stateWords)
    state[0] ^= roundConstants[round] as number
    state[1] ^= roundConstants[round + 1] as number
  }
}

function readWord(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  )
}

/** XORs bytes into the state from its first word on; at most a block of them. */
function absorb(bytes: Uint8Array, start: number, end: number): void {
  let word = 0
  let offset = start
  for (; offset + 4 <= end; offset += 4, word++) {
    stateWords[word] = (stateWords[word] as number) ^ readWord(bytes, offset)
  }
  for (let shift = 0; offset < end; offset++, shift += 8) {
    stateWords[word] = (stateWords[word] as number) ^ ((bytes[offset] as number) << shift)
  }
}

/** The Keccak-256 of bytes[start, end), 32 bytes into `target` at `offset`, which may be among those that are hashed. */
export function keccak256Into(bytes: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): void {
  assert(start >= 0 && start <= end && end <= bytes.length, 'a range of the bytes')
  assert(offset >= 0 && offset + keccakLength <= target.length, 'room for the digest')
  stateWords.fill(0)
  let position = start
  for (; end - position >= rateBytes; position += rateBytes) {
    absorb(bytes, position, position + rateBytes)
    permute()
  }
  absorb(bytes, position, end)
  const last = end - position
  stateWords[last >>> 2] = (stateWords[last >>> 2] as number) ^ (1 << ((last & 3) * 8))
  stateWords[rateWords - 1] = (stateWords[rateWords - 1] as number) ^ 0x8000_0000
  permute()
  for (let index = 0; index < keccakLength; index++) {
    target[offset + index] = (stateWords[index >>> 2] as number) >>> ((index & 3) * 8)
  }
}

/** The Keccak-256 of the bytes: 32 bytes, the caller's. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(keccakLength)
  keccak256Into(bytes, 0, bytes.length, digest, 0)
  return digest
}
