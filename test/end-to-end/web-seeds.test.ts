// Downloads of the command line from web servers alone, no peer and no tracker anywhere (BEP 19): a plain one, and nginx;
// servers that are dead, lack files, lie, know no ranges, send people elsewhere, or die half-way and come back.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type FileServerOptions, startFileServer } from '../foreign/file-server.ts'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'
import { needsNginx, startNginx } from '../foreign/nginx.ts'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { jsonLines, mainPath, type Outcome, swarmbid } from './run-swarmbid.ts'

interface Line {
  readonly type?: string
  readonly webSeed?: string
  readonly webSeeds?: number
  readonly isRetired?: boolean
  readonly doneBytes?: number
  readonly totalBytes?: number
  readonly downloadedBytes?: number
  readonly wastedBytes?: number
  readonly transferSeconds?: number | null
  readonly error?: { readonly code: string; readonly message: string }
}

const odd: Readonly<Record<string, Uint8Array>> = {
  'what is this/a.bin': fillerBytes(2_000_123, 1),
  'what is this/100% #1 & more?.bin': fillerBytes(700_001, 2),
  "what is this/sub dir/it's [ü☃] +.txt": fillerBytes(1_048_576, 3),
  'what is this/zero': new Uint8Array(0),
  'what is this/%41.bin': fillerBytes(3, 4),
}
const large: Readonly<Record<string, Uint8Array>> = {
  'large/one.bin': fillerBytes(20_000_000, 5),
  'large/two.bin': fillerBytes(13_000_017, 6),
}
const lone: Readonly<Record<string, Uint8Array>> = { 'lone.bin': fillerBytes(9_000_001, 7) }

function bytesOf(contents: Readonly<Record<string, Uint8Array>>): number {
  return Object.values(contents).reduce((sum, { length }) => sum + length, 0)
}

interface Place {
  readonly folder: string
  readonly root: string
  readonly torrent: string
  readonly leechFolder: string
  readonly command: readonly string[]
}

async function makePlace(
  t: TestContext,
  contents: Readonly<Record<string, Uint8Array>>,
  ...createOptions: string[]
): Promise<Place> {
  const folder = temporaryFolder(t)
  const [root, leechFolder, torrent] = [join(folder, 'root'), join(folder, 'leech'), join(folder, 'it.torrent')]
  writeFiles(root, contents)
  const name = Object.keys(contents)[0]?.split('/')[0] ?? ''
  const options = ['-l', '64KiB', '-q', '-o', torrent, ...createOptions]
  const made = await swarmbid(['create', join(root, name), ...options])
  assert.equal(made.exitCode, 0, made.stderr)
  const own = ['--dir', leechFolder, '--state', join(folder, 'state'), '--bind', '127.0.0.1', '--json']
  return { folder, root, torrent, leechFolder, command: ['download', torrent, ...own] }
}

function assertSame(place: Place, contents: Readonly<Record<string, Uint8Array>>): void {
  for (const [path, bytes] of Object.entries(contents)) {
    // The one name among them that is not safe on every system.
    const placed = path.replace('?', '_')
    assert.ok(readFileSync(join(place.leechFolder, placed)).equals(bytes), `${path} as it is at the server`)
  }
}

function linesOf({ stdout }: Outcome, type: string): Line[] {
  return (jsonLines(stdout) as Line[]).filter((line) => line.type === type)
}

function codesOf(outcome: Outcome, type: string): (string | undefined)[] {
  return linesOf(outcome, type).map(({ error }) => error?.code)
}

function started(t: TestContext, commandArguments: readonly string[]): JsonProcess<Line> {
  const child = startJsonProcess<Line>(process.execPath, [mainPath, ...commandArguments], { name: 'swarmbid download' })
  t.after(() => child.end('SIGKILL'))
  return child
}

