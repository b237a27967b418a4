// Memory of 10,000 connections that are held: a seed, its peers past the handshake and without wishes, in another
// process. Ours against the bar and against libtorrent.
// Guarantees: as many connections stand at the end as were made, or it fails; memory is what the process took more than
// before the first of them, once it has not grown for a second. What the system keeps for sockets is not in it.
import { setTimeout as delay } from 'node:timers/promises'
import { inPlace, makeLargeContent } from './frame/place.ts'
import { countOf, plainAddresses, readTorrentFacts, startPlainPeers } from './frame/plain-peers.ts'
import { memoryOf } from './frame/process-cost.ts'
import { limitRow, pairRow, playRounds, present } from './frame/rounds.ts'
import { libtorrent, type SeedSide, type SideTask, swarmbid } from './frame/sides.ts'
import type { Benchmark } from './measure.ts'

const connectionCount = 10_000
/** Ports of one address do not suffice, and a seed may wonder about so many peers of one. */
const addressCount = 250
const mostKilobytes = 40
const contentMiB = 16
const settleMs = 1_000
const mostSettling = 20
const connectLimitMs = 120_000

/** In MiB, once it does not grow any more. */
async function settledMemory(pid: number): Promise<number> {
  let [before, now] = [0, memoryOf(pid)]
  for (let count = 0; count < mostSettling && now > before; count++) {
    await delay(settleMs)
    ;[before, now] = [now, memoryOf(pid)]
  }
  return now
}

async function kilobytesEach(side: SeedSide, task: SideTask): Promise<number> {
  const seed = await side.seed(task)
  try {
    const before = await settledMemory(seed.pid)
    const { infoHash } = readTorrentFacts(task.torrent)
    const port = seed.places[0]?.port ?? 0
    const addresses = plainAddresses(addressCount)
    const peers = startPlainPeers({ role: 'leeches', infoHash, addresses, port, count: connectionCount })
    try {
      await peers.line('connected', connectLimitMs)
      const after = await settledMemory(seed.pid)
      const count = await countOf(peers)
      if (count !== connectionCount) throw new Error(`${count} connections stand`)
      return ((after - before) * 1_048.576) / connectionCount
    } finally {
      await peers.end()
    }
  } finally {
    await seed.stop()
  }
}

export const benchmark: Benchmark = {
  name: 'connections',
  summary: `memory of ${connectionCount} connections to a seed`,
  run: ({ pairs }) =>
    inPlace(contentMiB, async (place) => {
      const { torrent, seedFolder } = makeLargeContent(place, contentMiB, '1MiB')
      const play = (side: SeedSide) => ({
        name: side.name,
        run: () =>
          kilobytesEach(side, {
            torrent,
            folder: seedFolder,
            home: place.fresh('home'),
            environment: place.environment,
            maxConnections: connectionCount,
          }),
      })
      const rivals = present([libtorrent], (side) => side)
      const [ours = [], ...others] = await playRounds([swarmbid, ...rivals.map(({ item }) => item)].map(play), pairs)
      const row = {
        name: `each of ${connectionCount}`,
        unit: 'kB',
        isCost: true,
        figure: (kilobytes: number) => kilobytes,
      }
      return [
        limitRow(row, mostKilobytes, ours),
        ...rivals.map(({ title }, index) => pairRow(row, title, ours, others[index] ?? [])),
      ]
    }),
}
