// The matrix of interoperation as tests: every foreign program both ways, all of them at once, and foreign trackers.
// What is played, and how, stands in interoperation-cells.ts. `npm run interop` measures the same.
import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { isMissing } from '../foreign/foreign-program.ts'
import { foreignPrograms } from '../foreign/programs.ts'
import { foreignTrackers } from '../foreign/trackers.ts'
import {
  type Content,
  cells,
  makeContent,
  type Played,
  playCell,
  playMixedSwarm,
  playTracker,
} from './interoperation-cells.ts'

const mebibytes = 32
/** Programs wait for each other most of the time; Transmission alone for tens of seconds. */
const concurrency = 4

let content: Content
let removeContent = () => {}

before(async () => {
  content = await makeContent({ after: (end) => void (removeContent = end as () => void) }, mebibytes)
})
after(() => removeContent())

/** Contents are compared by what plays it; here is left that something was played. */
function assertPlayed({ bytes, seconds }: Played): void {
  assert.equal(bytes, content.totalBytes)
  assert.ok(seconds > 0)
}

describe('content moves between this program and foreign ones, through our tracker', { concurrency }, () => {
  for (const cell of cells) {
    const { program, version, source } = cell
    for (const direction of ['downloaded from', 'uploaded to'] as const) {
      test(`${direction} ${program.name}, ${version}, by ${source}`, async (t) => {
        if (!isMissing(t, program)) assertPlayed(await playCell(content, cell, direction))
      })
    }
  }

  for (const tracker of foreignTrackers) {
    for (const scheme of ['http', 'udp'] as const) {
      test(`two of us find each other through ${tracker.name} over ${scheme}`, async (t) => {
        if (!isMissing(t, tracker)) assertPlayed(await playTracker(content, tracker, scheme))
      })
    }
  }
})

describe('all foreign programs and this one in one swarm', () => {
  const present = (t: TestContext) => foreignPrograms.filter((program) => !isMissing(t, program))

  test('where this program is the seed', async (t) => {
    const programs = present(t)
    if (programs.length > 1) assertPlayed(await playMixedSwarm(content, programs, 'ours'))
  })

  test('where libtorrent is the seed', async (t) => {
    const programs = present(t)
    const seed = programs.find(({ name }) => name === 'libtorrent')
    if (seed !== undefined && programs.length > 1) assertPlayed(await playMixedSwarm(content, programs, seed))
  })
})
