// Whether there is room for what a torrent has yet to write, as the disk counts it: sparse files take only what was
// written, preallocated ones all of it at once. Guarantees: asks the files as they are now; changes nothing.
import { type Result, success } from '../base/errors.ts'
import type { VolumeSpace } from '../ports/files.ts'
import type { ContentFiles } from './content-files.ts'

export interface DiskSpace extends VolumeSpace {
  /** What the wanted files that are not whole still take. */
  readonly neededBytes: number
}

const statusBatch = 64

/** `isWhole`: whether a file has all its pieces. Errors: of the disk. */
export async function diskSpace(files: ContentFiles, isWhole: (file: number) => boolean): Promise<Result<DiskSpace>> {
  const unfinished: number[] = []
  for (let file = 0; file < files.fileCount; file++) {
    if (files.isWanted(file) && files.lengthOf(file) > 0 && !isWhole(file)) unfinished.push(file)
  }
  let neededBytes = 0
  for (let first = 0; first < unfinished.length; first += statusBatch) {
    const batch = unfinished.slice(first, first + statusBatch)
    for (const needed of await Promise.all(batch.map((file) => neededFor(files, file)))) {
      if (!needed.ok) return needed
      neededBytes += needed.value
    }
  }
  const space = await files.layout.place.root.space()
  return space.ok ? success({ neededBytes, ...space.value }) : space
}

async function neededFor(files: ContentFiles, file: number): Promise<Result<number>> {
  const lengthBytes = files.lengthOf(file)
  if (files.where(file) !== 'present') return success(lengthBytes)
  const status = await files.file(file).status()
  return status.ok ? success(Math.max(0, lengthBytes - (status.value?.allocatedBytes ?? 0))) : status
}
