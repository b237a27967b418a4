// Whole inputs of bounded size: a named file, or what is piped in.
// Guarantees: what is over the limit is refused without being read, nothing but a regular file is opened for
// long (a FIFO would wait forever), and a system error comes back typed. Keeps no state.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { concatBytes } from '../base/bytes.ts'
import { type ErrorCode, SwarmbidError } from '../base/errors.ts'
import { fileError, isSystemError } from './file-error.ts'

export interface InputLimit {
  readonly maxBytes: number
  /** The error for more than that. */
  readonly code: ErrorCode
}

function tooLarge(name: string, limit: InputLimit): SwarmbidError {
  return new SwarmbidError(limit.code, `${name}: larger than ${limit.maxBytes} bytes`)
}

async function readOpened(file: FileHandle, path: string, limit: InputLimit): Promise<Uint8Array> {
  const status = await file.stat()
  if (!status.isFile()) throw new SwarmbidError('file-not-regular', `${path}: not a regular file`)
  if (status.size > limit.maxBytes) throw tooLarge(path, limit)
  // One byte more than expected tells a file that grows; files of pseudo file systems claim no size at all.
  let bytes = new Uint8Array(status.size + 1)
  let length = 0
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
    length += bytesRead
    if (length > limit.maxBytes) throw tooLarge(path, limit)
    if (bytesRead === 0) return bytes.subarray(0, length)
    if (length === bytes.length) {
      const larger = new Uint8Array(Math.min(2 * length + 4096, limit.maxBytes + 1))
      larger.set(bytes)
      bytes = larger
    }
  }
}

/** Errors: file-not-found, file-unreadable, file-not-regular, or the limit's. */
export async function readFileBounded(path: string, limit: InputLimit): Promise<Uint8Array> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENXIO' || error.code === 'ENODEV')) {
      throw new SwarmbidError('file-not-regular', `${path}: not a regular file`)
    }
    throw fileError(error, path, 'read')
  }
  try {
    return await readOpened(file, path, limit)
  } catch (error) {
    throw fileError(error, path, 'read')
  } finally {
    await file.close()
  }
}

/** Everything up to the end of standard input. Errors: file-unreadable, interrupted, or the limit's. */
export async function readStandardInput(limit: InputLimit, signal: AbortSignal): Promise<Uint8Array> {
  const { stdin } = process
  const onAbort = () => void stdin.destroy(new SwarmbidError('interrupted', 'stopped while reading standard input'))
  signal.addEventListener('abort', onAbort, { once: true })
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const part of stdin) {
      const bytes = part as Uint8Array
      length += bytes.length
      if (length > limit.maxBytes) throw tooLarge('standard input', limit)
      parts.push(bytes)
    }
  } catch (error) {
    throw fileError(error, 'standard input', 'read')
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  return concatBytes(parts)
}
