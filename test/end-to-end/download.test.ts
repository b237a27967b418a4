// Downloads and seeds of the command line between real processes: where torrents come from, what is chosen, going on
// after an interruption, what programs are told, and every way to be refused.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { jsonLines, mainPath, type Outcome, swarmbid } from './run-swarmbid.ts'

interface Line {
  readonly type?: string
  readonly source?: string
  readonly id?: string
  readonly name?: string
  readonly state?: string
  readonly port?: number
  readonly doneBytes?: number
  readonly wantedBytes?: number
  readonly totalBytes?: number
  readonly downloadedBytes?: number
  readonly uploadedBytes?: number
  readonly transferSeconds?: number | null
  readonly tracker?: string
  readonly peer?: string
  readonly message?: string
  readonly seeders?: number
  readonly error?: { readonly code: string; readonly message: string }
}

const mebibyte = 1_048_576
const contents: Readonly<Record<string, Uint8Array>> = {
  'content/a.bin': fillerBytes(2 * mebibyte + 1_234, 1),
  'content/sub/b.txt': fillerBytes(700_000, 2),
  'content/sub/c.bin': fillerBytes(1 * mebibyte, 3),
  'content/zero': new Uint8Array(0),
}
const totalBytes = Object.values(contents).reduce((sum, { length }) => sum + length, 0)

interface Place {
  readonly folder: string
  readonly torrent: string
  readonly seedFolder: string
  readonly leechFolder: string
  /** To download to `leechFolder`, with a state of its own, on loopback. */
  readonly options: readonly string[]
}

async function makePlace(t: TestContext, ...createOptions: string[]): Promise<Place> {
  const folder = temporaryFolder(t)
  const [seedFolder, leechFolder] = [join(folder, 'seed'), join(folder, 'leech')]
  writeFiles(seedFolder, contents)
  const torrent = join(folder, 'content.torrent')
  const options = ['-l', '64KiB', '-q', '-o', torrent, ...createOptions]
  const made = await swarmbid(['create', join(seedFolder, 'content'), ...options])
  assert.equal(made.exitCode, 0, made.stderr)
  const leechOptions = ['--dir', leechFolder, '--state', join(folder, 'state'), '--bind', '127.0.0.1']
  return { folder, torrent, seedFolder, leechFolder, options: leechOptions }
}

function started(t: TestContext, ...commandArguments: string[]): JsonProcess<Line> {
  const name = `swarmbid ${commandArguments[0]}`
  const child = startJsonProcess<Line>(process.execPath, [mainPath, ...commandArguments, '--json'], { name })
  t.after(() => child.end('SIGKILL'))
  return child
}

async function seeding(
  t: TestContext,
  place: Place,
  ...more: string[]
): Promise<{ seed: JsonProcess<Line>; peer: string }> {
  const options = ['--state', join(place.folder, 'seed-state'), '--bind', '127.0.0.1', ...more]
  const seed = started(t, 'seed', place.torrent, place.seedFolder, ...options)
  const { port } = await seed.line('listening')
  return { seed, peer: `127.0.0.1:${port}` }
}

function assertSame(place: Place, paths: readonly string[] = Object.keys(contents)): void {
  for (const path of paths) {
    assert.ok(
      readFileSync(join(place.leechFolder, path)).equals(contents[path] as Uint8Array),
      `${path} as it was seeded`,
    )
  }
}

function errorsOf({ stdout }: Outcome): (string | undefined)[] {
  return (jsonLines(stdout) as Line[]).filter(({ type }) => type === 'error').map(({ error }) => error?.code)
}

