// A thread that loads the product with one planted fault and plays scenarios until somebody complains. The fault is put
// in as the source is loaded: nothing in the product knows of it. Says what it found, or fails if there was nothing to
// put the fault in.
import { registerHooks } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { Violation } from '../../sim/checks/check.ts'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import type { PlantedFault } from '../../sim/planted-faults.ts'
import type { Scenario } from '../../sim/scenario.ts'

export interface FaultTask {
  readonly fault: PlantedFault
  readonly lastSeed: number
}

/** What was complained of, by seed: of the last seed played, the fault's finder. */
export interface FaultOutcome {
  readonly seed: number | undefined
  readonly violation: Violation | undefined
  /** Complaints of others, which came first. */
  readonly others: readonly Violation[]
}

/** As large as the faults need: a few peers more than slots. */
const sizes: Readonly<Record<string, { peers: number; contentBytes: number }>> = {
  'flash-crowd': { peers: 12, contentBytes: 1_000_000 },
}

const { fault, lastSeed } = workerData as FaultTask
const target = new URL(`../../src/${fault.file}`, import.meta.url).href
let timesLoaded = 0

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    if (url !== target) return loaded
    timesLoaded++
    const source = Buffer.from((loaded.source ?? '') as Uint8Array | string).toString('utf8')
    const parts = source.split(fault.find)
    if (parts.length !== 2) throw new Error(`${fault.name}: ${parts.length - 1} places for it in src/${fault.file}`)
    return { ...loaded, source: parts.join(fault.replace) }
  },
})

async function play(): Promise<FaultOutcome> {
  const { allChecks } = await import('../../sim/checks/all-checks.ts')
  const { runScenario } = await import('../../sim/run-scenario.ts')
  const scenarios = await Promise.all(fault.scenarios.map(load))
  if (timesLoaded !== 1) throw new Error(`${fault.name}: src/${fault.file} was loaded ${timesLoaded} times`)
  const others: Violation[] = []
  for (let seed = 1; seed <= lastSeed; seed++) {
    for (const scenario of scenarios) {
      const { violations } = await runScenario(scenario, {
        seed,
        ...sizes[scenario.name],
        checks: allChecks,
        settlePromises,
      })
      const violation = violations.find(({ check }) => check === fault.finder)
      if (violation !== undefined) return { seed, violation, others }
      others.push(...violations)
    }
  }
  return { seed: undefined, violation: undefined, others }
}

async function load(name: string): Promise<Scenario> {
  const module: Record<string, unknown> = await import(`../../sim/scenarios/${name}.ts`)
  const scenario = Object.values(module).find((value) => (value as Scenario).name === name)
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  return scenario as Scenario
}

parentPort?.postMessage(await play())
