// What `--version` costs beside starting Node itself: mean time of some runs, bare and ours in turn.
// The bar is 1.5 times bare Node, from the checkout (TypeScript, compiled code kept) as users of it run it.
import { inPlace } from './frame/place.ts'
import { pairRow, playRounds } from './frame/rounds.ts'
import { runProgram, runSwarmbid } from './frame/run-program.ts'
import type { Benchmark } from './measure.ts'

const runsEach = 10
const mostTimesBare = 1.5

function meanMs(run: () => { readonly seconds: number }): number {
  let seconds = 0
  for (let count = 0; count < runsEach; count++) seconds += run().seconds
  return (seconds * 1_000) / runsEach
}

export const benchmark: Benchmark = {
  name: 'start-up',
  summary: '--version against bare Node, from start to exit, at most 1.5 times as long',
  run: ({ pairs }) =>
    inPlace(1, async ({ environment }) => {
      const ours = () => runSwarmbid(['--version'], environment)
      const bare = () => runProgram(process.execPath, ['-e', '0'], environment)
      // Compiled once; the code is kept.
      for (const run of [ours, bare]) run()
      const plays = [ours, bare].map((run, index) => ({
        name: index === 0 ? 'ours' : 'Node',
        run: async () => meanMs(run),
      }))
      const [our = [], their = []] = await playRounds(plays, pairs)
      const row = { name: '--version', unit: 'ms', isCost: true, bar: 1 / mostTimesBare, figure: (ms: number) => ms }
      return [pairRow(row, `Node ${process.version}, -e 0`, our, their)]
    }),
}
