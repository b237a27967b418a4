// The command line run as a child process: exit codes, streams, JSON, hostile names, signals, broken pipes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { encode } from '../../src/formats/bencode/encode.ts'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { jsonLines, mainPath, swarmbid } from './run-swarmbid.ts'

const isPosix = process.platform !== 'win32'
const packageVersion = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version

function torrentBytes(changes: Record<string, string | number> = {}): Uint8Array {
  return encode({
    announce: 'http://tracker.example/announce',
    info: { 'length': 5, 'name': 'five', 'piece length': 16_384, 'pieces': new Uint8Array(20), ...changes },
  })
}

describe('the command line as such', () => {
  test('--version prints the version, and loads nothing heavy for it', async () => {
    for (const option of ['--version', '-V']) {
      const { exitCode, stdout, stderr } = await swarmbid([option])
      assert.deepEqual([exitCode, stdout, stderr], [0, `${packageVersion}\n`, ''])
    }
    const traced = spawnSync(process.execPath, [mainPath, '--version'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_DEBUG: 'esm' },
    })
    assert.match(traced.stderr, /Translating TypeScript \S+version\.ts/)
    assert.doesNotMatch(traced.stderr, /Translating \w+ \S*(?:commander|run-command-line)/)
  })

  test('help names every command there is and the exit codes', async () => {
    const { exitCode, stdout } = await swarmbid(['--help'])
    assert.equal(exitCode, 0)
    for (const command of ['download', 'seed', 'create', 'verify', 'info', 'magnet', 'tracker', 'wallet']) {
      assert.match(stdout, new RegExp(`^ +${command} `, 'm'))
    }
    for (const code of ['130', '143']) assert.ok(stdout.includes(code), code)
    const forCreate = await swarmbid(['create', '--help'])
    assert.equal(forCreate.exitCode, 0)
    assert.match(forCreate.stdout, /--piece-length/)
  })

  test('a command line that is not understood gives 2 and one line', async () => {
    for (const line of [
      [],
      ['nonsense'],
      ['info'],
      ['info', '--nonsense', 'x'],
      ['create', 'x', '--format', 'v3'],
      ['create', 'x', '-l', '1MB'],
      ['create', 'x', '--threads', '0'],
    ]) {
      const { exitCode, stdout, stderr } = await swarmbid(line)
      assert.equal(exitCode, 2, line.join(' '))
      assert.equal(stdout, '')
      assert.match(stderr, /^swarmbid: [^\n]+ \(usage\)\n$/)
    }
    const { exitCode, stderr } = await swarmbid(['info', '--json', '--nonsense'])
    assert.equal(exitCode, 2)
    assert.deepEqual(Object.keys(jsonLines(stderr)[0] ?? {}), ['error'])
  })

  test('colours when forced, none when piped or refused', async (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'a.torrent'), torrentBytes())
    const coloured = await swarmbid(['info', 'a.torrent'], { cwd: folder, environment: { FORCE_COLOR: '1' } })
    assert.ok(coloured.stdout.includes('\u001b['))
    for (const environment of [{}, { NO_COLOR: '1' }, { FORCE_COLOR: '0' }]) {
      assert.ok(!(await swarmbid(['info', 'a.torrent'], { cwd: folder, environment })).stdout.includes('\u001b'))
    }
  })
})

