// Honest peers among hostile ones: who joins, what is watched meanwhile, and what must be true in the end.
// Guarantees: harm was really done; who proves to mean harm is parted with; honest peers stay together and finish.
import type { Play } from '../scenario.ts'
import type { Participant, Stage } from '../stage.ts'
import type { Machine } from '../world/machine.ts'
import type { Behaviour } from './behaviour.ts'
import { HostilePeer, patienceMs } from './hostile-peer.ts'

/** Long enough for each fault to be dealt with. */
const shortestMs = 45_000
/** Two that want something of each other are together again in that time, even if somebody passed for one of them. */
const apartMs = 45_000
/** What one connection may keep from a peer that does not read, and some for what was about to be sent. */
const mostQueuedBytes = 4_500_000
const watchMs = 2_000
const loneMs = 8_000
const memoryBytes = 4_194_304
const versions = ['v1', 'v2', 'hybrid'] as const

/** Every hostile peer comes to every honest one; the tracker names them all. */
export async function playAgainst(stage: Stage, kinds: readonly Behaviour[]): Promise<Play> {
  const needsMagnets = kinds.some((kind) => kind.needsMagnets === true)
  const needed = new Set(kinds.map(({ needsV2 }) => needsV2))
  const version = needed.has('v2') ? 'v2' : needed.has('hybrid') ? 'hybrid' : versions[stage.random.below(3)]
  stage.setContent(version === undefined ? {} : { version })
  const hostile = kinds.map((kind) => new HostilePeer(stage, kind))
  const meet = (machine: Machine) => {
    for (const one of hostile) one.visit(machine.address)
  }
  const joining = () => ({ latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: 100_000, memoryBytes })
  const linkCount = needsMagnets ? stage.peers - 1 : 0
  const byMagnet = await stage.leechers(linkCount, () => ({ ...joining(), isByMagnet: true }))
  for (const { machine } of byMagnet) meet(machine)
  // Those who know the link alone have nobody else to ask for a while.
  if (linkCount > 0) await stage.world.clock.run(loneMs)
  const seed = await stage.seed(joining())
  const leechers = await stage.leechers(stage.peers - linkCount, joining)
  for (const { machine } of [seed, ...leechers]) meet(machine)
  const honest = [seed, ...leechers, ...byMagnet]
  const startMs = stage.nowMs
  watchTogether(stage, honest)
  stage.every(watchMs, () => {
    for (const one of hostile) {
      if (one.behaviour.proof !== 'each') continue
      stage.expect(one.overdue() === 0, `${one.behaviour.name} was let stay for ${patienceMs / 1_000} s`)
    }
    for (const connection of stage.connections()) {
      const { queuedBytes, machine } = connection
      stage.expect(queuedBytes <= mostQueuedBytes, `${queuedBytes} bytes wait for one peer`, machine)
    }
  })
  return {
    isOver: () => stage.allFinished() && stage.nowMs - startMs >= shortestMs,
    judge: async () => {
      for (const { behaviour, hasAttacked, cutCount, attackCount } of hostile) {
        stage.expect(hasAttacked, `${behaviour.name} did no harm`)
        if (behaviour.proof === 'none') continue
        stage.expect(attackCount === 0 || cutCount > 0, `nobody parted with ${behaviour.name}`)
      }
      for (const { machine } of honest) {
        const { peakBytes } = machine.memory
        stage.expect(peakBytes <= memoryBytes, `${peakBytes} bytes of pieces in memory`, machine)
      }
      await stage.expectContent()
    },
  }
}

/** Honest peers that want something of each other are connected, but for moments. */
function watchTogether(stage: Stage, honest: readonly Participant[]): void {
  const apartSinceMs = new Map<string, number>()
  stage.every(watchMs, () => {
    const linked = new Set<string>()
    for (const { machine, id } of honest) {
      for (const { endpoint } of machine.torrent(id).peers) linked.add(`${machine.address} ${endpoint.address}`)
    }
    for (const [index, one] of honest.entries()) {
      for (const other of honest.slice(index + 1)) {
        const pair = `${one.machine.address} ${other.machine.address}`
        const isDone = one.finishedMs !== undefined && other.finishedMs !== undefined
        if (isDone || linked.has(pair)) {
          apartSinceMs.delete(pair)
          continue
        }
        const sinceMs = apartSinceMs.get(pair) ?? stage.nowMs
        apartSinceMs.set(pair, sinceMs)
        const seconds = (stage.nowMs - sinceMs) / 1_000
        stage.expect(
          stage.nowMs - sinceMs < apartMs,
          `is apart from ${other.machine.address} for ${seconds} s`,
          one.machine,
        )
      }
    }
  })
}
