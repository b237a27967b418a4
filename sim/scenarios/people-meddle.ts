// People use their clients while they download: they stop, limit, move, rename, ban, remove and add again, at random.
// In the end they leave it alone, and it is as if they had never touched it.
import { unwrap } from '../../src/base/errors.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import type { Command, Outcome } from '../../src/session/commands.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant, Stage } from '../stage.ts'

const meanPauseMs = 1_500
const meddlesEach = 12
const quietMs = 2_000
const contentFolder = '/content'
const webAddress = '11.0.0.2'
const torrentUrl = `http://${webAddress}/content.torrent`
const seedName = 'seed.example'
const deadTrackers = ['http://11.0.0.9/announce', 'udp://11.0.0.9:6969/announce', 'http://nowhere.example/announce']

type Meddle = (stage: Stage, one: Participant) => Promise<void>

/** Undefined: not now, as people are told while there is no metadata, or the disk is looked at. */
async function run({ machine }: Participant, command: Command): Promise<Outcome | undefined> {
  const outcome = await machine.tell(command)
  return outcome.ok || outcome.code !== 'torrent-not-ready' ? unwrap(outcome) : undefined
}

const pause = (stage: Stage, meanMs: number) =>
  new Promise<void>((resolve) => stage.world.clock.after(stage.exponentialMs(meanMs), resolve))

async function insist(stage: Stage, one: Participant, command: Command): Promise<void> {
  while ((await run(one, command)) === undefined) await pause(stage, 200)
}

/** Until what was under way is on the disk: checks look for it where it usually is. */
async function stopQuietly(stage: Stage, one: Participant): Promise<void> {
  await run(one, { type: 'stop', id: one.id })
  await new Promise<void>((resolve) => stage.world.clock.after(quietMs, resolve))
}

async function addAgain(stage: Stage, one: Participant): Promise<void> {
  const { metainfo, magnet } = stage.content
  const sources = [
    { type: 'metainfo', bytes: metainfo },
    { type: 'magnet', link: magnet },
    { type: 'url', url: torrentUrl },
  ] as const
  const source = sources[stage.random.below(sources.length)] ?? sources[0]
  await run(one, { type: 'add', source, options: { trackers: [[stage.tracker().url]] } })
}

/** Each leaves everything as it found it, or as `leaveAlone` puts right. */
const meddles: readonly Meddle[] = [
  async (stage, one) => {
    await run(one, { type: 'stop', id: one.id })
    await pause(stage, 500)
    await run(one, { type: stage.random.below(2) === 0 ? 'start' : 'start-now', id: one.id })
  },
  async (_, one) => void (await run(one, { type: 'recheck', id: one.id })),
  async (_, one) => void (await run(one, { type: 'reannounce', id: one.id })),
  async (_, one) => void (await run(one, { type: 'download-again', id: one.id })),
  async (stage, one) => {
    const priorities = stage.content.files.map(() => stage.random.below(8))
    await run(one, { type: 'set-priorities', id: one.id, priorities })
  },
  async (stage, one) => {
    await run(one, { type: 'set-sequential', id: one.id, sequential: stage.random.below(2) === 0 })
    const piece = stage.random.below(stage.content.info.pieceCount)
    await run(one, { type: 'set-deadline', id: one.id, piece, inMs: stage.random.below(3) * 1_000 })
  },
  async (_, one) => {
    await run(one, {
      type: 'set-limits',
      id: one.id,
      limits: { downloadBytesPerSecond: 50_000, maxConnections: 2, maxSlots: 1 },
    })
    await run(one, { type: 'set-super-seeding', id: one.id, superSeeding: true })
  },
  async (stage, one) => {
    const trackers = [[stage.tracker().url], deadTrackers.slice(stage.random.below(deadTrackers.length))]
    await run(one, { type: 'set-trackers', id: one.id, trackers })
  },
  async (stage, one) => {
    const { id } = one
    await stopQuietly(stage, one)
    if ((await run(one, { type: 'move', id, folder: '/elsewhere' })) !== undefined) {
      await pause(stage, 300)
      await insist(stage, one, { type: 'move', id, folder: contentFolder })
    }
    await run(one, { type: 'start', id })
  },
  async (stage, one) => {
    const { id } = one
    const file = stage.random.below(stage.content.files.length)
    const path = stage.content.files[file]?.path ?? []
    await stopQuietly(stage, one)
    if ((await run(one, { type: 'rename-file', id, file, path: ['torrent', 'another name'] })) !== undefined) {
      await insist(stage, one, { type: 'rename-file', id, file, path })
    }
    await run(one, { type: 'start', id })
  },
  async (stage, one) => {
    const other = stage.participants[stage.random.below(stage.participants.length)]
    if (other === undefined || other === one) return
    await run(one, { type: 'ban', address: other.machine.address })
    await pause(stage, 2_000)
    await run(one, { type: 'unban', address: other.machine.address })
  },
  async (stage, one) => {
    const peers = [`${seedName}:6881`, 'nobody.example:1', one.machine.endpoint, `${stage.address()}:6881`]
    await run(one, { type: 'add-peers', id: one.id, peers })
  },
  async (stage, one) => {
    const exported = await run(one, { type: 'export', id: one.id })
    if (exported === undefined) return
    const parsed = exported.type === 'exported' ? unwrap(parseMetainfo(exported.bytes)) : undefined
    const isSame = parsed?.info.infoHashV1 === stage.content.info.infoHashV1
    stage.expect(isSame, 'exports another torrent', one.machine)
  },
  async (stage, one) => {
    await run(one, { type: 'remove', id: one.id, withData: stage.random.below(2) === 0 })
    await addAgain(stage, one)
  },
  addAgain,
  async (_, one) => {
    await run(one, { type: 'set-rates', rates: { uploadBytesPerSecond: 100_000 } })
    await run(one, { type: 'set-alternative-rates', rates: { downloadBytesPerSecond: 80_000 } })
    await run(one, { type: 'use-alternative-rates', enabled: true })
  },
  async (stage, one) => {
    await run(one, { type: 'set-connection-limits', limits: { maxConnections: 2, maxConnectionsPerTorrent: 2 } })
    await pause(stage, 2_000)
    await run(one, { type: 'set-connection-limits', limits: { maxConnections: 500, maxConnectionsPerTorrent: 100 } })
  },
  async (_, one) => {
    await run(one, { type: 'set-queue', limits: { maxActiveDownloads: 0, maxActiveSeeds: 0 } })
    await run(one, { type: 'set-queue-position', id: one.id, position: 0 })
    await run(one, { type: 'set-queue', limits: { maxActiveDownloads: 5, maxActiveSeeds: 20 } })
    await run(one, { type: 'set-default-seed-goals', seedGoals: { ratio: 100 } })
    await run(one, { type: 'set-seed-goals', id: one.id, seedGoals: { ratio: 200 } })
  },
  async (stage, { machine }) => {
    machine.setInterfaces([
      ['eth0', machine.address],
      ['wg0', stage.address()],
    ])
    await pause(stage, 2_000)
    machine.setInterfaces([['eth0', machine.address]])
  },
]

