// The simulated network keeps the promises of the streams port, and those of its own about time and rates.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedNetwork } from '../../sim/ports/simulated-network.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import type { Failure } from '../../src/base/errors.ts'
import type { Stream, StreamSink } from '../../src/ports/streams.ts'
import { streamsConformance } from '../conformance/streams-conformance.ts'
import { passingUntil } from './running-clock.ts'

for (const { family, address, foreignAddress } of [
  { family: 4, address: '10.0.0.1', foreignAddress: '192.0.2.1' },
  { family: 6, address: 'fd00::1', foreignAddress: '2001:db8::1' },
] as const) {
  streamsConformance(`simulated, IPv${family}`, async () => {
    const clock = new SimulatedClock(() => setImmediate())
    return {
      streams: new SimulatedNetwork({ clock, random: simulatedRandom(1) }).streams({ address }),
      address,
      foreignAddress,
      until: passingUntil(clock),
      settle: () => clock.run(200),
    }
  })
}

class Recorder implements StreamSink {
  readonly events: string[] = []
  readonly bytes: number[] = []
  allowed = 65_536
  written = 0
  onOpen(): void {
    this.events.push('open')
  }
  allowedBytes(): number {
    return this.allowed
  }
  onData(bytes: Uint8Array): void {
    for (const byte of bytes) this.bytes.push(byte)
  }
  onWritten(totalBytes: number): void {
    this.written = totalBytes
  }
  onEnd(): void {
    this.events.push('end')
  }
  onClose(failure: Failure | undefined): void {
    this.events.push(`close ${failure?.code}`)
  }
}

async function connect(uploadBytesPerSecond = Number.POSITIVE_INFINITY) {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ clock, random: simulatedRandom(1) })
  const near = network.streams({ address: '10.0.0.1', latencyMs: 10, uploadBytesPerSecond })
  const far = network.streams({ address: '10.0.0.2', latencyMs: 15 })
  const dialled = new Recorder()
  const accepted = new Recorder()
  const streams: Stream[] = []
  const listening = await far.listen('0.0.0.0', 7000, (stream) => {
    streams.push(stream)
    return accepted
  })
  assert.ok(listening.ok)
  const stream = near.dial({ ...listening.value.endpoint, address: '10.0.0.2' }, { timeoutMs: 1_000 }, dialled)
  return { clock, network, near, far, dialled, accepted, stream, streams }
}

test('bytes arrive whole and in order after the latency, and the sender hears of each', async () => {
  const { clock, dialled, accepted, stream } = await connect()
  const payload = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251)
  assert.equal(stream.write(Uint8Array.of(1, 2, 3), payload), true)
  await clock.run(49)
  assert.deepEqual(dialled.events, [])
  await clock.run(2)
  assert.deepEqual(dialled.events, ['open'])
  // The window begins with ten segments and doubles each round trip.
  await clock.run(250)
  assert.ok(accepted.bytes.length > 10 * 1_460 && accepted.bytes.length < 200_003, `${accepted.bytes.length}`)
  await clock.run(100)
  assert.ok(Buffer.from(accepted.bytes).equals(Buffer.concat([Buffer.of(1, 2, 3), payload])))
  assert.equal(dialled.written, 200_003)
})

test('a machine sends no faster than its uplink', async () => {
  const { clock, accepted, stream } = await connect(100_000)
  stream.write(new Uint8Array(0), new Uint8Array(300_000))
  await clock.run(2_000)
  assert.ok(accepted.bytes.length > 100_000 && accepted.bytes.length <= 200_000, `${accepted.bytes.length}`)
  await clock.run(2_000)
  assert.equal(accepted.bytes.length, 300_000)
})

test('who allows no bytes gets none until it resumes, and the sender is held up in the end', async () => {
  const { clock, accepted, stream, streams } = await connect()
  accepted.allowed = 0
  for (let index = 0; index < 40; index++) stream.write(new Uint8Array(0), new Uint8Array(65_536))
  await clock.run(5_000)
  assert.equal(accepted.bytes.length, 0)
  assert.ok(stream.queuedBytes > 0)
  assert.equal(stream.write(Uint8Array.of(7)), false)
  accepted.allowed = 100_000
  streams[0]?.resume()
  await clock.run(5_000)
  assert.equal(accepted.bytes.length, 40 * 65_536 + 1)
})

test('closing sends what is queued first; aborting resets', async () => {
  const closing = await connect()
  closing.stream.write(Uint8Array.of(1, 2, 3))
  closing.stream.close()
  await closing.clock.run(500)
  assert.deepEqual(closing.accepted.bytes, [1, 2, 3])
  assert.deepEqual(closing.accepted.events, ['end', 'close undefined'])
  const aborting = await connect()
  await aborting.clock.run(500)
  aborting.streams[0]?.abort()
  await aborting.clock.run(500)
  assert.deepEqual(aborting.dialled.events, ['open', 'close connection-failed'])
  assert.deepEqual(aborting.accepted.events, ['close undefined'])
})

test('who reads late still gets all of it before the end', async () => {
  const { clock, accepted, stream, streams } = await connect()
  accepted.allowed = 0
  stream.write(Uint8Array.of(1, 2), new Uint8Array(100_000))
  stream.close()
  await clock.run(500)
  assert.deepEqual(accepted.events, [])
  accepted.allowed = 70_000
  streams[0]?.resume()
  await clock.run(500)
  assert.equal(accepted.bytes.length, 100_002)
  assert.deepEqual(accepted.events, ['end', 'close undefined'])
})

test('a closed port refuses, a machine that is gone does not answer, a crash resets', async () => {
  const { clock, network, near, dialled, accepted } = await connect()
  await clock.run(200)
  const refused = new Recorder()
  const silent = new Recorder()
  const nowhere: Endpoint = { family: 4, address: '10.0.0.9', port: 1 }
  near.dial({ family: 4, address: '10.0.0.2', port: 9 }, { timeoutMs: 1_000 }, refused)
  near.dial(nowhere, { timeoutMs: 1_000 }, silent)
  await clock.run(500)
  assert.deepEqual(refused.events, ['close connection-failed'])
  assert.deepEqual(silent.events, [])
  await clock.run(600)
  assert.deepEqual(silent.events, ['close timed-out'])
  network.crash('10.0.0.2')
  await clock.run(100)
  assert.deepEqual(dialled.events, ['open', 'close connection-failed'])
  assert.deepEqual(accepted.events, [])
})
