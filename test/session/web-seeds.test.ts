// Web seeds of whole sessions on simulated ports (BEP 19): what a torrent or a person names, with nobody else there, is
// downloaded; addresses are judged before anything is connected to (S15); limits, stops and restarts hold for them too.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { SimulatedWebSeed } from '../../sim/world/simulated-web-seed.ts'
import type { World } from '../../sim/world/world.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import type { Change } from '../../src/session/snapshots.ts'
import { newWorld } from './session-world.ts'

const serverAddress = '93.184.216.7'
const url = 'http://seed.example/pub/'

function changesOf({ session }: Machine): Change[] {
  const told: Change[] = []
  let { cursor } = session.snapshot()
  session.onChange(() => {
    const news = session.changesSince(cursor)
    cursor = news.cursor
    if (news.type === 'changes') told.push(...news.changes)
  })
  return told
}

/** In a house of its own: its servers are to be reached from there. */
const houseAddress = '192.168.1.2'

async function leech(
  world: World,
  changes: Parameters<Machine['start']>[0] = {},
  address = '20.0.0.1',
): Promise<Machine> {
  const machine = world.machine(address)
  await machine.start(changes)
  return machine
}

function rowOf(machine: Machine, id: TorrentId, index = 0) {
  const row = machine.torrent(id).webSeeds[index]
  assert.ok(row !== undefined)
  return row
}