describe('info', () => {
  test('--json prints one line a file, refused ones too, and the exit code is 1', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'good.torrent': torrentBytes(), 'bad.torrent': torrentBytes({ 'piece length': 0 }) })
    const { exitCode, stdout, stderr } = await swarmbid(
      ['info', '--json', 'good.torrent', 'bad.torrent', 'none', 'good.torrent'],
      { cwd: folder },
    )
    assert.equal(exitCode, 1)
    assert.equal(stderr, '')
    const [good, bad, none, again] = jsonLines(stdout)
    const { infoHashV1, ...rest } = good ?? {}
    assert.match(String(infoHashV1), /^[0-9a-f]{40}$/)
    assert.deepEqual(rest, {
      file: 'good.torrent',
      name: 'five',
      infoHashV2: null,
      pieceLengthBytes: 16_384,
      pieceCount: 1,
      totalBytes: 5,
      private: false,
      files: [{ path: 'five', lengthBytes: 5 }],
      trackers: ['http://tracker.example/announce'],
      webSeeds: [],
    })
    assert.equal(bad?.file, 'bad.torrent')
    assert.equal(bad?.error?.code, 'metainfo-piece-length')
    assert.equal(none?.error?.code, 'file-not-found')
    assert.deepEqual(again, good)
    assert.equal(stdout.split('\n').length, 5)
  })

  test('reads standard input, and only so much of it', async () => {
    const read = await swarmbid(['info', '--json', '-'], { input: torrentBytes() })
    assert.equal(read.exitCode, 0)
    assert.equal(jsonLines(read.stdout)[0]?.name, 'five')
    const flooded = await swarmbid(['info', '--json', '-'], { input: new Uint8Array(11_000_000) })
    assert.equal(flooded.exitCode, 1)
    assert.match(flooded.stdout, /bencode-too-large/)
  })

  test('what is too large, a folder, a FIFO or a device is refused at once', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    closeSync(openSync(join(folder, 'huge'), 'w'))
    truncateSync(join(folder, 'huge'), 2 ** 36)
    mkdirSync(join(folder, 'dir'))
    spawnSync('mkfifo', [join(folder, 'pipe')])
    const { exitCode, stdout } = await swarmbid(['info', '--json', 'huge', 'dir', 'pipe', '/dev/zero'], { cwd: folder })
    assert.equal(exitCode, 1)
    assert.deepEqual(
      jsonLines(stdout).map((line) => line.error?.code),
      ['bencode-too-large', 'file-not-regular', 'file-not-regular', 'file-not-regular'],
    )
  })

  test('a megabyte of nesting is a typed error', async () => {
    const { exitCode, stdout } = await swarmbid(['info', '--json', '-'], {
      input: new Uint8Array(1_000_000).fill(0x6c),
    })
    assert.equal(exitCode, 1)
    assert.match(stdout, /bencode-too-deep/)
  })

  test('nothing in a torrent or a path reaches the terminal as a control character', async (t) => {
    const evil = '\u001b]0;owned\u0007\u001b[2J\u202e\u009b31m\r\nfake: line'
    const folder = temporaryFolder(t)
    const bytes = encode({
      'announce': `http://tracker/${evil}`,
      'announce-list': [[`http://tracker/${evil}`]],
      'comment': evil,
      'created by': evil,
      'info': {
        'files': [{ length: 5, path: [evil, `b${evil}`] }],
        'name': evil,
        'piece length': 16_384,
        'pieces': new Uint8Array(20),
        'source': evil,
      },
      'url-list': [`http://seed/${evil}`],
    })
    writeFileSync(join(folder, 'evil.torrent'), bytes)
    const runs = [
      await swarmbid(['info', 'evil.torrent'], { cwd: folder }),
      await swarmbid(['info', '--json', 'evil.torrent'], { cwd: folder }),
      await swarmbid(
        ['magnet', 'evil.torrent', `magnet:?xt=urn:btih:${'a'.repeat(40)}&dn=${encodeURIComponent(evil)}`],
        { cwd: folder },
      ),
      await swarmbid(['info', `none${evil}`], { cwd: folder }),
      await swarmbid([evil], { cwd: folder }),
    ]
    for (const { stdout, stderr } of runs) {
      assert.ok(stdout.length + stderr.length > 0)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
      assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
      assert.doesNotMatch(stdout + stderr, /^fake/m)
    }
  })

  test('DHT nodes are shown as they would be given again', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { a: 'abc' })
    await swarmbid(['create', 'a', '-q', '--node', '[2001:db8::1]:6881', '--node', 'node.example:1'], { cwd: folder })
    const { stdout } = await swarmbid(['info', 'a.torrent'], { cwd: folder })
    assert.match(stdout, /DHT nodes +\[2001:db8::1\]:6881\n +node\.example:1\n/)
  })

  test('people see some of many files, and all of them when asked', async (t) => {
    const folder = temporaryFolder(t)
    const files = Array.from({ length: 60 }, (_, index) => ({ length: 1, path: [`file-${index}`] }))
    const info = { files, 'name': 'many', 'piece length': 16_384, 'pieces': new Uint8Array(20) }
    writeFileSync(join(folder, 'many.torrent'), encode({ info }))
    const some = await swarmbid(['info', 'many.torrent'], { cwd: folder })
    assert.ok(some.stdout.includes('and 10 more files') && !some.stdout.includes('file-55'))
    const all = await swarmbid(['info', '--all', 'many.torrent'], { cwd: folder })
    assert.ok(all.stdout.includes('many/file-55'))
  })

  test('a reader that goes away is no error', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'a.torrent'), torrentBytes())
    const files = new Array(200).fill('a.torrent')
    const outcome = await swarmbid(['info', ...files], {
      cwd: folder,
      onStart(child) {
        child.stdin?.end()
        child.stdout?.once('data', () => child.stdout?.destroy())
      },
    })
    assert.deepEqual([outcome.exitCode, outcome.endSignal, outcome.stderr], [0, null, ''])
  })

  test('a full disk under standard output is said', (t) => {
    if (process.platform !== 'linux') return t.skip('needs Linux')
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'a.torrent'), torrentBytes())
    for (const line of [['info', 'a.torrent'], ['--version']]) {
      const full = openSync('/dev/full', 'w')
      const result = spawnSync(process.execPath, [mainPath, ...line], {
        cwd: folder,
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      })
      closeSync(full)
      assert.equal(result.status, 1)
      assert.match(result.stderr, /^swarmbid: standard output: [^\n]+ \(file-unwritable\)\n$/)
    }
  })
})

