// No more peers that want something are unchoked at once, for each torrent, than the limits allow (BEP 3): as peers
// were told, at the end of each moment in which one was told.
import type { TorrentId } from '../../src/session/commands.ts'
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import { torrentIdOf } from '../world/torrent-id.ts'
import type { CheckMaker } from './check.ts'

export const keepsSlots: CheckMaker = {
  name: 'keeps-slots',
  make: ({ tap, violate }) => {
    /** Who unchoked somebody in this moment. */
    const unchoking = new Set<Machine>()
    tap.observe({ onUnchoke: ({ machine }, way) => void (way === 'out' && unchoking.add(machine)) })
    const slotsTaken = (machine: Machine): Map<Content, number> => {
      const taken = new Map<Content, number>()
      for (const connection of tap.connectionsOf(machine)) {
        const { content, out, in: peer } = connection
        if (content === undefined || connection.isHungUp || connection.isClosed) continue
        if (!out.isChoking && peer.isInterested) taken.set(content, (taken.get(content) ?? 0) + 1)
      }
      return taken
    }
    return {
      onMoment: () => {
        if (unchoking.size === 0) return
        for (const machine of unchoking) {
          if (!machine.isUp) continue
          for (const [content, count] of slotsTaken(machine)) {
            const slots = slotsOf(machine, torrentIdOf(content))
            if (count > slots) violate(machine, `unchokes ${count} peers that are interested, of ${slots} allowed`)
          }
        }
        unchoking.clear()
      },
    }
  },
}

function slotsOf(machine: Machine, id: TorrentId): number {
  const torrent = machine.session.torrentSnapshot(id)
  const { maxSlotsPerTorrent } = machine.config.connections
  return torrent.ok ? Math.min(maxSlotsPerTorrent, torrent.value.limits.maxSlots) : maxSlotsPerTorrent
}
