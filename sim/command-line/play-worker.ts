// Entry of a thread that plays runs, one after the other, as they are sent to it. Ends when it is told to by its owner,
// job-workers.ts.
import { parentPort } from 'node:worker_threads'
import { present } from '../../src/base/assert.ts'
import type { PlayAnswer } from './job-workers.ts'
import { playJob } from './play-job.ts'
import type { Job } from './run-summary.ts'

const port = present(parentPort, 'a thread of its own')
const answer = (message: PlayAnswer) => port.postMessage(message)

port.on('message', (job: Job) => {
  void playJob(job, (progress) => answer({ type: 'progress', progress })).then((summary) =>
    answer({ type: 'summary', summary }),
  )
})