describe('magnet', () => {
  test('a torrent becomes a link, a link is explained, a bad one is refused', async (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'a.torrent'), torrentBytes())
    const made = await swarmbid(['magnet', 'a.torrent'], { cwd: folder })
    assert.equal(made.exitCode, 0)
    assert.match(
      made.stdout,
      /^magnet:\?xt=urn:btih:[0-9a-f]{40}&dn=five&xl=5&tr=http%3A%2F%2Ftracker\.example%2Fannounce\n$/,
    )
    const shown = await swarmbid(['magnet', made.stdout.trim()])
    assert.ok(shown.stdout.includes('five') && shown.stdout.includes('http://tracker.example/announce'))
    const asJson = await swarmbid(['magnet', '--json', made.stdout.trim(), 'magnet:?dn=x'])
    assert.equal(asJson.exitCode, 1)
    const [good, bad] = jsonLines(asJson.stdout)
    assert.deepEqual([good?.name, good?.totalBytes, good?.infoHashV2], ['five', 5, null])
    assert.equal(bad?.error?.code, 'magnet-topic')
  })
})

describe('create and verify', () => {
  test('a torrent is made, never overwritten unasked, and verifies', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/a': fillerBytes(3_000_000, 1), 'content/b': 'b' })
    const made = await swarmbid(['create', 'content', '--no-date', '-t', 'http://t/a'], { cwd: folder })
    assert.equal(made.exitCode, 0, made.stderr)
    assert.ok(made.stdout.startsWith('content.torrent\n') && made.stdout.includes('magnet:?xt=urn:btih:'))
    const first = readFileSync(join(folder, 'content.torrent'))
    const again = await swarmbid(['create', 'content'], { cwd: folder })
    assert.equal(again.exitCode, 1)
    assert.match(again.stderr, /\(file-exists\)\n$/)
    assert.deepEqual(readFileSync(join(folder, 'content.torrent')), first)
    const forced = await swarmbid(['create', 'content', '--force', '--no-date', '-t', 'http://t/a', '-q'], {
      cwd: folder,
    })
    assert.deepEqual([forced.exitCode, forced.stderr], [0, ''])
    assert.deepEqual(readFileSync(join(folder, 'content.torrent')), first)
    assert.equal((await swarmbid(['verify', 'content.torrent'], { cwd: folder })).exitCode, 0)
    assert.deepEqual(readdirSync(folder).sort(), ['content', 'content.torrent'])
  })

  test('--json: what is found, progress, and at the end what was made', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { content: fillerBytes(50_000, 1) })
    const { exitCode, stdout, stderr } = await swarmbid(['create', 'content', '--json', '--format', 'v2'], {
      cwd: folder,
    })
    assert.deepEqual([exitCode, stderr], [0, ''])
    const lines = jsonLines(stdout)
    assert.equal(lines[0]?.type, 'found')
    assert.ok(lines.some((line) => line.type === 'progress' && line.doneBytes === 50_000))
    const done = lines.at(-1)
    assert.deepEqual([done?.type, done?.infoHashV1, done?.totalBytes, done?.pieceCount], ['done', null, 50_000, 4])
    const failed = await swarmbid(['create', 'content', '--json'], { cwd: folder })
    assert.equal(failed.exitCode, 1)
    assert.equal(jsonLines(failed.stderr)[0]?.error?.code, 'file-exists')
  })

  test('a torrent made in the folder it describes does not describe itself', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'mine/a': 'abc' })
    const cwd = join(folder, 'mine')
    for (let round = 0; round < 2; round++) {
      assert.equal((await swarmbid(['create', '.', '--force', '-q'], { cwd })).exitCode, 0)
      const { stdout } = await swarmbid(['info', '--json', 'mine.torrent'], { cwd })
      assert.deepEqual(jsonLines(stdout)[0]?.files, [{ path: 'mine/a', lengthBytes: 3 }])
    }
  })

  test('verify names the bad piece and the missing file, and fails', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/a': fillerBytes(100_000, 1), 'content/b': 'b' })
    await swarmbid(['create', 'content', '-l', '16KiB', '-q'], { cwd: folder })
    const damaged = fillerBytes(100_000, 1)
    damaged[40_000] = (damaged[40_000] ?? 0) ^ 1
    writeFileSync(join(folder, 'content/a'), damaged)
    const { exitCode, stdout, stderr } = await swarmbid(['verify', '--json', 'content.torrent'], { cwd: folder })
    assert.equal(exitCode, 1)
    assert.equal(jsonLines(stderr)[0]?.error?.code, 'content-mismatch')
    const lines = jsonLines(stdout).filter(({ type }) => type !== 'progress')
    assert.deepEqual(lines[0], { type: 'bad-piece', piece: 2, problem: 'damaged', files: ['content/a'] })
    assert.deepEqual([lines[1]?.type, lines[1]?.ok, lines[1]?.badPieceCount], ['done', false, 1])
    const shown = await swarmbid(['verify', 'content.torrent'], { cwd: folder })
    assert.match(shown.stdout, /^piece 2: damaged, in content\/a$/m)
    rmSync(join(folder, 'content/a'))
    const gone = await swarmbid(['verify', 'content.torrent'], { cwd: folder })
    assert.match(gone.stdout, /^pieces 0-6: missing, in content\/a$/m)
  })
})

