// Waiting in tests for what real sockets and timers do: until something holds, or until nothing more comes.
// Keeps no state. A condition that never holds fails the test; no test measures how long one took.
import assert from 'node:assert/strict'
import { setImmediate, setTimeout } from 'node:timers/promises'

const patienceMs = 10_000
const quietMs = 15

export async function until(condition: () => boolean): Promise<void> {
  const startedMs = performance.now()
  for (let round = 0; !condition(); round++) {
    assert.ok(performance.now() - startedMs < patienceMs, 'it did not come to pass')
    if (round < 100) await setImmediate()
    else await setTimeout(1)
  }
}

export async function settle(): Promise<void> {
  await setTimeout(quietMs)
}
