// A TrackerClient with a clock of its own: what it asks for is kept, and answered by the test.
// Guarantees: time moves only where a test says so, and the client is woken exactly when it asked to be.
import assert from 'node:assert/strict'
import { failure, success } from '../../src/base/errors.ts'
import type { AnnounceResponse, TrackerFailure } from '../../src/formats/tracker/announce.ts'
import { TrackerClient, type TrackerClientOptions } from '../../src/tracker/tracker-client.ts'
import type { TrackerInput, TrackerOutput } from '../../src/tracker/tracker-events.ts'
import { seededRandom } from './seeded-random.ts'

export type Announce = Extract<TrackerOutput, { type: 'announce' }>

export const hashV1 = new Uint8Array(20).fill(1)
export const hashV2 = new Uint8Array(20).fill(2)
export const trackerAddress = '198.18.0.1'

export function response(fields: Partial<AnnounceResponse> = {}): AnnounceResponse {
  return { kind: 'response', intervalSeconds: 1_800, complete: 3, incomplete: 4, peers: [], ...fields }
}

export class ClientHarness {
  readonly client: TrackerClient
  nowMs = 1_000_000
  /** Everything polled and not taken by the test yet. */
  outputs: TrackerOutput[] = []

  constructor(tiers: readonly (readonly string[])[], options: Partial<TrackerClientOptions> = {}) {
    this.client = new TrackerClient({
      infoHashes: [hashV1],
      peerId: new Uint8Array(20).fill(9),
      key: 0xabcd,
      port: 6881,
      isPrivate: false,
      tiers,
      random: seededRandom(),
      families: [4],
      ...options,
    })
  }

  input(input: TrackerInput): this {
    this.client.handle(input, this.nowMs)
    for (let output = this.client.poll(); output !== undefined; output = this.client.poll()) this.outputs.push(output)
    return this
  }

  /** Lets time pass, waking the client each time it wants to be. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms
    for (let wakes = 0; this.client.nextWakeMs() <= endMs; wakes++) {
      assert.ok(wakes < 10_000, 'a client that is woken again and again')
      this.nowMs = Math.max(this.nowMs, this.client.nextWakeMs())
      const before = this.client.nextWakeMs()
      this.input({ type: 'wake' })
      assert.notEqual(this.client.nextWakeMs(), before, 'a wake-up that changed nothing')
    }
    this.nowMs = endMs
    return this
  }

  /** What came out since the last call, of one type. */
  take<Type extends TrackerOutput['type']>(type: Type): Extract<TrackerOutput, { type: Type }>[] {
    const isTaken = (output: TrackerOutput): output is Extract<TrackerOutput, { type: Type }> => output.type === type
    const taken = this.outputs.filter(isTaken)
    this.outputs = this.outputs.filter((output) => !isTaken(output))
    return taken
  }

  /** The only announce that came out. */
  announce(): Announce {
    const announces = this.take('announce')
    assert.equal(announces.length, 1, `one announce, not ${announces.map(({ url }) => url).join(', ') || 'none'}`)
    return announces[0] as Announce
  }

  noAnnounce(): this {
    assert.deepEqual(
      this.take('announce').map(({ url, announce }) => `${url} ${announce.event}`),
      [],
    )
    return this
  }

  answer({ ticket }: Announce, value: AnnounceResponse | TrackerFailure = response()): this {
    return this.input({ type: 'announced', ticket, outcome: success(value), address: trackerAddress })
  }

  fail({ ticket }: Announce): this {
    return this.input({ type: 'announced', ticket, outcome: failure('connection-failed', 'refused') })
  }

  /** Starts and has the first tracker answer. */
  started(value: AnnounceResponse = response()): this {
    this.input({ type: 'start' })
    return this.answer(this.announce(), value)
  }

  stateOf(url: string) {
    const found = this.client.snapshot(this.nowMs).find((tracker) => tracker.url === url)
    assert.ok(found, url)
    return found
  }
}
