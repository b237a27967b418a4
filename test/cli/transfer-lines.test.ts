// What people see of a torrent in transfer: never wider than the screen, never raw, and why nothing happens.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { columnsOf, fitted, formatDuration, formatPercent } from '../../src/cli/display-text.ts'
import { newStyle } from '../../src/cli/output.ts'
import { splitSeedArguments } from '../../src/cli/seed-command.ts'
import { eventLines } from '../../src/cli/transfer-json.ts'
import { describeState, plainLine, resultText, screenLines, trackerHost } from '../../src/cli/transfer-lines.ts'
import type { TrackerRow, WebSeedRow } from '../../src/daemon/transfer-request.ts'
import { shownPeer as peer, shownTorrent } from './shown-torrent.ts'

const failedTracker: TrackerRow = {
  url: 'https://tracker.example/secret-passkey/announce?key=secret',
  tier: 0,
  state: 'failed',
  message: 'go away',
  nextAnnounceInMs: 1_000,
  seeders: undefined,
  leechers: undefined,
  downloads: undefined,
}

const plain = newStyle(false)

describe('lines of a torrent', () => {
  test('on a terminal: name, bar, figures', () => {
    const screen = { columns: 80, rows: 24, isUnicode: false }
    assert.deepEqual(screenLines([shownTorrent()], screen, plain, { hasPeers: false, isLate: false }), [
      'a name  downloading',
      `  [${'#'.repeat(32)}${'.'.repeat(32)}] 50.0 %`,
      '  down 1 MiB/s  up 0 B/s  2 peers (1 seed)  5 MiB of 10 MiB  2 min 5 s left',
    ])
    const narrow = (columns: number) =>
      screenLines([shownTorrent()], { ...screen, columns }, plain, { hasPeers: false, isLate: false })[2]
    assert.equal(narrow(60), '  down 1 MiB/s  2 peers  5 MiB of 10 MiB  2 min 5 s left')
    assert.equal(narrow(50), '  down 1 MiB/s  5 MiB of 10 MiB  2 min 5 s left')
    assert.equal(narrow(40), '  5 MiB of 10 MiB  2 min 5 s left')
    const [, , , row = ''] = screenLines([shownTorrent()], screen, plain, { hasPeers: true, isLate: false })
    assert.match(row, /^ {4}192\.0\.2\.1:6881 .*A client\\u\{1b\}\[31m .*has 50\.0 %$/)
  })

  test('where output is kept', () => {
    assert.equal(
      plainLine(shownTorrent(), false),
      'a name: 50.0 %, 5 MiB of 10 MiB, 2 min 5 s left, 1 MiB/s down, 0 B/s up, 2 peers (1 seed)',
    )
    const done = shownTorrent({ isFinished: true, state: { type: 'seeding' }, downloadRate: 0 })
    assert.equal(
      plainLine(done, false),
      'a name: seeding, uploaded 2.5 MiB (ratio 0.25), 0 B/s down, 0 B/s up, 2 peers (1 seed)',
    )
  })

  test('web seeds that send count beside peers, and are named by their host alone where they fail', () => {
    const seed: WebSeedRow = {
      url: 'https://me:secret@seed.example/token/',
      state: 'downloading',
      problem: undefined,
      retryInMs: undefined,
      downloadedBytes: 1_000,
      downloadRate: 100,
    }
    const problem = { code: 'web-seed-busy', detail: 'HTTP status 503' } as const
    const resting: WebSeedRow = { ...seed, state: 'resting', problem, retryInMs: 3_500 }
    const lonely = { connectedPeers: 0, connectedSeeds: 0, knownPeers: 0 }
    const said = (...webSeeds: WebSeedRow[]) => describeState(shownTorrent({ ...lonely, webSeeds }), false)
    assert.equal(said(seed, seed), 'downloading from 2 web seeds')
    assert.equal(said({ ...seed, state: 'idle' }), 'waiting for https://seed.example')
    assert.equal(said(resting), 'no peers; https://seed.example: HTTP status 503')
    assert.equal(said({ ...resting, state: 'retired' }), 'no peers, and no tracker to ask (see --tracker, --peer)')
    assert.match(plainLine(shownTorrent({ webSeeds: [seed] }), false), /2 peers \(1 seed\), 1 web seed$/)
    const torrent = shownTorrent({ webSeeds: [resting] })
    assert.deepEqual(eventLines({ type: 'web-seed', torrent, webSeed: resting, problem }), [
      {
        type: 'web-seed',
        id: torrent.id,
        webSeed: 'https://seed.example',
        error: { code: 'web-seed-busy', message: 'HTTP status 503' },
        isRetired: false,
        retrySeconds: 4,
      },
    ])
  })

  test('why nothing happens is said, without what may be secret', () => {
    const lonely = { connectedPeers: 0, knownPeers: 0 }
    assert.equal(describeState(shownTorrent(lonely), false), 'no peers, and no tracker to ask (see --tracker, --peer)')
    const working: TrackerRow = { ...failedTracker, state: 'working' }
    assert.equal(
      describeState(shownTorrent({ ...lonely, trackers: [failedTracker, working] }), false),
      'the trackers know no peers yet',
    )
    const idle: TrackerRow = { ...failedTracker, state: 'announcing', message: undefined }
    assert.equal(describeState(shownTorrent({ ...lonely, trackers: [idle] }), false), 'no peers known yet')
    const known = { connectedPeers: 0, knownPeers: 1 }
    assert.equal(describeState(shownTorrent(known), false), 'connecting to peers (1 known)')
    assert.equal(describeState(shownTorrent(known), true), 'no answer from 1 known peer yet')
    const refused = describeState(shownTorrent({ ...lonely, trackers: [failedTracker] }), false)
    assert.equal(refused, 'no peers; https://tracker.example: go away')
    const full = { code: 'disk-full', detail: 'no space left' } as const
    const waiting = shownTorrent({ state: { type: 'error', problem: full, resumesByItself: true } })
    assert.equal(describeState(waiting, false), 'waiting: no space left (disk-full)')
    assert.equal(
      describeState(shownTorrent({ state: { type: 'checking', checkedPieces: 1, pieces: 8 } }), false),
      'checking what is here: 12.5 %',
    )
    assert.equal(trackerHost('udp://user@host:6969/announce'), 'udp://host:6969')
    const [line] = eventLines({ type: 'tracker', torrent: shownTorrent(), tracker: failedTracker })
    assert.ok(!JSON.stringify(line).includes('secret'))
  })

  test('of whom metadata is expected, and after a while what lacks', () => {
    const awaiting = { state: { type: 'awaiting-metadata' }, connectedPeers: 2 } as const
    const offers = { ...peer, offersMetadata: true }
    assert.equal(
      describeState(shownTorrent({ ...awaiting, peers: [peer, offers] }), false),
      'fetching metadata from 1 peer',
    )
    const nobody = { ...awaiting, peers: [peer, peer] }
    assert.equal(describeState(shownTorrent(nobody), false), 'fetching metadata: no offer from 2 peers yet')
    assert.match(describeState(shownTorrent(nobody), true), /private torrent its \.torrent file/)
    const [line] = eventLines({ type: 'progress', torrents: [shownTorrent({ ...awaiting, peers: [peer, offers] })] })
    const { metadataPeers } = { ...line } as Record<string, unknown>
    assert.equal(metadataPeers, 1)
  })

  test('no line is wider than the screen, and no more lines than it has rows', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 120 })
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 20, max: 120 }),
        fc.integer({ min: 5, max: 30 }),
        (names, columns, rows) => {
          const problem = { code: 'file-unwritable', detail: names[0] ?? '' } as const
          const state = { type: 'error', problem, resumesByItself: false } as const
          const torrents = names.flatMap((name) => [
            shownTorrent({ name, peers: [{ ...peer, client: name }] }),
            shownTorrent({ name, state }),
          ])
          const lines = screenLines(torrents, { columns, rows, isUnicode: true }, plain, {
            hasPeers: true,
            isLate: false,
          })
          for (const line of lines) assert.ok(columnsOf(line) < columns, line)
          assert.ok(lines.length < rows)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('what became of it', () => {
    const done = { transferSeconds: 2, downloadedBytes: 20_971_520, transferBytes: 10_485_760 }
    assert.equal(resultText(shownTorrent(done)), '10 MiB in 2.0 s (5 MiB/s)')
    const later = shownTorrent({ ...done, transferBytes: 2_097_152 })
    assert.equal(resultText(later), '10 MiB, 2 MiB of it in 2.0 s (1 MiB/s)')
    assert.equal(resultText(shownTorrent()), '10 MiB, all of it was here')
  })

  test('figures for programs are whole numbers', () => {
    const torrents = [shownTorrent({ downloadRate: 1.5, uploadRate: 0.2, etaSeconds: 3.1 })]
    const [line] = eventLines({ type: 'progress', torrents })
    const { downloadRate, uploadRate, etaSeconds } = { ...line } as Record<string, unknown>
    assert.deepEqual([downloadRate, uploadRate, etaSeconds], [2, 0, 4])
  })
})

