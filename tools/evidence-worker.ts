// A thread that runs swarms of the evidence for Speed: told a plan, a seed and a mode, it answers with what came of it.
// Guarantees: an answer for each task, in turn; a run that fails ends the thread. Owns nothing between tasks.
import { parentPort } from 'node:worker_threads'
import { settlePromises } from '../sim/command-line/settle-promises.ts'
import { evidencePlans } from '../sim/evidence/evidence-plans.ts'
import { type Mode, type RunOutcome, runPlan } from '../sim/evidence/paired-run.ts'

export interface EvidenceTask {
  readonly plan: string
  readonly seed: number
  readonly mode: Mode
  /** Other than the plan says. */
  readonly contentBytes: number | undefined
}

export interface EvidenceAnswer extends EvidenceTask {
  readonly outcome: RunOutcome
}

async function answer(task: EvidenceTask): Promise<void> {
  const plan = evidencePlans.find(({ name }) => name === task.plan)
  if (plan === undefined) throw new Error(`no plan ${task.plan}`)
  const { seed, mode, contentBytes = plan.contentBytes } = task
  const outcome = await runPlan({ ...plan, contentBytes }, { seed, mode, settlePromises })
  parentPort?.postMessage({ ...task, outcome } satisfies EvidenceAnswer)
}

parentPort?.on('message', (task: EvidenceTask) => void answer(task))