describe('a session', () => {
  for (const version of ['v1', 'v2', 'hybrid'] as const) {
    test(`downloads ${version} from a web seed alone, a lone file and many`, async () => {
      for (const lengths of [[500_000], [100_000, 1, 250_000, 16_384]]) {
        const world = newWorld()
        const content = makeContent({ version, lengths, seed: 7 })
        const server = new SimulatedWebSeed(world, url, content)
        world.web.name('seed.example', [serverAddress])
        server.serveAt(serverAddress, 80)
        const machine = await leech(world)
        const id = await machine.add(content.metainfo, { webSeeds: [url] })
        await world.until('complete', () => machine.stateOf(id) === 'seeding')
        await world.until('on disk', () => machine.has(content))
        const { downloadedBytes, wastedBytes, transferSeconds } = machine.torrent(id)
        const totalBytes = lengths.reduce((sum, length) => sum + length, 0)
        assert.deepEqual(
          [downloadedBytes, wastedBytes, rowOf(machine, id).downloadedBytes],
          [totalBytes, 0, totalBytes],
        )
        assert.ok(transferSeconds !== undefined && transferSeconds > 0)
        assert.equal(server.seen.length, lengths.length)
        await machine.stop()
      }
    })
  }

  test('downloads pieces that are too large for memory, several seeds at once', async () => {
    const world = newWorld()
    const content = makeContent({ lengths: [3_000_000, 700_000], pieceLengthBytes: 524_288, seed: 17 })
    const urls = [1, 2, 3].map((number) => {
      const server = new SimulatedWebSeed(world, url, content).serveAt(`93.184.216.${number}`)
      server.bytesPerSecond = 100_000 * number
      return `http://93.184.216.${number}/pub/`
    })
    const machine = world.machine('20.0.0.1', { memoryBytes: 1_048_576 })
    await machine.start()
    const id = await machine.add(content.metainfo, { webSeeds: urls })
    await world.until('complete', () => machine.stateOf(id) === 'seeding')
    await world.until('on disk', () => machine.has(content))
    assert.ok(machine.torrent(id).wastedBytes < 0.1 * content.totalBytes, `${machine.torrent(id).wastedBytes} in vain`)
  })

  test('knows the web seeds of torrents, links and commands, and remembers who named them', async () => {
    const world = newWorld()
    const content = makeContent({ seed: 8 })
    const machine = await leech(world, {}, houseAddress)
    const id = await machine.addMagnet(`${content.magnet}&ws=http%3A%2F%2Fone.example%2F`, { stopped: true })
    await machine.run({ type: 'set-web-seeds', id, webSeeds: ['http://one.example/', 'http://192.168.7.7/two'] })
    const bad = await world.clock.settle(machine.session.run({ type: 'set-web-seeds', id, webSeeds: ['ftp://x/'] }))
    assert.equal(bad.ok ? '' : bad.code, 'web-seed-url')
    await machine.addMagnet(`${content.magnet}&ws=http%3A%2F%2Fthree.example%2F`)
    const urls = ['http://one.example/', 'http://192.168.7.7/two', 'http://three.example/']
    assert.deepEqual(
      machine.torrent(id).webSeeds.map((row) => row.url),
      urls,
    )
    await machine.stop()
    await machine.start()
    assert.deepEqual(
      machine.torrent(id).webSeeds.map((row) => row.url),
      urls,
    )
    // Once its metadata is here, the address that a person named is asked: the others are not to be had.
    const server = new SimulatedWebSeed(world, 'http://192.168.7.7/two', content)
    server.serveAt('192.168.7.7', 80)
    await machine.run({ type: 'start', id })
    await machine.add(content.metainfo)
    await world.until('complete', () => machine.stateOf(id) === 'seeding')
    assert.ok(server.seen.length > 0)
  })

  test('takes no more than its rate limits allow, of session and torrent', async () => {
    for (const limited of ['session', 'torrent'] as const) {
      const world = newWorld()
      const content = makeContent({ lengths: [600_000], seed: 9 })
      new SimulatedWebSeed(world, `http://${serverAddress}/`, content).serveAt(serverAddress)
      const rates = { downloadBytesPerSecond: 50_000, uploadBytesPerSecond: Number.POSITIVE_INFINITY }
      const machine = await leech(world, limited === 'session' ? { rates } : {})
      const limits = limited === 'torrent' ? { downloadBytesPerSecond: 50_000 } : {}
      const startMs = world.clock.nowMs()
      const id = await machine.add(content.metainfo, { webSeeds: [`http://${serverAddress}/`], limits })
      await world.until('complete', () => machine.stateOf(id) === 'seeding')
      const seconds = (world.clock.nowMs() - startMs) / 1_000
      assert.ok(seconds > 10 && seconds < 14, `${seconds} s`)
    }
  })

  test('asks for selected files alone, of the highest priority first', async () => {
    const world = newWorld()
    const content = makeContent({ lengths: [131_072, 131_072, 131_072], seed: 10, pieceLengthBytes: 32_768 })
    const server = new SimulatedWebSeed(world, url, content)
    world.web.name('seed.example', [serverAddress])
    server.serveAt(serverAddress, 80)
    const machine = await leech(world)
    const id = await machine.add(content.metainfo, { webSeeds: [url], priorities: [0, 4, 7] })
    await world.until('complete', () => machine.torrent(id).isFinished)
    assert.deepEqual(
      server.seen.map((one) => one.url.slice(-10)),
      ['file-2.bin', 'file-1.bin'],
    )
  })

  test('ends a request at once when the torrent is stopped or removed, and goes on after a restart', async () => {
    const world = newWorld()
    const content = makeContent({ lengths: [2_000_000], seed: 11 })
    const server = new SimulatedWebSeed(world, url, content)
    server.bytesPerSecond = 100_000
    world.web.name('seed.example', [serverAddress])
    server.serveAt(serverAddress, 80)
    const machine = await leech(world)
    const id = await machine.add(content.metainfo, { webSeeds: [url] })
    await world.until('begun', () => rowOf(machine, id).downloadedBytes > 300_000)
    assert.deepEqual([rowOf(machine, id).state, machine.torrent(id).downloadRate > 0], ['downloading', true])
    await machine.run({ type: 'stop', id })
    const { downloadedBytes } = rowOf(machine, id)
    await world.clock.run(20_000)
    assert.deepEqual([rowOf(machine, id).downloadedBytes, rowOf(machine, id).state], [downloadedBytes, 'idle'])
    await machine.run({ type: 'start', id })
    await world.until('more', () => rowOf(machine, id).downloadedBytes > 900_000)
    machine.kill()
    await machine.start()
    await world.until('complete', () => machine.stateOf(id) === 'seeding')
    // What was verified is not asked for again: of each life the pieces under way at most.
    assert.ok(machine.torrent(id).downloadedBytes < 2_400_000, `${machine.torrent(id).downloadedBytes}`)
    const seenBefore = server.seen.length
    await machine.run({ type: 'remove', id, withData: true })
    await world.clock.run(5_000)
    assert.equal(server.seen.length, seenBefore)
  })

  test('shares web seeds fairly with peers, and finishes with both', async () => {
    const world = newWorld()
    const content = makeContent({ lengths: [3_000_000], seed: 12 })
    const server = new SimulatedWebSeed(world, url, content)
    server.bytesPerSecond = 200_000
    world.web.name('seed.example', [serverAddress])
    server.serveAt(serverAddress, 80)
    const seed = world.machine('30.0.0.1', { uploadBytesPerSecond: 200_000 })
    seed.put(content)
    await seed.start()
    await seed.add(content.metainfo)
    const machine = await leech(world)
    const id = await machine.add(content.metainfo, { webSeeds: [url], peers: [seed.endpoint] })
    await world.until('complete', () => machine.stateOf(id) === 'seeding')
    const { downloadedBytes, wastedBytes } = machine.torrent(id)
    const fromWeb = rowOf(machine, id).downloadedBytes
    assert.ok(fromWeb > 800_000 && downloadedBytes - fromWeb > 800_000, `${fromWeb} of ${downloadedBytes}`)
    assert.ok(wastedBytes < 150_000, `${wastedBytes} in vain`)
  })

  test('tells what is wrong with a web seed once, without its URL, and whom it banned', async () => {
    const world = newWorld()
    const content = makeContent({ lengths: [400_000], seed: 13 })
    const honest = new SimulatedWebSeed(world, url, content)
    world.web.name('seed.example', [serverAddress])
    world.web.name('liar.example', ['93.184.216.8'])
    honest.serveAt(serverAddress)
    const lying = new SimulatedWebSeed(world, url, content).serveAt('93.184.216.8')
    lying.misbehaves = (answer) => ({ ...answer, body: answer.body.map((byte) => byte ^ 1) })
    const machine = await leech(world)
    const told = changesOf(machine)
    const liar = 'http://user:secret@liar.example/pub/'
    const gone = 'http://gone.example/token/'
    const id = await machine.add(content.metainfo, { webSeeds: [liar, gone], stopped: true })
    await machine.run({ type: 'start', id })
    await world.until('found out', () => rowOf(machine, id).state === 'retired')
    await machine.run({ type: 'set-web-seeds', id, webSeeds: [liar, gone, url] })
    await world.until('complete', () => machine.stateOf(id) === 'seeding')
    const problems = told.filter((change) => change.type === 'web-seed')
    assert.deepEqual(
      problems.map((change) => [change.url, change.problem.code]).sort(),
      [
        [gone, 'name-unknown'],
        [liar, 'web-seed-damaged'],
      ].sort(),
    )
    for (const { problem } of problems) assert.doesNotMatch(problem.detail, /secret|token/)
    assert.deepEqual([rowOf(machine, id, 0).problem?.code, rowOf(machine, id, 2).state], ['web-seed-damaged', 'idle'])
    assert.ok(machine.has(content))
  })
})

