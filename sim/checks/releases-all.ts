// Whoever was ended in order leaves nothing behind: no connection, no memory of pieces, no open file, no alarm. Of those
// that were killed their connections alone are looked at: the system ends these.
import type { CheckMaker } from './check.ts'

export const releasesAll: CheckMaker = {
  name: 'releases-all',
  make: ({ world, violate }) => ({
    onDown: (machine, isOrderly) => {
      if (!isOrderly) return
      const { memory, disk, alarmCount } = machine
      if (memory.reservedBytes > 0) violate(machine, `kept ${memory.reservedBytes} bytes of piece memory`)
      if (disk.openFileCount > 0) violate(machine, `left ${disk.openFileCount} files open`)
      if (alarmCount > 0) violate(machine, `left ${alarmCount} alarms`)
    },
    onClosed: () => {
      for (const machine of world.machines) {
        const count = world.network.connectionsOf(machine.address)
        if (count > 0) violate(machine, `left ${count} connections open`)
      }
    },
  }),
}