/** Where nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function serving(t: TestContext, place: Place, more: Partial<FileServerOptions> = {}) {
  const server = await startFileServer(t, { root: place.root, ...more })
  return { server, url: `http://127.0.0.1:${server.port}/` }
}

describe('download from a plain web server', () => {
  for (const version of ['v1', 'hybrid', 'v2']) {
    test(`${version}: files with odd names, named by the torrent itself, over one connection`, async (t) => {
      const server = await startFileServer(t, { root: temporaryFolder(t) })
      const place = await makePlace(t, odd, '--format', version, '-w', `http://127.0.0.1:${server.port}/pub`)
      await server.close()
      // The same port serves the content now.
      const { port } = server
      const served = await startFileServer(t, {
        root: place.root,
        port,
        intercept: (request) => {
          request.url = request.url?.replace(/^\/pub/, '') ?? ''
          return false
        },
      })
      const outcome = await swarmbid(place.command)
      assert.equal(outcome.exitCode, 0, `${outcome.stdout}\n${outcome.stderr}`)
      assertSame(place, odd)
      const [done] = linesOf(outcome, 'done')
      assert.deepEqual([done?.downloadedBytes, done?.wastedBytes], [bytesOf(odd), 0])
      assert.deepEqual(linesOf(outcome, 'web-seed'), [])
      assert.deepEqual([served.asked.length, served.connectionCount()], [4, 1])
    })
  }

  test('a lone file, named by a person; several seeds of which two are of no use', async (t) => {
    const place = await makePlace(t, lone)
    const { url } = await serving(t, place)
    const empty = await startFileServer(t, { root: temporaryFolder(t) })
    const dead = `http://127.0.0.1:${await deadPort()}/`
    const seeds = [dead, `http://127.0.0.1:${empty.port}/`, url].flatMap((seed) => ['--web-seed', seed])
    const outcome = await swarmbid([...place.command, ...seeds])
    assert.equal(outcome.exitCode, 0, outcome.stderr)
    assertSame(place, lone)
    assert.deepEqual(codesOf(outcome, 'web-seed').sort(), ['connection-failed', 'web-seed-missing'])
    const retired = linesOf(outcome, 'web-seed').map(({ isRetired, error }) => [error?.code, isRetired])
    assert.ok(retired.every(([code, isRetired]) => isRetired === (code === 'web-seed-missing')))
  })

  test('one that lies is found out; with an honest one beside it all comes, without it is given up', async (t) => {
    const place = await makePlace(t, odd)
    const liar = await serving(t, place, { lies: true })
    const alone = await swarmbid([...place.command, '-w', liar.url])
    assert.equal(alone.exitCode, 1)
    assert.deepEqual(
      [codesOf(alone, 'web-seed'), codesOf(alone, 'error')],
      [['web-seed-damaged'], ['torrent-unreachable']],
    )
    assert.match(linesOf(alone, 'error')[0]?.error?.message ?? '', /the web seed is of no use/)
    const { url } = await serving(t, place)
    const outcome = await swarmbid([...place.command, '-w', liar.url, '-w', url])
    assert.equal(outcome.exitCode, 0, outcome.stderr)
    assertSame(place, odd)
    assert.deepEqual(codesOf(outcome, 'web-seed'), ['web-seed-damaged'])
  })

  test('one without ranges sends whole files, once', async (t) => {
    for (const contents of [lone, odd]) {
      const place = await makePlace(t, contents)
      const { url } = await serving(t, place, { ignoresRanges: true })
      const outcome = await swarmbid([...place.command, '-w', url])
      assert.equal(outcome.exitCode, 0, outcome.stderr)
      assertSame(place, contents)
      const [done] = linesOf(outcome, 'done')
      assert.ok((done?.downloadedBytes ?? 0) < bytesOf(contents) * 1.1, `${done?.downloadedBytes} bytes`)
    }
  })

  test('one that is busy, and one that sends people elsewhere', async (t) => {
    const place = await makePlace(t, lone)
    const { url } = await serving(t, place)
    let count = 0
    const busy = await serving(t, place, {
      intercept: (_, response) => {
        if (++count > 1) return false
        response.writeHead(503, { 'retry-after': '1' }).end('later')
        return true
      },
    })
    const outcome = await swarmbid([...place.command, '-w', busy.url])
    assert.equal(outcome.exitCode, 0, outcome.stderr)
    assert.deepEqual(codesOf(outcome, 'web-seed'), ['web-seed-busy'])
    const other = await makePlace(t, lone)
    const redirecting = await serving(t, other, {
      intercept: (request, response) => {
        response.writeHead(302, { location: new URL(request.url ?? '', url).href }).end('there')
        return true
      },
    })
    const redirected = await swarmbid([...other.command, '-w', redirecting.url])
    assert.equal(redirected.exitCode, 0, redirected.stderr)
    assertSame(other, lone)
  })

  test('keeps the limit it was given, and shows what it does', async (t) => {
    const place = await makePlace(t, lone)
    const { url } = await serving(t, place)
    const download = started(t, [...place.command, '-w', url, '--download-limit', '3MiB'])
    const progress = await download.line('progress', undefined, (line) => (line.webSeeds ?? 0) > 0)
    assert.equal(progress.webSeeds, 1)
    const done = await download.line('done')
    assert.ok((done.transferSeconds ?? 0) > 2.3, `${done.transferSeconds} s`)
    assert.equal(await download.exit(), 0)
    assertSame(place, lone)
  })

  test('what is no web seed is refused', async (t) => {
    const place = await makePlace(t, lone)
    const outcome = await swarmbid([...place.command, '-w', 'ftp://seed.example/'])
    assert.equal(outcome.exitCode, 2)
    assert.match(outcome.stderr + outcome.stdout, /ftp:\/\/seed\.example/)
  })
})

describe('download from nginx', () => {
  test('files with odd names, of version 1 and 2, over one connection each, in long ranges', async (t) => {
    if (!needsNginx(t)) return
    for (const version of ['v1', 'v2']) {
      const place = await makePlace(t, odd, '--format', version)
      const nginx = await startNginx(t, { folder: join(place.folder, 'nginx'), root: place.root })
      const outcome = await swarmbid([...place.command, '-w', `http://127.0.0.1:${nginx.port}`])
      assert.equal(outcome.exitCode, 0, `${outcome.stdout}\n${outcome.stderr}`)
      assertSame(place, odd)
      const requests = nginx.requests()
      assert.deepEqual([requests.length, new Set(requests.map(({ connection }) => connection)).size], [4, 1])
      assert.ok(requests.every(({ text }) => / 206 bytes=/.test(text)))
    }
  })

  test('the same server twice over is asked half each, and a dead one does not matter', async (t) => {
    if (!needsNginx(t)) return
    const place = await makePlace(t, large, '-l', '256KiB')
    const folders = [join(place.folder, 'nginx-1'), join(place.folder, 'nginx-2')]
    const seeds: string[] = []
    const servers: Awaited<ReturnType<typeof startNginx>>[] = []
    for (const folder of folders) {
      const nginx = await startNginx(t, { folder, root: place.root }, 'limit_rate 8m;')
      servers.push(nginx)
      seeds.push('-w', `http://127.0.0.1:${nginx.port}/`)
    }
    const outcome = await swarmbid([...place.command, ...seeds, '-w', `http://127.0.0.1:${await deadPort()}/`])
    assert.equal(outcome.exitCode, 0, outcome.stderr)
    assertSame(place, large)
    const [done] = linesOf(outcome, 'done')
    assert.ok((done?.wastedBytes ?? 0) < 0.05 * bytesOf(large), `${done?.wastedBytes} bytes in vain`)
    for (const server of servers) {
      const requests = server.requests()
      const sentBytes = requests.reduce((sum, request) => sum + request.sentBytes, 0)
      assert.ok(sentBytes > bytesOf(large) / 4, `${sentBytes} bytes from one of two`)
      assert.ok(requests.length < 12, `${requests.length} requests`)
    }
  })

  test('that dies half-way, and comes back', async (t) => {
    if (!needsNginx(t)) return
    const place = await makePlace(t, large, '-l', '256KiB')
    const nginx = await startNginx(t, { folder: join(place.folder, 'nginx'), root: place.root }, 'limit_rate 12m;')
    const download = started(t, [...place.command, '-w', `http://127.0.0.1:${nginx.port}/`])
    await download.line('progress', undefined, ({ doneBytes = 0 }) => doneBytes > bytesOf(large) / 4)
    await nginx.stop()
    const problem = await download.line('web-seed')
    assert.deepEqual([problem.error?.code, problem.isRetired], ['connection-failed', false])
    await nginx.start()
    const done = await download.line('done')
    assert.equal(await download.exit(), 0)
    assertSame(place, large)
    assert.ok((done.downloadedBytes ?? 0) < bytesOf(large) * 1.1, `${done.downloadedBytes} bytes`)
  })

  test('a download that was interrupted goes on where it was', async (t) => {
    if (!needsNginx(t)) return
    const place = await makePlace(t, large, '-l', '256KiB')
    const nginx = await startNginx(t, { folder: join(place.folder, 'nginx'), root: place.root }, 'limit_rate 12m;')
    const command = [...place.command, '-w', `http://127.0.0.1:${nginx.port}/`]
    const download = started(t, command)
    await download.line('progress', undefined, ({ doneBytes = 0 }) => doneBytes > bytesOf(large) / 3)
    assert.equal(await download.end('SIGINT'), 130)
    const outcome = await swarmbid(command)
    assert.equal(outcome.exitCode, 0, outcome.stderr)
    assertSame(place, large)
    const [done] = linesOf(outcome, 'done')
    assert.ok((done?.downloadedBytes ?? 0) < bytesOf(large) * 1.1, `${done?.downloadedBytes} bytes in both runs`)
  })
})
