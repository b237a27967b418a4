// A large file from a libtorrent seed: the product as leecher against others that leech from the same seed.
// Memory counts at the usual size of pieces; large-pieces.ts looks at others.
import { aria2 } from '../test/foreign/aria2.ts'
import { qbittorrent } from '../test/foreign/qbittorrent.ts'
import { webtorrent } from '../test/foreign/webtorrent.ts'
import { foreignSide } from './frame/foreign-sides.ts'
import { largeFile } from './frame/large-file.ts'
import { libtorrent, swarmbid } from './frame/sides.ts'
import { transferBenchmark } from './frame/transfers.ts'

export const benchmark = transferBenchmark({
  name: 'leech',
  summary: 'one large file from libtorrent: leechers in turn',
  ...largeFile('1MiB'),
  measured: 'leech',
  memoryLimitMiB: 150,
  ours: { seed: libtorrent, leech: swarmbid },
  rivals: [
    { seed: libtorrent, leech: libtorrent, bar: 1.25, isCpuBar: true },
    ...[aria2, qbittorrent, webtorrent].map((program) => ({ seed: libtorrent, leech: foreignSide(program), bar: 0 })),
  ],
})
