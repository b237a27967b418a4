// Many torrents in one session, of which few may download at once: they take turns in the order of the queue, also after
// it was changed and the program started anew, and each goes to its own folder when it is whole.
import type { Scenario } from '../scenario.ts'
import { torrentIdOf } from '../world/torrent-id.ts'

const torrentCount = 6
const maxActiveDownloads = 2
const restartMs = 5_000
/** About as long as it takes. */
const placingMs = 120
const incompleteFolder = '/incomplete'

export const queueOfTorrents: Scenario = {
  name: 'queue-of-torrents',
  about: 'six torrents in one session, two of which may download at once; they take turns as they stand in the queue',
  peers: 1,
  contentBytes: 150_000,
  pieceLengthBytes: 16_384,
  limitMs: 300_000,
  async arrange(stage) {
    const { world, contentBytes } = stage
    const contents = [stage.content]
    while (contents.length < torrentCount) {
      const seed = contents.length + 1
      contents.push(stage.another({ lengths: [contentBytes], name: `torrent ${seed}`, seed }))
    }
    const shop = await stage.seed({ uploadBytesPerSecond: 60_000 })
    for (const content of contents.slice(1)) {
      shop.machine.put(content)
      await shop.machine.add(content.metainfo)
    }
    const queue = { maxActiveDownloads, maxActiveSeeds: 1 }
    const customer = await stage.leecher({ config: { queue, incompleteFolder } })
    const { machine } = customer
    for (const content of contents.slice(1)) await machine.add(content.metainfo)
    const ids = contents.map(torrentIdOf)
    const finished = new Set<number>()
    world.watchers.push({
      onChange: (who, change) => {
        if (who === machine && change.type === 'finished') finished.add(ids.indexOf(change.id))
      },
    })
    const isLookedAt = () => ids.every((id) => machine.stateOf(id) !== 'checking')
    await world.until('all are looked at', isLookedAt)
    // The last shall be first.
    await machine.run({ type: 'set-queue-position', id: ids.at(-1) ?? customer.id, position: 0 })
    let waited = 0
    let isAllHere = false
    stage.every(500, () => {
      if (!machine.isUp) return
      // What is whole downloads nothing, though it may not lie where it belongs yet.
      const states = ids
        .map((id) => machine.torrent(id))
        .map(({ state, isFinished }) => {
          return state.type === 'downloading' && isFinished ? 'whole' : state.type
        })
      const count = (state: string) => states.filter((one) => one === state).length
      waited = Math.max(waited, count('queued'))
      const isLeft = machine.disk.paths().some((path) => path.startsWith(`${incompleteFolder}/`))
      isAllHere = !isLeft && contents.every((content) => machine.has(content))
      stage.expect(count('downloading') <= maxActiveDownloads, `${count('downloading')} download at once`, machine)
      stage.expect(count('seeding') <= queue.maxActiveSeeds, `${count('seeding')} seed at once`, machine)
    })
    stage.after(restartMs, async () => {
      await world.until('one is whole and in its place', () => finished.size > 0)
      // It may die as well, and then it was not noted where that one is; or while it brings one to its place.
      const isPlacing = () => ids.some((id, index) => machine.torrent(id).isFinished && !finished.has(index))
      const fate = stage.random.below(3)
      if (fate === 2) {
        await world.until('one is being brought to its place', isPlacing)
        await world.clock.run(stage.random.below(placingMs))
      }
      if (fate === 0) await stage.pause(customer)
      else stage.kill(customer)
      await stage.comeBack(customer)
    })
    return {
      isOver: () => machine.life > 1 && customer.isHere && isAllHere,
      judge: () => {
        stage.expect(waited >= torrentCount - maxActiveDownloads - 1, 'hardly any had to wait', machine)
        const places = [...finished].map((index) => (index + 1) % torrentCount)
        const isInOrder = places.every((place, index) => Math.abs(place - index) <= maxActiveDownloads)
        stage.expect(isInOrder, `finished as ${[...finished].join(', ')}`, machine)
      },
    }
  },
}
