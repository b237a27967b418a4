// Files go from disks while the programs are off: each says which are gone, and fetches nothing before somebody says so;
// one that is removed with its files, whatever it is doing, leaves none of them behind.
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'

const waitMs = 10_000
const slowDisk = { bytesPerSecond: 100_000 }

export const filesVanish: Scenario = {
  name: 'files-vanish',
  about: 'files vanish from disks; nobody fetches them unasked, everybody does when asked, and removing leaves nothing',
  peers: 2,
  contentBytes: 600_000,
  pieceLengthBytes: 32_768,
  limitMs: 120_000,
  async arrange(stage) {
    const { world, contentBytes } = stage
    const half = Math.floor(contentBytes / 2)
    const content = stage.setContent({ lengths: [half, contentBytes - half - 1, 1] })
    const [gone, ...kept] = content.files.map(({ path }) => `/content/${path.join('/')}`)
    const seed = await stage.seed({ uploadBytesPerSecond: 300_000 })
    const owners: Participant[] = []
    for (let count = 0; count < stage.peers; count++) owners.push(await stage.seed())
    const removers = { failed: await stage.seed(), checking: await stage.seed(), unchecked: await stage.seed() }
    const everybody = [...owners, ...Object.values(removers)]
    const isSeeding = ({ machine, id }: Participant) => machine.stateOf(id) === 'seeding'
    await world.until('all were looked at', () => [seed, ...everybody].every(isSeeding))
    for (const one of everybody) await stage.pause(one)
    for (const { machine } of [...owners, removers.failed]) machine.disk.delete(gone ?? '')
    for (const one of everybody) await stage.comeBack(one)
    const problemOf = ({ machine, id }: Participant) => {
      const { state } = machine.torrent(id)
      return state.type === 'error' ? state.problem : undefined
    }
    const haveNoticed = () => [...owners, removers.failed].every((one) => problemOf(one)?.code === 'files-missing')
    await world.until('all notice', haveNoticed)
    for (const { machine, id } of [removers.checking, removers.unchecked]) {
      machine.disk.speed = slowDisk
      await machine.run({ type: 'recheck', id })
    }
    await removers.unchecked.machine.run({ type: 'stop', id: removers.unchecked.id })
    for (const [state, { machine, id }] of Object.entries(removers)) {
      const shown = machine.stateOf(id)
      const expected = state === 'failed' ? 'error' : state === 'unchecked' ? 'stopped' : state
      stage.expect(shown === expected, `is ${shown}, and was to be ${state}`, machine)
      await machine.run({ type: 'remove', id, withData: true })
    }
    await world.clock.run(waitMs)
    for (const one of owners) {
      const { machine, id } = one
      const { detail = '' } = problemOf(one) ?? {}
      stage.expect(detail.includes(gone?.split('/').at(-1) ?? ''), `does not say which file: ${detail}`, machine)
      const { downloadedBytes } = machine.torrent(id)
      stage.expect(downloadedBytes === 0, `fetched ${downloadedBytes} bytes that nobody asked for`, machine)
      await machine.run({ type: 'download-again', id })
    }
    return {
      isOver: () => owners.every(isSeeding),
      judge: () => {
        for (const { machine, id } of owners) {
          stage.expect(machine.has(content), 'lacks bytes', machine)
          const { downloadedBytes } = machine.torrent(id)
          // Some of the last blocks come twice.
          const mostBytes = 1.5 * half + 2 * content.info.pieceLengthBytes
          stage.expect(downloadedBytes <= mostBytes, `fetched ${downloadedBytes} bytes, and lacked ${half}`, machine)
        }
        for (const { machine } of Object.values(removers)) {
          const left = machine.disk.paths().filter((path) => path === gone || kept.includes(path))
          stage.expect(left.length === 0, `left ${left.join(', ')}`, machine)
        }
      },
    }
  },
}
