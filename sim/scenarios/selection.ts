// Everybody wants some of the files, each another choice: all get what they want, and nobody has to take the rest.
// Pieces that reach into files which are not wanted are kept apart, and given to others all the same.
import type { Scenario } from '../scenario.ts'

const fileCount = 6

export const selection: Scenario = {
  name: 'selection',
  about: 'everybody wants some of the files; all get them, and next to nothing else',
  peers: 8,
  contentBytes: 1_200_000,
  pieceLengthBytes: 32_768,
  limitMs: 300_000,
  async arrange(stage) {
    // Files end within pieces, so that pieces are shared.
    const lengthBytes = Math.floor(stage.contentBytes / fileCount) - 1_000
    stage.setContent({ lengths: Array.from({ length: fileCount }, (_, index) => lengthBytes + index * 7) })
    await stage.seed({ uploadBytesPerSecond: 300_000 })
    const wishes = Array.from({ length: stage.peers }, (_, index) => {
      const isWanted = Array.from({ length: fileCount }, () => stage.random.below(2) === 1)
      isWanted[index % fileCount] = true
      isWanted[(index + 1) % fileCount] = false
      return isWanted
    })
    const leechers = await stage.leechers(stage.peers, (index) => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 200_000,
      add: { priorities: wishes[index]?.map((isWanted) => (isWanted ? 4 : 0)) ?? [] },
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        await stage.expectContent(({ machine }, file) => {
          const index = leechers.findIndex((one) => one.machine === machine)
          return index === -1 || wishes[index]?.[file] === true
        })
        for (const [index, { machine, id }] of leechers.entries()) {
          const isWanted = (file: number) => wishes[index]?.[file] === true
          const { files, downloadedBytes, wastedBytes } = machine.torrent(id)
          for (const [file, { doneBytes }] of files.entries()) {
            const isWhole = doneBytes === lengthBytes + file * 7
            stage.expect(isWanted(file) || !isWhole, `has file ${file}, which it did not want`, machine)
          }
          const wantedBytes = files.reduce((sum, { lengthBytes: one }, file) => sum + (isWanted(file) ? one : 0), 0)
          const besides = downloadedBytes - wastedBytes - wantedBytes
          const mostBesides = 2 * fileCount * stage.content.info.pieceLengthBytes
          stage.expect(besides <= mostBesides, `took ${besides} bytes that it did not want`, machine)
        }
      },
    }
  },
}
