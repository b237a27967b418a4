// All foreign programs that are peers.
// Guarantees: those that take longest stand first, so that a run of all takes no longer than it must.
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