describe('figures', () => {
  test('100 % means all of it', () => {
    assert.deepEqual([0, 0.4999, 0.99999, 1].map(formatPercent), ['0.0 %', '49.9 %', '99.9 %', '100.0 %'])
  })

  test('durations', () => {
    const texts = [0.2, 59, 60, 3_599, 3_600, 172_799, 172_800].map(formatDuration)
    assert.deepEqual(texts, ['1 s', '59 s', '1 min 0 s', '59 min 59 s', '1 h 0 min', '47 h 59 min', '2 d 0 h'])
  })

  test('text is cut to columns, of which some characters take two and some none', () => {
    assert.equal(columnsOf('aä漢e\u0301'), 5)
    assert.equal(fitted('漢漢漢', 6), '漢漢漢')
    assert.equal(fitted('漢漢漢', 5), '漢漢…')
    assert.equal(fitted('abc', 2), 'a…')
    assert.equal(fitted('abc', 0), '')
  })
})

test('the last name of a seed is the content, unless it is a torrent', () => {
  assert.deepEqual(splitSeedArguments(['a.torrent']), { sources: ['a.torrent'], path: '.' })
  assert.deepEqual(splitSeedArguments(['a.torrent', 'b.TORRENT']), { sources: ['a.torrent', 'b.TORRENT'], path: '.' })
  assert.deepEqual(splitSeedArguments(['a.torrent', 'place']), { sources: ['a.torrent'], path: 'place' })
  assert.deepEqual(splitSeedArguments(['a', '-']), { sources: ['a', '-'], path: '.' })
})
