// The simulated disk keeps the promises of the files port, also where it knows the contents and where it is slow.
// What goes wrong on it is in simulated-disk-faults.test.ts.
import { KnownContents } from '../../sim/ports/known-contents.ts'
import { SimulatedDisk } from '../../sim/ports/simulated-files.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { testFiles } from '../conformance/files-conformance.ts'
import { fillerBytes } from '../host/temporary-folder.ts'
import { runningClock } from './running-clock.ts'

testFiles('simulated', (t) => {
  const disk = new SimulatedDisk({ clock: runningClock(t), random: simulatedRandom(1) })
  return { files: disk.files(), rootPath: '/some/folder/root' }
})

testFiles('simulated, slow, with known contents', (t) => {
  const known = new KnownContents([fillerBytes(100 * 4096, 3), fillerBytes(300_000, 1), fillerBytes(100_000, 2)])
  const speed = { bytesPerSecond: 100_000_000, operationMs: 0.1 }
  const clock = runningClock(t)
  const disk = new SimulatedDisk({ clock, random: simulatedRandom(2), known, speed, areNamesDurable: false })
  return { files: disk.files(), rootPath: '/some/folder/root' }
})