/** As somebody would who wants it to finish after all. */
async function leaveAlone(stage: Stage, one: Participant): Promise<void> {
  const { id } = one
  const none = Number.POSITIVE_INFINITY
  const noLimits = { downloadBytesPerSecond: none, uploadBytesPerSecond: none, maxConnections: none, maxSlots: none }
  const commands: readonly Command[] = [
    { type: 'use-alternative-rates', enabled: false },
    { type: 'set-limits', id, limits: noLimits },
    { type: 'set-super-seeding', id, superSeeding: false },
    { type: 'set-trackers', id, trackers: [[stage.tracker().url]] },
    { type: 'start', id },
    { type: 'set-priorities', id, priorities: stage.content.files.map(() => 4) },
  ]
  for (const command of commands) await insist(stage, one, command)
}

export const peopleMeddle: Scenario = {
  name: 'people-meddle',
  about: 'people stop, limit, move, ban, remove and add again, at random; all finish once they are left alone',
  peers: 5,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    const firstBytes = Math.floor(stage.contentBytes / 3)
    stage.setContent({ lengths: [firstBytes, 1, stage.contentBytes - firstBytes - 1] })
    stage.world.web.serve(webAddress, 80, () => ({ status: 200, headers: {}, body: stage.content.metainfo }))
    const seed = await stage.seed({ uploadBytesPerSecond: 100_000 })
    stage.world.web.name(seedName, [seed.machine.address])
    const leechers = await stage.leechers(stage.peers, () => ({ uploadBytesPerSecond: 100_000 }))
    let aloneCount = 0
    for (const [index, one] of leechers.entries()) {
      stage.after(stage.exponentialMs(meanPauseMs), async () => {
        for (let count = 0; count < meddlesEach; count++) {
          // Half of them by turns, so that each happens; half as it comes.
          const turn = (index * meddlesEach + count) / 2
          await meddles[Number.isInteger(turn) ? turn % meddles.length : stage.random.below(meddles.length)]?.(
            stage,
            one,
          )
          await pause(stage, meanPauseMs)
        }
        await leaveAlone(stage, one)
        aloneCount++
      })
    }
    const isWhole = ({ machine, id }: Participant) => machine.stateOf(id) === 'seeding' && machine.has(stage.content)
    return { isOver: () => aloneCount === leechers.length && leechers.every(isWhole) }
  },
}
