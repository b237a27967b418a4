// Web seeds in a swarm (BEP 19): everything comes, whole and once, whatever servers and peers do; who lies is found out;
// requests are few and long. The storage asserts that each block has one writer and fits in memory that was taken.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { failure } from '../../src/base/errors.ts'
import { type FakeAnswer, type FakeServer, FakeWeb, refused, status, wholeFiles } from './fake-web.ts'
import { type NodeOptions, type TestNode, type TorrentShape, World } from './swarm-harness.ts'

const url = 'http://seed.example/'
const mirror = 'http://mirror.example/'
const fast: FakeServer = { bytesPerSecond: 2_000_000 }

interface Stage {
  readonly world: World
  readonly leech: TestNode
  readonly web: FakeWeb
}

function stage(
  seed: number,
  shape: TorrentShape,
  servers: (world: World) => Readonly<Record<string, FakeServer>>,
  options: NodeOptions = {},
): Stage {
  const world = new World(seed, shape)
  const leech = world.node('leech', options)
  return { world, leech, web: new FakeWeb(world, leech, servers(world)) }
}

function finish({ world, leech }: Stage, maxMs = 600_000): void {
  assert.ok(
    world.runUntil(() => leech.swarm.isFinished, maxMs),
    'finished in time',
  )
}

function wasted({ world, leech }: Stage): number {
  return leech.swarm.snapshot(world.time.nowMs()).wastedBytes
}

function row({ world, leech }: Stage, of = url) {
  const found = leech.swarm.snapshot(world.time.nowMs()).webSeeds.find((one) => one.url === of)
  assert.ok(found !== undefined)
  return found
}

const manyFiles: TorrentShape = {
  pieces: 12,
  extents: [
    [0, 5],
    [5, 100_000],
    [100_100, 100_200],
    // A gap within a block, one of many pieces, a file that ends with a piece.
    [100_300, 120_000],
    [200_000, 229_376],
    [229_376, 380_000],
  ],
}

