// What the scenarios of a large DHT have in common: nodes that are nothing else, what is announced to them, and whether
// others find it. Each search is of an info hash of its own, by a node drawn among those that are up.
import type { SessionConfig } from '../../src/session/session-config.ts'
import type { Stage } from '../stage.ts'
import { type CrowdNode, DhtCrowd } from '../world/dht-crowd.ts'

/** Something that was announced, and what became of the one lookup for it. */
export interface Search {
  readonly infoHash: Uint8Array
  readonly announcer: CrowdNode
  isOver: boolean
  /** Undefined: it was not found. */
  hops: number | undefined
}

const hashLength = 20
const announcedPort = 7_777
const leastNodes = 16
const settleMs = 30_000
const announceMs = 10_000
const announceWithinMs = 60_000
/** Nodes that stay, which sessions begin with. */
const lastingNodes = 3

/** Nodes of a DHT, at least: fewer are no network. */
export function nodesOf(stage: Stage): number {
  return Math.max(leastNodes, stage.peers)
}

/** A DHT that has stood for a while, and what the sessions of a run are told of it. */
export async function dhtOf(stage: Stage, count: number) {
  const crowd = new DhtCrowd(stage.world)
  await crowd.grow(count)
  await stage.world.clock.run(settleMs)
  const lasting = crowd.nodes.slice(0, lastingNodes)
  const bootstrap = lasting.map(({ endpoint: { address, port } }) => ({ host: address, port }))
  const config: Partial<SessionConfig> = { dht: { bootstrap, mayBootstrapLocally: false } }
  return { crowd, config, lasting }
}

/** Announces so many info hashes, each by some node. */
export async function announceMany(stage: Stage, crowd: DhtCrowd, count: number): Promise<Search[]> {
  const searches: Search[] = []
  let told = 0
  for (let index = 0; index < count; index++) {
    const announcer = crowd.anyUp()
    if (announcer === undefined) break
    const infoHash = new Uint8Array(hashLength)
    stage.random.fill(infoHash)
    searches.push({ infoHash, announcer, isOver: false, hops: undefined })
    const task = { type: 'announce', infoHash, port: announcedPort, isSeed: false } as const
    stage.world.clock.after(stage.random.below(announceMs), () => crowd.lookUp(announcer, task, () => told++))
  }
  const untilMs = stage.nowMs + announceWithinMs
  const areTold = await stage.world.clock.runUntil(() => told === searches.length, untilMs)
  stage.expect(areTold, `only ${told} of ${searches.length} announces ended`)
  return searches
}

/** Each is looked for once, at some moment of `withinMs`. */
export function askForAll(stage: Stage, crowd: DhtCrowd, searches: readonly Search[], withinMs: number): void {
  for (const search of searches) stage.after(stage.random.below(withinMs), () => ask(crowd, search))
}

/** Who leaves before it has an answer is followed by another. */
function ask(crowd: DhtCrowd, search: Search): void {
  const { infoHash, announcer } = search
  const seeker = crowd.anyUp()
  if (seeker === undefined) return
  const task = { type: 'get-peers', infoHash, noSeeds: false, isScrape: false } as const
  crowd.lookUp(seeker, task, (found) => {
    if (found === undefined) return ask(crowd, search)
    const { address } = announcer.endpoint
    const isFound = found.peers.some((peer) => peer.address === address && peer.port === announcedPort)
    search.hops = isFound ? found.outcome.foundAfterHops : undefined
    search.isOver = true
  })
}
