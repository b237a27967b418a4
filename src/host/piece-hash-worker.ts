// Entry of a thread of the Hasher: takes jobs as they come, several in a message, and answers them.
// Before each piece of work it takes in what has come meanwhile, so that a queue is hashed several pieces at a time.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { present } from '../base/assert.ts'
import { type PieceHashJob, PieceHashQueue } from './piece-hash-queue.ts'

const port = present(parentPort, 'a thread of its own')
const queue = new PieceHashQueue(new Uint8Array(workerData as SharedArrayBuffer))

function take(jobs: readonly PieceHashJob[]): void {
  for (const job of jobs) queue.push(job)
}

function takeWaiting(): void {
  for (let waiting = receiveMessageOnPort(port); waiting !== undefined; waiting = receiveMessageOnPort(port)) {
    take(waiting.message as PieceHashJob[])
  }
}

port.on('message', (jobs: PieceHashJob[]) => {
  take(jobs)
  takeWaiting()
  for (let answer = queue.next(); answer !== undefined; answer = queue.next()) {
    port.postMessage(answer)
    takeWaiting()
  }
})
