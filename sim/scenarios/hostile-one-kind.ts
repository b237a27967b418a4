// A few honest peers among some that mean harm, all in the same way; which way follows from the seed, so that as many
// seeds as there are ways try them all.
import { allBehaviours } from '../hostile/all-behaviours.ts'
import { playAgainst } from '../hostile/play-against.ts'
import type { Scenario } from '../scenario.ts'

const hostileCount = 3

export const hostileOneKind: Scenario = {
  name: 'hostile-one-kind',
  about: 'a few honest peers among some of one hostile kind, another one for each seed; the honest finish, together',
  peers: 3,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 300_000,
  arrange: (stage) => {
    const kind = allBehaviours[stage.world.seed % allBehaviours.length]
    return playAgainst(
      stage,
      Array.from({ length: hostileCount }, () => kind).filter((one) => one !== undefined),
    )
  },
}
