// A large file from one process of the product to another, against libtorrent to libtorrent.
// The leecher's processor time and memory stand beside it.
import { largeFile } from './frame/large-file.ts'
import { libtorrent, swarmbid } from './frame/sides.ts'
import { transferBenchmark } from './frame/transfers.ts'

export const benchmark = transferBenchmark({
  name: 'own-to-own',
  summary: 'one large file from ours to ours, against libtorrent to libtorrent',
  ...largeFile('1MiB'),
  measured: 'leech',
  memoryLimitMiB: 150,
  ours: { seed: swarmbid, leech: swarmbid },
  rivals: [{ seed: libtorrent, leech: libtorrent, bar: 1.4, isCpuBar: true }],
})
