// Content that somebody else changed after it was complete: flipped, cut off, deleted (F3). Exactly the bad pieces are
// fetched again, none of them is ever sent, and a file that is gone is reported, not quietly downloaded again.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Bitfield } from '../../src/base/bitfield.ts'
import { concatBytes, equalBytes } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { bytesOfHex, dialRawPeer, listenRawPeer, seedBehaviour } from '../foreign/raw-peer.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { assertContent, type FaultContent, makeFaultContent } from './fault-content.ts'
import { jsonLines, swarmbid } from './run-swarmbid.ts'
import { endInOrder, type SessionProcess, startSession } from './session-process.ts'

const shape = { name: 'content', pieceLengthBytes: 32_768, lengths: [700_001, 5, 900_000, 400_003] }
const blockLengthBytes = 16_384

interface Place {
  readonly content: FaultContent
  readonly folder: string
  readonly stateFolder: string
  /** Where a seed of bare sockets waits. */
  readonly seedPort: number
  /** Pieces asked of it, each once, since it was last cleared. */
  readonly asked: Set<number>
  /** Forgotten blocks asked more than once. */
  readonly blocks: string[]
}

/** A download that is complete and has ended in order. */
async function downloaded(t: TestContext): Promise<Place> {
  const home = temporaryFolder(t)
  const content = makeFaultContent(home, shape)
  const { infoHash, pieceCount, pieceLengthBytes } = content
  const asked = new Set<number>()
  const blocks: string[] = []
  const seed = seedBehaviour(content.bytes, pieceLengthBytes, (piece, begin, block) => {
    asked.add(piece)
    blocks.push(`${piece} ${begin}`)
    return block
  })
  const seedPort = await listenRawPeer(t, '127.0.0.1', { infoHash, pieceCount, ...seed })
  const place = { content, folder: join(home, 'leech'), stateFolder: join(home, 'state'), seedPort, asked, blocks }
  const first = await start(t, place)
  await first.line('finished')
  await endInOrder(first)
  assertContent(content, place.folder)
  assert.equal(asked.size, pieceCount)
  forgetAsked(place)
  return place
}

function forgetAsked({ asked, blocks }: Place): void {
  asked.clear()
  blocks.length = 0
}

function start(t: TestContext, place: Place, hasSeed = true): Promise<SessionProcess> {
  const { folder, stateFolder, content, seedPort } = place
  const peers = hasSeed ? [`127.0.0.1:${seedPort}`] : []
  return startSession(t, { folder, stateFolder, source: content.torrentPath, add: { peers } })
}

function pathOf({ content, folder }: Place, file: number): string {
  return join(folder, ...(content.files[file]?.path ?? []))
}

/** To the millisecond. */
function setModified(path: string, modifiedMs: number): void {
  const seconds = (Math.floor(modifiedMs) + 0.5) / 1_000
  utimesSync(path, seconds, seconds)
}

/** Changes one byte; with `isHidden`, the file looks as before to whoever does not read it. */
function flip(place: Place, file: number, offset: number, isHidden = false): void {
  const path = pathOf(place, file)
  const { mtimeMs } = statSync(path)
  const bytes = readFileSync(path)
  bytes[offset] = (bytes[offset] as number) ^ 0x40
  writeFileSync(path, bytes)
  if (isHidden) setModified(path, mtimeMs)
}

/** What differs from the content, found without the product. */
function badPieces({ content, folder }: Place): number[] {
  const { pieceLengthBytes, pieceCount } = content
  const onDisk = concatBytes(
    content.files.map(({ path, bytes }) => {
      const found = new Uint8Array(bytes.length).fill(0xa5)
      const place = join(folder, ...path)
      if (existsSync(place)) found.set(readFileSync(place))
      return found
    }),
  )
  const isBad = (piece: number) => {
    const range = [piece * pieceLengthBytes, (piece + 1) * pieceLengthBytes] as const
    return !equalBytes(onDisk.subarray(...range), content.bytes.subarray(...range))
  }
  return Array.from({ length: pieceCount }, (_, piece) => piece).filter(isBad)
}

function readyPieces(child: SessionProcess, pieceCount: number): Bitfield {
  const line = child.lines.find(({ type }) => type === 'ready')
  assert.ok(line?.type === 'ready')
  return unwrap(Bitfield.fromBytes(bytesOfHex(line.pieces), pieceCount))
}

function assertFetched(place: Place, bad: readonly number[]): void {
  assert.deepEqual(
    [...place.asked].sort((a, b) => a - b),
    bad,
    'exactly the bad pieces are asked for',
  )
  assert.equal(new Set(place.blocks).size, place.blocks.length, 'each block once')
}