describe('a web seed without peers', () => {
  for (const version of ['v1', 'v2', 'hybrid'] as const) {
    test(`brings a lone file and two files of ${version}, nothing twice`, () => {
      for (const firstFilePieces of [0, 5]) {
        const one = stage(3, { pieces: 20, version, firstFilePieces }, () => ({ [url]: fast }))
        finish(one)
        assert.deepEqual([wasted(one), one.web.problems], [0, []])
        assert.equal(one.web.sentBytes, one.world.torrent.info.totalBytes)
      }
    })
  }

  test('brings files that begin and end anywhere, and is asked for no byte of a gap', () => {
    const one = stage(1, manyFiles, () => ({ [url]: fast }))
    finish(one)
    assert.deepEqual([wasted(one), one.web.sentBytes], [0, one.world.torrent.info.totalBytes])
  })

  test('sends what is here in part: a few blocks of a piece lack, others are on the disk from before', () => {
    const world = new World(1, { pieces: 4, blocksPerPiece: 8 })
    const leech = world.node('leech')
    for (const piece of [1, 2]) {
      const blocks = piece === 1 ? [0, 1, 5] : [0, 1, 2, 3, 4, 5, 6]
      leech.storage.restore(piece, blocks)
      leech.turn(() => {
        for (const block of blocks) leech.swarm.blockOnDisk(piece, block * 16_384)
      })
    }
    const one = { world, leech, web: new FakeWeb(world, leech, { [url]: fast }) }
    finish(one)
    const least = one.world.torrent.info.totalBytes - 10 * 16_384
    assert.ok(one.web.sentBytes <= least + 3 * 16_384, `${one.web.sentBytes} of ${least}`)
  })

  test('is asked in long runs: one request for 4 MiB at first, then for what it sends in seconds', () => {
    const one = stage(1, { pieces: 512, blocksPerPiece: 4 }, () => ({ [url]: { bytesPerSecond: 4_000_000 } }))
    finish(one)
    assert.ok(one.web.asked.length <= 6, `${one.web.asked.length} requests for 32 MiB`)
  })

  test('begins anywhere while nothing is here, so that not everybody has the same pieces first', () => {
    const begins = [1, 2, 3, 4, 5].map((seed) => {
      const one = stage(seed, { pieces: 512, blocksPerPiece: 4 }, () => ({ [url]: fast }))
      return one.web.asked[0]?.request.first
    })
    assert.ok(new Set(begins).size >= 4, begins.join(' '))
  })

  test('in sequential order begins at the beginning, and goes on where it was', () => {
    const world = new World(1, { pieces: 128, blocksPerPiece: 4 })
    const leech = world.node('leech')
    leech.turn(() => leech.swarm.setMode('sequential'))
    const web = new FakeWeb(world, leech, { [url]: fast })
    finish({ world, leech, web })
    let next = 0
    for (const { request } of web.asked) {
      assert.equal(request.first, next)
      next = request.end
    }
  })

  test('is asked for wanted pieces alone, those of a higher priority first, and for nothing when all are here', () => {
    const one = stage(1, { pieces: 64 }, () => ({}))
    const wanted = Uint8Array.from({ length: 64 }, (_, piece) => (piece < 20 ? 0 : piece < 40 ? 1 : piece < 50 ? 7 : 4))
    one.leech.turn(() => one.leech.swarm.setPriorities(wanted, 0))
    const web = new FakeWeb(one.world, one.leech, { [url]: fast })
    finish(one)
    const begins = web.asked.map(({ request }) => Math.floor(request.first / 32_768))
    assert.deepEqual(begins, [40, 50, 20])
    assert.equal(one.leech.storage.have.count, 44)
    one.world.run(60_000)
    assert.deepEqual([web.asked.length, web.underWayCount], [3, 0])
  })

  test('what is due soon is asked for first', () => {
    const world = new World(1, { pieces: 256, blocksPerPiece: 4 })
    const leech = world.node('leech')
    leech.turn(() => leech.swarm.setDeadline(200, 5_000, 0))
    const web = new FakeWeb(world, leech, { [url]: fast })
    assert.equal(web.asked[0]?.request.first, 200 * 65_536)
  })

  test('ends at once what is not wanted any more, or while nothing may be written', () => {
    const one = stage(1, { pieces: 64 }, () => ({ [url]: { bytesPerSecond: 100_000 } }))
    one.world.run(3_000)
    assert.equal(one.web.underWayCount, 1)
    one.leech.setPaused({ download: true, upload: false })
    assert.equal(one.web.underWayCount, 0)
    one.world.run(30_000)
    one.leech.setPaused({ download: false, upload: false })
    assert.equal(one.web.underWayCount, 1)
    one.leech.turn(() => one.leech.swarm.setPriorities(new Uint8Array(64), one.world.time.nowMs()))
    one.world.run(10_000)
    assert.equal(one.web.underWayCount, 0)
    one.leech.turn(() => one.leech.swarm.setPriorities(new Uint8Array(64).fill(4), one.world.time.nowMs()))
    finish(one)
    const { swarm } = one.leech
    one.leech.turn(() => swarm.setWebSeeds([], one.world.time.nowMs()))
    assert.equal(swarm.snapshot(one.world.time.nowMs()).downloadedBytes, one.web.sentBytes)
  })

  test('waits where there is no memory, and goes on when there is', () => {
    const one = stage(1, { pieces: 40, blocksPerPiece: 4 }, () => ({ [url]: fast, [mirror]: fast }), {
      maxFilling: 1,
      hashMs: 300,
    })
    finish(one)
    assert.equal(one.web.sentBytes - wasted(one), one.world.torrent.info.totalBytes)
  })

  test('that rate limits keep from sending is not taken for a slow one', () => {
    const one = stage(1, { pieces: 40 }, () => ({ [url]: fast }))
    one.world.run(100)
    one.web.isHeld = true
    one.world.run(300_000)
    one.web.release()
    finish(one)
    assert.deepEqual([one.web.problems, one.web.asked.length], [[], 1])
  })
})

