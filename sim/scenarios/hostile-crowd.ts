// A few honest peers among many that mean harm, of every kind there is: the honest ones get what they came for, stay
// with each other, and part with whoever proves to mean harm.
import { allBehaviours } from '../hostile/all-behaviours.ts'
import { playAgainst } from '../hostile/play-against.ts'
import type { Scenario } from '../scenario.ts'

export const hostileCrowd: Scenario = {
  name: 'hostile-crowd',
  about: 'a few honest peers among one of every hostile kind; the honest finish, together',
  peers: 3,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 300_000,
  arrange: (stage) => playAgainst(stage, allBehaviours),
}
