// Starts plain-peers-child.ts: many light peers in one process, as seeds for a transfer or as connections to be held.
// Guarantees: each address of theirs is one of loopback; the process is ended by its id.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unwrap } from '../../src/base/errors.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import { type JsonProcess, startJsonProcess } from '../../test/foreign/json-process.ts'
import { loopbackAddress } from '../../test/foreign/raw-peer.ts'
import { pidOf, type SeedSide } from './sides.ts'

export type PlainPeersOptions = { readonly infoHash: string; readonly addresses: readonly string[] } & (
  | { readonly role: 'seeds'; readonly path: string; readonly pieceLengthBytes: number }
  | { readonly role: 'leeches'; readonly port: number; readonly count: number }
)

interface PlainPeersLine {
  readonly type: 'listening' | 'connected' | 'count'
  readonly ports?: readonly number[]
  /** Connections that stand, or seeds that somebody came to. */
  readonly count?: number
}

const childPath = fileURLToPath(new URL('./plain-peers-child.ts', import.meta.url))
/** Others have the addresses before. */
const firstAddress = 1_000

export function startPlainPeers(options: PlainPeersOptions): JsonProcess<PlainPeersLine> {
  const name = `plain ${options.role}`
  return startJsonProcess(process.execPath, [childPath, JSON.stringify(options)], { name })
}

/** Connections of leechers that stand, or seeds that somebody came to. */
export async function countOf(peers: JsonProcess<PlainPeersLine>): Promise<number> {
  peers.process.stdin?.write('\n')
  const { count = 0 } = await peers.line('count')
  return count
}

export function plainAddresses(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => loopbackAddress(firstAddress + index))
}

export interface TorrentFacts {
  /** 20 bytes in hexadecimal. */
  readonly infoHash: string
  readonly name: string
  readonly pieceCount: number
  readonly pieceLengthBytes: number
}

/** Of a torrent of version 1. */
export function readTorrentFacts(torrent: string): TorrentFacts {
  const { info } = unwrap(parseMetainfo(readFileSync(torrent)))
  if (info.infoHashV1 === undefined) throw new Error('a torrent of version 1')
  const { name, pieceCount, pieceLengthBytes } = info
  return { infoHash: info.infoHashV1, name, pieceCount, pieceLengthBytes }
}

/** `count` seeds of a torrent of one file. */
export function plainSeeds(count: number): SeedSide {
  const addresses = plainAddresses(count)
  return {
    name: `${count} plain seeds`,
    origin: 'this checkout',
    version: () => '1',
    async seed({ torrent, folder }) {
      const { infoHash, name, pieceLengthBytes } = readTorrentFacts(torrent)
      const path = join(folder, name)
      const started = startPlainPeers({ role: 'seeds', infoHash, addresses, path, pieceLengthBytes })
      const { ports = [] } = await started.line('listening')
      const places = ports.map((port, index) => ({ address: addresses[index] as string, port }))
      return {
        pid: pidOf(started.process),
        places,
        async check() {
          const visited = await countOf(started)
          if (visited !== count) throw new Error(`only ${visited} of ${count} seeds were connected to`)
        },
        stop: () => started.end(),
      }
    },
  }
}
