// The matrix of interoperation as tests: every foreign program both ways, all of them at once, and foreign trackers.
// What is played, and how, stands in interoperation-cells.ts. `npm run interop` measures the same.
import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { type ForeignProgram, isMissing } from '../foreign/foreign-program.ts'
import { libtorrent } from '../foreign/libtorrent-program.ts'
import { foreignPrograms } from '../foreign/programs.ts'
import { foreignTrackers } from '../foreign/trackers.ts'
import {
  type Content,
  cells,
  directionsOf,
  makeContent,
  nameOf,
  type Played,
  playCell,
  playMixedSwarm,
  playTracker,
} from './interoperation-cells.ts'

const mebibytes = 32
/** Programs wait most of the time, Transmission for tens of seconds: what takes longest begins first. */
const concurrency = 6

let content: Content
const ends: (() => unknown)[] = []

before(async () => {
  content = await makeContent({ after: (end) => void ends.push(end as () => unknown) }, mebibytes)
})
after(() => {
  for (const end of ends) end()
})

/** Contents are compared by what plays it; here is left that something was played. */
function assertPlayed({ bytes, seconds }: Played): void {
  assert.equal(bytes, content.totalBytes)
  assert.ok(seconds > 0)
}

function presentPrograms(t: TestContext): ForeignProgram[] {
  return foreignPrograms.filter((program) => !isMissing(t, program))
}

describe('content moves between this program and foreign ones, through our tracker', { concurrency }, () => {
  test('all of them in one swarm, where this program is the seed', async (t) => {
    const programs = presentPrograms(t)
    if (programs.length > 1) assertPlayed(await playMixedSwarm(content, programs, 'ours'))
  })

  test('all of them in one swarm, where libtorrent is the seed', async (t) => {
    const programs = presentPrograms(t)
    if (programs.length > 1 && programs.includes(libtorrent)) {
      assertPlayed(await playMixedSwarm(content, programs, libtorrent))
    }
  })

  for (const cell of cells) {
    const { program } = cell
    for (const direction of directionsOf(cell)) {
      test(`${direction} ${program.name}, ${nameOf(cell)}`, async (t) => {
        if (!isMissing(t, program)) assertPlayed(await playCell(content, cell, direction))
      })
    }
  }
})

describe('two of us find each other through foreign trackers', { concurrency }, () => {
  for (const tracker of foreignTrackers) {
    for (const scheme of ['http', 'udp'] as const) {
      test(`${tracker.name} over ${scheme}`, async (t) => {
        if (!isMissing(t, tracker)) assertPlayed(await playTracker(content, tracker, scheme))
      })
    }
  }
})
