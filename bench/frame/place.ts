// Where a benchmark's data lies: a folder in a memory file system where there is room, gone when it has ended.
// Guarantees: the same folder for both sides; compiled code is kept there, as the bootstrap does for all runs but the
// first. The content is random bytes, different every time.
import { spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mainPath } from '../../test/end-to-end/run-swarmbid.ts'
import type { Environment } from '../measure.ts'

export const mebibyte = 1_048_576
const memoryFolder = '/dev/shm'
/** Beyond what a benchmark says it needs. */
const spareBytes = 256 * mebibyte
/** Nobody is there; but rtorrent 0.9.8 takes no torrent without a tracker, and does not say so. */
const deadTracker = 'http://127.0.0.1:9/announce'
let usedFolder = ''

export interface Place {
  readonly folder: string
  readonly environment: Environment
  /** A path of its own, with nothing there. */
  fresh(name: string): string
}

function hasRoom(folder: string, neededBytes: number): boolean {
  if (!existsSync(folder)) return false
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize > neededBytes + spareBytes
}

/** Where data lay so far, in words; undefined: there was none. */
export function placeInWords(): string | undefined {
  if (usedFolder === '') return undefined
  return usedFolder === memoryFolder ? `a memory file system (${memoryFolder})` : 'a disk, for want of memory'
}

/** Works in a place with room for `neededMiB`, which is gone afterwards. */
export async function inPlace<T>(neededMiB: number, work: (place: Place) => Promise<T>): Promise<T> {
  usedFolder = hasRoom(memoryFolder, neededMiB * mebibyte) ? memoryFolder : tmpdir()
  if (!hasRoom(usedFolder, neededMiB * mebibyte)) throw new Error(`no room for ${neededMiB} MiB in ${usedFolder}`)
  const folder = mkdtempSync(join(usedFolder, 'swarmbid-bench-'))
  let freshCount = 0
  try {
    return await work({
      folder,
      environment: { NODE_COMPILE_CACHE: join(folder, 'compiled') },
      fresh: (name) => join(folder, `${name}-${++freshCount}`),
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A file of random bytes. */
export function makeFile(path: string, lengthBytes: number): void {
  const descriptor = openSync(path, 'w')
  const chunk = new Uint8Array(mebibyte)
  for (let left = lengthBytes; left > 0; left -= chunk.length) {
    writeSync(descriptor, randomFillSync(chunk), 0, Math.min(left, chunk.length))
  }
  closeSync(descriptor)
}

/** Content for a transfer, and its torrent. */
export interface Content {
  /** The folder that the content lies in. */
  readonly seedFolder: string
  readonly torrent: string
  readonly sizeMiB: number
}

function makeTorrent(place: Place, content: string, pieceLength: string): string {
  const torrent = join(place.folder, 'content.torrent')
  const options = ['--format', 'v1', '-l', pieceLength, '-t', deadTracker, '-q', '-o', torrent]
  const made = spawnSync(process.execPath, [mainPath, 'create', content, ...options], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  return torrent
}

/** One file. */
export function makeLargeContent(place: Place, sizeMiB: number, pieceLength: string): Content {
  const seedFolder = join(place.folder, 'seed')
  mkdirSync(seedFolder)
  const path = join(seedFolder, 'content.bin')
  makeFile(path, sizeMiB * mebibyte)
  return { seedFolder, torrent: makeTorrent(place, path, pieceLength), sizeMiB }
}

/** `count` files, 100 to a folder. */
export function makeSmallFiles(place: Place, count: number, lengthBytes: number, pieceLength: string): Content {
  const seedFolder = join(place.folder, 'seed')
  const content = join(seedFolder, 'content')
  for (let index = 0; index < count; index++) {
    const folder = join(content, `folder ${Math.floor(index / 100)}`)
    mkdirSync(folder, { recursive: true })
    makeFile(join(folder, `file ${index}.bin`), lengthBytes)
  }
  return { seedFolder, torrent: makeTorrent(place, content, pieceLength), sizeMiB: (count * lengthBytes) / mebibyte }
}
