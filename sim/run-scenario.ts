// Plays one scenario from one seed: arranges the stage, lets time pass with every check watching, judges the end,
// closes all programs and checks once more. Guarantees: ends, with a verdict; the same seed gives the same report.
import { AssertionError } from '../src/base/assert.ts'
import type { Check, CheckMaker, Violation } from './checks/check.ts'
import { SpeedTap } from './checks/speed-tap.ts'
import { WireTap } from './checks/wire-tap.ts'
import type { Scenario } from './scenario.ts'
import { type Participant, Stage } from './stage.ts'
import type { Machine } from './world/machine.ts'
import { World } from './world/world.ts'

export interface RunOptions {
  readonly seed: number
  readonly peers?: number
  readonly contentBytes?: number
  readonly checks: readonly CheckMaker[]
  /** See SimulatedClock. */
  readonly settlePromises: () => Promise<void>
  readonly keepLine?: (line: string) => void
  /** Told every simulated second. */
  readonly onProgress?: (stage: Stage) => void
}

export interface RunReport {
  readonly scenario: string
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly simulatedMs: number
  readonly participants: readonly Participant[]
  /** Of the event log. */
  readonly eventCount: number
  readonly digest: string
}

const maxViolations = 20
const closingMs = 10_000

/** Plays a scenario to its end, or to the first broken promise. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<RunReport> {
  const { seed, settlePromises, keepLine } = options
  const world = new World({ seed, settlePromises, ...(keepLine === undefined ? {} : { keepLine }) })
  const violations: Violation[] = []
  const violate = (check: string, machine: Machine | undefined, detail: string) => {
    if (violations.length >= maxViolations) return
    violations.push({ check, atMs: world.clock.nowMs(), machine: machine?.address, detail })
    world.log(machine?.address ?? 'world', `violated ${check}: ${detail}`)
  }
  const tap = new WireTap(world)
  world.watchers.push(tap)
  const speed = new SpeedTap(world, tap)
  const checks = options.checks.map(({ name, make }) =>
    make({ world, tap, speed, violate: (machine, detail) => violate(name, machine, detail) }),
  )
  world.watchers.push(...checks)
  const stage = new Stage({
    world,
    tap,
    peers: options.peers ?? scenario.peers,
    contentBytes: options.contentBytes ?? scenario.contentBytes,
    pieceLengthBytes: scenario.pieceLengthBytes,
    fail: (detail, machine) => violate(scenario.name, machine, detail),
  })
  everySecond(world, () => {
    for (const check of checks) check.onSecond?.()
    options.onProgress?.(stage)
  })
  try {
    await play(scenario, stage, checks, () => violations.length > 0)
  } catch (error) {
    // A bug of ours is found as well where it shows as a broken assertion.
    if (!(error instanceof AssertionError)) throw error
    violate('assertion', undefined, error.message)
  }
  const simulatedMs = world.clock.nowMs()
  return {
    scenario: scenario.name,
    seed,
    violations,
    simulatedMs,
    participants: stage.participants,
    eventCount: world.events.lineCount,
    digest: world.events.digest(),
  }
}

async function play(
  scenario: Scenario,
  stage: Stage,
  checks: readonly Check[],
  isBroken: () => boolean,
): Promise<void> {
  const { world } = stage
  const { isOver, judge } = await scenario.arrange(stage)
  const endMs = world.clock.nowMs() + scenario.limitMs
  const momentary = checks.filter(({ onMoment }) => onMoment !== undefined)
  const isInTime = await world.clock.runUntil(() => {
    for (const check of momentary) check.onMoment?.()
    return isBroken() || (isOver() && stage.isQuiet)
  }, endMs)
  stage.close()
  stage.expect(isInTime, `not over after ${scenario.limitMs / 1_000} s`)
  if (isBroken()) return
  await judge?.()
  for (const check of checks) check.onEnd?.()
  if (isBroken()) return
  for (const machine of world.machines) if (machine.isUp) await machine.stop()
  // What is on its way arrives.
  await world.clock.run(closingMs)
  for (const check of checks) check.onClosed?.()
}

function everySecond(world: World, act: () => void): void {
  const again = () => {
    act()
    world.clock.after(1_000, again)
  }
  world.clock.after(1_000, again)
}
