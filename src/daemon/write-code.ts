// A QR code as a file of its own, made in one step.
// Guarantees: never overwrites.
import { fromUtf8 } from '../base/bytes.ts'
import { reserveFile } from '../host/write-output.ts'

/** Throws: file-exists, file-unwritable, file-not-found, disk-full. */
export function writeCode(path: string, svg: string): void {
  reserveFile(path, false).commit(fromUtf8(svg))
}
