// Who sent the bad block of a damaged piece. Version 1 knows only whole pieces, so the hashes of a damaged piece's
// blocks are kept, with their senders, until the good piece is there to compare with; version 2 can ask for them.
// Guarantees: named is exactly who sent a block that differs from the good one (or alone sent a damaged piece), never
// another; memory is bounded. The instance owns its records; peers are the swarm's numbers.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { sha256Length } from '../base/hash.ts'
import { nobody } from './partial-pieces.ts'

interface DamagedPiece {
  readonly piece: number
  /** SHA-256 of each block as it came. */
  readonly leaves: Uint8Array
  /** Who sent each block; nobody: it came from disk. */
  readonly senders: Int32Array
}

const usualMaxRecordBytes = 4_194_304

export class Blame {
  private readonly maxRecordBytes: number
  /** Oldest first. */
  private records: DamagedPiece[] = []
  private recordBytes = 0
  /** Of how many records each peer is a sender. */
  private readonly suspicions = new Map<number, number>()

  constructor(maxRecordBytes = usualMaxRecordBytes) {
    this.maxRecordBytes = maxRecordBytes
  }

  /**
   * A piece was damaged. `leaves`: 32 bytes a block, copied; `senders`: one a block, kept. Who is guilty for certain: the
   * peer that sent all of it. Else all senders are suspects until the piece is good.
   */
  damaged(piece: number, leaves: Uint8Array, senders: Int32Array): number[] {
    assert(leaves.length === senders.length * sha256Length, 'a hash and a sender for each block')
    const first = senders[0] ?? nobody
    if (first !== nobody && senders.every((sender) => sender === first)) return [first]
    const record = { piece, leaves: leaves.slice(), senders }
    this.records.push(record)
    this.count(record, 1)
    while (this.recordBytes > this.maxRecordBytes) this.forget(this.records[0])
    return []
  }

  /** The hashes of the good blocks of a piece are known: it was verified, or (version 2) a peer proved them. */
  resolve(piece: number, goodLeaves: Uint8Array): number[] {
    const guilty = new Set<number>()
    for (const record of this.records.filter((other) => other.piece === piece)) {
      addSendersOfBad(record, goodLeaves, guilty)
      this.forget(record)
    }
    return [...guilty]
  }

  /** Whether a damaged piece still waits to be resolved. */
  isOpen(piece: number): boolean {
    return this.records.some((record) => record.piece === piece)
  }

  /** It sent blocks of a damaged piece that are not cleared up: it gets pieces alone, so that the next one tells. */
  isSuspect(peer: number): boolean {
    return this.suspicions.has(peer)
  }

  private forget(record: DamagedPiece | undefined): void {
    if (record === undefined) return
    this.records = this.records.filter((other) => other !== record)
    this.count(record, -1)
  }

  private count(record: DamagedPiece, delta: 1 | -1): void {
    this.recordBytes += delta * record.leaves.length
    for (const sender of new Set(record.senders)) {
      const count = (this.suspicions.get(sender) ?? 0) + delta
      if (count === 0) this.suspicions.delete(sender)
      else this.suspicions.set(sender, count)
    }
  }
}

function addSendersOfBad(record: DamagedPiece, goodLeaves: Uint8Array, guilty: Set<number>): void {
  const { leaves, senders } = record
  assert(goodLeaves.length === leaves.length, 'as many blocks as before')
  for (const [block, sender] of senders.entries()) {
    const start = block * sha256Length
    const end = start + sha256Length
    if (sender === nobody || equalBytes(leaves.subarray(start, end), goodLeaves.subarray(start, end))) continue
    guilty.add(sender)
  }
}
