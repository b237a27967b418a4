// What a session remembers of its torrents is damaged while it is off, each record in another way: all torrents come
// back, nothing is believed that is not so, none costs another one anything, and what is on the disk is not fetched again.
import { concatBytes, fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/hash.ts'
import { encode } from '../../src/formats/bencode/encode.ts'
import { ioFailure } from '../ports/simulated-disk-faults.ts'
import type { SimulatedDisk } from '../ports/simulated-files.ts'
import type { Scenario } from '../scenario.ts'
import { torrentIdOf } from '../world/torrent-id.ts'

interface Damage {
  readonly what: string
  /** `record` and `metainfo`: where they lie; `other`: the record of another torrent. */
  readonly hurt: (disk: SimulatedDisk, record: string, metainfo: string, other: string) => void
  /** It begins with nothing of its content on the disk. */
  readonly isEmpty?: boolean
  /** What is shown at first. */
  readonly state: 'seeding' | 'downloading' | 'stopped' | 'awaiting-metadata'
}

const damages: readonly Damage[] = [
  { what: 'nothing is wrong', hurt: () => undefined, state: 'seeding' },
  { what: 'nothing is wrong, and all is to come', hurt: () => undefined, isEmpty: true, state: 'downloading' },
  { what: 'a bit of it is another', hurt: (disk, record) => disk.flip(record, 150), state: 'stopped' },
  { what: 'its end is gone', hurt: (disk, record) => disk.truncate(record, 100), state: 'stopped' },
  {
    what: 'a newer program wrote it',
    hurt: (disk, record) => disk.put(record, ofNewerVersion(bytesAt(disk, record))),
    state: 'stopped',
  },
  {
    what: 'it is of another torrent, of which all is there',
    hurt: (disk, record, _metainfo, other) => disk.put(record, bytesAt(disk, other)),
    isEmpty: true,
    state: 'stopped',
  },
  {
    what: 'the disk does not give it out',
    hurt: (disk, record) => {
      disk.failing = (operation, path) => (operation === 'read' && path === record ? ioFailure(operation) : undefined)
    },
    state: 'stopped',
  },
  { what: 'it is gone', hurt: (disk, record) => void disk.delete(record), state: 'stopped' },
  {
    what: 'the .torrent is gone',
    hurt: (disk, _record, metainfo) => void disk.delete(metainfo),
    state: 'awaiting-metadata',
  },
]
/** Of protocol and metadata, for each torrent. */
const besidesBytes = 10_000

export const damagedRecords: Scenario = {
  name: 'damaged-records',
  about: 'records are damaged in every way while a session is off; all its torrents are whole in the end',
  peers: 1,
  contentBytes: 100_000,
  pieceLengthBytes: 16_384,
  limitMs: 300_000,
  async arrange(stage) {
    const { world, contentBytes } = stage
    const contents = [stage.content]
    while (contents.length < damages.length) {
      const seed = contents.length + 1
      contents.push(stage.another({ lengths: [contentBytes], name: `torrent ${seed}`, seed }))
    }
    const shelf = await stage.seed()
    const { machine } = shelf
    for (const [index, content] of contents.entries()) {
      if (damages[index]?.isEmpty !== true) machine.put(content)
      await machine.add(content.metainfo)
    }
    const isWhole = (index: number) => machine.stateOf(idOf(index)) === 'seeding'
    const idOf = (index: number) => torrentIdOf(contents[index] ?? stage.content)
    const isSettled = () => damages.every(({ isEmpty }, index) => isEmpty === true || isWhole(index))
    await world.until('the shelf is looked at', isSettled)
    await stage.pause(shelf)
    const stateFile = (index: number, suffix: string) => `/state/${idOf(index)}.${suffix}`
    for (const [index, { hurt }] of damages.entries()) {
      hurt(machine.disk, stateFile(index, 'resume'), stateFile(index, 'torrent'), stateFile(0, 'resume'))
    }
    const friend = await stage.seed()
    for (const content of contents) {
      friend.machine.put(content)
      await friend.machine.add(content.metainfo)
    }
    const { readBytes } = world.network.trafficOf(machine.address)
    await stage.comeBack(shelf)
    for (const [index, { what, state }] of damages.entries()) {
      const id = idOf(index)
      const shown = () => machine.stateOf(id)
      await world.until(
        `${what}: ${state}`,
        () => shown() === state || (state === 'awaiting-metadata' && isWhole(index)),
      )
      if (state === 'stopped') await machine.run({ type: 'start', id })
    }
    return {
      isOver: () => damages.every((_, index) => isWhole(index)),
      judge: () => {
        stage.expect(machine.disk.faults.failed > 0, 'the disk gave out every record')
        for (const content of contents) stage.expect(machine.has(content), 'lacks bytes', machine)
        const missingBytes = damages.filter(({ isEmpty }) => isEmpty).length * contentBytes
        const gotBytes = world.network.trafficOf(machine.address).readBytes - readBytes
        const mostBytes = 1.5 * missingBytes + damages.length * besidesBytes
        stage.expect(gotBytes <= mostBytes, `got ${gotBytes} bytes, and lacked ${missingBytes}`, machine)
      },
    }
  },
}

function bytesAt(disk: SimulatedDisk, path: string): Uint8Array {
  return disk.content(path) ?? new Uint8Array(0)
}

/** The same record with another version in it, and right in itself. */
function ofNewerVersion(record: Uint8Array): Uint8Array {
  const [, length = ''] = /^d4:body([0-9]+):/.exec(toLatin1(record.subarray(0, 20))) ?? []
  const start = 'd4:body:'.length + length.length
  const body = toLatin1(record.subarray(start, start + Number(length))).replace('7:versioni1e', '7:versioni2e')
  const bytes = concatBytes([fromLatin1(body)])
  return encode({ body: bytes, sha256: sha256(bytes) })
}