describe('download', () => {
  test('a torrent file: what programs are told, the content, and that a second run has nothing to do', async (t) => {
    const place = await makePlace(t)
    const { seed, peer } = await seeding(t, place)
    const command = ['download', place.torrent, ...place.options, '--peer', peer, '--json']
    const first = await swarmbid(command)
    assert.equal(first.exitCode, 0, first.stderr)
    const lines = jsonLines(first.stdout) as Line[]
    assert.deepEqual(
      ['listening', 'added', 'state', 'done'].filter((type) => !lines.some((line) => line.type === type)),
      [],
    )
    const done = lines.at(-1)
    assert.equal(done?.type, 'done')
    assert.equal(done.name, 'content')
    assert.equal(done.totalBytes, totalBytes)
    assert.ok((done.transferSeconds ?? 0) > 0 && (done.downloadedBytes ?? 0) >= totalBytes)
    assertSame(place)
    const second = await swarmbid(command)
    assert.equal(second.exitCode, 0)
    const again = (jsonLines(second.stdout) as Line[]).at(-1)
    assert.deepEqual(
      [again?.type, again?.transferSeconds, again?.downloadedBytes],
      ['done', null, done.downloadedBytes],
    )
    assert.equal(await seed.end('SIGINT'), 130)
    const stopped = seed.lines.at(-1)
    assert.equal(stopped?.type, 'stopped')
    assert.ok((stopped.uploadedBytes ?? 0) >= totalBytes)
  })

  test('for people, piped: plain lines, and where the content is', async (t) => {
    const place = await makePlace(t)
    const { peer } = await seeding(t, place)
    const { exitCode, stdout, stderr } = await swarmbid(['download', place.torrent, ...place.options, '--peer', peer])
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /^complete content: 3\.7 MiB in [0-9.]+ s \([^)]+\/s\), \S+content\n$/)
    assert.ok(!(stdout + stderr).includes('\u001b'))
  })

  test('a magnet link alone, with a peer in it', async (t) => {
    const place = await makePlace(t)
    const { peer } = await seeding(t, place)
    const { stdout: link } = await swarmbid(['magnet', place.torrent])
    const { exitCode, stderr } = await swarmbid(['download', `${link.trim()}&x.pe=${peer}`, ...place.options])
    assert.equal(exitCode, 0, stderr)
    assertSame(place)
  })

  for (const [format, name] of [
    ['v1', 'infoHashV1'],
    ['v2', 'infoHashV2'],
  ] as const) {
    test(`a bare info hash of a ${format} torrent, with a peer named`, async (t) => {
      const place = await makePlace(t, '--format', format)
      const { peer } = await seeding(t, place)
      const { stdout } = await swarmbid(['info', '--json', place.torrent])
      const hash = jsonLines(stdout)[0]?.[name] ?? ''
      const { exitCode, stderr } = await swarmbid(['download', hash, ...place.options, '--peer', peer])
      assert.equal(exitCode, 0, stderr)
      assertSame(place)
    })
  }

  test('a web address; a redirect to this machine is not followed', async (t) => {
    const place = await makePlace(t)
    const { peer } = await seeding(t, place)
    const server = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/content.torrent' }).end()
      else if (request.url === '/content.torrent') response.end(readFileSync(place.torrent))
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    const bad = await swarmbid(['download', `${url}/moved`, `${url}/missing`, ...place.options, '--json'])
    assert.equal(bad.exitCode, 1)
    assert.deepEqual(errorsOf(bad), ['connection-failed', 'http-malformed'])
    const good = await swarmbid(['download', `${url}/content.torrent`, ...place.options, '--peer', peer])
    assert.equal(good.exitCode, 0, good.stderr)
    assertSame(place)
  })

  test('standard input, over IPv6', async (t) => {
    const place = await makePlace(t)
    const seed = started(
      t,
      'seed',
      place.torrent,
      place.seedFolder,
      '--state',
      join(place.folder, 's'),
      '--bind',
      '::1',
    )
    const { port } = await seed.line('listening')
    const options = ['--dir', place.leechFolder, '--state', join(place.folder, 'state'), '--bind', '::1']
    const got = await swarmbid(['download', '-', ...options, '--peer', `[::1]:${port}`], {
      input: readFileSync(place.torrent),
    })
    assert.equal(got.exitCode, 0, got.stderr)
    assertSame(place)
  })

  for (const source of ['torrent file', 'magnet link'] as const) {
    test(`--select takes those files and no others, by ${source}`, async (t) => {
      const place = await makePlace(t)
      const { peer } = await seeding(t, place)
      const named =
        source === 'torrent file' ? place.torrent : (await swarmbid(['magnet', place.torrent])).stdout.trim()
      const command = ['download', named, ...place.options, '--peer', peer]
      const some = await swarmbid([...command, '--select', 'sub/*.txt', '--json'])
      assert.equal(some.exitCode, 0, some.stderr)
      assert.equal((jsonLines(some.stdout) as Line[]).at(-1)?.wantedBytes, 700_000)
      assert.deepEqual(readdirSync(join(place.leechFolder, 'content')), ['sub'])
      assert.deepEqual(readdirSync(join(place.leechFolder, 'content', 'sub')), ['b.txt'])
      const none = await swarmbid([...command, '--select', '*.flac', '--json'])
      assert.equal(none.exitCode, 1)
      assert.deepEqual(errorsOf(none), ['torrent-value'])
      const all = await swarmbid(command)
      assert.equal(all.exitCode, 0, all.stderr)
      assertSame(place)
    })
  }

  test('through a tracker of ours, whose word is passed on without its path', async (t) => {
    const tracker = started(t, 'tracker', '--port', '0', '--bind', '127.0.0.1')
    const { port } = await tracker.line('listening')
    const url = `http://127.0.0.1:${port}/announce`
    const place = await makePlace(t, '-t', url)
    const { seed } = await seeding(t, place)
    await seed.line('tracker', 20_000, ({ state }) => state === 'working')
    const leech = started(t, 'download', place.torrent, ...place.options)
    await leech.line('done')
    assert.equal(await leech.exit(), 0)
    assertSame(place)
    assert.equal(seed.lines.find(({ type }) => type === 'tracker')?.tracker, `http://127.0.0.1:${port}`)
    assert.equal(await tracker.end('SIGINT'), 130)
    const shut = await swarmbid(['download', place.torrent, ...place.options])
    assert.equal(shut.exitCode, 0, 'what is complete needs no tracker')
  })
})

