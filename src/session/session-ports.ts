// Everything a session needs of the outside world, in one value. Types only: the daemon fills it with Node's ports,
// tests and the simulator with theirs, and the same driver runs on both.
import type { Clock } from '../ports/clock.ts'
import type { Datagrams } from '../ports/datagrams.ts'
import type { Files } from '../ports/files.ts'
import type { Hasher, HasherSink } from '../ports/hasher.ts'
import type { Http } from '../ports/http.ts'
import type { Interfaces } from '../ports/interfaces.ts'
import type { ItemSignatures } from '../ports/item-signatures.ts'
import type { PieceMemory } from '../ports/piece-memory.ts'
import type { Random } from '../ports/random.ts'
import type { Resolver } from '../ports/resolver.ts'
import type { Streams } from '../ports/streams.ts'
import type { SpeedPorts } from './speed-ports.ts'

export interface SessionPorts {
  readonly clock: Clock
  readonly random: Random
  readonly streams: Streams
  readonly datagrams: Datagrams
  readonly resolver: Resolver
  readonly interfaces: Interfaces
  readonly http: Http
  readonly files: Files
  /** Of items that others store here (BEP 44). */
  readonly itemSignatures: ItemSignatures
  /** Its budget is the session's: all pieces in memory of all torrents. */
  readonly memory: PieceMemory
  /** Hashes slots of `memory`. Called once; the session closes what it returns. */
  readonly openHasher: (sink: HasherSink) => Hasher
  /** Absent: nothing is paid or earned. */
  readonly speed?: SpeedPorts
}
