// What the operating system says about files, in this program's error codes.
// Guarantees: a system error never reaches a user as a stack trace, and a defect is never mistaken for one.
import { type ErrorCode, type Failure, failure, type Result, SwarmbidError, success } from '../base/errors.ts'

export interface SystemError extends Error {
  readonly code: string
  readonly syscall: string
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'code' in error && 'syscall' in error && typeof error.code === 'string'
}

const explanations: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  ENOSPC: 'no space left',
  EROFS: 'the file system is read-only',
  EIO: 'the disk failed',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOTEMPTY: 'the folder is not empty',
  EXDEV: 'it is on another file system',
  EFBIG: 'larger than the file system or a limit of this user allows',
  EDQUOT: 'no space left for this user',
}

export function explainSystemError(error: SystemError): string {
  return explanations[error.code] ?? error.code
}

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
/** What opening a link, a folder, a device or a socket as a file answers, or a file as a folder. */
const notPlainCodes = new Set(['ELOOP', 'EMLINK', 'ENOTDIR', 'EISDIR', 'ENXIO', 'ENODEV'])

export function fileErrorCode(error: SystemError, intent: 'read' | 'write'): ErrorCode {
  if (intent === 'write') {
    if (error.code === 'EEXIST') return 'file-exists'
    return fullCodes.has(error.code) ? 'disk-full' : 'file-unwritable'
  }
  return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 'file-not-found' : 'file-unreadable'
}

/** The error to throw for one caught around file operations on `path`; a defect stays what it is. */
export function fileError(error: unknown, path: string, intent: 'read' | 'write'): unknown {
  if (!isSystemError(error)) return error
  return new SwarmbidError(fileErrorCode(error, intent), `${path}: ${explainSystemError(error)}`, { cause: error })
}

/** What the Files port says of an error of work on `name` below a root. A defect is thrown on. */
export function rootedFailure(name: string, intent: 'read' | 'write', error: unknown): Failure {
  if (error instanceof SwarmbidError) return failure(error.code, error.message)
  if (!isSystemError(error)) throw error
  const detail = `${name}: ${explainSystemError(error)}`
  if (error.code === 'ENOENT') return failure('file-not-found', detail)
  return failure(notPlainCodes.has(error.code) ? 'file-not-plain' : fileErrorCode(error, intent), detail)
}

/** What the Files port answers: work on `name` below a root, its errors typed. A defect stays an exception. */
export async function rootedResult<T>(
  name: string,
  intent: 'read' | 'write',
  work: () => Promise<T>,
): Promise<Result<T>> {
  try {
    return success(await work())
  } catch (error) {
    return rootedFailure(name, intent, error)
  }
}
