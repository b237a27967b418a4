// SIGKILL at random moments of a download, again and again: what the resume record claims is always on the disk, next
// to nothing is lost, and in the end the content is right (F1). The moments follow from a seed.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { Bitfield } from '../../src/base/bitfield.ts'
import { unwrap } from '../../src/base/errors.ts'
import { isLibtorrentMissing, startLibtorrent } from '../foreign/libtorrent.ts'
import { bytesOfHex } from '../foreign/raw-peer.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { assertContent, claimedPieces, type FaultContent, makeFaultContent, putContent } from './fault-content.ts'
import { startSwarmbid } from './run-swarmbid.ts'
import { endInOrder, type SessionLine, type SessionProcess, startSession } from './session-process.ts'

const { SWARMBID_TEST_LONG: isLong } = process.env
const factor = isLong === '1' ? 10 : 1
const shape = { name: 'content', pieceLengthBytes: 65_536, lengths: [12_000_000, 3_000_001, 9_000_003] }
const rateBytes = Math.floor((3 * 1_048_576) / factor)
/** Changes are saved as often here, so that many a kill meets a save. */
const saveIntervalMs = 100
/** Five seconds may be lost, most of them left to a machine with other things to do; what a start found never may. */
const syncGraceMs = 4_900
const finishTimeoutMs = 120_000

const moments = ['any time', 'after a piece', 'while checking', 'while saving'] as const
type Moment = (typeof moments)[number]

interface Place {
  readonly content: FaultContent
  readonly stateFolder: string
  readonly folder: string
  readonly peers: readonly string[]
}

type Random = ReturnType<typeof simulatedRandom>

/** Waits for the moment; also over when the process has ended or was complete before. */
async function moment(child: SessionProcess, kind: Moment, place: Place, random: Random): Promise<void> {
  const isComplete = () => child.lines.some((line) => line.type === 'finished')
  const until = async (holds: () => boolean) => {
    const deadlineMs = Date.now() + 4_000
    while (!holds() && !isComplete() && Date.now() < deadlineMs) await delay(2)
  }
  const pieces = () => child.lines.filter((line) => line.type === 'piece').length
  if (kind === 'after a piece') {
    const wanted = random.below(20) + 1
    await until(() => pieces() >= wanted)
  } else if (kind === 'while saving') {
    let saves = 0
    const wanted = random.below(12) + 1
    const watcher = watch(place.stateFolder, () => {
      saves++
      if (saves === wanted) child.process.kill('SIGKILL')
    })
    await until(() => saves >= wanted)
    watcher.close()
  } else await delay(random.below(kind === 'any time' ? 2_000 : 120))
}

function hasAll(have: Bitfield, expected: Bitfield): boolean {
  return expected.isSubsetOf(have)
}

function piecesOf(line: SessionLine | undefined, pieceCount: number): Bitfield | undefined {
  if (line?.type !== 'ready') return undefined
  return unwrap(Bitfield.fromBytes(bytesOfHex(line.pieces), pieceCount))
}

/** What may not be lost after a kill at `killedMs`. */
function mustKeep(child: SessionProcess, ready: Bitfield | undefined, pieceCount: number, killedMs: number): Bitfield {
  const kept = ready?.clone() ?? new Bitfield(pieceCount)
  for (const line of child.lines) {
    if (line.type === 'piece' && line.atMs < killedMs - saveIntervalMs - syncGraceMs) kept.set(line.piece)
  }
  return kept
}

function assertClaims(place: Place, when: string): void {
  const claims = claimedPieces(place.content, place.stateFolder, place.folder)
  assert.deepEqual(claims?.falsePieces ?? [], [], `${when}: every piece claimed is on the disk`)
  assert.equal(claims?.falseBlocks ?? 0, 0, `${when}: every block claimed is on the disk`)
}

function start(t: TestContext, place: Place, rechecks: boolean, isLimited: boolean): Promise<SessionProcess> {
  return startSession(t, {
    stateFolder: place.stateFolder,
    folder: place.folder,
    source: place.content.torrentPath,
    rechecks,
    add: { peers: place.peers },
    config: {
      saveIntervalMs,
      ...(isLimited ? { rates: { downloadBytesPerSecond: rateBytes, uploadBytesPerSecond: rateBytes } } : {}),
    },
  })
}

