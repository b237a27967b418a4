// Entry of a thread of the Hasher: takes jobs as they come and answers them.
// Before each piece of work it takes in what has come meanwhile, so that a queue is hashed several pieces at a time.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { present } from '../base/assert.ts'
import { type PieceHashJob, PieceHashQueue } from './piece-hash-queue.ts'

const port = present(parentPort, 'a thread of its own')
const queue = new PieceHashQueue(new Uint8Array(workerData as SharedArrayBuffer))

function takeWaiting(): void {
  for (let waiting = receiveMessageOnPort(port); waiting !== undefined; waiting = receiveMessageOnPort(port)) {
    queue.push(waiting.message as PieceHashJob)
  }
}

port.on('message', (job: PieceHashJob) => {
  queue.push(job)
  takeWaiting()
  for (let answer = queue.next(); answer !== undefined; answer = queue.next()) {
    port.postMessage(answer)
    takeWaiting()
  }
})
