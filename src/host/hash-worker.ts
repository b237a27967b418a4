// Entry of a hashing thread: does jobs until there are none, and ends.
// Nothing is passed by message but which files are bad; everything else is in shared memory, see hash-task.
import { parentPort, workerData } from 'node:worker_threads'
import { present } from '../base/assert.ts'
import { hashJobs } from './hash-jobs.ts'
import type { HashTask } from './hash-task.ts'

const port = present(parentPort, 'a thread of its own')
const jobs = hashJobs(workerData as HashTask, (message) => port.postMessage(message))
while (jobs.next().done !== true);
