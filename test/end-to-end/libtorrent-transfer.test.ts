// Between this program and libtorrent, what the matrix of interoperation (interoperation.test.ts) has not: both sides
// downloading at once, and IPv6. Contents are compared byte by byte.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { isLibtorrentMissing, startLibtorrent } from '../foreign/libtorrent.ts'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { startSwarmbid, swarmbid } from './run-swarmbid.ts'

const mebibyte = 1_048_576

/** About 40 MiB: files that share pieces, an empty one, one of a single byte, names that are not ASCII. */
const contents: Readonly<Record<string, Uint8Array>> = {
  'content/a first.bin': fillerBytes(17 * mebibyte + 12_345, 1),
  'content/b/inner ä.bin': fillerBytes(3 * mebibyte, 2),
  'content/b/one byte': fillerBytes(1, 3),
  'content/b/zero': new Uint8Array(0),
  'content/c.bin': fillerBytes(20 * mebibyte - 7, 4),
}

interface Place {
  readonly torrent: string
  readonly seedFolder: string
  readonly leechFolder: string
  readonly stateFolder: string
}

async function makePlace(t: TestContext, version: 'v1' | 'v2' | 'hybrid'): Promise<Place> {
  const folder = temporaryFolder(t)
  const [seedFolder, leechFolder] = [join(folder, 'seed'), join(folder, 'leech')]
  writeFiles(seedFolder, contents)
  const torrent = join(folder, 'content.torrent')
  const options = ['--format', version, '-l', '256KiB', '-q', '-o', torrent]
  const made = await swarmbid(['create', join(seedFolder, 'content'), ...options])
  assert.equal(made.exitCode, 0, made.stderr)
  return { torrent, seedFolder, leechFolder, stateFolder: join(folder, 'state') }
}

function assertSame(place: Place): void {
  for (const [path, bytes] of Object.entries(contents)) {
    assert.ok(readFileSync(join(place.leechFolder, path)).equals(bytes), `${path} as it was seeded`)
  }
}

describe('content moves otherwise between this program and libtorrent', () => {
  test('both ways at once: two halves become one whole', async (t) => {
    if (isLibtorrentMissing(t)) return
    const place = await makePlace(t, 'hybrid')
    const seed = await startLibtorrent({
      source: place.torrent,
      folder: place.seedFolder,
      isSeed: true,
      isSuperSeed: true,
      settings: { upload_rate_limit: 12 * mebibyte },
    })
    t.after(() => seed.end())
    const otherFolder = join(place.leechFolder, '..', 'other')
    const other = await startLibtorrent({ source: place.torrent, folder: otherFolder, isSeed: false })
    t.after(() => other.end())
    other.connect('127.0.0.1', seed.port)
    const options = ['--dir', place.leechFolder, '--state', place.stateFolder, '--bind', '127.0.0.1', '--port', '0']
    const peers = ['--peer', `127.0.0.1:${seed.port}`, '--peer', `127.0.0.1:${other.port}`]
    const leech = startSwarmbid(['download', place.torrent, ...options, ...peers, '--stay', '--json'])
    t.after(() => leech.end())
    const done = await leech.line('done')
    await other.line('done')
    assertSame(place)
    assertSame({ ...place, leechFolder: otherFolder })
    assert.ok((done.uploadedBytes ?? 0) > 0, 'the other leecher was served too')
  })

  test('over IPv6', async (t) => {
    if (isLibtorrentMissing(t)) return
    const place = await makePlace(t, 'v1')
    const seed = await startLibtorrent({ source: place.torrent, folder: place.seedFolder, isSeed: true, family: 6 })
    t.after(() => seed.end())
    const options = ['--dir', place.leechFolder, '--state', place.stateFolder, '--bind', '::1', '--port', '0']
    const leech = startSwarmbid(['download', place.torrent, ...options, '--peer', `[::1]:${seed.port}`, '--json'])
    t.after(() => leech.end())
    await leech.line('done')
    assert.equal(await leech.exit(), 0)
    assertSame(place)
  })
})