describe('web seeds that fail', () => {
  const whole = { pieces: 64 }

  test('rest twice as long each time while they refuse, and are asked again', () => {
    let isUp = false
    const one = stage(1, whole, () => ({ [url]: { ...fast, answer: (honest) => (isUp ? honest : refused()) } }))
    one.world.run(60_000)
    const gaps = one.web.asked.slice(1).map(({ atMs }, index) => atMs - (one.web.asked[index]?.atMs ?? 0))
    assert.equal(gaps.length, 4)
    for (const [index, gap] of gaps.entries()) {
      assert.ok(gap >= 2_000 * 2 ** index && gap <= 2_500 * 2 ** index + 2_000, `${gap} ms`)
    }
    assert.deepEqual([row(one).state, one.web.problems.length], ['resting', 1])
    isUp = true
    finish(one)
    assert.equal(row(one).problem, undefined)
  })

  test('wait as long as they ask for, up to an hour', () => {
    const answers = [status(503, { 'retry-after': '120' }), status(429, { 'retry-after': '999999' })]
    const one = stage(1, whole, () => ({ [url]: { ...fast, answer: (honest) => answers.shift() ?? honest } }))
    finish(one, 4_000_000)
    const [first = 0, second = 0, third = 0] = one.web.asked.map(({ atMs }) => atMs)
    assert.ok(second - first >= 120_000 && second - first < 125_000, `${second - first}`)
    assert.ok(third - second >= 3_600_000 && third - second < 3_605_000, `${third - second}`)
    assert.deepEqual(
      one.web.problems.map(({ code }) => code),
      ['web-seed-busy', 'web-seed-busy'],
    )
  })

  test('are asked for other files where one is not there, and given up where none is', () => {
    for (const code of [404, 410, 403, 416]) {
      const one = stage(1, { pieces: 64, firstFilePieces: 30 }, () => ({
        [url]: { ...fast, answer: (honest, { file }) => (file === 0 ? status(code) : honest) },
      }))
      one.world.run(60_000)
      assert.deepEqual([one.leech.storage.have.count, row(one).state], [34, 'idle'])
      assert.equal(one.web.asked.filter(({ request }) => request.file === 0).length, 1)
      assert.equal(one.web.problems[0]?.code, 'web-seed-missing')
    }
    const gone = stage(1, whole, () => ({ [url]: { ...fast, answer: () => status(404) } }))
    gone.world.run(60_000)
    assert.deepEqual([row(gone).state, row(gone).problem?.code], ['retired', 'web-seed-missing'])
  })

  const useless: readonly (readonly [string, (honest: FakeAnswer) => FakeAnswer, string, number])[] = [
    [
      'compress',
      (one) => ({ ...one, headers: { ...one.headers, 'content-encoding': 'gzip' } }),
      'web-seed-response',
      1,
    ],
    [
      'have a file of another length, told with the part',
      (one) => ({ ...one, headers: { 'content-range': 'bytes 0-10/11' } }),
      'web-seed-missing',
      1,
    ],
    [
      'have a file of another length, sent whole',
      (one) => ({ ...one, status: 200, headers: { 'content-length': '77' } }),
      'web-seed-missing',
      1,
    ],
    ['do not say which part', (one) => ({ ...one, headers: {} }), 'web-seed-response', 3],
    [
      'send more than they were asked for',
      (one) => ({
        ...one,
        headers: { 'content-range': `${one.headers['content-range']}` },
        body: new Uint8Array(one.body.length + 9),
      }),
      'web-seed-damaged',
      1,
    ],
    [
      'have a bad certificate',
      () => ({ ...status(0), refused: failure('certificate-invalid', 'no') }),
      'certificate-invalid',
      1,
    ],
    [
      'lead to forbidden places',
      () => ({ ...status(0), refused: failure('web-seed-forbidden', 'no') }),
      'web-seed-forbidden',
      1,
    ],
    ['speak no HTTP', () => ({ ...status(0), refused: failure('http-malformed', 'no') }), 'http-malformed', 3],
    ['answer what is no content', (one) => ({ ...one, status: 204 }), 'web-seed-response', 3],
  ]
  for (const [name, answer, code, requests] of useless) {
    test(`are given up when they ${name}`, () => {
      const one = stage(1, { pieces: 64, blocksPerPiece: 1 }, () => ({ [url]: { ...fast, answer } }))
      one.world.run(120_000)
      assert.deepEqual([row(one).state, row(one).problem?.code, one.leech.storage.have.count], ['retired', code, 0])
      assert.ok(one.web.asked.length <= requests, `${one.web.asked.length} requests`)
    })
  }

  test('are asked for the rest where the answer is cut off, stalls or is shorter than asked', () => {
    for (const kind of ['cut', 'stall', 'short'] as const) {
      let count = 0
      const answer = (honest: FakeAnswer, request: { first: number; fileBytes: number }): FakeAnswer => {
        const bytes = 50_000
        if (++count > 3 || honest.body.length <= bytes) return honest
        const why = kind === 'cut' ? failure('connection-failed', 'cut off') : failure('timed-out', 'silent')
        if (kind !== 'short') return { ...honest, endsAfter: { bytes, why } }
        const { first, fileBytes } = request
        const headers = { 'content-range': `bytes ${first}-${first + bytes - 1}/${fileBytes}` }
        return { status: 206, headers, body: honest.body.subarray(0, bytes) }
      }
      const one = stage(1, whole, () => ({ [url]: { ...fast, answer } }))
      finish(one)
      // Of a block that was cut the beginning comes twice.
      assert.ok(one.web.sentBytes - one.world.torrent.info.totalBytes < 3 * 16_384)
      assert.equal(one.web.problems.length > 0, kind !== 'short')
    }
  })

  test('that send next to nothing are left for a while, and others go on', () => {
    const one = stage(1, { pieces: 8 }, () => ({ [url]: { bytesPerSecond: 50 }, [mirror]: { bytesPerSecond: 20_000 } }))
    finish(one, 60_000)
    const alone = stage(1, { pieces: 8 }, () => ({ [url]: { bytesPerSecond: 50 } }))
    alone.world.run(100_000)
    assert.equal(alone.web.problems[0]?.code, 'timed-out')
  })

  test('without ranges are asked for whole files from their beginning, and nothing comes twice', () => {
    for (const shape of [whole, { pieces: 64, firstFilePieces: 30 }, manyFiles]) {
      const one = stage(2, shape, (world) => ({ [url]: { ...fast, answer: wholeFiles(world) } }))
      finish(one)
      assert.deepEqual(one.web.problems, [])
      const { totalBytes } = one.world.torrent.info
      assert.ok(one.web.sentBytes < totalBytes + 100_000, `${one.web.sentBytes} of ${totalBytes}`)
    }
  })

  test('without ranges finish what was begun elsewhere where there is nobody else', () => {
    const one = stage(2, whole, (world) => ({ [url]: { ...fast, answer: wholeFiles(world) } }), {
      has: Array.from({ length: 50 }, (_, piece) => piece),
    })
    finish(one)
    assert.ok(one.web.sentBytes <= one.world.torrent.info.totalBytes)
  })

  test('with URLs of other kinds are never asked', () => {
    const one = stage(1, whole, () => ({ 'ftp://seed.example/': fast, 'nonsense': fast }))
    one.world.run(10_000)
    assert.deepEqual([one.web.asked.length, row(one, 'nonsense').problem?.code], [0, 'web-seed-url'])
  })
})