describe('a peer that was named and cannot be had', () => {
  test('is told once for each reason, and had as soon as it is there', async (t) => {
    const place = await makePlace(t)
    // A port that is free, and will be the seed's.
    const server = createTcpServer()
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    await new Promise((resolve) => void server.close(resolve))
    const peer = `127.0.0.1:${port}`
    const peers = ['--peer', peer, '--peer', 'nobody.invalid:6881']
    const leech = started(t, 'download', place.torrent, ...place.options, ...peers)
    const named = (text: string) => (line: Line) => line.peer === text
    const refused = await leech.line('peer', 30_000, named(peer))
    assert.deepEqual(refused.error, { code: 'connection-failed', message: 'refused' })
    const unknown = await leech.line('peer', 30_000, named('nobody.invalid:6881'))
    assert.match(unknown.error?.code ?? '', /^(name-unknown|timed-out)$/)
    await seeding(t, place, '--port', `${port}`)
    await leech.line('done')
    assert.equal(await leech.exit(), 0)
    assert.equal(leech.lines.filter((line) => line.type === 'peer' && line.peer === peer).length, 1)
    assertSame(place)
  })

  test('is told to people in one line', async (t) => {
    const place = await makePlace(t)
    const commandArguments = ['download', place.torrent, ...place.options, '--peer', '127.0.0.1:1']
    const got = await swarmbid(commandArguments, {
      onStart: (child) => {
        child.stderr?.on('data', (part: Buffer) => {
          if (part.includes('127.0.0.1:1: ')) child.kill('SIGINT')
        })
      },
    })
    assert.equal(got.exitCode, 130, got.stderr)
    assert.match(got.stderr, /^peer: 127\.0\.0\.1:1: refused \(connection-failed\); trying on$/m)
  })
})

