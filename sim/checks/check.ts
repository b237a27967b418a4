// What must hold in every run of every scenario, whatever the seed. A check watches from outside, as a person with a
// wiretap and a look at the disk could: it needs nothing of the product that users would not have.
import type { Machine } from '../world/machine.ts'
import type { World, WorldWatcher } from '../world/world.ts'
import type { SpeedTap } from './speed-tap.ts'
import type { WireTap } from './wire-tap.ts'

/** A promise that was broken, and when. */
export interface Violation {
  readonly check: string
  readonly atMs: number
  /** Its address; undefined: of the world as a whole. */
  readonly machine: string | undefined
  readonly detail: string
}

export interface Check extends WorldWatcher {
  /** After every moment in which something happened: must be cheap. */
  onMoment?(): void
  /** Every second. */
  onSecond?(): void
  /** When the scenario is over: all programs run still, nothing was stopped yet. */
  onEnd?(): void
  /** After every program was closed in order. */
  onClosed?(): void
}

export type ViolateMachine = (machine: Machine | undefined, detail: string) => void

interface CheckContext {
  readonly world: World
  readonly tap: WireTap
  readonly speed: SpeedTap
  readonly violate: ViolateMachine
}

/** A check with its name, `kebab-case`, as it is reported. */
export interface CheckMaker {
  readonly name: string
  readonly make: (context: CheckContext) => Check
}
