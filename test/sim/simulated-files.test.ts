// The simulated disk keeps the promises of the files port, and fails, fills up and loses power as it is told.
import { SimulatedDisk } from '../../sim/ports/simulated-files.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { testFiles } from '../conformance/files-conformance.ts'
import { runningClock } from './running-clock.ts'

testFiles('simulated', (t) => {
  const disk = new SimulatedDisk({ clock: runningClock(t), random: simulatedRandom(1) })
  return { files: disk.files(), rootPath: '/some/folder/root' }
})
