// Links that say more than which torrent: which of its files are wanted (BEP 53), and peers by name. Until the metadata
// is here some commands are refused; then it is as the link says. Of a private torrent no peer counts that a person named.
import { formatMagnet } from '../../src/formats/magnet.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'
import { torrentIdOf } from '../world/torrent-id.ts'

const seedName = 'seed.example'
const wantedFile = 1
const metadataMs = 3_000

export const linksInDetail: Scenario = {
  name: 'links-in-detail',
  about: 'links with files to choose and peers by name; each gets what its link says, a private torrent no named peers',
  peers: 3,
  contentBytes: 600_000,
  pieceLengthBytes: 32_768,
  limitMs: 120_000,
  async arrange(stage) {
    const { world, contentBytes } = stage
    const third = Math.floor(contentBytes / 3)
    const lengths = [third, third, contentBytes - 2 * third]
    // Nobody knows anybody but by the links.
    const content = stage.setContent({ lengths, trackers: [] })
    const secret = stage.another({ lengths: [100_000], name: 'secret', seed: 2, isPrivate: true })
    const hashOf = ({ info: { infoHashV1 } }: typeof content) => (infoHashV1 === undefined ? {} : { infoHashV1 })
    const linkWith = (trackers: readonly string[]) =>
      formatMagnet({
        ...hashOf(content),
        trackers,
        webSeeds: [],
        sources: [],
        peers: ['nobody.example', seedName, '19.0.0.2'].map((host) => ({ host, port: 6881 })),
        selectedFiles: [{ first: wantedFile, last: wantedFile }],
      })
    const link = linkWith([])
    const leechers: Participant[] = []
    for (let count = 0; count < stage.peers; count++) {
      leechers.push(await stage.leecher({ uploadBytesPerSecond: 100_000, add: { stopped: true }, isByMagnet: true }))
    }
    for (const { machine, id } of leechers) {
      await machine.run({ type: 'remove', id, withData: true })
      await machine.addMagnet(link)
      for (const command of [
        { type: 'recheck', id },
        { type: 'export', id },
        { type: 'rename-file', id, file: 0, path: ['other'] },
        { type: 'set-deadline', id, piece: 0, inMs: 0 },
      ] as const) {
        const outcome = await machine.tell(command)
        const isRefused = !outcome.ok && outcome.code === 'torrent-not-ready'
        stage.expect(isRefused, `does not refuse ${command.type} without metadata`, machine)
      }
      // The name is not there yet: who adds it again makes it be looked up again.
      stage.after(metadataMs, async () => {
        await machine.tell({ type: 'add', source: { type: 'magnet', link: linkWith([stage.tracker().url]) } })
        await machine.tell({ type: 'add', source: { type: 'metainfo', bytes: content.metainfo } })
      })
    }
    const seed = await stage.seed({ uploadBytesPerSecond: 300_000 })
    stage.after(metadataMs / 2, () => world.web.name(seedName, [seed.machine.address]))
    const member = await stage.leecher()
    const secretId = await member.machine.addMagnet(secret.magnet, { peers: [seed.machine.endpoint, '19.0.0.1:6881'] })
    await world.until(
      'somebody named is dialled',
      () => world.network.dialCount({ address: '19.0.0.1', port: 6881 }) > 0,
    )
    await member.machine.add(secret.metainfo)
    seed.machine.put(secret)
    await seed.machine.add(secret.metainfo)
    await member.machine.run({ type: 'add-peers', id: member.id, peers: [`${seedName}:6881`] })
    const dials = world.network.dialCount({ address: '19.0.0.1', port: 6881 })
    const isSeeding = ({ machine, id }: Participant) => machine.stateOf(id) === 'seeding'
    return {
      isOver: () => [...leechers, member].every(isSeeding) && member.machine.stateOf(secretId) === 'seeding',
      judge: () => {
        for (const { machine, id } of leechers) {
          const { files } = machine.torrent(id)
          for (const [file, { doneBytes, lengthBytes, priority }] of files.entries()) {
            const isWanted = file === wantedFile
            stage.expect(priority > 0 === isWanted, `wants file ${file} with priority ${priority}`, machine)
            stage.expect((doneBytes === lengthBytes) === isWanted, `has ${doneBytes} bytes of file ${file}`, machine)
          }
        }
        const { namedPeers } = member.machine.torrent(secretId)
        const refused = namedPeers.filter(({ problems }) => problems.some(({ detail }) => /private/.test(detail)))
        stage.expect(refused.length > 0, 'nobody was told that named peers do not count', member.machine)
        const later = world.network.dialCount({ address: '19.0.0.1', port: 6881 })
        stage.expect(later === dials, 'a named peer of a private torrent was dialled', member.machine)
        stage.expect(torrentIdOf(secret) === secretId, 'another torrent')
      },
    }
  },
}
