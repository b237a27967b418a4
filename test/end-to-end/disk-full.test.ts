// A disk that is full, for real: a small file system, and a limit on the size of files (F2). The download pauses with
// the reason, what is complete is still served, and when there is room again it goes on by itself and comes out right.
import assert from 'node:assert/strict'
import { type ChildProcess, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Bitfield } from '../../src/base/bitfield.ts'
import { equalBytes } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { bytesOfHex, dialRawPeer } from '../foreign/raw-peer.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { assertContent, claimedPieces, type FaultContent, makeFaultContent, putContent } from './fault-content.ts'
import { endInOrder, type SessionProcess, startSession } from './session-process.ts'

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env
const mebibyte = 1_048_576
const blockLengthBytes = 16_384
const shape = { name: 'content', pieceLengthBytes: 131_072, lengths: [2 * mebibyte, 1, 12 * mebibyte + 12_345] }
/** So that the first file is written before the second is begun. */
const rateBytes = 6 * mebibyte
const timeoutMs = 40_000

interface FullDisk {
  /** Starts a program on it. */
  readonly wrapper: readonly string[]
  /** Where the content is downloaded to, as that program sees it. */
  readonly folder: string
  readonly stateFolder: string
  /** The same, as others see it. */
  seenFrom(child: ChildProcess, path: string): string
  /** Something else takes what is left; called once the first pieces are there. */
  fill(child: ChildProcess): void
  makeRoom(child: ChildProcess): void
}

function canRun(command: string, commandArguments: readonly string[]): boolean {
  return spawnSync(command, commandArguments, { timeout: 5_000 }).status === 0
}

/** Writes a file until there is no room left. */
function fillUp(path: string): void {
  const file = openSync(path, 'w')
  const bytes = new Uint8Array(65_536)
  try {
    for (;;) writeSync(file, bytes)
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC')
  } finally {
    closeSync(file)
  }
}

/** Somebody who was not there before asks for a piece, and gets it. */
async function assertServes(t: TestContext, child: SessionProcess, content: FaultContent): Promise<void> {
  const { pieces } = await child.snapshot()
  const piece = unwrap(Bitfield.fromBytes(bytesOfHex(pieces), content.pieceCount)).nextSet(0)
  assert.ok(piece >= 0, 'a piece was complete before the disk was full')
  const asking = dialRawPeer(t, child.port, { infoHash: content.infoHash, pieceCount: content.pieceCount })
  asking.tell({ type: 'haveNone' }, { type: 'interested' })
  await asking.hear((message) => message.type === 'unchoke')
  asking.tell({ type: 'request', piece, begin: 0, length: blockLengthBytes })
  const block = await asking.hear((message) => message.type === 'piece' || message.type === 'reject')
  assert.ok(block.type === 'piece' && block.piece === piece)
  const start = piece * content.pieceLengthBytes
  assert.ok(equalBytes(bytesOfHex(block.block), content.bytes.subarray(start, start + blockLengthBytes)))
  asking.socket.destroy()
}

async function fillAndFree(t: TestContext, place: string, diskOf: (place: string) => FullDisk): Promise<void> {
  const content = makeFaultContent(place, shape)
  const seedFolder = join(place, 'seed')
  putContent(content, seedFolder)
  const source = content.torrentPath
  const seed = await startSession(t, { stateFolder: join(place, 'seed-state'), folder: seedFolder, source })
  await seed.state('seeding')
  const disk = diskOf(place)
  const { folder, stateFolder, wrapper } = disk
  const leech = await startSession(
    t,
    {
      folder,
      stateFolder,
      source,
      add: { peers: [`127.0.0.1:${seed.port}`], sequential: true },
      config: {
        saveIntervalMs: 500,
        rates: { downloadBytesPerSecond: rateBytes, uploadBytesPerSecond: Number.MAX_SAFE_INTEGER },
      },
    },
    { wrapper },
  )
  await leech.line('piece')
  disk.fill(leech.process)
  const full = await leech.state('error', timeoutMs)
  assert.ok(full.type === 'error')
  assert.equal(full.problem.code, 'disk-full')
  assert.ok(full.resumesByItself)
  await assertServes(t, leech, content)
  const { doneBytes, isFinished } = (await leech.snapshot()).torrent
  assert.ok(!isFinished && doneBytes > 0)
  const onDisk = disk.seenFrom(leech.process, folder)
  const claims = claimedPieces(content, disk.seenFrom(leech.process, stateFolder), onDisk)
  assert.deepEqual(claims?.falsePieces ?? [], [])
  disk.makeRoom(leech.process)
  await leech.line('finished', timeoutMs)
  await leech.state('seeding', timeoutMs)
  const kept = claimedPieces(content, disk.seenFrom(leech.process, stateFolder), onDisk)
  assert.deepEqual(kept?.falsePieces ?? [], [])
  // Ended, it takes a small file system along.
  await leech.command({ type: 'stop' })
  await leech.state('stopped', timeoutMs)
  assertContent(content, onDisk)
  await endInOrder(leech)
  await endInOrder(seed)
}

describe('a full disk pauses a download, with the reason, until there is room again', { concurrency: true }, () => {
  test('files may grow to a limit only, which is lifted', async (t) => {
    if (!canRun('prlimit', ['--fsize=unlimited', 'true'])) {
      assert.notEqual(foreignRequired, '1', 'prlimit is missing')
      t.skip('needs prlimit of util-linux')
      return
    }
    await fillAndFree(t, temporaryFolder(t), (place) => ({
      wrapper: ['prlimit', `--fsize=${3 * mebibyte}:unlimited`],
      folder: join(place, 'leech'),
      stateFolder: join(place, 'state'),
      seenFrom: (_child, path) => path,
      fill: () => undefined,
      makeRoom: (child) => assert.ok(canRun('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])),
    }))
  })

  test('a small file system with content and resume data on it, of which something else takes the rest', async (t) => {
    if (!canRun('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'])) {
      // The other test runs everywhere.
      t.skip('needs the right to mount')
      return
    }
    await fillAndFree(t, temporaryFolder(t), (place) => {
      const disk = join(place, 'disk')
      mkdirSync(disk)
      const seenFrom = (child: ChildProcess, path: string) => `/proc/${child.pid}/root${path}`
      const other = join(disk, 'other')
      return {
        wrapper: ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=24m none "$0" && exec "$@"', disk],
        folder: join(disk, 'leech'),
        stateFolder: join(disk, 'state'),
        seenFrom,
        fill: (child) => fillUp(seenFrom(child, other)),
        makeRoom: (child) => rmSync(seenFrom(child, other)),
      }
    })
  })
})
