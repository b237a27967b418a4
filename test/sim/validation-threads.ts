// Runs the swarms of one plan from many seeds in a few threads. Guarantees: averages in the order of the seeds; a thread
// that fails fails all. Owns the threads, which end with it.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { SwarmAverages } from '../../sim/validation/swarm-run.ts'
import type { SwarmAnswer, SwarmTask } from './validation-worker.ts'

export interface ThreadedOptions {
  readonly threads: number
  /** What came of a seed before, with the same sources. */
  readonly known?: (seed: number) => SwarmAverages | undefined
  /** As soon as one has come to its end. */
  readonly onAverages?: (answer: SwarmAnswer) => void
}

/** What came of a plan, by seed. */
export async function averagesOf(
  plan: string,
  seeds: readonly number[],
  { threads, known, onAverages }: ThreadedOptions,
): Promise<SwarmAverages[]> {
  const averages = new Map<number, SwarmAverages>()
  for (const seed of seeds) {
    const before = known?.(seed)
    if (before !== undefined) averages.set(seed, before)
  }
  const waiting = seeds.filter((seed) => !averages.has(seed))
  const work = async () => {
    const worker = new Worker(new URL('./validation-worker.ts', import.meta.url))
    try {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        worker.postMessage({ plan, seed } satisfies SwarmTask)
        const [answer] = (await once(worker, 'message')) as [SwarmAnswer]
        averages.set(seed, answer.averages)
        onAverages?.(answer)
      }
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: Math.min(threads, waiting.length) }, work))
  return seeds.flatMap((seed) => averages.get(seed) ?? [])
}
