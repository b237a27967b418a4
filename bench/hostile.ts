// A download from 5 honest seeds while 50 hostile peers attack, against the same download without them: speed, memory
// and the event loop. Everything runs on the same processors, so the attackers' own work counts against us, too.
// Counted from naming the honest seeds to the last verified byte, once the attack is on.
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type SessionProcess, startSession } from '../test/end-to-end/session-process.ts'
import { startJsonProcess } from '../test/foreign/json-process.ts'
import { inPlace, makeLargeContent, type Place } from './frame/place.ts'
import { plainSeeds, readTorrentFacts, type TorrentFacts } from './frame/plain-peers.ts'
import { type Cost, watch } from './frame/process-cost.ts'
import { limitRow, pairRow, playRounds } from './frame/rounds.ts'
import { pidOf, type RunningSeed, transferLimitMs } from './frame/sides.ts'
import type { Benchmark } from './measure.ts'

export interface AttackersOptions {
  readonly content: Pick<TorrentFacts, 'infoHash' | 'pieceCount'>
  readonly port: number
  readonly count: number
}

interface Sample extends Cost {
  readonly seconds: number
  /** 99 of 100 turns of the event loop are shorter. */
  readonly slowestMs: number
}

const honestCount = 5
const hostileCount = 50
const leastShareOfSpeed = 0.5
const mostMoreMiB = 100_000_000 / 1_048_576
const mostTurnMs = 100
const attackersPath = fileURLToPath(new URL('./frame/attackers-child.ts', import.meta.url))

async function startAttack(leech: SessionProcess, { infoHash, pieceCount }: TorrentFacts) {
  const options: AttackersOptions = { content: { infoHash, pieceCount }, port: leech.port, count: hostileCount }
  const started = startJsonProcess(process.execPath, [attackersPath, JSON.stringify(options)], { name: 'attackers' })
  await started.line('attacking')
  return started
}

async function download(place: Place, torrent: string, honest: RunningSeed, isAttacked: boolean): Promise<Sample> {
  const [folder, stateFolder] = [place.fresh('leech'), place.fresh('home')]
  mkdirSync(folder)
  const ends: (() => unknown)[] = []
  try {
    const leech = await startSession(
      { after: (end) => void ends.push(end as () => unknown) },
      { stateFolder, folder, source: torrent },
    )
    await leech.state('downloading')
    const cost = watch(pidOf(leech.process))
    if (isAttacked) {
      const attackers = await startAttack(leech, readTorrentFacts(torrent))
      ends.push(() => attackers.end('SIGKILL'))
    }
    const startedMs = performance.now()
    const peers = honest.places.map(({ address, port }) => `${address}:${port}`)
    await leech.command({ type: 'add-peers', peers })
    await leech.line('finished', transferLimitMs)
    const seconds = (performance.now() - startedMs) / 1_000
    const { slowestMs } = await leech.snapshot()
    return { seconds, slowestMs, ...cost() }
  } finally {
    for (const end of ends.reverse()) await end()
    for (const used of [folder, stateFolder]) rmSync(used, { recursive: true, force: true })
  }
}

export const benchmark: Benchmark = {
  name: 'hostile',
  summary: `a download from ${honestCount} honest seeds with ${hostileCount} hostile peers, against one without`,
  run: ({ sizeMiB, pieceLength = '1MiB', pairs }) =>
    inPlace(2 * sizeMiB, async (place) => {
      const { torrent, seedFolder } = makeLargeContent(place, sizeMiB, pieceLength)
      const task = { torrent, folder: seedFolder, home: place.fresh('home'), environment: place.environment }
      const honest = await plainSeeds(honestCount).seed(task)
      try {
        const plays = [true, false].map((isAttacked) => ({
          name: isAttacked ? 'attacked' : 'in peace',
          run: () => download(place, torrent, honest, isAttacked),
        }))
        await download(place, torrent, honest, false)
        const [attacked = [], inPeace = []] = await playRounds(plays, pairs)
        const rate = { name: `${sizeMiB} MiB in pieces of ${pieceLength}`, unit: 'MiB/s', bar: leastShareOfSpeed }
        const more = attacked.map(({ peakMiB }, round) => Math.max(0.1, peakMiB - (inPeace[round]?.peakMiB ?? 0)))
        return [
          pairRow({ ...rate, figure: ({ seconds }) => sizeMiB / seconds }, 'ours, in peace', attacked, inPeace),
          limitRow(
            { name: '  more memory than in peace', unit: 'MiB', figure: (mib: number) => mib },
            mostMoreMiB,
            more,
          ),
          limitRow(
            { name: '  event loop, p99', unit: 'ms', figure: ({ slowestMs }: Sample) => slowestMs },
            mostTurnMs,
            attacked,
          ),
        ]
      } finally {
        await honest.stop()
      }
    }),
}