describe('web seeds that lie', () => {
  function falsifying(isBad: (at: number) => boolean): NonNullable<FakeServer['answer']> {
    return (honest, { first }) => {
      const body = honest.body.slice()
      for (let at = 0; at < body.length; at += 1_000) if (isBad(first + at)) body[at] = (body[at] as number) ^ 0xff
      return { ...honest, body }
    }
  }

  for (const version of ['v1', 'v2', 'hybrid'] as const) {
    test(`are found out by their first bad piece of ${version}, told of, and asked for nothing more`, () => {
      const one = stage(1, { pieces: 64, version }, () => ({
        [url]: { ...fast, answer: falsifying(() => true) },
        [mirror]: fast,
      }))
      finish(one)
      assert.deepEqual([row(one).state, row(one).problem?.code], ['retired', 'web-seed-damaged'])
      assert.deepEqual([row(one, mirror).state, row(one, mirror).problem], ['idle', undefined])
      assert.deepEqual(
        one.web.problems.map(({ seed, code }) => [seed, code]),
        [[url, 'web-seed-damaged']],
      )
    })

    test(`among peers are blamed alone, and peers that lie are as before (${version})`, () => {
      for (const liar of ['web', 'peer'] as const) {
        const world = new World(5, { pieces: 24, blocksPerPiece: 8, version })
        const leech = world.node('leech')
        const good = world.node('good', { has: 'all', upBytesPerSecond: 40_000 })
        const other = world.node('other', { has: 'all', upBytesPerSecond: 60_000 })
        if (liar === 'peer') for (let piece = 0; piece < 24; piece++) other.storage.falsify(piece, 20_000)
        const answer = liar === 'web' ? falsifying((at) => at % 7 === 0) : undefined
        const web = new FakeWeb(world, leech, {
          [url]: { bytesPerSecond: 100_000, ...(answer === undefined ? {} : { answer }) },
        })
        world.connect(leech, good)
        world.connect(leech, other)
        const one = { world, leech, web }
        finish(one)
        assert.equal(row(one).state === 'retired', liar === 'web')
        assert.deepEqual(leech.bans, liar === 'peer' ? [other.endpoint.address] : [])
      }
    })
  }

  test('with a piece that is half gap are found out as well', () => {
    const one = stage(1, { pieces: 1, blocksPerPiece: 8, extents: [[0, 40_000]] }, () => ({
      [url]: { ...fast, answer: falsifying(() => true) },
      [mirror]: fast,
    }))
    finish(one)
    assert.deepEqual([row(one).problem?.code, row(one, mirror).problem], ['web-seed-damaged', undefined])
  })
})

