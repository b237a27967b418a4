// The matrix of interoperation as data and what plays a cell of it: this program and a foreign one, one as the seed and
// one downloading, found through our tracker; or all at once. The tests and `npm run interop` share it.
// Guarantees: each cell has a tracker, folders and processes of its own, gone when it has ended however; contents are
// compared byte by byte after the downloading program has ended.
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { concatBytes, fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { serveTracker } from '../../src/daemon/serve-tracker.ts'
import {
  type ForeignPeer,
  type ForeignProgram,
  type ForeignTask,
  until,
  whenComplete,
} from '../foreign/foreign-program.ts'
import type { JsonProcess } from '../foreign/json-process.ts'
import { foreignPrograms } from '../foreign/programs.ts'
import type { ForeignTracker } from '../foreign/trackers.ts'
import { fillerBytes, type Scope, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { type JsonLine, jsonLines, startSwarmbid, swarmbid } from './run-swarmbid.ts'

type TorrentVersion = 'v1' | 'v2' | 'hybrid'

/** One program and one kind of torrent. */
export interface Cell {
  readonly program: ForeignProgram
  readonly version: TorrentVersion
  readonly source: 'torrent file' | 'magnet link'
  /** The program takes and makes no other connections than encrypted ones. */
  readonly isEncrypted?: boolean
}

export type Direction = 'downloaded from' | 'uploaded to'

/** Those that a cell is played in. */
export function directionsOf({ program, source }: Cell): readonly Direction[] {
  const isFollowed = source === 'torrent file' || program.followsLinks
  return isFollowed ? ['downloaded from', 'uploaded to'] : ['downloaded from']
}

/** Of no one program: with all of them. */
type CellOfAll = Omit<Cell, 'program'> & Partial<Pick<Cell, 'program'>>

export interface Content {
  readonly folder: string
  readonly files: Readonly<Record<string, Uint8Array>>
  readonly totalBytes: number
  readonly torrents: Readonly<Record<TorrentVersion, Torrent>>
}

interface Torrent {
  /** Without a tracker. */
  readonly bytes: Uint8Array
  readonly magnet: string
  /** In hexadecimal, as trackers know it. */
  readonly infoHash: string
}

interface Place {
  readonly content: Content
  /** Path of the torrent file, or the magnet link; both name the tracker. */
  readonly source: string
  readonly torrentFile: string
  /** Of the cell, for folders by name. */
  folder(name: string): string
  /** Resolves once the tracker knows so many peers in all. */
  announced(count: number): Promise<void>
}

export interface Played {
  readonly bytes: number
  readonly seconds: number
}

const mebibyte = 1_048_576
const pieceLengthBytes = 262_144
const limitMs = 90_000
/** All of them can read it. */
const mixedVersion = 'v1'
const seedBytesPerSecond = 6 * mebibyte

/** How reports name it. */
export function nameOf({ version, source, isEncrypted }: Pick<Cell, 'version' | 'source' | 'isEncrypted'>): string {
  return `${version}, ${source}${isEncrypted === true ? ', encrypted' : ''}`
}

/**
 * Every kind of torrent where there are three, each by file and by magnet link; else the two that differ most; and one
 * encrypted.
 */
export const cells: readonly Cell[] = foreignPrograms.flatMap((program): Cell[] => {
  const { versions } = program
  if (versions.length < 3) {
    const last = versions.includes('hybrid') ? 'hybrid' : 'v1'
    return [
      { program, version: 'v1', source: 'torrent file' },
      { program, version: last, source: 'magnet link' },
      { program, version: 'v1', source: 'torrent file', isEncrypted: true },
    ]
  }
  const plain = versions.flatMap((version) =>
    (['torrent file', 'magnet link'] as const).map((source) => ({ program, version, source })),
  )
  return [...plain, { program, version: 'hybrid', source: 'torrent file', isEncrypted: true }]
})

/** Files that share pieces, an empty one, one of a single byte, names that are not ASCII; `mebibytes` in all, nearly. */
export async function makeContent(t: Scope, mebibytes: number): Promise<Content> {
  const folder = temporaryFolder(t)
  const most = (mebibytes * mebibyte) >>> 1
  const files = {
    'content/a first.bin': fillerBytes(most - 3 * mebibyte + 12_345, 1),
    'content/b/inner ä.bin': fillerBytes(3 * mebibyte, 2),
    'content/b/one byte': fillerBytes(1, 3),
    'content/b/zero': new Uint8Array(0),
    'content/c.bin': fillerBytes(most - 20_007, 4),
  }
  writeFiles(folder, files)
  const make = async (version: TorrentVersion): Promise<Torrent> => {
    const path = join(folder, `${version}.torrent`)
    const options = ['--format', version, '-l', String(pieceLengthBytes), '--json', '-o', path]
    const made = await swarmbid(['create', join(folder, 'content'), ...options])
    assert.equal(made.exitCode, 0, made.stderr)
    const done = jsonLines(made.stdout).at(-1)
    const infoHash = done?.infoHashV1 ?? done?.infoHashV2
    assert.ok(done?.magnet !== undefined && infoHash != null)
    return { bytes: readFileSync(path), magnet: done.magnet, infoHash: infoHash.slice(0, 40) }
  }
  const torrents = { v1: await make('v1'), v2: await make('v2'), hybrid: await make('hybrid') }
  const totalBytes = Object.values(files).reduce((sum, { length }) => sum + length, 0)
  return { folder, files, totalBytes, torrents }
}

/** The first key of a torrent is its tracker. */
function withTracker(torrent: Uint8Array, url: string): Uint8Array {
  return concatBytes([fromUtf8(`d8:announce${url.length}:${url}`), torrent.subarray(1)])
}

function countAt(reply: string, key: string): number {
  return Number(new RegExp(`${key.length}:${key}i(\\d+)e`).exec(reply)?.[1] ?? 0)
}

async function makePlace(t: Scope, content: Content, { version, source, program }: CellOfAll): Promise<Place> {
  const root = temporaryFolder(t)
  const tracker = unwrap(await serveTracker({ port: 0, addresses: ['127.0.0.1'], intervalSeconds: 10 }))
  t.after(() => tracker.close())
  const [http = '', udp = ''] = tracker.urls
  const torrent = content.torrents[version]
  const magnetTracker = program?.asksUdpTrackers === false ? http : udp
  const topics = program?.readsHybridLinks === false ? torrent.magnet.replace(/&xt=urn:btmh:\w+/, '') : torrent.magnet
  const torrentFile = join(root, 'content.torrent')
  writeFileSync(torrentFile, withTracker(torrent.bytes, http))
  const scrape = `${http.replace('/announce', '/scrape')}?info_hash=${torrent.infoHash.replace(/../g, '%$&')}`
  let reply = ''
  return {
    content,
    torrentFile,
    source: source === 'torrent file' ? torrentFile : `${topics}&tr=${encodeURIComponent(magnetTracker)}`,
    folder(name) {
      const path = join(root, name)
      mkdirSync(path, { recursive: true })
      return path
    },
    async announced(count) {
      const look = async () => {
        reply = await (await fetch(scrape)).text()
        return countAt(reply, 'complete') + countAt(reply, 'incomplete') >= count || undefined
      }
      await until(`announce of ${count} peers`, look, { said: () => `The tracker says ${reply}` }, limitMs)
    },
  }
}

/** A copy of the content, since programs put files of their own beside it; with pad files as files, where asked for. */
function copyContent(place: Place, name: string, withPadFiles: boolean): string {
  const folder = place.folder(name)
  cpSync(join(place.content.folder, 'content'), join(folder, 'content'), { recursive: true })
  if (!withPadFiles) return folder
  for (const { length } of Object.values(place.content.files)) {
    const padBytes = (pieceLengthBytes - (length % pieceLengthBytes)) % pieceLengthBytes
    if (padBytes > 0) writeFiles(folder, { [`content/.pad/${padBytes}`]: new Uint8Array(padBytes) })
  }
  return folder
}

/** Who knows nothing of version 2 takes pad files for files. */
function needsPadFiles({ version, program }: Pick<Cell, 'version' | 'program'>): boolean {
  return version === 'hybrid' && !program.versions.includes('v2')
}

/** Of foreign programs an empty file may be missing: Transmission 3.00 makes none, WebTorrent 3.0.21 not always. */
function assertSame(content: Content, folder: string, needsEmptyFiles: boolean): void {
  for (const [path, bytes] of Object.entries(content.files)) {
    if (bytes.length === 0 && !needsEmptyFiles && !existsSync(join(folder, path))) continue
    assert.ok(readFileSync(join(folder, path)).equals(bytes), `${path} as it was seeded`)
  }
}

function startOurs(
  t: Scope,
  command: string,
  place: Pick<Place, 'folder'>,
  more: readonly string[],
): JsonProcess<JsonLine> {
  const options = ['--state', place.folder(`state of ${command}`), '--bind', '127.0.0.1', '--port', '0', '--json']
  const ours = startSwarmbid([command, ...more, ...options])
  t.after(() => ours.end())
  return ours
}

async function startForeignPeer(
  t: Scope,
  place: Place,
  program: ForeignProgram,
  task: Pick<ForeignTask, 'role' | 'folder' | 'uploadLimit' | 'requiresEncryption'> & { readonly address?: string },
): Promise<ForeignPeer> {
  const { address = '127.0.0.1' } = task
  // A seed has the metadata, whatever the others are given.
  const source = task.role === 'seed' ? place.torrentFile : place.source
  const peer = await program.start({ ...task, address, source, home: place.folder(`home of ${program.name}`) })
  t.after(() => peer.stop())
  return peer
}

/** What both sides said stands in the failure. */
async function blamed<T>(work: Promise<T>, ...sides: readonly { said(): string }[]): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new Error(`${error}\n${sides.map((side) => side.said()).join('\n')}`)
  }
}

