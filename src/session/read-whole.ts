// A whole file of the session's own folder, for what is read once at the start.
// Guarantees: bounded in size; the file is closed when this returns.
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { FileRoot, RelativePath, TransferSink } from '../ports/files.ts'

/** Errors: file-not-found and others of the disk; file-unreadable when it is larger. */
export async function readWhole(root: FileRoot, path: RelativePath, maxBytes: number): Promise<Result<Uint8Array>> {
  const { promise: transferred, resolve: finish } = Promise.withResolvers<Result<number>>()
  const sink: TransferSink = {
    onRead: (_ticket, bytes) => finish(success(bytes)),
    onWritten: () => undefined,
    onTransferFailed: (_ticket, why: Failure) => finish(why),
  }
  const file = await root.open(path, 'read', sink)
  if (!file.ok) return file
  const status = await file.value.status()
  let outcome: Result<Uint8Array> = status.ok ? failure('file-unreadable', 'larger than any record') : status
  if (status.ok && status.value.lengthBytes <= maxBytes) {
    const bytes = new Uint8Array(status.value.lengthBytes)
    if (bytes.length > 0) file.value.read(0, 0, bytes)
    else finish(success(0))
    const read = await transferred
    outcome = read.ok ? success(bytes.subarray(0, read.value)) : read
  }
  await file.value.close()
  return outcome
}
