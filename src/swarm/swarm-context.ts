// What all parts of one swarm share: the torrent, its storage, the picker, the peers and the moment. The swarm makes
// it and is the only one to add and remove peers; parts change the fields of peers that are theirs.
import type { Bitfield } from '../base/bitfield.ts'
import type { ErrorCode } from '../base/errors.ts'
import { failure } from '../base/errors.ts'
import type { Random } from '../ports/random.ts'
import type { BlockGrid } from './block-grid.ts'
import type { PiecePicker } from './piece-picker.ts'
import type { PieceStorage } from './piece-storage.ts'
import type { SwarmBehaviour } from './swarm-behaviour.ts'
import type { SwarmOutputs } from './swarm-output.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/** Owns `have`; the swarm only reads it. */
export type SwarmStorage = PieceStorage & { readonly have: Bitfield }

export interface SwarmContext {
  readonly grid: BlockGrid
  readonly storage: SwarmStorage
  readonly picker: PiecePicker
  readonly random: Random
  readonly behaviour: SwarmBehaviour
  readonly outputs: SwarmOutputs
  /** In the order they connected. */
  readonly peers: SwarmPeer[]
  nowMs: number
}

/** Asks for the end of a connection, once; nothing more is told by it. */
export function disconnect(
  context: SwarmContext,
  peer: SwarmPeer,
  code: ErrorCode,
  detail: string,
  ban: 'none' | 'address' = 'none',
): void {
  if (peer.isGone) return
  peer.isGone = true
  peer.connection.stop()
  context.outputs.push({ type: 'disconnect', peer, failure: failure(code, detail), ban })
}