function encryptionOf({ isEncrypted = false }: Cell): Pick<ForeignTask, 'requiresEncryption'> {
  return { requiresEncryption: isEncrypted }
}

async function download(t: Scope, place: Place, cell: Cell): Promise<Played> {
  const { content } = place
  const folder = copyContent(place, 'seed', needsPadFiles(cell))
  const seed = await startForeignPeer(t, place, cell.program, { role: 'seed', folder, ...encryptionOf(cell) })
  await blamed(place.announced(1), seed)
  const leechFolder = place.folder('leech')
  const leech = startOurs(t, 'download', place, [place.source, '--dir', leechFolder])
  const done = await blamed(leech.line('done', limitMs), seed)
  assert.equal(await leech.exit(), 0)
  assertSame(content, leechFolder, true)
  const { transferSeconds, downloadedBytes = 0, wastedBytes = 0 } = done
  assert.ok(transferSeconds != null && transferSeconds > 0)
  assert.equal(downloadedBytes - wastedBytes, content.totalBytes, 'bytes of files alone count')
  return { bytes: content.totalBytes, seconds: transferSeconds }
}

async function upload(t: Scope, place: Place, cell: Cell): Promise<Played> {
  const { content } = place
  const leechTask = { role: 'leech', folder: place.folder('leech'), ...encryptionOf(cell) } as const
  const startLeech = () => startForeignPeer(t, place, cell.program, leechTask)
  const startSeed = async (more: readonly string[]) => {
    const seed = startOurs(t, 'seed', place, [place.torrentFile, content.folder, ...more])
    await seed.line('listening')
    return seed
  }
  const early = cell.program.dialsLoopback ? undefined : await startLeech()
  const seed = await startSeed(early === undefined ? [] : ['--peer', `127.0.0.1:${early.port}`])
  await place.announced(1)
  const leech = early ?? (await startLeech())
  const seconds = await blamed(whenComplete(leech, limitMs), seed)
  await leech.stop()
  assertSame(content, leechTask.folder, false)
  assert.equal(await seed.end('SIGINT'), 130)
  return { bytes: content.totalBytes, seconds }
}

