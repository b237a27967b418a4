// Earn mode in a session: what it fetched itself it keeps account of, over crashes at any write; what it did not it leaves
// alone; and catalogues that lie get it nothing.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedStoreDisk } from '../../sim/ports/simulated-store.ts'
import { type Content, makeContent } from '../../sim/world/content.ts'
import { offerOf } from '../../sim/world/earning-machine.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { success, unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { EarnMode } from '../../src/session/earn-mode.ts'
import type { EarnEvent, EarnOffer, EarnSettings } from '../../src/session/earn-types.ts'
import { newWorld, seedOf } from './session-world.ts'
import { speedConfig, token } from './speed-world.ts'

const lengthBytes = 100_000
const hourMs = 3_600_000
const lookEveryMs = 5_000

function settings(keepingTokens: bigint): EarnSettings {
  return {
    limits: {
      diskBytes: 3 * lengthBytes,
      most: 10,
      trafficPerGiB: tokenAmount(0n),
      keepingPerGiBDay: tokenAmount(keepingTokens * token),
      trialMs: lookEveryMs,
      halfLifeMs: hourMs,
    },
    uploadBytesPerSecond: Number.POSITIVE_INFINITY,
    folder: '/content',
    usualPrice: tokenAmount(token),
    payBudget: tokenAmount(0n),
    scrapeEveryMs: 30_000,
    trackers: [],
  }
}

const cheap = settings(0n)
const dear = settings(10_000_000n)

class Earner {
  readonly world: World
  readonly machine: Machine
  readonly records: SimulatedStoreDisk
  readonly events: EarnEvent[] = []
  mode: EarnMode | undefined

  constructor(world: World) {
    this.world = world
    this.machine = world.machine('30.0.0.1', {
      ledger: world.ledger(),
      config: { speed: speedConfig({ earns: true }) },
    })
    this.records = new SimulatedStoreDisk({ clock: world.clock, random: world.randomOf('records') })
  }

  async start(offers: readonly EarnOffer[], own = cheap): Promise<void> {
    const session = this.machine.isUp ? this.machine.session : await this.machine.start()
    const store = unwrap(this.records.open())
    this.mode = unwrap(await this.world.clock.settle(EarnMode.open(session, store, own, this.world.clock.wallMs())))
    this.mode.offer(offers)
  }

  /** Looks so often; less where its program dies. */
  async look(times: number): Promise<void> {
    for (let count = 0; count < times; count++) {
      const { mode } = this
      if (mode === undefined) return
      void mode.step(this.world.clock.wallMs()).then((events) => this.events.push(...unwrap(events)))
      await this.world.clock.run(lookEveryMs)
    }
  }

  die(): void {
    this.mode = undefined
    this.machine.kill(true)
    this.records.crash(true)
  }

  ownBytes(content: Content): number {
    const folder = `/content/${torrentIdOf(content)}/`
    const paths = this.machine.disk.paths().filter((path) => path.startsWith(folder))
    return paths.reduce((sum, path) => sum + (this.machine.disk.content(path)?.length ?? 0), 0)
  }

  get usedBytes(): number {
    return this.mode?.view(this.world.clock.wallMs()).usedBytes ?? 0
  }

  told(type: EarnEvent['type']): readonly EarnEvent[] {
    return this.events.filter((event) => event.type === type)
  }
}

async function stageOf(shape: { readonly isPrivate?: boolean } = {}) {
  const world = newWorld()
  const earner = new Earner(world)
  const tracker = new SimulatedTracker(world, '11.0.0.1', { intervalSeconds: 30 })
  const content = makeContent({ lengths: [lengthBytes], trackers: [[tracker.url]], ...shape })
  await seedOf(world, content, '50.0.0.1')
  const wanting = { address: '40.0.0.1', port: 1, peerId: '11'.repeat(20), leftBytes: lengthBytes }
  tracker.enlist(torrentIdOf(content), wanting)
  return { world, content, earner }
}

describe('earn mode in a session', () => {
  test('dies and loses power before any of its writes: what is on the disk is on its account, and in the end all goes', async () => {
    let writes = 0
    for (let fatal = 1; fatal <= 30; fatal++) {
      const { world, content, earner } = await stageOf()
      const offers = [offerOf(content, false)]
      writes = 0
      earner.records.beforeEach = () => {
        if (++writes === fatal) earner.die()
      }
      await earner.start(offers).catch(() => undefined)
      await earner.look(6)
      if (earner.mode !== undefined) {
        earner.mode.close()
        earner.records.crash(false)
        await earner.start(offers, dear).catch(() => undefined)
        await earner.look(4)
      }
      if (earner.mode === undefined) {
        await world.clock.run(1_000)
        await earner.start(offers, dear)
        assert.ok(earner.ownBytes(content) <= earner.usedBytes, `${fatal}: ${earner.ownBytes(content)} bytes`)
        await earner.look(10)
      }
      assert.deepEqual([earner.ownBytes(content), earner.usedBytes], [0, 0], `dies at ${fatal} of ${writes}`)
      await earner.machine.stop()
      if (writes >= fatal) continue
      // Nobody died in this one.
      assert.deepEqual([earner.told('kept').length, earner.told('dropped').length], [1, 1])
      assert.ok(writes > 5, `${writes} writes`)
      return
    }
    assert.fail(`more than ${writes} writes`)
  })

  test('deletes nothing but the torrent: what the owner put beside it stays, and the place counts as used until it is gone', async () => {
    const { content, earner } = await stageOf()
    const letter = `/content/${torrentIdOf(content)}/letter.txt`
    await earner.start([offerOf(content, false)])
    await earner.look(6)
    assert.equal(earner.told('kept').length, 1)
    earner.machine.disk.put(letter, Uint8Array.of(1, 2, 3))
    earner.mode?.close()
    earner.records.crash(false)
    await earner.start([offerOf(content, false)], dear)
    await earner.look(6)
    assert.deepEqual([earner.ownBytes(content), earner.usedBytes], [3, lengthBytes])
    assert.equal(earner.told('dropped').length, 0)
    earner.machine.disk.delete(letter)
    await earner.look(2)
    assert.deepEqual([earner.usedBytes, earner.told('dropped').length], [0, 1])
  })

  test('a catalogue that leads to another torrent than it said gets nothing, nor is that one touched if it was here', async () => {
    for (const isHere of [false, true]) {
      const { content, earner } = await stageOf()
      const other = makeContent({ lengths: [lengthBytes], seed: 7 })
      await earner.machine.start()
      if (isHere) await earner.machine.add(other.metainfo)
      const load = async () => success({ type: 'metainfo', bytes: other.metainfo } as const)
      await earner.start([{ ...offerOf(content, false), load }])
      await earner.look(6)
      const [trouble] = earner.told('trouble')
      assert.equal(trouble?.type === 'trouble' ? trouble.problem.code : '', 'earn-other-torrent')
      assert.equal(earner.told('trouble').length, 1)
      assert.deepEqual([earner.told('fetching').length, earner.usedBytes], [0, 0])
      assert.equal(earner.machine.session.torrentSnapshot(torrentIdOf(other)).ok, isHere)
      await earner.machine.stop()
    }
  })

  test('fetches no private torrent, whether the catalogue says that it is one or its metadata does', async () => {
    const { content, earner } = await stageOf({ isPrivate: true })
    await earner.start([offerOf(content, false)])
    await earner.look(4)
    earner.mode?.offer([{ ...offerOf(content, true), isPrivate: false }])
    await earner.look(6)
    assert.deepEqual([earner.told('fetching').length, earner.usedBytes, earner.ownBytes(content)], [0, 0, 0])
  })
})