describe('web seeds among peers', () => {
  test('leave pieces to peers, and all of them together are done sooner, with little in vain', () => {
    const world = new World(2, { pieces: 100, blocksPerPiece: 4 })
    const leech = world.node('leech')
    for (let count = 0; count < 3; count++) {
      world.connect(leech, world.node(`seed ${count}`, { has: 'all', upBytesPerSecond: 100_000 }))
    }
    const web = new FakeWeb(world, leech, { [url]: { bytesPerSecond: 200_000 }, [mirror]: { bytesPerSecond: 100_000 } })
    const one = { world, leech, web }
    finish(one)
    const { totalBytes } = world.torrent.info
    // All sources together send 600 kB/s.
    assert.ok(world.time.nowMs() < (1.25 * totalBytes) / 600, `${world.time.nowMs()} ms`)
    assert.ok(wasted(one) < 0.04 * totalBytes, `${wasted(one)} bytes in vain of ${totalBytes}`)
    assert.ok(web.asked.length < 60, `${web.asked.length} requests`)
  })

  test('bring rather what no peer has', () => {
    const world = new World(2, { pieces: 128, blocksPerPiece: 4 })
    const half = Array.from({ length: 64 }, (_, piece) => piece)
    const leech = world.node('leech', { has: [127] })
    world.connect(leech, world.node('half', { has: half, upBytesPerSecond: 1_000 }))
    world.run(100)
    const web = new FakeWeb(world, leech, { [url]: fast })
    assert.ok((web.asked[0]?.request.first ?? 0) >= 63 * 65_536)
  })

  test('a fast one takes over what slow peers and slow web seeds hold up at the end', () => {
    const world = new World(2, { pieces: 40, blocksPerPiece: 8 })
    const leech = world.node('leech')
    for (let count = 0; count < 3; count++) {
      world.connect(leech, world.node(`slow ${count}`, { has: 'all', upBytesPerSecond: 1_000 }))
    }
    const web = new FakeWeb(world, leech, { [url]: { bytesPerSecond: 1_000_000 }, [mirror]: { bytesPerSecond: 2_000 } })
    finish({ world, leech, web }, 60_000)
  })

  test('a block that a web seed is at and a peer sends as well comes from one of them, whole', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed, { pieces: 2, blocksPerPiece: 8 })
      const leech = world.node('leech')
      const web = new FakeWeb(world, leech, { [url]: { bytesPerSecond: 30_000 } })
      world.run(300)
      for (let count = 0; count < 2; count++) {
        world.connect(leech, world.node(`peer ${count}`, { has: 'all', upBytesPerSecond: 60_000 }))
      }
      // Of what a peer sends parts arrive with time between them, in the middle of blocks.
      for (const { in: pipe } of leech.links) {
        const { receive } = pipe
        let freeMs = 0
        pipe.receive = (bytes) => {
          freeMs = Math.max(freeMs, world.time.nowMs()) + 60
          world.time.at(freeMs, () => {
            if (!pipe.isClosed) receive(bytes)
          })
        }
      }
      finish({ world, leech, web }, 30_000)
    }
  })

  test('peers take over what a silent web seed holds up', () => {
    const world = new World(2, { pieces: 40, blocksPerPiece: 8 })
    const leech = world.node('leech')
    world.connect(leech, world.node('seed', { has: 'all', upBytesPerSecond: 300_000 }))
    const why = failure('timed-out', 'silent')
    const web = new FakeWeb(world, leech, {
      [url]: { bytesPerSecond: 300_000, answer: (honest) => ({ ...honest, endsAfter: { bytes: 1e9, why } }) },
    })
    web.isHeld = true
    finish({ world, leech, web }, 40_000)
  })
})

