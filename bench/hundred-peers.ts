// A large file from 100 seeds at once, each at an address of its own: the product against libtorrent as leecher.
// The seeds are one light process (frame/plain-peers-child.ts), the same for both.
import { largeFile } from './frame/large-file.ts'
import { plainSeeds } from './frame/plain-peers.ts'
import { libtorrent, swarmbid } from './frame/sides.ts'
import { transferBenchmark } from './frame/transfers.ts'

const seed = plainSeeds(100)

export const benchmark = transferBenchmark({
  name: 'hundred-peers',
  summary: 'one large file from 100 light seeds: leechers in turn',
  ...largeFile('1MiB'),
  measured: 'leech',
  memoryLimitMiB: 150,
  ours: { seed, leech: swarmbid },
  rivals: [{ seed, leech: libtorrent, bar: 0, isCpuBar: true }],
})
