// 2,000 files of 100 KiB from a libtorrent seed: the product against others as leecher.
// A smaller size makes fewer files, a larger one no more.
import { rtorrent } from '../test/foreign/rtorrent.ts'
import { foreignSide } from './frame/foreign-sides.ts'
import { makeSmallFiles, mebibyte } from './frame/place.ts'
import { libtorrent, swarmbid } from './frame/sides.ts'
import { transferBenchmark } from './frame/transfers.ts'
import type { BenchmarkOptions } from './measure.ts'

const fileLengthBytes = 100 * 1024
const mostFiles = 2_000

function fileCount({ sizeMiB }: BenchmarkOptions): number {
  return Math.min(mostFiles, Math.floor((sizeMiB * mebibyte) / fileLengthBytes))
}

export const benchmark = transferBenchmark({
  name: 'small-files',
  summary: '2,000 files of 100 KiB from libtorrent: leechers in turn',
  describe: (options) => `${fileCount(options)} files of 100 KiB`,
  sizeMiB: (options) => (fileCount(options) * fileLengthBytes) / mebibyte,
  makeContent: (place, options) =>
    makeSmallFiles(place, fileCount(options), fileLengthBytes, options.pieceLength ?? '256KiB'),
  measured: 'leech',
  memoryLimitMiB: 150,
  ours: { seed: libtorrent, leech: swarmbid },
  rivals: [
    { seed: libtorrent, leech: foreignSide(rtorrent), bar: 1.3 },
    { seed: libtorrent, leech: libtorrent, bar: 0, isCpuBar: true },
  ],
})
