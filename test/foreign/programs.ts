// All foreign programs that are peers.
// Guarantees: those that can connect to nobody at loopback stand first, so that all that start later are told of them.
import { aria2 } from './aria2.ts'
import type { ForeignProgram } from './foreign-program.ts'
import { libtorrent } from './libtorrent-program.ts'
import { qbittorrent } from './qbittorrent.ts'
import { rtorrent } from './rtorrent.ts'
import { transmissionCli, transmissionDaemon } from './transmission.ts'
import { webtorrent } from './webtorrent.ts'

export const foreignPrograms: readonly ForeignProgram[] = [
  transmissionCli,
  transmissionDaemon,
  libtorrent,
  qbittorrent,
  rtorrent,
  aria2,
  webtorrent,
]