describe('interruption', () => {
  /** A content that takes far longer than the test: sparse, so it costs no disk. */
  function makeHuge(folder: string): void {
    closeSync(openSync(join(folder, 'huge'), 'w'))
    truncateSync(join(folder, 'huge'), 200 * 2 ** 30)
  }

  async function interruptCreate(folder: string, signals: readonly NodeJS.Signals[]) {
    makeHuge(folder)
    return swarmbid(['create', 'huge', '--json', '--threads', '1'], {
      cwd: folder,
      onStart(child) {
        child.stdin?.end()
        let hasStarted = false
        child.stdout?.on('data', (part: Buffer) => {
          if (hasStarted || !part.toString().includes('"progress"')) return
          hasStarted = true
          void (async () => {
            for (const signal of signals) {
              child.kill(signal)
              await setTimeout(20)
            }
          })()
        })
      },
    })
  }

  test('Ctrl-C, even twice at once, stops the work, removes what was begun and gives 130', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    const outcome = await interruptCreate(folder, ['SIGINT', 'SIGINT'])
    assert.deepEqual([outcome.exitCode, outcome.endSignal], [130, null])
    assert.equal(jsonLines(outcome.stderr)[0]?.error?.code, 'interrupted')
    assert.deepEqual(readdirSync(folder), ['huge'])
  })

  test('termination gives 143, a terminal that went away 129', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    for (const [signal, exitCode] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      const folder = temporaryFolder(t)
      const outcome = await interruptCreate(folder, [signal])
      assert.deepEqual([outcome.exitCode, outcome.endSignal], [exitCode, null])
      assert.deepEqual(readdirSync(folder), ['huge'])
    }
  })

  test('waiting for standard input can be interrupted', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'a.torrent'), torrentBytes())
    // The line for the first file says that the handlers are in place and standard input is next.
    const outcome = await swarmbid(['info', '--json', 'a.torrent', '-'], {
      cwd: folder,
      onStart: (child) => void child.stdout?.once('data', () => child.kill('SIGINT')),
    })
    assert.deepEqual([outcome.exitCode, outcome.endSignal], [130, null])
  })
})