describe('addresses of web seeds', () => {
  /** How the torrent's one web seed ends: downloaded, or the code of what is wrong with it. */
  async function outcome(
    webSeed: string,
    options: {
      readonly serve: (world: World, content: Content) => SimulatedWebSeed
      readonly isUserNamed?: boolean
      readonly allowLocal?: boolean
    },
  ): Promise<string> {
    const world = newWorld()
    const content = makeContent({ lengths: [100_000], seed: 14 })
    const server = options.serve(world, content)
    const machine = await leech(world, options.allowLocal === true ? { allowLocal: true } : {}, houseAddress)
    let id: TorrentId
    if (options.isUserNamed === true) id = await machine.add(content.metainfo, { webSeeds: [webSeed] })
    else {
      id = await machine.addMagnet(`${content.magnet}&ws=${encodeURIComponent(webSeed)}`, {})
      await machine.add(content.metainfo)
    }
    await world.until('an end', () => machine.stateOf(id) === 'seeding' || rowOf(machine, id).problem !== undefined)
    const code = rowOf(machine, id).problem?.code
    if (code !== undefined) assert.equal(server.seen.length, 0, 'nobody forbidden was asked')
    return code ?? 'downloaded'
  }

  function servesAt(address: string, base: string, port = 80) {
    return (world: World, content: Content): SimulatedWebSeed => {
      const server = new SimulatedWebSeed(world, base, content)
      world.web.name('inside.example', [address])
      server.serveAt(address, port)
      return server
    }
  }

  test('that are local are for who wrote them plainly, or was trusted with them', async () => {
    const local = 'http://192.168.1.5/torrent'
    const serve = servesAt('192.168.1.5', local)
    assert.equal(await outcome(local, { serve }), 'downloaded')
    assert.equal(await outcome(`${local}?x=1`, { serve }), 'web-seed-forbidden')
    assert.equal(await outcome(`${local}?x=1`, { serve, isUserNamed: true }), 'downloaded')
    // A name in the DNS may lead anywhere.
    const named = 'http://inside.example/torrent'
    assert.equal(await outcome(named, { serve }), 'web-seed-forbidden')
    assert.equal(await outcome(named, { serve, isUserNamed: true }), 'downloaded')
    assert.equal(await outcome(named, { serve, allowLocal: true }), 'downloaded')
    for (const address of ['127.0.0.1', '169.254.1.1', '[::1]', '[fd00::1]']) {
      const plain = address.replace(/^\[|\]$/g, '')
      const base = `http://${address}/torrent`
      assert.equal(await outcome(`${base}?q`, { serve: servesAt(plain, base) }), 'web-seed-forbidden')
    }
  })

  test('are judged anew at each redirect, of which there may be five', async () => {
    for (const [target, hops, expected] of [
      ['http://second.example/there/torrent', 1, 'downloaded'],
      ['http://second.example/there/torrent', 5, 'downloaded'],
      ['http://second.example/there/torrent', 6, 'http-malformed'],
      ['http://192.168.1.5/there/torrent', 1, 'web-seed-forbidden'],
      ['http://inside.example/there/torrent', 1, 'web-seed-forbidden'],
      ['ftp://second.example/torrent', 1, 'http-malformed'],
    ] as const) {
      const serve = (world: World, content: Content) => {
        const server = new SimulatedWebSeed(world, 'http://second.example/there/torrent', content)
        world.web.name('first.example', ['93.184.216.1'])
        world.web.name('second.example', [serverAddress])
        world.web.name('inside.example', ['10.1.1.1'])
        for (const address of [serverAddress, '192.168.1.5', '10.1.1.1']) server.serveAt(address, 80)
        let count = 0
        world.web.serve('93.184.216.1', 80, () => {
          const location = ++count % hops === 0 ? target : `http://first.example/${count}`
          return { status: 302, headers: { location }, body: new Uint8Array(100) }
        })
        return server
      }
      assert.equal(await outcome('http://first.example/torrent', { serve }), expected, `${target} ${hops}`)
    }
  })

  test('with credentials give them to their own origin alone', async () => {
    const world = newWorld()
    const content = makeContent({ lengths: [100_000], seed: 15 })
    const there = new SimulatedWebSeed(world, 'http://second.example/there', content)
    const seen: (string | undefined)[] = []
    world.web.name('first.example', ['93.184.216.1'])
    world.web.name('second.example', [serverAddress])
    there.serveAt(serverAddress)
    world.web.serve('93.184.216.1', 80, ({ headers }, { pathname }) => {
      const { authorization } = headers
      seen.push(authorization)
      const location = pathname === '/here' ? '/moved' : 'http://evil:name@second.example/there'
      return { status: 307, headers: { location }, body: new Uint8Array(0) }
    })
    const machine = await leech(world)
    const id = await machine.add(content.metainfo, { webSeeds: ['http://me:mine@first.example/here'] })
    await world.until('complete', () => machine.stateOf(id) === 'seeding')
    assert.deepEqual(seen, [`Basic ${btoa('me:mine')}`, `Basic ${btoa('me:mine')}`])
    assert.deepEqual(
      there.seen.map(({ authorization }) => authorization),
      [undefined],
    )
  })

  test('are pinned: a name that leads elsewhere a moment later leads nobody astray', async () => {
    const world = newWorld()
    const content = makeContent({ lengths: [100_000, 100_000, 100_000], seed: 16 })
    const server = new SimulatedWebSeed(world, url, content)
    world.web.name('seed.example', [serverAddress])
    server.serveAt(serverAddress)
    server.misbehaves = (honest) => {
      world.web.name('seed.example', ['127.0.0.1'])
      return honest
    }
    world.web.serve('127.0.0.1', 80, () => assert.fail('led astray'))
    const machine = await leech(world)
    const id = await machine.addMagnet(`${content.magnet}&ws=${encodeURIComponent(url)}`)
    await machine.add(content.metainfo)
    await world.until('complete', () => machine.stateOf(id) === 'seeding')
    assert.equal(server.seen.length, 3)
  })
})

test('web seeds of many torrents at one server wait for each other', async () => {
  const world = newWorld()
  const contents = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) =>
    makeContent({ lengths: [100_000], seed: 100 + seed, name: `content-${seed}` }),
  )
  const server = new SimulatedWebSeed(world, `http://${serverAddress}/`, ...contents)
  server.bytesPerSecond = 50_000
  let underWay = 0
  let most = 0
  server.serveAt(serverAddress)
  server.misbehaves = (honest) => {
    most = Math.max(most, ++underWay)
    world.clock.after(1_800, () => void underWay--)
    return honest
  }
  const queue = { maxActiveDownloads: 100, maxActiveSeeds: 100 }
  const machine = await leech(world, { queue })
  const ids: TorrentId[] = []
  for (const content of contents) {
    ids.push(await machine.add(content.metainfo, { webSeeds: [`http://${serverAddress}/`] }))
  }
  await world.until('complete', () => ids.every((id) => machine.stateOf(id) === 'seeding'))
  assert.equal(most, 4)
})