/** Runs `work` with a scope of its own, whose ends come last first: processes before their folders. */
async function scoped<T>(work: (t: Scope) => Promise<T>): Promise<T> {
  const ends: (() => unknown)[] = []
  try {
    return await work({ after: (end) => void ends.push(end as () => unknown) })
  } finally {
    // One that fails leaves the others to be run; why the work failed counts more.
    for (const end of ends.reverse()) await Promise.resolve(end()).catch(() => undefined)
  }
}

/** Fails with what both sides said last. */
export function playCell(content: Content, cell: Cell, direction: Direction): Promise<Played> {
  return scoped(async (t) => {
    const place = await makePlace(t, content, cell)
    return direction === 'downloaded from' ? download(t, place, cell) : upload(t, place, cell)
  })
}

/**
 * All programs at once, each at an address of its own where it can: `seed` sends slowly, so that the others must serve
 * each other, us among them.
 */
export function playMixedSwarm(
  content: Content,
  programs: readonly ForeignProgram[],
  seed: 'ours' | ForeignProgram,
): Promise<Played> {
  return scoped(async (t) => {
    const place = await makePlace(t, content, { version: mixedVersion, source: 'torrent file' })
    if (seed === 'ours') {
      const limit = ['--upload-limit', `${seedBytesPerSecond}`]
      await startOurs(t, 'seed', place, [place.torrentFile, content.folder, ...limit]).line('listening')
    } else {
      const folder = copyContent(place, 'seed', needsPadFiles({ version: mixedVersion, program: seed }))
      await startForeignPeer(t, place, seed, {
        role: 'seed',
        folder,
        address: '127.0.1.1',
        uploadLimit: seedBytesPerSecond,
      })
    }
    await place.announced(1)
    const peers: { peer: ForeignPeer; folder: string }[] = []
    const enter = async (program: ForeignProgram) => {
      const folder = place.folder(`leech ${program.name}`)
      const address = `127.0.1.${peers.length + 2}`
      peers.push({ peer: await startForeignPeer(t, place, program, { role: 'leech', folder, address }), folder })
    }
    const others = programs.filter((program) => program !== seed)
    // Those who connect to nobody are told to those who come later; we come before all who could do without us.
    for (const program of others.filter(({ dialsLoopback }) => !dialsLoopback)) await enter(program)
    await place.announced(1 + peers.length)
    const ourFolder = place.folder('leech')
    const ours = startOurs(t, 'download', place, [place.source, '--dir', ourFolder, '--stay'])
    await ours.line('listening')
    for (const program of others.filter(({ dialsLoopback }) => dialsLoopback)) await enter(program)
    const done = await blamed(ours.line('done', limitMs), ...peers.map(({ peer }) => peer))
    await Promise.all(peers.map(({ peer }) => blamed(whenComplete(peer, limitMs), ours)))
    await Promise.all(peers.map(({ peer }) => peer.stop()))
    for (const { folder } of peers) assertSame(content, folder, false)
    assertSame(content, ourFolder, true)
    await ours.end('SIGINT')
    const stopped = await ours.line('stopped')
    assert.ok((stopped.uploadedBytes ?? 0) > 0, 'others were served too')
    assert.ok(done.transferSeconds != null)
    return { bytes: content.totalBytes, seconds: done.transferSeconds }
  })
}

