// A thread that runs swarms for the comparison with the fluid model: told a plan and a seed, it answers with averages.
// Guarantees: an answer for each task, in turn; a run that fails ends the thread. Owns nothing between tasks.
import { parentPort } from 'node:worker_threads'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import { swarmPlans } from '../../sim/validation/swarm-plans.ts'
import { runSwarm, type SwarmAverages } from '../../sim/validation/swarm-run.ts'

export interface SwarmTask {
  readonly plan: string
  readonly seed: number
}

export interface SwarmAnswer extends SwarmTask {
  readonly averages: SwarmAverages
}

async function answer({ plan: name, seed }: SwarmTask): Promise<void> {
  const plan = swarmPlans.find((one) => one.name === name)
  if (plan === undefined) throw new Error(`no plan ${name}`)
  const averages = await runSwarm(plan, { seed, settlePromises })
  parentPort?.postMessage({ plan: name, seed, averages } satisfies SwarmAnswer)
}

parentPort?.on('message', (task: SwarmTask) => void answer(task))