describe('going on after an end', () => {
  test('after Ctrl-C a second run downloads the rest alone', async (t) => {
    const place = await makePlace(t)
    const { peer } = await seeding(t, place)
    const command = ['download', place.torrent, ...place.options, '--peer', peer]
    const first = started(t, ...command, '--download-limit', '1MiB')
    const { doneBytes = 0 } = await first.line('progress', 30_000, (line) => (line.doneBytes ?? 0) > 700_000)
    assert.equal(await first.end('SIGINT'), 130)
    const stopped = first.lines.at(-1)
    assert.ok(stopped?.type === 'stopped' && (stopped.doneBytes ?? 0) >= doneBytes)
    const second = started(t, ...command)
    const done = await second.line('done')
    assert.equal(await second.exit(), 0)
    assertSame(place)
    const fetched = (done.downloadedBytes ?? 0) - (stopped.downloadedBytes ?? 0)
    // Peers send the gaps between the three files too.
    const leftBytes = totalBytes - (stopped.doneBytes ?? 0)
    assert.ok(fetched <= leftBytes + 3 * 65_536, `${fetched} bytes fetched after ${doneBytes} were here`)
  })

  test('after kill -9 a second run takes over the lock and ends well', async (t) => {
    const place = await makePlace(t)
    const { peer } = await seeding(t, place)
    const command = ['download', place.torrent, ...place.options, '--peer', peer]
    const first = started(t, ...command, '--download-limit', '1MiB')
    await first.line('progress', 30_000, (line) => (line.doneBytes ?? 0) > 700_000)
    await first.end('SIGKILL')
    assert.ok(readdirSync(join(place.folder, 'state')).some((name) => name.endsWith('.lock')))
    const second = await swarmbid(command)
    assert.equal(second.exitCode, 0, second.stderr)
    assertSame(place)
    assert.ok(!readdirSync(join(place.folder, 'state')).some((name) => name.endsWith('.lock')))
  })

  test('another process that works on the torrent is named, and its state left alone', async (t) => {
    const place = await makePlace(t)
    const first = started(t, 'download', place.torrent, ...place.options, '--port', '0')
    await first.line('added')
    const second = await swarmbid(['download', place.torrent, ...place.options, '--json'])
    assert.equal(second.exitCode, 1)
    assert.deepEqual(errorsOf(second), ['torrent-locked'])
    assert.match(second.stdout, new RegExp(`process ${first.process.pid} `))
    assert.equal(await first.end('SIGTERM'), 143)
    assert.ok(!readdirSync(join(place.folder, 'state')).some((name) => name.endsWith('.lock')))
  })
})

describe('what is refused', () => {
  test('sources that are none: each its error, the others go on', async (t) => {
    const place = await makePlace(t)
    const { peer } = await seeding(t, place)
    const sources = [join(place.folder, 'absent.torrent'), 'magnet:?dn=x', place.torrent]
    const got = await swarmbid(['download', ...sources, ...place.options, '--peer', peer, '--json'])
    assert.equal(got.exitCode, 1)
    assert.deepEqual(errorsOf(got), ['file-not-found', 'magnet-topic'])
    assertSame(place)
    const people = await swarmbid(['download', 'magnet:?dn=x', ...place.options])
    assert.equal(people.exitCode, 1)
    assert.match(people.stderr, /^swarmbid: [^\n]+ \(magnet-topic\)\n$/)
  })

  test('what nothing can find peers for: at once, unless somebody may know the port', async (t) => {
    const place = await makePlace(t)
    const { stdout: link } = await swarmbid(['magnet', place.torrent])
    for (const source of [link.trim(), place.torrent, 'A'.repeat(32)]) {
      const { exitCode, stderr } = await swarmbid(['download', source, ...place.options])
      assert.equal(exitCode, 1)
      assert.match(stderr, /^swarmbid: [^\n]+--tracker[^\n]+ \(torrent-unreachable\)\n$/)
    }
    const reachable = started(t, 'download', link.trim(), ...place.options, '--port', '0')
    await reachable.line('progress')
    const named = [...place.options, '--state', join(place.folder, 'other'), '--peer', '127.0.0.1:9', '--json']
    const hopeful = started(t, 'download', link.trim(), ...named)
    await hopeful.line('progress')
    assert.deepEqual([await reachable.end('SIGINT'), await hopeful.end('SIGINT')], [130, 130])
  })

  test('peers named of a private torrent without a tracker count for nothing', async (t) => {
    const place = await makePlace(t, '--private')
    const got = await swarmbid(['download', place.torrent, ...place.options, '--peer', '127.0.0.1:9', '--json'])
    assert.equal(got.exitCode, 1)
    assert.deepEqual(errorsOf(got), ['torrent-unreachable'])
  })

  test('a port that is taken', async (t) => {
    const place = await makePlace(t)
    const server = createTcpServer()
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const got = await swarmbid(['download', place.torrent, ...place.options, '--port', `${port}`])
    assert.equal(got.exitCode, 1)
    assert.match(got.stderr, /\(address-in-use\)\n$/)
  })

  test('a folder that cannot be one, for content and for the state', async (t) => {
    const place = await makePlace(t)
    const below = join(place.torrent, 'below')
    const content = await swarmbid(['download', place.torrent, ...place.options, '--dir', below, '--json'])
    assert.equal(content.exitCode, 1)
    assert.equal(errorsOf(content).length, 1)
    const state = await swarmbid(['download', place.torrent, ...place.options, '--state', below])
    assert.equal(state.exitCode, 1)
    assert.match(state.stderr, /\(file-[a-z-]+\)\n$/)
  })

  test('options that make no sense', async () => {
    for (const options of [
      ['--peer', 'nobody'],
      ['--port', '70000'],
      ['--download-limit', '0.1'],
      ['--seed-ratio', 'x'],
      ['--seed-time', '1y'],
      ['--select', '3-1'],
    ]) {
      const { exitCode, stderr } = await swarmbid(['download', 'x.torrent', ...options])
      assert.equal(exitCode, 2, options.join(' '))
      assert.match(stderr, /\(usage\)\n$/)
    }
  })
})

