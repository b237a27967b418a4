// Each fault of the simulated network really happens, is counted, and has the effect on TCP that it promises.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostSettings } from '../../sim/ports/simulated-hosts.ts'
import { NetworkWorld, type Transfer } from './network-world.ts'

const megabyte = 1_000_000

async function pair(seed: number, settings: HostSettings, bytes: number) {
  const world = new NetworkWorld(seed)
  const accepted = await world.listener('10.0.0.2')
  const dialled = world.dial({ address: '10.0.0.1', ...settings }, '10.0.0.2', bytes)
  await world.until(() => dialled.isOpen && accepted.length === 1, 20_000)
  return { ...world, world, clock: world.clock, network: world.network, dialled, far: accepted[0] as Transfer }
}

/** How long so many bytes take, from the dial on. */
async function durationMs(seed: number, settings: HostSettings, bytes: number): Promise<number> {
  const { world, clock, far } = await pair(seed, settings, bytes)
  await world.until(() => far.receivedBytes === bytes, 3_600_000)
  assert.ok(far.isIntact)
  return clock.nowMs()
}

test('loss slows TCP down, the more the longer the way, and everything still arrives whole', async () => {
  const clean = await durationMs(1, { latencyMs: 50 }, 2 * megabyte)
  const lossy = await durationMs(1, { latencyMs: 50, lossPerMille: 10 }, 2 * megabyte)
  assert.ok(lossy > 3 * clean, `${lossy} ms against ${clean}`)
  const { world, network, far } = await pair(2, { latencyMs: 299, lossPerMille: 50 }, 300_000)
  const tookMs = await world.until(() => far.receivedBytes === 300_000, 3_600_000)
  assert.ok(far.isIntact)
  const { lost, retransmitted } = network.faults
  assert.ok(lost > 5 && retransmitted >= lost, `${lost} lost, ${retransmitted} again`)
  // Square root law: 1,460 bytes a round trip of 600 ms by 1.22 / sqrt(0.05) is about 13 KB/s.
  const bytesPerSecond = 300_000 / (tookMs / 1_000)
  assert.ok(bytesPerSecond > 4_000 && bytesPerSecond < 26_000, `${bytesPerSecond} bytes a second`)
})

test('a partition holds everything up; after it, TCP goes on where it was', async () => {
  const { world, network, clock, far } = await pair(3, { latencyMs: 20, uploadBytesPerSecond: megabyte }, 5 * megabyte)
  await clock.run(1_000)
  network.partition('split', ['10.0.0.1'])
  await clock.run(1_000)
  const { receivedBytes } = far
  await clock.run(59_000)
  assert.equal(far.receivedBytes, receivedBytes)
  assert.ok(network.faults.partitioned > 5)
  network.heal('split')
  await world.until(() => far.receivedBytes === 5 * megabyte, 70_000)
  assert.ok(far.isIntact)
  assert.ok(network.faults.retransmitted > 0)
})

test('who hears nothing for 15 minutes gives up', async () => {
  const { network, clock, dialled, far } = await pair(3, { uploadBytesPerSecond: 100_000 }, megabyte)
  network.setReachable('10.0.0.2', false)
  await clock.run(899_000)
  assert.equal(dialled.closed, undefined)
  await clock.run(90_000)
  assert.equal(dialled.closed, 'connection-failed')
  assert.equal(far.closed, undefined)
  // The one who only listened never finds out, until it says something and is told that nobody knows it.
  network.setReachable('10.0.0.2', true)
  far.stream?.write(Uint8Array.of(1))
  await clock.run(1_000)
  assert.equal(far.closed, 'connection-failed')
})

test('over a link that lets nothing back, what is under way arrives and nothing more', async () => {
  const { world, network, clock, far } = await pair(4, { latencyMs: 20 }, 20 * megabyte)
  await clock.run(200)
  network.cutOneWay('10.0.0.2', '10.0.0.1')
  const { receivedBytes } = far
  await clock.run(10_000)
  const heldAt = far.receivedBytes
  assert.ok(heldAt > receivedBytes && heldAt < 20 * megabyte)
  await clock.run(10_000)
  assert.equal(far.receivedBytes, heldAt)
  assert.ok(network.faults.retransmitted > 0)
  network.mendOneWay('10.0.0.2', '10.0.0.1')
  await world.until(() => far.receivedBytes === 20 * megabyte, 60_000)
  assert.ok(far.isIntact)
})

test('an address that is gone takes its connections with it; with it back they go on', async () => {
  const { world, network, clock, far } = await pair(5, { uploadBytesPerSecond: megabyte }, 2 * megabyte)
  network.setAddresses('10.0.0.1', ['10.0.0.77'])
  await clock.run(1_000)
  const { receivedBytes } = far
  await clock.run(5_000)
  assert.equal(far.receivedBytes, receivedBytes)
  network.setAddresses('10.0.0.1', ['10.0.0.1'])
  await world.until(() => far.receivedBytes === 2 * megabyte, 30_000)
})

