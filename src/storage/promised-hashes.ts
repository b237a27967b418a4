// What the bytes of each piece must hash to: SHA-1 (BEP 3), a Merkle root (BEP 52), or both in a hybrid torrent.
// Guarantees: a piece is good only if there is a hash to prove it and every hash the torrent has for it agrees.
// Immutable but for piece layers that peers send later.
import { equalBytes, toHex } from '../base/bytes.ts'
import { sha1Length, sha256Length } from '../base/hash.ts'
import { roundedToPowerOfTwo } from '../formats/metainfo/merkle.ts'
import { blockLengthBytes, type Metainfo } from '../formats/metainfo/metainfo.ts'
import { fileAt, type PiecePlan, pieceEnd, pieceStart } from './piece-plan.ts'

/** `contradictory`: one half of a hybrid torrent accepts the bytes, the other does not. */
export type HashVerdict = 'good' | 'damaged' | 'contradictory'

export class PromisedHashes {
  private readonly plan: PiecePlan
  private readonly pieces: Uint8Array | undefined
  private readonly roots: readonly (Uint8Array | undefined)[]
  /** By file, as far as they are known. */
  private readonly layers: (Uint8Array | undefined)[]
  private readonly isVersion2Only: boolean

  constructor(metainfo: Metainfo, plan: PiecePlan) {
    const { files, pieces, version } = metainfo.info
    this.plan = plan
    this.pieces = pieces
    this.isVersion2Only = version === 'v2'
    this.roots = files.map((file) => file.piecesRoot)
    this.layers = []
    this.setPieceLayers(metainfo.pieceLayers)
  }

  /** Layers by pieces root in hexadecimal, checked against it before. */
  setPieceLayers(pieceLayers: ReadonlyMap<string, Uint8Array>): void {
    for (const [file, root] of this.roots.entries()) {
      const layer = root === undefined ? undefined : pieceLayers.get(toHex(root))
      if (layer !== undefined) this.layers[file] = layer
    }
  }

  /** Bytes of a piece that peers send: all of it, or in version 2 those of its file. */
  lengthBytes(piece: number): number {
    if (this.isVersion2Only) return this.fileBytes(piece)
    return pieceEnd(this.plan, piece) - pieceStart(this.plan, piece)
  }

  /** Bytes of the file in a piece of a torrent where each piece has one file: what its Merkle root covers. */
  fileBytes(piece: number): number {
    const { plan } = this
    const start = pieceStart(plan, piece)
    const file = fileAt(plan, start)
    if ((plan.starts[file] ?? Number.POSITIVE_INFINITY) > start) return 0
    return Math.min(pieceEnd(plan, piece), plan.ends[file] as number) - start
  }

  /** SHA-1, 20 bytes. */
  sha1(piece: number): Uint8Array | undefined {
    return this.pieces?.subarray(piece * sha1Length, (piece + 1) * sha1Length)
  }

  /** Merkle root, 32 bytes; undefined without one, or while it is not known. */
  root(piece: number): Uint8Array | undefined {
    const { plan } = this
    const start = pieceStart(plan, piece)
    const file = fileAt(plan, start)
    const fileStart = plan.starts[file] ?? Number.POSITIVE_INFINITY
    const root = this.roots[file]
    if (root === undefined || fileStart > start) return undefined
    if ((plan.ends[file] as number) - fileStart <= plan.pieceLengthBytes) return root
    const index = (start - fileStart) / plan.pieceLengthBytes
    return this.layers[file]?.subarray(index * sha256Length, (index + 1) * sha256Length)
  }

  /** Leaves of the tree under `root`: a whole piece's, or of a file that is no longer than one its own. */
  paddedLeafCount(piece: number): number {
    const { plan } = this
    const file = fileAt(plan, pieceStart(plan, piece))
    const fileBytes = (plan.ends[file] as number) - (plan.starts[file] as number)
    return roundedToPowerOfTwo(Math.ceil(Math.min(fileBytes, plan.pieceLengthBytes) / blockLengthBytes))
  }

  /** Whether anything tells if the piece is good. */
  canProve(piece: number): boolean {
    return this.pieces !== undefined || this.root(piece) !== undefined
  }

  /** Digests as computed; each must be there that the torrent has a hash for. */
  judge(piece: number, sha1: Uint8Array | undefined, root: Uint8Array | undefined): HashVerdict {
    const wantedSha1 = this.sha1(piece)
    const wantedRoot = this.root(piece)
    const isSha1Right = wantedSha1 !== undefined && sha1 !== undefined && equalBytes(sha1, wantedSha1)
    const isRootRight = wantedRoot !== undefined && root !== undefined && equalBytes(root, wantedRoot)
    const isWrong = (wantedSha1 !== undefined && !isSha1Right) || (wantedRoot !== undefined && !isRootRight)
    if (!isSha1Right && !isRootRight) return 'damaged'
    return isWrong ? 'contradictory' : 'good'
  }
}
