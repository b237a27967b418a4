// Entry of a hashing thread. Nothing is passed by message but which files are bad; it ends when there are no jobs.
import { parentPort, workerData } from 'node:worker_threads'
import { present } from '../base/assert.ts'
import { runHashJobs } from './hash-jobs.ts'
import type { HashTask } from './hash-task.ts'

const port = present(parentPort, 'a thread of its own')
runHashJobs(workerData as HashTask, (message) => port.postMessage(message))
