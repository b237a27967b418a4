// What every implementation of the Streams port promises, as tests over one address that listens and dials.
// Guarantees: touches the port and nothing else, so that real sockets and simulated ones answer the same questions.
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { concatBytes } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { Listening, Streams } from '../../src/ports/streams.ts'
import { fillerBytes } from '../host/temporary-folder.ts'
import { acceptInto, endpointText, StreamLog } from './stream-log.ts'

export interface StreamsUnderTest {
  readonly streams: Streams
  /** Where to listen, and to dial. */
  readonly address: string
  /** An address no machine of this network has. */
  readonly foreignAddress: string
  /** Lets time pass until the condition holds; fails the test when it does not within seconds. */
  until(condition: () => boolean): Promise<void>
  /** Lets everything happen that is under way, and a little more. */
  settle(): Promise<void>
}

/** What one read may bring beyond what was allowed, where reads cannot be sized. */
const tolerance = 65_536
const timeoutMs = 5_000
const empty = new Uint8Array(0)

export function streamsConformance(title: string, make: () => Promise<StreamsUnderTest>): void {
  /** Ends what a failed test left open, which would keep the process alive. */
  let cut = async (): Promise<void> => undefined

  async function pair(prepare: (accepted: StreamLog) => void = () => undefined) {
    const under = await make()
    const accepted: StreamLog[] = []
    const listening = unwrap(await under.streams.listen(under.address, 0, acceptInto(accepted, prepare)))
    const near = dial(under, listening.endpoint)
    await under.until(() => near.opens === 1 && accepted.length === 1)
    const far = accepted[0] as StreamLog
    cut = async () => {
      cut = async () => undefined
      for (const log of [near, far]) log.during(() => log.stream.abort())
      await listening.close()
    }
    const finish = async () => {
      await cut()
      await under.until(() => near.closes === 1 && far.closes === 1)
    }
    return { ...under, listening, near, far, accepted, finish }
  }

  function dial(under: StreamsUnderTest, endpoint: Endpoint, prepare: (log: StreamLog) => void = () => undefined) {
    const log = new StreamLog()
    prepare(log)
    log.stream = log.during(() => under.streams.dial(endpoint, { timeoutMs }, log))
    return log
  }

  async function listenAnywhere(under: StreamsUnderTest, logs: StreamLog[] = []): Promise<Listening> {
    return unwrap(await under.streams.listen(under.address, 0, acceptInto(logs)))
  }

  describe(`streams: ${title}`, () => {
    afterEach(() => cut())

    test('both ends know each other', async () => {
      const { near, far, listening, finish } = await pair()
      assert.equal(endpointText(near.stream.remote), endpointText(listening.endpoint))
      assert.equal(endpointText(near.stream.local), endpointText(far.stream.remote))
      assert.equal(endpointText(far.stream.local), endpointText(listening.endpoint))
      assert.equal(far.opens, 0)
      await finish()
    })

    test('headers and payloads arrive whole and in order, both ways at once', async () => {
      const { near, far, until, finish } = await pair()
      const header = new Uint8Array(13)
      const expected: Uint8Array[] = []
      for (let index = 0; index < 40; index++) {
        header.fill(index)
        const payload = fillerBytes(index * 1_000, index)
        expected.push(header.slice(), payload)
        for (const log of [near, far]) {
          log.write(header, payload)
          if (index % 7 === 0) log.write(empty, empty)
        }
        header.fill(255)
      }
      const whole = concatBytes(expected)
      await until(() => near.receivedBytes >= whole.length && far.receivedBytes >= whole.length)
      for (const log of [near, far]) {
        assert.deepEqual(log.received, whole)
        assert.equal(log.writtenBytes, whole.length)
        assert.equal(log.stream.queuedBytes, 0)
      }
      await finish()
    })

    test('payload in shared memory is sent from there', async () => {
      const { near, far, until, finish } = await pair()
      const payload = new Uint8Array(new SharedArrayBuffer(100_000))
      payload.set(fillerBytes(payload.length, 3))
      near.write(new Uint8Array([1, 2, 3]), payload.subarray(10, 90_010))
      await until(() => far.receivedBytes === 90_003)
      assert.deepEqual(far.received.subarray(3), payload.slice(10, 90_010))
      await finish()
    })

    test('what is written before the connection stands is sent when it does', async () => {
      const under = await make()
      const accepted: StreamLog[] = []
      const listening = await listenAnywhere(under, accepted)
      const near = dial(under, listening.endpoint)
      near.write(new Uint8Array([1]), new Uint8Array([2, 3]))
      assert.equal(near.stream.queuedBytes, 3)
      await under.until(() => accepted[0]?.receivedBytes === 3)
      assert.deepEqual(accepted[0]?.received, new Uint8Array([1, 2, 3]))
      near.stream.abort()
      await listening.close()
      await under.until(() => accepted[0]?.closes === 1 && near.closes === 1)
    })

    test('an accepted connection may be written to at once', async () => {
      const { near, until, finish } = await pair((accepted) => accepted.write(new Uint8Array([7, 8])))
      await until(() => near.receivedBytes === 2)
      assert.deepEqual(near.received, new Uint8Array([7, 8]))
      await finish()
    })

    test('a reader that allows nothing holds the writer back, and loses nothing', async () => {
      const { near, far, until, settle, finish } = await pair((accepted) => {
        accepted.allowed = 0
        accepted.keepsBytes = false
      })
      const payload = fillerBytes(262_144, 1)
      let sentBytes = 0
      const fill = () => {
        for (let isRoom = true; isRoom && sentBytes < 512 * payload.length; sentBytes += payload.length) {
          isRoom = near.write(empty, payload)
        }
      }
      near.onRoom = fill
      fill()
      for (let before = -1; before !== sentBytes; await settle()) before = sentBytes
      assert.ok(sentBytes < 512 * payload.length, 'the writer was never held back')
      assert.ok(near.stream.queuedBytes > 0)
      assert.equal(near.stream.queuedBytes, sentBytes - near.writtenBytes)
      assert.ok(far.receivedBytes <= tolerance)
      near.onRoom = () => undefined
      far.allowed = Infinity
      far.during(() => far.stream.resume())
      await until(() => far.receivedBytes === sentBytes)
      assert.equal(near.writtenBytes, sentBytes)
      await finish()
    })

    test('the sink sizes reads, and 0 stops them until resume', async () => {
      const { near, far, until, settle, finish } = await pair()
      far.allowed = 1_000
      far.onBytes = (bytes) => {
        assert.ok(bytes.length <= 1_000 + tolerance)
        if (far.receivedBytes >= 5_000) far.allowed = 0
      }
      near.write(empty, fillerBytes(1_000_000, 2))
      await until(() => far.allowed === 0)
      await settle()
      const stoppedAt = far.receivedBytes
      assert.ok(stoppedAt <= 5_000 + 2 * tolerance)
      far.onBytes = () => undefined
      far.allowed = Infinity
      far.during(() => far.stream.resume())
      await until(() => far.receivedBytes === 1_000_000)
      assert.deepEqual(far.received, fillerBytes(1_000_000, 2))
      await finish()
    })

    test('close sends what is queued, then the end; both sides end without failure', async () => {
      const { near, far, listening, until } = await pair()
      const payload = fillerBytes(3_000_000, 4)
      near.write(new Uint8Array([9]), payload)
      near.during(() => near.stream.close())
      await until(() => far.ends === 1)
      assert.equal(far.receivedBytes, 3_000_001)
      assert.deepEqual(far.received.subarray(1), payload)
      assert.equal(far.closes, 0)
      far.write(new Uint8Array([1]))
      far.during(() => far.stream.close())
      await until(() => near.closes === 1 && far.closes === 1)
      assert.deepEqual([near.failure, far.failure], [undefined, undefined])
      assert.deepEqual([near.ends, near.receivedBytes], [0, 0])
      await listening.close()
    })

    test('abort ends without failure here, with one there', async () => {
      const { near, far, listening, until } = await pair()
      near.write(empty, new Uint8Array(50_000_000))
      near.during(() => near.stream.abort())
      await until(() => near.closes === 1 && far.closes === 1)
      assert.equal(near.failure, undefined)
      assert.equal(far.failure?.code, 'connection-failed')
      await listening.close()
    })

    test('a connection ended from inside its own data ends once', async () => {
      for (const way of ['close', 'abort'] as const) {
        const { near, far, listening, until } = await pair((accepted) => {
          accepted.onBytes = () => accepted.during(() => accepted.stream[way]())
        })
        near.write(new Uint8Array(100))
        await until(() => far.receivedBytes > 0)
        near.during(() => near.stream.close())
        await until(() => near.closes === 1 && far.closes === 1)
        assert.equal(far.failure, undefined)
        await listening.close()
      }
    })

    test('calls after the end do nothing', async () => {
      const { near, finish, settle } = await pair()
      await finish()
      near.write(new Uint8Array(10), new Uint8Array(10))
      near.during(() => near.stream.resume())
      near.during(() => near.stream.close())
      near.during(() => near.stream.abort())
      await settle()
      assert.equal(near.closes, 1)
    })

    test('nobody there is a failure that comes later', async () => {
      const under = await make()
      const listening = await listenAnywhere(under)
      await listening.close()
      const near = dial(under, listening.endpoint)
      near.write(new Uint8Array(10))
      await under.until(() => near.closes === 1)
      assert.equal(near.failure?.code, 'connection-failed')
      assert.equal(near.opens, 0)
    })

    test('a dial given up never opens', async () => {
      const under = await make()
      const listening = await listenAnywhere(under)
      for (const way of ['close', 'abort'] as const) {
        const near = dial(under, listening.endpoint)
        near.during(() => near.stream[way]())
        await under.until(() => near.closes === 1)
        assert.deepEqual([near.opens, near.failure], [0, undefined])
      }
      await listening.close()
    })

    test('a connection nobody wants is reset', async () => {
      const under = await make()
      const listening = unwrap(await under.streams.listen(under.address, 0, () => undefined))
      const near = dial(under, listening.endpoint)
      await under.until(() => near.closes === 1)
      assert.equal(near.failure?.code, 'connection-failed')
      await listening.close()
    })

    test('a place is taken once, and must be of this machine', async () => {
      const under = await make()
      const listening = await listenAnywhere(under)
      const second = await under.streams.listen(under.address, listening.endpoint.port, () => undefined)
      assert.equal(second.ok ? '' : second.code, 'address-in-use')
      const foreign = await under.streams.listen(under.foreignAddress, 0, () => undefined)
      assert.equal(foreign.ok ? '' : foreign.code, 'address-unavailable')
      await listening.close()
      const again = await under.streams.listen(under.address, listening.endpoint.port, () => undefined)
      await unwrap(again).close()
    })

    test('connections stay when nothing more is accepted', async () => {
      const { near, far, listening, until, finish } = await pair()
      await listening.close()
      await listening.close()
      near.write(new Uint8Array([1, 2]))
      await until(() => far.receivedBytes === 2)
      await finish()
    })

    test('many small connections at once', async () => {
      const under = await make()
      const accepted: StreamLog[] = []
      const echo = (log: StreamLog) => {
        log.onBytes = (bytes) => void log.write(bytes)
      }
      const listening = unwrap(await under.streams.listen(under.address, 0, acceptInto(accepted, echo)))
      const near = Array.from({ length: 150 }, (_, index) => {
        const log = dial(under, listening.endpoint)
        for (let part = 0; part < 5; part++) log.write(fillerBytes(20, index + part))
        return log
      })
      await under.until(() => near.every((log) => log.receivedBytes === 100))
      for (const [index, log] of near.entries()) {
        assert.deepEqual(log.received, concatBytes([0, 1, 2, 3, 4].map((part) => fillerBytes(20, index + part))))
        log.during(() => log.stream.close())
      }
      await under.until(() => accepted.every((log) => log.ends === 1))
      for (const log of accepted) log.during(() => log.stream.close())
      await under.until(() => [...near, ...accepted].every((log) => log.closes === 1))
      await listening.close()
    })
  })
}
