// A large file in pieces of 16 MiB from a libtorrent seed: the product against libtorrent as leecher.
// Pieces that large do not wait whole in memory, so speed and memory are claims of their own.
import { largeFile } from './frame/large-file.ts'
import { libtorrent, swarmbid } from './frame/sides.ts'
import { transferBenchmark } from './frame/transfers.ts'

export const benchmark = transferBenchmark({
  name: 'large-pieces',
  summary: 'one large file in pieces of 16 MiB from libtorrent: leechers in turn',
  ...largeFile('16MiB'),
  measured: 'leech',
  memoryLimitMiB: 150,
  ours: { seed: libtorrent, leech: swarmbid },
  rivals: [{ seed: libtorrent, leech: libtorrent, bar: 0, isCpuBar: true }],
})
