// Ports: files below one folder. What is not a plain file inside it (a link, `..`, a device) is refused, whoever
// planted it. Opening and arranging is cold: promises. Reading and writing is hot: large positional transfers, one
// fixed sink, nothing allocated per transfer but what the system call needs. Types only.
import type { Failure, Result } from '../base/errors.ts'

/** Sanitised components below the root; an implementation refuses empty ones, `.`, `..`, separators and NUL. */
export type RelativePath = readonly string[]

export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly lengthBytes: number
  /** Bytes the disk holds for it; less than the length when it is sparse. */
  readonly allocatedBytes: number
  /** Wall clock, for noticing changes from outside only. */
  readonly modifiedMs: number
}

export interface TransferSink {
  /** `transferredBytes` < asked only at the end of the file; the buffer is the caller's again. */
  onRead(ticket: number, transferredBytes: number): void
  /** All bytes are with the operating system, not yet on the disk: that is `sync`. */
  onWritten(ticket: number): void
  /** file-unreadable, file-unwritable or disk-full. A failed write leaves its range unspecified. */
  onTransferFailed(ticket: number, failure: Failure): void
}

export interface OpenFile {
  /**
   * Fills `target` from `position`. `target` belongs to the file until its ticket comes back; it may view shared
   * memory. Any number of transfers may be under way; order among them is not kept. Never answers from inside.
   */
  read(ticket: number, position: number, target: Uint8Array): void
  /** Writes all of `parts`, end to end, at `position`; short writes are carried on inside. Ownership as for read. */
  write(ticket: number, position: number, parts: readonly Uint8Array[]): void
  /**
   * Returns once everything written before, by whomever, is on the disk; of a file open for reading, where the system
   * can do that. After a failure nothing unsynced may be trusted.
   */
  sync(): Promise<Result<void>>
  /** Sets the length; a longer file is sparse and reads zeros where nothing was written. */
  setLength(lengthBytes: number): Promise<Result<void>>
  status(): Promise<Result<FileStatus>>
  /** Waits for transfers under way; their tickets still come back. Closing twice is a bug of the caller. */
  close(): Promise<Result<void>>
}

export interface VolumeSpace {
  /** The same for all folders on one disk or part of it. */
  readonly volume: string
  readonly freeBytes: number
}

/** When a new name is on the disk: when the call returns, or, for a file that stays in its folder, with the folder's next sync. */
export type NameDurability = 'at-once' | 'soon'

export type OpenMode = 'read' | 'read-write' | 'create'

/**
 * One folder and what is below it. Errors of all: file-not-found, file-unreadable, file-unwritable, disk-full,
 * file-not-plain (a link or device in the way, in any component).
 */
export interface FileRoot {
  /** 'create' makes missing folders and an absent file, and keeps the content of a present one. */
  open(path: RelativePath, mode: OpenMode, sink: TransferSink): Promise<Result<OpenFile>>
  /** Undefined when nothing is there. Never follows a link. */
  status(path: RelativePath): Promise<Result<FileStatus | undefined>>
  /** Names directly in a folder, in no order, at most `maxCount`; one more than that is a failure. */
  list(path: RelativePath, maxCount: number): Promise<Result<readonly string[]>>
  /** Fails with file-exists rather than replace. Both ends stay below the root. */
  rename(from: RelativePath, to: RelativePath, durability: NameDurability): Promise<Result<void>>
  /** Content replaced in one step: whoever reads sees the old or the new, on the disk when this returns. */
  replace(path: RelativePath, content: Uint8Array): Promise<Result<void>>
  /** Removes a file, a link itself, or an empty folder; true if something was there. */
  remove(path: RelativePath): Promise<Result<boolean>>
  space(): Promise<Result<VolumeSpace>>
}

export interface Files {
  /** The folder at an absolute path, made when missing; links in that path are the owner's choice and followed. */
  openRoot(path: string): Promise<Result<FileRoot>>
}
