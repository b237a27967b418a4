// What a scenario is: a small file that arranges machines in a world, says when it is over, and what must be true then.
// Types only; run-scenario.ts plays it.
import type { Stage } from './stage.ts'

/** What became of a stage that was arranged. */
export interface Play {
  /** Asked after every moment: must be cheap. */
  readonly isOver: () => boolean
  /** What else must be true at the end; told through `stage.expect`. Faults that were to happen did happen. */
  readonly judge?: () => void | Promise<void>
}

export interface Scenario {
  /** As on the command line. */
  readonly name: string
  /** One line: what happens, and what must come of it. */
  readonly about: string
  /** Unless the command line says otherwise. */
  readonly peers: number
  /** Of one that takes long as it is: so many where all scenarios are played. */
  readonly fewerPeers?: number
  readonly contentBytes: number
  readonly pieceLengthBytes: number
  /** Simulated time it may take at most; later it has failed. */
  readonly limitMs: number
  arrange(stage: Stage): Promise<Play>
}
