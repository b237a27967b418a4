// Runs the swarms of one plan from many seeds in a few threads. Guarantees: averages in the order of the seeds; a thread
// that fails fails all. Owns the threads, which end with it.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { SwarmAverages } from '../../sim/validation/swarm-run.ts'
import type { SwarmAnswer, SwarmTask } from './validation-worker.ts'

/** What came of a plan, by seed. */
export async function averagesOf(plan: string, seeds: readonly number[], threads: number): Promise<SwarmAverages[]> {
  const averages: SwarmAverages[] = []
  let next = 0
  const work = async () => {
    const worker = new Worker(new URL('./validation-worker.ts', import.meta.url))
    try {
      for (let index = next++; index < seeds.length; index = next++) {
        worker.postMessage({ plan, seed: seeds[index] as number } satisfies SwarmTask)
        const [answer] = (await once(worker, 'message')) as [SwarmAnswer]
        averages[index] = answer.averages
      }
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: Math.min(threads, seeds.length) }, work))
  return averages
}