test('senders share a downlink, and use all of it', async () => {
  const world = new NetworkWorld(6)
  const accepted = await world.listener('10.0.0.1', { downloadBytesPerSecond: 500_000 })
  for (let index = 2; index < 12; index++) {
    world.dial({ address: `10.0.0.${index}`, latencyMs: 5 * index }, '10.0.0.1', 10 * megabyte)
  }
  await world.clock.run(5_000)
  const before = accepted.map(({ receivedBytes }) => receivedBytes)
  await world.clock.run(20_000)
  const shares = accepted.map(({ receivedBytes }, index) => receivedBytes - (before[index] as number))
  const total = shares.reduce((sum, share) => sum + share, 0)
  assert.ok(total > 9_500_000 && total < 10_500_000, `${total} bytes in 20 s`)
  assert.ok(Math.min(...shares) > 200_000, `${shares}`)
})

test('streams share an uplink, and use all of it', async () => {
  const world = new NetworkWorld(6)
  const far: Transfer[] = []
  for (let index = 2; index < 10; index++) {
    const [address, latencyMs] = [`10.0.0.${index}`, 4 * index]
    const accepted = await world.listener(address, { latencyMs })
    world.dial({ address: '10.0.0.1', uploadBytesPerSecond: megabyte }, address, 50 * megabyte)
    await world.until(() => accepted.length === 1, 1_000)
    far.push(accepted[0] as Transfer)
  }
  await world.clock.run(5_000)
  const before = far.map(({ receivedBytes }) => receivedBytes)
  await world.clock.run(20_000)
  const shares = far.map(({ receivedBytes }, index) => receivedBytes - (before[index] as number))
  const total = shares.reduce((sum, share) => sum + share, 0)
  assert.ok(total > 19_500_000 && total < 20_500_000, `${total} bytes in 20 s`)
  assert.ok(Math.min(...shares) > 0.9 * Math.max(...shares), `${shares}`)
})

test('short messages come between long transfers, and take their part of the uplink', async () => {
  const world = new NetworkWorld(6)
  const [bulk, talk] = [await world.listener('10.0.0.2'), await world.listener('10.0.0.3')]
  const link = { address: '10.0.0.1', latencyMs: 10, uploadBytesPerSecond: megabyte }
  world.dial(link, '10.0.0.2', 100 * megabyte)
  const talking = world.dial(link, '10.0.0.3', 0)
  await world.until(() => talking.isOpen && talk.length === 1, 1_000)
  await world.clock.run(2_000)
  const message = new Uint8Array(200)
  const startMs = world.clock.nowMs()
  talking.stream?.write(message)
  await world.until(() => talk[0]?.receivedBytes === 200, 1_000)
  const tookMs = world.clock.nowMs() - startMs
  assert.ok(tookMs >= 11.2 && tookMs < 60, `${tookMs} ms`)
  const before = bulk[0]?.receivedBytes ?? 0
  for (let count = 0; count < 5_000; count++) world.clock.after(2 * count, () => talking.stream?.write(message))
  await world.clock.run(10_000)
  const bulkBytes = (bulk[0]?.receivedBytes ?? 0) - before
  const total = (talk[0]?.receivedBytes ?? 0) + bulkBytes
  assert.ok(talk[0] !== undefined && talk[0].receivedBytes > 950_000, `${talk[0]?.receivedBytes} bytes`)
  assert.ok(total > 9_700_000 && total < 10_300_000, `${total} bytes in 10 s`)
})

test('short messages alone do not exceed the uplink either, and are received in order', async () => {
  const { world, network, clock, dialled, far } = await pair(7, { uploadBytesPerSecond: 10_000 }, 0)
  const startMs = clock.nowMs()
  for (let count = 0; count < 1_000; count++) dialled.stream?.write(Uint8Array.from({ length: 100 }, () => count & 255))
  const order: number[] = []
  far.onData = (bytes) => void order.push(...bytes)
  await world.until(() => order.length === 100_000, 60_000)
  assert.ok(order.every((byte, index) => byte === (Math.floor(index / 100) & 255)))
  assert.ok(clock.nowMs() - startMs > 9_900, `${clock.nowMs() - startMs} ms`)
  assert.equal(network.trafficOf('10.0.0.1').sentBytes, 100_000)
})