/** Two of us that know nothing of each other but what a foreign tracker tells them. */
export function playTracker(content: Content, tracker: ForeignTracker, scheme: 'http' | 'udp'): Promise<Played> {
  return scoped(async (t) => {
    const root = temporaryFolder(t)
    const folder = (name: string) => {
      const path = join(root, name)
      mkdirSync(path)
      return path
    }
    const { bytes, infoHash } = content.torrents.hybrid
    const started = await tracker.start(folder('tracker'), infoHash)
    t.after(() => started.stop())
    const torrentFile = join(root, 'content.torrent')
    writeFileSync(torrentFile, withTracker(bytes, started.urls[scheme]))
    const place = { folder }
    const seed = startOurs(t, 'seed', place, [torrentFile, content.folder])
    const isKnown = (line: JsonLine) => line.state === 'working' && (line.seeders ?? 1) > 0
    await blamed(seed.line('tracker', limitMs, isKnown), started)
    const leech = startOurs(t, 'download', place, [torrentFile, '--dir', folder('leech')])
    const { transferSeconds } = await blamed(leech.line('done', limitMs), started, seed)
    assert.equal(await leech.exit(), 0)
    assertSame(content, join(root, 'leech'), true)
    assert.ok(transferSeconds != null)
    return { bytes: content.totalBytes, seconds: transferSeconds }
  })
}
