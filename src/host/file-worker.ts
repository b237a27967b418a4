// Entry of the thread for files: performs tasks as they come, several in a message, and answers a message at once.
// Guarantees: answers come in the order of tasks; a defect ends the thread, and with it what it had. Keeps no state.
import { parentPort } from 'node:worker_threads'
import { present } from '../base/assert.ts'
import type { RelativePath } from '../ports/files.ts'
import { type FileTask, perform } from './file-task.ts'
import type { TaskAnswer } from './file-thread.ts'
import { runAtOnce } from './system-steps.ts'

const port = present(parentPort, 'a thread of its own')

function answer(task: FileTask): TaskAnswer {
  const madeIn: RelativePath[] = []
  return { result: runAtOnce(perform(task, madeIn)), madeIn }
}

port.on('message', (tasks: FileTask[]) => port.postMessage(tasks.map(answer)))
