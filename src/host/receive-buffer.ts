// The one buffer all connections of a thread receive into, in views of graded sizes made once: a read allocates
// nothing, and thousands of connections cost no buffers. Safe because the system fills it in the same call of the
// event loop that hands it on. Shared state of the thread, valid only until the next read.

const largestReadBytes = 262_144

let views: readonly Uint8Array[] | undefined

function makeViews(): readonly Uint8Array[] {
  const buffer = new ArrayBuffer(largestReadBytes)
  return Array.from({ length: Math.log2(largestReadBytes) + 1 }, (_, power) => new Uint8Array(buffer, 0, 2 ** power))
}

/** The largest view of at most `allowedBytes` (from 1): a power of two up to 256 KiB. */
export function receiveView(allowedBytes: number): Uint8Array {
  views ??= makeViews()
  return views[31 - Math.clz32(Math.min(allowedBytes, largestReadBytes))] as Uint8Array
}
