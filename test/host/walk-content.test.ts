// Finding files: order, links, hidden names, foreign names and kinds.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { findChanged, type SymlinkPolicy, type WalkOptions, walkContent } from '../../src/host/walk-content.ts'
import { reserveFile } from '../../src/host/write-output.ts'
import { codeOf } from './error-code.ts'
import { temporaryFolder, writeFiles } from './temporary-folder.ts'

const never = new AbortController().signal

function options(symlinks: SymlinkPolicy = 'refuse', changes: Partial<WalkOptions> = {}): WalkOptions {
  return { symlinks, skipHidden: false, excludePath: undefined, ...changes }
}

const isPosix = process.platform !== 'win32'

describe('walking content', () => {
  test('files come in the order of a file tree, names compared as bytes', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'b': '1', 'a/z': '2', 'a.txt': '3', 'B': '4', 'ä': '5', 'a/\u{1f600}': '6', 'a/\uffee': '7' })
    const found = await walkContent(folder, options(), never)
    assert.deepEqual(
      found.files.map(({ path }) => path.join('/')),
      ['B', 'a/z', 'a/\uffee', 'a/\u{1f600}', 'a.txt', 'b', 'ä'],
    )
    assert.ok(found.isFolder)
  })

  test('a lone file has no path below its root', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'lone.bin': 'abc' })
    const found = await walkContent(join(folder, 'lone.bin'), options(), never)
    assert.deepEqual(
      [found.isFolder, found.name, found.files[0]?.path, found.files[0]?.lengthBytes],
      [false, 'lone.bin', [], 3],
    )
  })

  test('hidden names are content unless left out as asked; the output never is', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { '.hidden/a': '1', '.b': '2', 'c': '3', 'out.torrent': '4' })
    const excludePath = join(folder, 'out.torrent')
    const all = await walkContent(folder, options('refuse', { excludePath }), never)
    assert.deepEqual(
      all.files.map(({ path }) => path.join('/')),
      ['.b', '.hidden/a', 'c'],
    )
    const some = await walkContent(folder, options('refuse', { excludePath, skipHidden: true }), never)
    assert.deepEqual([some.files.length, some.skippedCount], [1, 2])
  })

  test('the output is not content even when a link leads to it, nor is one that is not finished', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/a': '1', 'content/sub/out.torrent': '2' })
    symlinkSync('content', join(folder, 'link'))
    const reserved = reserveFile(join(folder, 'content/other.torrent'), false)
    t.after(() => reserved.discard())
    for (const [root, output] of [
      ['link', 'content'],
      ['content', 'link'],
      ['content', 'content'],
    ] as const) {
      for (const policy of ['refuse', 'follow'] as const) {
        const excludePath = join(folder, output, 'sub/out.torrent')
        const { files } = await walkContent(join(folder, root), options(policy, { excludePath }), never)
        assert.deepEqual(
          files.map(({ path }) => path.join('/')),
          ['a'],
          `${root} ${output} ${policy}`,
        )
      }
    }
  })

  test('empty folders are counted', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { a: '1' })
    mkdirSync(join(folder, 'empty/inside'), { recursive: true })
    assert.equal((await walkContent(folder, options(), never)).emptyFolderCount, 1)
  })

  test('each policy treats symbolic links as it says', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/dir/real': 'abc', 'outside': 'secret' })
    const content = join(folder, 'content')
    symlinkSync('dir/real', join(content, 'link'))
    assert.equal(await codeOf(walkContent(content, options('refuse'), never)), 'create-symlink')
    assert.deepEqual((await walkContent(content, options('skip'), never)).skippedCount, 1)
    const followed = await walkContent(content, options('follow'), never)
    assert.deepEqual(
      followed.files.map(({ path, lengthBytes }) => [path.join('/'), lengthBytes]),
      [
        ['dir/real', 3],
        ['link', 3],
      ],
    )
    const kept = await walkContent(content, options('keep'), never)
    assert.deepEqual(kept.files[1]?.symlinkTarget, ['dir', 'real'])
    assert.equal(kept.files[1]?.lengthBytes, 0)
  })

  test('links that leave the content, dangle or are absolute are not kept', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    for (const target of ['../outside', 'nothing', '/etc/passwd', '.', '..']) {
      const folder = temporaryFolder(t)
      writeFiles(folder, { 'content/a': 'abc', 'outside': 'secret' })
      symlinkSync(target, join(folder, 'content/link'))
      assert.equal(await codeOf(walkContent(join(folder, 'content'), options('keep'), never)), 'create-symlink', target)
    }
  })

  test('followed links that lead in a circle are refused', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'a/b': '1' })
    symlinkSync('..', join(folder, 'a/up'))
    assert.equal(await codeOf(walkContent(folder, options('follow'), never)), 'create-symlink')
  })

  test('a name that is not UTF-8 is refused by name', async (t) => {
    if (process.platform !== 'linux') return t.skip('needs Linux')
    const folder = temporaryFolder(t)
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/bad`), Buffer.from([0xff])]), 'x')
    assert.equal(await codeOf(walkContent(folder, options(), never)), 'file-name-encoding')
  })

  test('a FIFO in the content is refused, not waited for', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    assert.equal(spawnSync('mkfifo', [join(folder, 'pipe')]).status, 0)
    assert.equal(await codeOf(walkContent(folder, options(), never)), 'file-not-regular')
  })

  test('what is not there, and an abort, are typed', async (t) => {
    const folder = temporaryFolder(t)
    assert.equal(await codeOf(walkContent(join(folder, 'nothing'), options(), never)), 'file-not-found')
    assert.equal(await codeOf(walkContent(folder, options(), AbortSignal.abort())), 'interrupted')
  })

  test('executable files are told apart', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    writeFiles(folder, { run: '#!', text: 'x' })
    chmodSync(join(folder, 'run'), 0o755)
    const found = await walkContent(folder, options(), never)
    assert.deepEqual(
      found.files.map(({ isExecutable }) => isExecutable),
      [true, false],
    )
  })

  test('a file that changed since is found', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { a: '1', b: '2' })
    const { files } = await walkContent(folder, options(), never)
    assert.equal(findChanged(files), undefined)
    utimesSync(join(folder, 'b'), 1, 1)
    assert.equal(findChanged(files)?.path[0], 'b')
  })
})
