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
    /** What was allowed in this second: to ask a session costs far more than to count. */
    const slots = new Map<Machine, Map<Content, number>>()
    const look = (machine: Machine, content: Content): number => {
      const allowed = slotsOf(machine, torrentIdOf(content))
      const ofMachine = slots.get(machine)
      if (ofMachine === undefined) slots.set(machine, new Map([[content, allowed]]))
      else ofMachine.set(content, allowed)
      return allowed
    }
    return {
      onSecond: () => slots.clear(),
      onMoment: () => {
        if (unchoking.size === 0) return
        for (const machine of unchoking) {
          if (!machine.isUp) continue
          for (const [content, count] of slotsTaken(machine)) {
            if (count <= (slots.get(machine)?.get(content) ?? 0)) continue
            const allowed = look(machine, content)
            if (count > allowed) violate(machine, `unchokes ${count} peers that are interested, of ${allowed} allowed`)
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