async function killAgainAndAgain(t: TestContext, place: Place, rounds: number, seed: number): Promise<void> {
  const { content } = place
  const random = simulatedRandom(seed)
  let expected = new Bitfield(content.pieceCount)
  let arrivedCount = 0
  mkdirSync(place.stateFolder, { recursive: true })
  for (let round = 0; round < rounds; round++) {
    const kind = moments[random.below(moments.length)] as Moment
    const when = `seed ${seed}, round ${round}, ${kind}`
    const child = await start(t, place, kind === 'while checking', true)
    await moment(child, kind, place, random)
    const killedMs = Date.now()
    assert.equal(await child.end('SIGKILL'), null, child.errors())
    assertClaims(place, when)
    arrivedCount += child.lines.filter((line) => line.type === 'piece').length
    const ready = piecesOf(
      child.lines.find((line) => line.type === 'ready'),
      content.pieceCount,
    )
    if (ready === undefined) continue
    assert.ok(hasAll(ready, expected), `${when}: nothing was lost that was there long enough`)
    expected = mustKeep(child, ready, content.pieceCount, killedMs)
  }
  t.diagnostic(`${arrivedCount} pieces came in ${rounds} lives; ${expected.count} may not be lost at the end`)
  assert.ok(arrivedCount > rounds, 'the kills met a download on its way')
  const complete = await start(t, place, false, false)
  // Also where nothing was left to download.
  await complete.state('seeding', finishTimeoutMs)
  await complete.end('SIGKILL')
  assertClaims(place, 'killed when it was complete')
  const last = await start(t, place, false, false)
  await last.state('seeding', finishTimeoutMs)
  await endInOrder(last)
  assertClaims(place, 'ended in order')
  assertContent(content, place.folder)
}

function makePlace(t: TestContext, seed: number): { place: Place; seedFolder: string } {
  const folder = temporaryFolder(t)
  const content = makeFaultContent(folder, { ...shape, seed })
  const seedFolder = join(folder, 'seed')
  putContent(content, seedFolder)
  return {
    place: { content, stateFolder: join(folder, 'state'), folder: join(folder, 'leech'), peers: [] },
    seedFolder,
  }
}

describe('killed at any moment, a download claims nothing that is not on the disk', { concurrency: true }, () => {
  test('from a seed of this program', async (t) => {
    const { place, seedFolder } = makePlace(t, 1)
    const { torrentPath } = place.content
    const seed = await startSession(t, {
      stateFolder: `${place.stateFolder}-seed`,
      folder: seedFolder,
      source: torrentPath,
    })
    await seed.state('seeding')
    await killAgainAndAgain(t, { ...place, peers: [`127.0.0.1:${seed.port}`] }, 14 * factor, 1)
    await endInOrder(seed)
  })

  test('from libtorrent', async (t) => {
    if (isLibtorrentMissing(t)) return
    const { place, seedFolder } = makePlace(t, 2)
    const seed = await startLibtorrent({ source: place.content.torrentPath, folder: seedFolder, isSeed: true })
    t.after(() => seed.end())
    await killAgainAndAgain(t, { ...place, peers: [`127.0.0.1:${seed.port}`] }, 6 * factor, 2)
  })

  test('the command line loses 5 seconds at most, and goes on where it was', async (t) => {
    const { place, seedFolder } = makePlace(t, 3)
    const { content, folder, stateFolder } = place
    const network = ['--bind', '127.0.0.1', '--port', '0', '--json']
    const seed = startSwarmbid(['seed', content.torrentPath, seedFolder, '--state', `${stateFolder}-seed`, ...network])
    t.after(() => seed.end())
    const { port } = await seed.line('listening')
    const from = ['--peer', `127.0.0.1:${port}`]
    const download = ['download', content.torrentPath, '--dir', folder, '--state', stateFolder, ...from, ...network]
    const first = startSwarmbid([...download, '--download-limit', '2MiB'])
    t.after(() => first.end('SIGKILL'))
    const doneBefore = new Map<number, number>()
    await first.line('added')
    for (let tenth = 0; tenth < 78; tenth++) {
      await delay(100)
      const latest = first.lines.findLast((line) => line.type === 'progress')
      doneBefore.set(Date.now(), latest?.doneBytes ?? 0)
    }
    const killedMs = Date.now()
    assert.equal(await first.end('SIGKILL'), null, first.errors())
    assertClaims(place, 'killed')
    // As it was shown then, which is itself up to a second old.
    const longAgo = [...doneBefore].filter(([atMs]) => atMs < killedMs - 5_000).at(-1)
    const claims = claimedPieces(content, stateFolder, folder)
    const claimedBytes = (claims?.have.count ?? 0) * content.pieceLengthBytes
    assert.ok((longAgo?.[1] ?? 0) > 0, 'something was there 5 seconds before')
    assert.ok(
      claimedBytes >= (longAgo?.[1] ?? 0),
      `${claimedBytes} bytes claimed, ${longAgo?.[1]} were there 5 s before`,
    )
    const second = startSwarmbid(download)
    t.after(() => second.end('SIGKILL'))
    const done = await second.line('done')
    assert.equal(await second.exit(), 0, second.errors())
    assertContent(content, folder)
    assert.ok(existsSync(stateFolder))
    assert.ok((done.transferSeconds ?? 0) > 0)
    await seed.end('SIGINT')
  })
})
