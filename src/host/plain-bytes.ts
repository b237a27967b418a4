// Node's Buffers as what ports hand out. Guarantees: the same bytes, not copied. A Buffer is a Uint8Array, but its
// `slice` does not copy, which whoever keeps bytes relies on.

export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
