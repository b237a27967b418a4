// Looks for a smaller run that fails in the same way: fewer peers, less content, by halves and then smaller steps.
// Guarantees: what it returns failed when it was played; ends after a bounded number of runs. Pure.

export interface RunSize {
  readonly peers: number
  readonly contentBytes: number
}

export interface Shrunk {
  readonly size: RunSize
  readonly runCount: number
}

const usualRuns = 20
/** Steps below this share of what is left are not worth a run. */
const finestShare = 1 / 8
/** Less is a block or none, with which few scenarios mean anything. */
const leastContentBytes = 16_384

const dimensions = ['peers', 'contentBytes'] as const

/** `fails` plays a run of that size: whether the same check fails. */
export async function shrinkRun(
  failing: RunSize,
  fails: (size: RunSize) => Promise<boolean>,
  maxRuns = usualRuns,
): Promise<Shrunk> {
  let size = failing
  let runCount = 0
  const steps = { peers: Math.floor(size.peers / 2), contentBytes: Math.floor(size.contentBytes / 2) }
  const isOpen = (dimension: keyof RunSize) => {
    const step = steps[dimension]
    const least = dimension === 'peers' ? 1 : leastContentBytes
    return step >= 1 && step >= size[dimension] * finestShare && size[dimension] - step >= least
  }
  while (dimensions.some(isOpen)) {
    for (const dimension of dimensions) {
      if (!isOpen(dimension)) continue
      if (runCount === maxRuns) return { size, runCount }
      runCount++
      const smaller = { ...size, [dimension]: size[dimension] - steps[dimension] }
      if (await fails(smaller)) {
        size = smaller
        steps[dimension] = Math.min(steps[dimension], Math.floor(size[dimension] / 2))
      } else {
        steps[dimension] = Math.floor(steps[dimension] / 2)
      }
    }
  }
  return { size, runCount }
}