describe('seed', () => {
  test('ends by itself when it has given as much as was asked for', async (t) => {
    const place = await makePlace(t)
    const { seed, peer } = await seeding(t, place, '--seed-ratio', '1')
    const got = await swarmbid(['download', place.torrent, ...place.options, '--peer', peer])
    assert.equal(got.exitCode, 0, got.stderr)
    assert.equal(await seed.exit(20_000), 0)
    assert.equal(seed.lines.at(-1)?.type, 'stopped')
  })

  test('content that is damaged or missing is refused by name, and left as it is', async (t) => {
    const place = await makePlace(t)
    const damaged = join(place.seedFolder, 'content', 'sub', 'c.bin')
    const bytes = Uint8Array.from(contents['content/sub/c.bin'] as Uint8Array)
    bytes[500_000] = (bytes[500_000] as number) ^ 1
    writeFileSync(damaged, bytes)
    const options = ['--state', join(place.folder, 'seed-state'), '--bind', '127.0.0.1']
    const refused = await swarmbid(['seed', place.torrent, place.seedFolder, ...options])
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /sub\/c\.bin \(content-mismatch\)\n$/)
    assert.ok(readFileSync(damaged).equals(bytes))
    const nowhere = await swarmbid(['seed', place.torrent, place.folder, ...options])
    assert.equal(nowhere.exitCode, 1)
    assert.match(nowhere.stderr, /\(file-not-found\)\n$/)
    assert.ok(!existsSync(join(place.folder, 'content')))
  })

  test('--partial serves what is here, and downloads nothing into it', async (t) => {
    const place = await makePlace(t)
    const { peer: whole } = await seeding(t, place)
    const partFolder = join(place.folder, 'part')
    writeFiles(partFolder, { 'content/a.bin': contents['content/a.bin'] as Uint8Array })
    const state = ['--state', join(place.folder, 'part-state'), '--bind', '127.0.0.1']
    const part = started(t, 'seed', place.torrent, partFolder, ...state, '--partial', '--peer', whole)
    const { port } = await part.line('listening')
    const command = ['download', place.torrent, ...place.options, '--select', 'a.bin', '--peer', `127.0.0.1:${port}`]
    const got = await swarmbid(command)
    assert.equal(got.exitCode, 0, got.stderr)
    assertSame(place, ['content/a.bin'])
    assert.equal(await part.end('SIGINT'), 130)
    assert.deepEqual(readdirSync(join(partFolder, 'content')), ['a.bin'])
    assert.deepEqual(readdirSync(partFolder), ['content'])
  })
})

test('where no folder can be made, the download and the state are refused at once', async (t) => {
  if (!existsSync('/proc/self')) return t.skip('needs a file system in which nothing can be made')
  const place = await makePlace(t)
  for (const wrong of ['--dir', '--state']) {
    const options = [...place.options, wrong, '/proc/nothing-here/below', '--json']
    const refused = await swarmbid(['download', place.torrent, ...options])
    assert.equal(refused.exitCode, 1, refused.stderr)
    assert.match(refused.stdout + refused.stderr, /"error":\{"code":"file-unwritable"/)
  }
})
