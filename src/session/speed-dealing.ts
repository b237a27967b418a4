// All that a session needs of Speed, in one module, which is loaded where something is paid or earned and nowhere else.
// Guarantees: torrents deal through the one desk of the session. The session owns it.
import { type Result, success } from '../base/errors.ts'
import { SpeedDesk } from './speed-desk.ts'
import type { SpeedRoom } from './speed-room.ts'
import { type DealingTorrent, TorrentSpeed } from './torrent-speed.ts'

export interface SpeedDealing {
  readonly desk: SpeedDesk
  newTorrent(torrent: DealingTorrent): TorrentSpeed
}

/** Undefined: there is nothing to deal with. Errors: store-damaged, those of the stores. */
export async function openSpeedDealing(room: SpeedRoom): Promise<Result<SpeedDealing | undefined>> {
  const opened = await SpeedDesk.open(room)
  if (!opened.ok) return opened
  const desk = opened.value
  return success(desk && { desk, newTorrent: (torrent) => new TorrentSpeed(room, desk, torrent) })
}
