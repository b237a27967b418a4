// Runs as the command plays them: what they measure, what they find, and threads that always come to a verdict.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CheckMaker } from '../../../sim/checks/check.ts'
import { JobWorkers } from '../../../sim/command-line/job-workers.ts'
import { playJob } from '../../../sim/command-line/play-job.ts'
import { csvOf } from '../../../sim/command-line/run-csv.ts'
import { plotOf } from '../../../sim/command-line/run-plot.ts'
import type { Job, RunSummary } from '../../../sim/command-line/run-summary.ts'
import { summaryTable } from '../../../sim/command-line/summary-table.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { sha256 } from '../../../src/base/hash.ts'

const job: Job = { scenario: 'flash-crowd', seed: 1, peers: 3, contentBytes: 300_000, keepsSamples: true }
let played: Promise<RunSummary> | undefined
const small = () => {
  played ??= playJob(job)
  return played
}

/** Finds something wrong in the first piece that anybody has. */
const planted: CheckMaker = {
  name: 'planted',
  make: ({ violate }) => ({
    onChange: (machine, change) => {
      if (change.type === 'piece') violate(machine, 'has a piece')
    },
  }),
}

test('a run is measured: who finished when, what was received, and what of it was for nothing', async () => {
  const { leechers, finishMs, receivedBytes, wastedBytes, samples, violations } = await small()
  assert.deepEqual(violations, [])
  assert.equal(leechers, 3)
  assert.equal(finishMs.length, 3)
  assert.equal(receivedBytes - wastedBytes, 900_000)
  assert.ok(samples.length > 0)
  for (const [index, sample] of samples.entries()) {
    assert.ok(sample.receivedBytes >= (samples[index - 1]?.receivedBytes ?? 0))
    assert.ok(sample.share <= 1 && sample.finished <= 3)
  }
})

test('a broken promise is told with the seed', async () => {
  const summary = await playJob(job, undefined, [planted])
  assert.equal(summary.violations[0]?.check, 'planted')
  assert.equal(summary.job, job)
})

test('what no scenario can do is a verdict, not an exception', async () => {
  const { violations } = await playJob({ scenario: 'of-nobody', seed: 1 })
  assert.match(violations[0]?.detail ?? '', /no scenario of-nobody/)
})

test('runs that differ are found by playing twice, and those that do not are not', async () => {
  assert.deepEqual((await playJob({ ...job, isTwice: true })).violations, [])
  let lives = 0
  const fickle: CheckMaker = {
    name: 'fickle',
    make: ({ world }) => {
      world.log('world', `life ${++lives}`)
      return {}
    },
  }
  const { violations } = await playJob({ ...job, isTwice: true }, undefined, [fickle])
  assert.equal(violations[0]?.check, 'same-seed-same-events')
  assert.match(violations[0]?.detail ?? '', /event 1 was "0.000 world life 1", then "0.000 world life 2"/)
})

test('the file of events is what the digest is of', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'swarmbid-sim-'))
  try {
    const logFile = join(folder, 'events.log')
    const { digest, eventCount } = await playJob({ ...job, logFile })
    const bytes = readFileSync(logFile)
    assert.equal(toHex(sha256(bytes)), digest)
    assert.equal(bytes.toString().split('\n').length - 1, eventCount)
    assert.equal(digest, (await small()).digest)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a thread plays a run as it is played here', async () => {
  const workers = new JobWorkers(1)
  try {
    assert.equal((await workers.play(job)).digest, (await small()).digest)
  } finally {
    await workers.close()
  }
})

test('a thread that dies or hangs is a verdict, and the next run gets another', async () => {
  const program = `
    import { parentPort } from 'node:worker_threads'
    parentPort.on('message', ({ seed }) => {
      if (seed === 1) throw new Error('fell over')
      if (seed === 2) process.exit(9)
      if (seed === 4) parentPort.postMessage({ type: 'summary', summary: { digest: 'well' } })
    })`
  const workers = new JobWorkers(1, new URL(`data:text/javascript,${encodeURIComponent(program)}`), 2_000)
  try {
    const runs = [1, 2, 3, 4].map((seed) => workers.play({ scenario: 'any', seed }))
    const [thrown, exited, stuck, well] = await Promise.all(runs)
    assert.match(thrown?.violations[0]?.detail ?? '', /fell over/)
    assert.match(exited?.violations[0]?.detail ?? '', /code 9/)
    assert.equal(stuck?.violations[0]?.check, 'ends')
    assert.equal(well?.digest, 'well')
  } finally {
    await workers.close()
  }
})

test('the table has a line for each run, or one for each scenario where there are many', async () => {
  const summary = await small()
  const [heading, line, ...rest] = summaryTable([summary])
  assert.match(heading ?? '', /^scenario +seed +peers/)
  assert.match(line ?? '', /^flash-crowd +1 +3 +100\.0 %/)
  assert.ok(line?.includes(summary.digest.slice(0, 12)))
  assert.deepEqual(rest, [])
  const many = summaryTable(Array.from({ length: 100 }, () => summary))
  assert.equal(many.length, 2)
  assert.match(many[1] ?? '', /^flash-crowd +100 runs +300 +100\.0 %/)
})

test('the CSV has a line for each second and the end, and the picture a point', async () => {
  const summary = await small()
  const [heading = '', ...lines] = csvOf([summary]).trimEnd().split('\n')
  assert.equal(lines.length, summary.samples.length)
  for (const line of lines) assert.equal(line.split(',').length, heading.split(',').length)
  const rates = lines.map((line) => Number(line.split(',').at(-1)))
  const secondsOf = (line: string | undefined) => Number(line?.split(',')[2] ?? 0)
  const total = rates.reduce(
    (sum, rate, index) => sum + rate * (secondsOf(lines[index]) - secondsOf(lines[index - 1])),
    0,
  )
  assert.ok(Math.abs(total / summary.receivedBytes - 1) < 0.01)
  const picture = plotOf(summary)
  assert.ok(picture.startsWith('<svg ') && picture.endsWith('</svg>\n'))
  assert.ok(!/NaN|Infinity|undefined/.test(picture))
  const paths = [...picture.matchAll(/<path d="([^"]+)" fill="none"/g)].map(([, path]) => path?.split('L').length)
  assert.deepEqual(paths, Array(3).fill(summary.samples.length + 1))
})
