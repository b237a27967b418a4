// The simulated hasher and piece memory keep the promises of their ports.
import { SimulatedHasher } from '../../sim/ports/simulated-hasher.ts'
import { SimulatedPieceMemory } from '../../sim/ports/simulated-piece-memory.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { testHasher } from '../conformance/hasher-conformance.ts'
import { testPieceMemory } from '../conformance/piece-memory-conformance.ts'
import { runningClock } from './running-clock.ts'

testHasher('simulated', (t, sink, queueLength) => {
  const memory = new SimulatedPieceMemory(16_777_216)
  const clock = runningClock(t)
  const hasher = new SimulatedHasher({ clock, random: simulatedRandom(1), memory, sink, maxJobs: queueLength })
  return { memory, hasher }
})

testPieceMemory('simulated', (budgetBytes) => new SimulatedPieceMemory(budgetBytes))
