// Content with names that are not safe on every system, from its folder to another process: made into a torrent,
// verified and seeded where it is, and downloaded under safe names.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { jsonLines, startSwarmbid, swarmbid } from './run-swarmbid.ts'

const contents: Readonly<Record<string, Uint8Array>> = {
  'what?/a*b.bin': fillerBytes(100_000, 1),
  'what?/a:b.bin': fillerBytes(90_000, 2),
  'what?/a_b.bin': fillerBytes(80_000, 3),
  'what?/plain.bin': fillerBytes(70_000, 4),
  'what?/tab\there/"quoted" ': fillerBytes(60_000, 5),
}

describe('names that are not safe on every system', () => {
  for (const version of ['v1', 'hybrid', 'v2']) {
    test(`${version}: made, verified, seeded in place again and again, and downloaded`, async (t) => {
      if (process.platform === 'win32') return t.skip('such names cannot be there')
      const folder = temporaryFolder(t)
      const [seedFolder, leechFolder] = [join(folder, 'seed'), join(folder, 'leech')]
      writeFiles(seedFolder, contents)
      const torrent = join(folder, 'odd.torrent')
      const content = join(seedFolder, 'what?')
      const created = await swarmbid(['create', content, '-l', '32KiB', '--format', version, '-o', torrent])
      assert.equal(created.exitCode, 0, created.stderr)
      for (const place of [content, seedFolder]) {
        const verified = await swarmbid(['verify', torrent, place, '--json'])
        assert.equal(verified.exitCode, 0, verified.stdout)
        assert.equal(jsonLines(verified.stdout).at(-1)?.badPieceCount, 0)
      }
      const state = join(folder, 'seed-state')
      for (const place of [seedFolder, content]) {
        const seed = startSwarmbid(['seed', torrent, place, '--state', state, '--bind', '127.0.0.1', '--json'])
        t.after(() => seed.end('SIGKILL'))
        const { port } = await seed.line('listening')
        if (place === content) {
          const own = ['--dir', leechFolder, '--state', join(folder, 'state'), '--bind', '127.0.0.1']
          const loaded = await swarmbid(['download', torrent, ...own, '--peer', `127.0.0.1:${port}`])
          assert.equal(loaded.exitCode, 0, loaded.stderr)
        }
        assert.equal(await seed.end('SIGINT'), 130)
      }
      assert.deepEqual(readdirSync(seedFolder), ['what?'], 'nothing was made beside the content')
      assert.deepEqual(readdirSync(leechFolder), ['what_'])
      const made = readdirSync(join(leechFolder, 'what_'), { recursive: true, withFileTypes: true })
      const loaded = made.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      assert.ok(loaded.every((path) => !/[*?:"\t]/.test(path)))
      const hashes = (all: readonly Uint8Array[]) => all.map((bytes) => Buffer.from(bytes).toString('latin1')).sort()
      assert.ok(
        hashes(loaded.map((path) => readFileSync(path))).every(
          (text, index) => text === hashes(Object.values(contents))[index],
        ),
      )
      assert.equal(loaded.length, Object.keys(contents).length)
      const again = await swarmbid(['verify', torrent, leechFolder, '--json'])
      assert.equal(again.exitCode, 0, again.stdout)
    })
  }

  test('a lone file too', async (t) => {
    if (process.platform === 'win32') return t.skip('such names cannot be there')
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'one?.bin': fillerBytes(100_000, 1) })
    const torrent = join(folder, 'one.torrent')
    const created = await swarmbid(['create', join(folder, 'one?.bin'), '--format', 'v1', '-o', torrent])
    assert.equal(created.exitCode, 0, created.stderr)
    const verified = await swarmbid(['verify', torrent, folder])
    assert.equal(verified.exitCode, 0, verified.stderr)
    const options = ['--state', join(folder, 'state'), '--bind', '127.0.0.1', '--json']
    const seed = startSwarmbid(['seed', torrent, folder, ...options])
    t.after(() => seed.end('SIGKILL'))
    await seed.line('listening')
    assert.equal(await seed.end('SIGINT'), 130)
  })
})
