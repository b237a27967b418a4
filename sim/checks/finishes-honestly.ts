// A session says that a torrent is finished only when every wanted file is whole, under its final name: looked at on the
// disk in the moment in which it says so.
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import { torrentIdOf } from '../world/torrent-id.ts'
import type { CheckMaker } from './check.ts'

export const finishesHonestly: CheckMaker = {
  name: 'finishes-honestly',
  make: ({ tap, violate }) => ({
    onChange: (machine, change) => {
      if (change.type !== 'finished') return
      const content = tap.contentOf(change.id)
      if (content === undefined || machine.has(content) || hasWanted(machine, content)) return
      violate(machine, 'says that it has finished, and lacks bytes under their final names')
    },
  }),
}

/** Where some files are not wanted, or were renamed or moved. */
function hasWanted(machine: Machine, content: Content): boolean {
  const { folder, files } = machine.torrent(torrentIdOf(content))
  return content.files.every(({ bytes }, index) => {
    const file = files[index]
    if (file === undefined || file.priority === 0) return file !== undefined
    return machine.disk.matches([folder, ...file.path].join('/'), bytes)
  })
}