test('TCP and UDP share an uplink', async () => {
  const world = new NetworkWorld(6)
  const accepted = await world.listener('10.0.0.1')
  world.dial({ address: '10.0.0.2', uploadBytesPerSecond: 200_000 }, '10.0.0.1', 10 * megabyte)
  const socket = await world.socket('10.0.0.2')
  await world.socket('10.0.0.1')
  for (let round = 0; round < 1_000; round++) {
    world.clock.after(10 * round, () => socket.send(new Uint8Array(1_000), '10.0.0.1', 7_000))
  }
  await world.clock.run(10_000)
  const { readDatagramBytes } = world.network.trafficOf('10.0.0.1')
  const { receivedBytes } = accepted[0] as Transfer
  assert.ok(readDatagramBytes > 900_000)
  const bytesPerSecond = (readDatagramBytes + receivedBytes) / 10
  assert.ok(bytesPerSecond > 190_000 && bytesPerSecond < 210_000, `${bytesPerSecond}`)
})

test('a bandwidth that changes holds from then on', async () => {
  const { network, clock, far } = await pair(7, { uploadBytesPerSecond: 100_000 }, 10 * megabyte)
  await clock.run(5_000)
  const slow = far.receivedBytes
  network.change('10.0.0.1', { uploadBytesPerSecond: 400_000 })
  await clock.run(5_000)
  const fast = far.receivedBytes - slow
  assert.ok(fast > 3.6 * slow && fast < 4.4 * slow, `${fast} after ${slow}`)
})

test('a dial whose first packets get lost connects later; with no way at all it times out', async () => {
  const world = new NetworkWorld(8)
  const accepted = await world.listener('10.0.0.2')
  world.network.setReachable('10.0.0.2', false)
  const patient = world.dial({ address: '10.0.0.1' }, '10.0.0.2', 10)
  const hasty = world.dial({ address: '10.0.0.1' }, '10.0.0.2', 10, { timeoutMs: 2_000 })
  await world.clock.run(2_500)
  world.network.setReachable('10.0.0.2', true)
  await world.clock.run(400)
  assert.deepEqual([patient.isOpen, hasty.closed], [false, 'timed-out'])
  await world.clock.run(200)
  assert.deepEqual([patient.isOpen, accepted.length], [true, 1])
})

test('jitter and packets that overtake others delay bytes, never mix them up', async () => {
  const settings = { latencyMs: 10, jitterMs: 30, reorderPerMille: 250 }
  const { world, network, far } = await pair(9, settings, 6 * megabyte)
  await world.until(() => far.receivedBytes === 6 * megabyte, 120_000)
  assert.ok(far.isIntact)
  assert.ok(network.faults.reordered > 20)
})

test('closing over a path with losses still brings everything, then the end, on both sides', async () => {
  const world = new NetworkWorld(10)
  const accepted = await world.listener('10.0.0.2', {}, 200_000)
  const link = { address: '10.0.0.1', latencyMs: 30, lossPerMille: 100 }
  const dialled = world.dial(link, '10.0.0.2', 200_000, { closes: true })
  await world.until(() => accepted[0]?.closed !== undefined, 600_000)
  const far = accepted[0] as Transfer
  assert.deepEqual([far.receivedBytes, far.isIntact, far.hasEnded, far.closed], [200_000, true, true, 'in order'])
  await world.clock.run(1_000)
  assert.equal(dialled.closed, 'in order')
})

test('the same seed gives the same packets at the same moments, another seed others', async () => {
  async function trace(seed: number): Promise<string> {
    const lines: string[] = []
    const world = new NetworkWorld(seed, {
      dialled: (from, to) => lines.push(`${world.clock.nowMs()} dialled ${from.address}:${from.port} ${to.address}`),
      opened: (from) => lines.push(`${world.clock.nowMs()} opened ${from.address}`),
      closed: (from, _to, failure) => lines.push(`${world.clock.nowMs()} closed ${from.address} ${failure?.code}`),
      datagram: (from, to, _port, bytes) => lines.push(`${world.clock.nowMs()} ${from.address} ${to} ${bytes.length}`),
    })
    const accepted = await world.listener('10.0.0.1')
    const bad = { latencyMs: 20, jitterMs: 10, lossPerMille: 20, reorderPerMille: 20, duplicatePerMille: 20 }
    for (let index = 2; index < 6; index++) {
      world.dial({ address: `10.0.0.${index}`, ...bad }, '10.0.0.1', 100_000, { closes: true })
    }
    const socket = await world.socket('10.0.0.2')
    for (let index = 0; index < 50; index++) socket.send(new Uint8Array(index), '10.0.0.1', 7_000)
    await world.until(() => accepted.length === 4 && accepted.every(({ closed }) => closed !== undefined), 120_000)
    return `${lines.join('\n')} ${JSON.stringify(world.network.faults)}`
  }
  const first = await trace(1)
  for (const event of ['dialled', 'opened', 'closed', '10.0.0.2 10.0.0.1 49']) assert.ok(first.includes(event), event)
  assert.equal(await trace(1), first)
  assert.notEqual(await trace(2), first)
})
