// The same folder made into a torrent by libtorrent: the same info hashes, in every version.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { jsonLines, swarmbid } from './run-swarmbid.ts'

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env
const python = '/usr/bin/python3'

const program = `
import libtorrent, os, sys
parent, name, piece_length, version = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
flags = {'v1': 64, 'v2': 32, 'hybrid': 0}[version]
storage = libtorrent.file_storage()
# In the order of the file tree: for version 1 libtorrent itself takes whatever order the folder is read in.
for path in sys.argv[6:]:
    storage.add_file(path, os.path.getsize(parent + '/' + path))
torrent = libtorrent.create_torrent(storage, piece_length, flags)
libtorrent.set_piece_hashes(torrent, parent)
open(sys.argv[5], 'wb').write(libtorrent.bencode(torrent.generate()))
`

function isMissing(): boolean {
  return spawnSync(python, ['-c', 'import libtorrent']).status !== 0
}

const contents: Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>> = {
  'one file': { content: fillerBytes(200_001, 1) },
  // The last file ends with a piece: libtorrent 2.0 would put a pad file after it otherwise, which aligns nothing.
  'a folder': {
    'content/b/inner.bin': fillerBytes(70_000, 2),
    'content/a.bin': fillerBytes(16_384, 3),
    'content/c': fillerBytes(1, 4),
    'content/empty': '',
    'content/ä ü.txt': fillerBytes(65_536, 5),
  },
}

describe('info hashes equal those of libtorrent', () => {
  for (const [what, files] of Object.entries(contents)) {
    for (const version of ['v1', 'v2', 'hybrid'] as const) {
      test(`${what}, ${version}`, async (t) => {
        if (isMissing()) {
          assert.notEqual(foreignRequired, '1', 'python3-libtorrent is missing')
          t.skip('needs python3-libtorrent')
          return
        }
        const folder = temporaryFolder(t)
        writeFiles(folder, files)
        const theirs = join(folder, 'theirs.torrent')
        const made = spawnSync(
          python,
          ['-c', program, folder, 'content', '32768', version, theirs, ...Object.keys(files).sort()],
          {
            encoding: 'utf8',
          },
        )
        assert.equal(made.status, 0, made.stderr)
        const ours = ['create', 'content', '--format', version, '-l', '32KiB', '-q']
        assert.equal((await swarmbid(ours, { cwd: folder })).exitCode, 0)
        const { exitCode, stdout } = await swarmbid(['info', '--json', 'content.torrent', 'theirs.torrent'], {
          cwd: folder,
        })
        assert.equal(exitCode, 0, stdout)
        const [own, foreign] = jsonLines(stdout)
        assert.deepEqual([own?.infoHashV1, own?.infoHashV2], [foreign?.infoHashV1, foreign?.infoHashV2])
        assert.deepEqual(own?.files, foreign?.files)
        assert.ok(readFileSync(theirs).length > 100)
        const verified = await swarmbid(['verify', 'theirs.torrent', '-q'], { cwd: folder })
        assert.equal(verified.exitCode, 0, verified.stdout)
        rmSync(theirs)
      })
    }
  }
})
