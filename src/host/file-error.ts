// What the operating system says about files, in this program's error codes.
// Guarantees: a system error never reaches a user as a stack trace, and a defect is never mistaken for one.
import { type ErrorCode, SwarmbidError } from '../base/errors.ts'

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
}

export function explainSystemError(error: SystemError): string {
  return explanations[error.code] ?? error.code
}

export function fileErrorCode(error: SystemError, intent: 'read' | 'write'): ErrorCode {
  if (intent === 'write') {
    if (error.code === 'EEXIST') return 'file-exists'
    return error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'disk-full' : 'file-unwritable'
  }
  return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 'file-not-found' : 'file-unreadable'
}

/** The error to throw for one caught around file operations on `path`; a defect stays what it is. */
export function fileError(error: unknown, path: string, intent: 'read' | 'write'): unknown {
  if (!isSystemError(error)) return error
  return new SwarmbidError(fileErrorCode(error, intent), `${path}: ${explainSystemError(error)}`, { cause: error })
}
