// A large file to a libtorrent leecher: the product as seed against others that seed to the same leecher.
// Each has its content verified before the leecher connects, so that none hashes while it is measured.
import { qbittorrent } from '../test/foreign/qbittorrent.ts'
import { rtorrent } from '../test/foreign/rtorrent.ts'
import { foreignSide } from './frame/foreign-sides.ts'
import { largeFile } from './frame/large-file.ts'
import { libtorrent, swarmbid } from './frame/sides.ts'
import { transferBenchmark } from './frame/transfers.ts'

export const benchmark = transferBenchmark({
  name: 'seed',
  summary: 'one large file to libtorrent: seeds in turn',
  ...largeFile('1MiB'),
  measured: 'seed',
  memoryLimitMiB: 150,
  ours: { seed: swarmbid, leech: libtorrent },
  rivals: [
    { seed: libtorrent, leech: libtorrent, bar: 0 },
    ...[rtorrent, qbittorrent].map((program) => ({ seed: foreignSide(program), leech: libtorrent, bar: 1 })),
  ],
})
