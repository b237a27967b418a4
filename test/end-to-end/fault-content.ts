// Content for tests of faults: random files, their .torrent, and what stands on disk compared with what should.
// Guarantees: compared byte by byte, with nothing of the product but its decoder of resume records. Keeps no state.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Content, type ContentShape, makeContent } from '../../sim/world/content.ts'
import { Bitfield } from '../../src/base/bitfield.ts'
import { concatBytes, equalBytes } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { decodeResumeRecord } from '../../src/storage/resume-record.ts'

const blockLengthBytes = 16_384

export interface FaultContent extends Content {
  readonly torrentPath: string
  readonly pieceLengthBytes: number
  readonly pieceCount: number
  /** 20 bytes in hexadecimal, as in a handshake. */
  readonly infoHash: string
  /** All files one after the other: for version 1, the piece space. */
  readonly bytes: Uint8Array
}

/** Version 1 unless the shape says otherwise. */
export function makeFaultContent(
  folder: string,
  shape: ContentShape & { readonly pieceLengthBytes: number },
): FaultContent {
  const content = makeContent(shape)
  mkdirSync(folder, { recursive: true })
  const torrentPath = join(folder, `${shape.name ?? 'torrent'}.torrent`)
  writeFileSync(torrentPath, content.metainfo)
  const { info } = content
  return {
    ...content,
    torrentPath,
    pieceLengthBytes: shape.pieceLengthBytes,
    pieceCount: info.pieceCount,
    infoHash: info.infoHashV1 ?? (info.infoHashV2 as string).slice(0, 40),
    bytes: concatBytes(content.files.map(({ bytes }) => bytes)),
  }
}

export function putContent(content: Content, folder: string): void {
  for (const { path, bytes } of content.files) {
    const place = join(folder, ...path)
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, bytes)
  }
}

export function assertContent(content: Content, folder: string): void {
  for (const { path, bytes } of content.files) {
    assert.ok(equalBytes(readFileSync(join(folder, ...path)), bytes), `${path.join('/')} is as it should be`)
  }
}

/** What is on disk, whatever its state, zeros where there is nothing. */
function bytesOnDisk(content: FaultContent, folder: string): Uint8Array {
  return concatBytes(
    content.files.map(({ path, bytes }) => {
      const place = join(folder, ...path)
      const found = [place, `${place}.part`].find((candidate) => existsSync(candidate))
      const onDisk = new Uint8Array(bytes.length)
      if (found !== undefined) onDisk.set(readFileSync(found).subarray(0, bytes.length))
      return onDisk
    }),
  )
}

export interface ClaimedPieces {
  /** As the resume record says. */
  readonly have: Bitfield
  /** Claimed and not on disk. */
  readonly falsePieces: readonly number[]
  /** Blocks of pieces under way that are claimed, and not on disk. */
  readonly falseBlocks: number
}

/** What a resume record claims, held against the disk; undefined while there is none. */
export function claimedPieces(content: FaultContent, stateFolder: string, folder: string): ClaimedPieces | undefined {
  const name = existsSync(stateFolder) ? readdirSync(stateFolder).find((entry) => entry.endsWith('.resume')) : undefined
  if (name === undefined) return undefined
  const record = unwrap(decodeResumeRecord(readFileSync(join(stateFolder, name))))
  const { bytes, pieceLengthBytes, pieceCount } = content
  const have = new Bitfield(pieceCount)
  if (record.storage !== undefined) have.or(unwrap(Bitfield.fromBytes(record.storage.have, pieceCount)))
  const onDisk = bytesOnDisk(content, folder)
  const isOnDisk = (start: number, end: number) => equalBytes(onDisk.subarray(start, end), bytes.subarray(start, end))
  const falsePieces: number[] = []
  for (let piece = have.nextSet(0); piece !== -1; piece = have.nextSet(piece + 1)) {
    if (!isOnDisk(piece * pieceLengthBytes, (piece + 1) * pieceLengthBytes)) falsePieces.push(piece)
  }
  let falseBlocks = 0
  for (const { piece, blocks } of record.storage?.partials ?? []) {
    for (let block = 0; block < blocks.length * 8; block++) {
      if (((blocks[block >> 3] as number) & (0x80 >> (block & 7))) === 0) continue
      const start = piece * pieceLengthBytes + block * blockLengthBytes
      const end = Math.min(start + blockLengthBytes, (piece + 1) * pieceLengthBytes)
      if (!isOnDisk(start, end)) falseBlocks++
    }
  }
  return { have, falsePieces, falseBlocks }
}
