// Hashing in worker threads: the same digests as the naive computation, whatever the number of threads;
// every way to fail typed.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { hashContent } from '../../src/host/content-hasher.ts'
import type { ContentHashRequest } from '../../src/ports/hasher.ts'
import { pieceHashed, pieceUnavailable } from '../../src/storage/hash-pieces.ts'
import { naiveLayer, naivePieces } from '../storage/naive-digests.ts'
import { fillerBytes, temporaryFolder } from './temporary-folder.ts'

const pieceLengthBytes = 65_536
const lengths = [300_000, 0, 65_536, 1, 1_500_000, 16_384]

interface Content {
  readonly request: ContentHashRequest
  readonly files: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
}

function makeContent(folder: string, changes: Partial<ContentHashRequest> = {}): Content {
  let offset = 0
  const files = lengths.map((length, index) => {
    const bytes = fillerBytes(length, index)
    const file = { path: join(folder, `${index}.bin`), offset, bytes }
    writeFileSync(file.path, bytes)
    offset = Math.ceil((offset + length) / pieceLengthBytes) * pieceLengthBytes
    return file
  })
  const last = files.at(-1)
  const request: ContentHashRequest = {
    files: files.map(({ path, offset: start, bytes }) => ({ path, offset: start, lengthBytes: bytes.length })),
    pieceLengthBytes,
    spanBytes: (last?.offset ?? 0) + (last?.bytes.length ?? 0),
    wants: 'both',
    onBadFile: 'fail',
    maxThreads: 1,
    ...changes,
  }
  return { request, files }
}

const never = new AbortController().signal

describe('content hasher', () => {
  test('digests equal the naive ones for any number of threads', async (t) => {
    const { request, files } = makeContent(temporaryFolder(t))
    const expectedPieces = naivePieces(files, pieceLengthBytes, request.spanBytes)
    const expectedLayers = files.map(({ bytes }) => naiveLayer(bytes, pieceLengthBytes))
    for (const [maxThreads, lendsThread] of [
      [1, false],
      [3, false],
      [1, true],
      [2, true],
    ] as const) {
      const result = await hashContent({ ...request, maxThreads }, () => undefined, never, lendsThread)
      assert.ok(result.ok)
      assert.deepEqual(Buffer.from(result.value.pieces), expectedPieces)
      assert.deepEqual(
        result.value.pieceLayers.map((layer) => Buffer.from(layer)),
        expectedLayers,
      )
      assert.equal(result.value.badFiles.size, 0)
    }
  })

  test('only the digests asked for are made', async (t) => {
    const { request } = makeContent(temporaryFolder(t))
    const v1 = await hashContent({ ...request, wants: 'v1' }, () => undefined, never)
    assert.ok(v1.ok && v1.value.pieces.length > 0)
    assert.deepEqual([v1.value.pieceLayers.length, v1.value.merkleRoots.length], [0, 0])
    const v2 = await hashContent({ ...request, wants: 'v2' }, () => undefined, never)
    assert.ok(v2.ok && v2.value.merkleRoots.length > 0)
    assert.equal(v2.value.pieces.length, 0)
  })

  test('progress ends at the bytes of all files', async (t) => {
    const { request } = makeContent(temporaryFolder(t))
    const heard: number[] = []
    assert.ok((await hashContent(request, (readBytes) => heard.push(readBytes), never)).ok)
    assert.equal(
      heard.at(-1),
      lengths.reduce((sum, length) => sum + length, 0),
    )
  })

  test('creation: a missing, shorter, longer or foreign file ends it with its code', async (t) => {
    const folder = temporaryFolder(t)
    const { request } = makeContent(folder, { maxThreads: 2 })
    const path = join(folder, '4.bin')
    const codeAfter = async (damage: () => void) => {
      writeFileSync(path, fillerBytes(1_500_000, 4))
      damage()
      const result = await hashContent(request, () => undefined, never)
      assert.ok(!result.ok)
      assert.ok(result.detail.includes(path))
      return result.code
    }
    assert.equal(await codeAfter(() => truncateSync(path, 1_499_999)), 'file-changed')
    assert.equal(await codeAfter(() => truncateSync(path, 1_500_001)), 'file-changed')
    assert.equal(await codeAfter(() => rmSync(path)), 'file-not-found')
    const toFolder = () => {
      rmSync(path)
      mkdirSync(path)
    }
    assert.equal(await codeAfter(toFolder), 'file-not-regular')
  })

  test('recheck: damage costs only the pieces it is in', async (t) => {
    const folder = temporaryFolder(t)
    const { request, files } = makeContent(folder, { onBadFile: 'continue' })
    truncateSync(join(folder, '4.bin'), 200_000)
    rmSync(join(folder, '2.bin'))
    const result = await hashContent(request, () => undefined, never)
    assert.ok(result.ok)
    const { states, badFiles } = result.value
    assert.deepEqual([...badFiles.keys()].sort(), [2, 4])
    assert.equal(badFiles.get(2)?.code, 'file-not-found')
    const firstOf4 = (files[4]?.offset ?? 0) / pieceLengthBytes
    const lastOf4 = firstOf4 + Math.ceil(1_500_000 / pieceLengthBytes) - 1
    for (const [piece, state] of states.entries()) {
      const isLost = piece === (files[2]?.offset ?? 0) / pieceLengthBytes || (piece >= firstOf4 + 3 && piece <= lastOf4)
      assert.equal(state, isLost ? pieceUnavailable : pieceHashed, `piece ${piece}`)
    }
  })

  test('an abort before or during the work is a typed failure', async (t) => {
    const { request } = makeContent(temporaryFolder(t))
    const before = await hashContent(request, () => undefined, AbortSignal.abort())
    assert.equal(before.ok ? '' : before.code, 'interrupted')
    const controller = new AbortController()
    const during = hashContent(request, () => undefined, controller.signal)
    controller.abort()
    const result = await during
    assert.equal(result.ok ? '' : result.code, 'interrupted')
  })
})