test('whatever servers do now and then, and whoever else is there, all of it comes, and no honest one is blamed', () => {
  const faults: Readonly<Record<string, (honest: FakeAnswer, world: World) => FakeAnswer>> = {
    none: (honest) => honest,
    refused: () => refused(),
    busy: () => status(503, { 'retry-after': '5' }),
    cut: (honest, world) => ({
      ...honest,
      endsAfter: { bytes: world.random.below(honest.body.length + 1), why: failure('connection-failed', 'cut') },
    }),
    short: (honest) => ({ ...honest, body: honest.body.subarray(0, honest.body.length >> 1) }),
    lost: () => ({ ...status(0), refused: failure('timed-out', 'silent') }),
  }
  const server = fc.record({
    bytesPerSecond: fc.integer({ min: 20_000, max: 3_000_000 }),
    fault: fc.constantFrom(...Object.keys(faults)),
    isWhole: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(1_000_000),
        version: fc.constantFrom('v1', 'v2', 'hybrid'),
        pieces: fc.integer({ min: 1, max: 30 }),
        blocksPerPiece: fc.constantFrom(1, 2, 5),
        firstFilePieces: fc.integer({ min: 0, max: 20 }),
        servers: fc.array(server, { minLength: 1, maxLength: 3 }),
        peers: fc.array(fc.integer({ min: 5_000, max: 500_000 }), { maxLength: 3 }),
        maxFilling: fc.constantFrom(1, 2, 100),
        sequential: fc.boolean(),
      }),
      ({ seed, version, pieces, blocksPerPiece, firstFilePieces, servers, peers, maxFilling, sequential }) => {
        const isTwo = firstFilePieces > 1 && firstFilePieces < pieces
        const files = { firstFilePieces: isTwo ? firstFilePieces : 0 }
        const world = new World(seed, { pieces, blocksPerPiece, version, ...files } as TorrentShape)
        const leech = world.node('leech', { maxFilling })
        if (sequential) leech.turn(() => leech.swarm.setMode('sequential'))
        for (const [index, rate] of peers.entries()) {
          world.connect(leech, world.node(`peer ${index}`, { has: 'all', upBytesPerSecond: rate }))
        }
        const named = servers.map(({ bytesPerSecond, fault, isWhole }, index): [string, FakeServer] => {
          // Three bodies in a row that are too short are the end of a seed.
          let faultsLeft = fault === 'short' ? 2 : 4
          const whole = wholeFiles(world)
          const answer: FakeServer['answer'] = (honest, request) => {
            const asked = isWhole ? whole(honest, request) : honest
            if (faultsLeft-- <= 0 || world.random.below(2) === 0) return asked
            return faults[fault]?.(asked, world) ?? asked
          }
          return [`http://seed-${index}.example/`, { bytesPerSecond, answer }]
        })
        const web = new FakeWeb(world, leech, Object.fromEntries(named))
        const one = { world, leech, web }
        finish(one, 3_600_000)
        assert.deepEqual(leech.bans, [])
        assert.ok(web.problems.every(({ code }) => code !== 'web-seed-damaged'))
        world.run(5_000)
        assert.equal(web.underWayCount, 0)
      },
    ),
    { numRuns: 100 },
  )
})