describe('content that was changed from outside', { concurrency: true }, () => {
  test('flipped bytes and a file cut short: exactly the bad pieces are fetched again', async (t) => {
    const place = await downloaded(t)
    flip(place, 0, 5)
    flip(place, 0, 699_999)
    flip(place, 2, 333_333)
    truncateSync(pathOf(place, 3), 250_000)
    const bad = badPieces(place)
    assert.ok(bad.length > 4 && bad.length < place.content.pieceCount / 4)
    const child = await start(t, place)
    await child.line('finished')
    const ready = readyPieces(child, place.content.pieceCount)
    for (let piece = 0; piece < place.content.pieceCount; piece++) {
      assert.equal(ready.get(piece), !bad.includes(piece), `piece ${piece} was judged rightly`)
    }
    await endInOrder(child)
    assertFetched(place, bad)
    assertContent(place.content, place.folder)
  })

  test('a flipped byte that nothing tells of is never sent, but found out and fetched again', async (t) => {
    const place = await downloaded(t)
    flip(place, 2, 500_000, true)
    const [bad = -1, ...others] = badPieces(place)
    assert.deepEqual(others, [])
    const child = await start(t, place)
    await child.state('seeding')
    assert.ok(readyPieces(child, place.content.pieceCount).isComplete, 'believed, for nothing tells of it')
    const { infoHash, pieceCount, pieceLengthBytes, bytes } = place.content
    const asking = dialRawPeer(t, child.port, { infoHash, pieceCount })
    asking.tell({ type: 'haveNone' }, { type: 'interested' })
    await asking.hear((message) => message.type === 'unchoke')
    for (const piece of [bad, bad - 1, bad + 1]) {
      asking.tell({ type: 'request', piece, begin: 0, length: blockLengthBytes })
    }
    await asking.hear((message) => message.type === 'reject' && message.piece === bad)
    await asking.hear((message) => message.type === 'piece' && message.piece === bad - 1)
    await asking.hear((message) => message.type === 'piece' && message.piece === bad + 1)
    await child.line('piece', undefined, (line) => line.type === 'piece' && line.piece === bad)
    await asking.hear((message) => message.type === 'have' && message.piece === bad)
    asking.tell({ type: 'request', piece: bad, begin: 0, length: blockLengthBytes })
    await asking.hear((message) => message.type === 'piece' && message.piece === bad)
    for (const message of asking.heard) {
      if (message.type !== 'piece') continue
      const start = message.piece * pieceLengthBytes + message.begin
      assert.ok(equalBytes(bytesOfHex(message.block), bytes.subarray(start, start + message.length)), 'sent as it is')
    }
    await endInOrder(child)
    assertFetched(place, [bad])
    assertContent(place.content, place.folder)
  })

  test('a deleted file is reported, and downloaded again only when told to', async (t) => {
    const place = await downloaded(t)
    unlinkSync(pathOf(place, 2))
    const bad = badPieces(place)
    const child = await start(t, place)
    const state = await child.state('error')
    assert.ok(state.type === 'error')
    assert.equal(state.problem.code, 'files-missing')
    assert.equal(state.resumesByItself, false)
    await delay(1_000)
    assert.equal(place.asked.size, 0, 'nothing was asked for')
    assert.equal(existsSync(pathOf(place, 2)), false, 'nothing was made')
    assert.deepEqual(await child.command({ type: 'download-again' }), { ok: true })
    await child.line('finished')
    await endInOrder(child)
    assertFetched(place, bad)
    assertContent(place.content, place.folder)
  })

  test('a deleted file that is back is taken as it was, and a restart in between forgets nothing', async (t) => {
    const place = await downloaded(t)
    const path = pathOf(place, 0)
    const bytes = readFileSync(path)
    const { mtimeMs } = statSync(path)
    unlinkSync(path)
    for (let run = 0; run < 2; run++) {
      const child = await start(t, place)
      await child.state('error')
      await endInOrder(child)
    }
    writeFileSync(path, bytes)
    setModified(path, mtimeMs)
    const child = await start(t, place)
    await child.state('seeding')
    await endInOrder(child)
    assertFetched(place, [])
    assertContent(place.content, place.folder)
  })

  test('the command line says which, fails, and downloads again with --check', async (t) => {
    const place = await downloaded(t)
    const { content, folder, stateFolder, seedPort } = place
    unlinkSync(pathOf(place, 0))
    const bad = badPieces(place)
    const network = ['--bind', '127.0.0.1', '--port', '0', '--peer', `127.0.0.1:${seedPort}`, '--json']
    const download = ['download', content.torrentPath, '--dir', folder, '--state', stateFolder, ...network]
    const refused = await swarmbid(download)
    assert.equal(refused.exitCode, 1, refused.stderr)
    const errors = jsonLines(refused.stdout + refused.stderr).filter(({ error }) => error !== undefined)
    assert.ok(
      errors.some(({ error }) => error?.code === 'files-missing'),
      refused.stdout,
    )
    assert.equal(place.asked.size, 0)
    const told = await swarmbid([...download, '--check'])
    assert.equal(told.exitCode, 0, told.stdout + told.stderr)
    assertFetched(place, bad)
    assertContent(content, folder)
  })
})
