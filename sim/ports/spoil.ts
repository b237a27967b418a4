// Makes bytes that nobody may use any more worthless, so that whoever does is found out by what they compare or hash.
// Guarantees: whatever is spoiled differs from what it was in each stretch of 256 bytes, but for what was spoiled before;
// short bytes are overwritten whole. Pure.

/** Up to here every byte: what is longer is spoiled often in large simulations, and memory is slow. */
const wholeBytes = 65_536
const strideBytes = 256

export function spoil(bytes: Uint8Array, value: number): void {
  const { length } = bytes
  if (length <= wholeBytes) bytes.fill(value)
  else for (let index = 0; index < length; index += strideBytes) bytes[index] = value
}
