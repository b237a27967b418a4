// Routers of the simulated network translate and filter as their kind says; datagrams get lost, doubled and overtaken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NatKind } from '../../sim/ports/simulated-nat.ts'
import { type HeardDatagram, NetworkWorld, type Transfer, textBytes } from './network-world.ts'

const inside = '192.168.0.2'
const outside = '198.51.100.7'
const first = '203.0.113.1'
const second = '203.0.113.2'
const port = 7_000

async function natWorld(kind: NatKind) {
  const world = new NetworkWorld()
  const [here, there, elsewhere]: [HeardDatagram[], HeardDatagram[], HeardDatagram[]] = [[], [], []]
  const socket = await world.socket(inside, { nat: { kind, publicAddress: outside, mappingLifetimeMs: 30_000 } }, here)
  const firstSocket = await world.socket(first, {}, there)
  const secondSocket = await world.socket(second, {}, elsewhere)
  return {
    ...world,
    world,
    clock: world.clock,
    network: world.network,
    socket,
    firstSocket,
    secondSocket,
    here,
    there,
    elsewhere,
  }
}

function portOf(heard: HeardDatagram | undefined): number {
  const [address, text] = (heard?.from ?? '').split(':')
  assert.equal(address, outside)
  return Number(text)
}

/** Who gets in after the host inside wrote to `first`: that endpoint, another port of it, and another host. */
const filters: Readonly<Record<NatKind, readonly [boolean, boolean, boolean]>> = {
  'full-cone': [true, true, true],
  'address-restricted': [true, true, false],
  'port-restricted': [true, false, false],
  symmetric: [true, false, false],
}

for (const [kind, expected] of Object.entries(filters) as [NatKind, (typeof filters)[NatKind]][]) {
  test(`${kind}: who may answer, and through which port`, async () => {
    const { clock, network, socket, firstSocket, secondSocket, here, there, elsewhere } = await natWorld(kind)
    firstSocket.send(textBytes('early'), outside, 20_000)
    firstSocket.send(textBytes('direct'), inside, port)
    await clock.run(10)
    assert.deepEqual([here.length, network.faults.refusedByNat], [0, 2])
    socket.send(textBytes('hello'), first, port)
    await clock.run(10)
    const publicPort = portOf(there[0])
    const otherPort = await network
      .datagrams({ address: first })
      .bind({ family: 4, port: 7_001 }, { onDatagram: () => undefined, onRoom: () => undefined })
    assert.ok(otherPort.ok)
    firstSocket.send(textBytes('answer'), outside, publicPort)
    otherPort.value.send(textBytes('other port'), outside, publicPort)
    secondSocket.send(textBytes('other host'), outside, publicPort)
    await clock.run(10)
    const texts = here.map(({ text }) => text)
    assert.deepEqual(
      ['answer', 'other port', 'other host'].map((text) => texts.includes(text)),
      expected,
    )
    assert.equal(network.faults.refusedByNat, 2 + expected.filter((isLetIn) => !isLetIn).length)
    socket.send(textBytes('hello'), second, port)
    await clock.run(10)
    assert.equal(portOf(elsewhere[0]) === publicPort, kind !== 'symmetric')
    await clock.run(31_000)
    firstSocket.send(textBytes('late'), outside, publicPort)
    await clock.run(10)
    assert.equal(
      here.some(({ text }) => text === 'late'),
      false,
    )
  })
}

test('TCP leaves a router under its address and comes in by forwarded ports only', async () => {
  const world = new NetworkWorld()
  const nat = { kind: 'port-restricted', publicAddress: outside } as const
  const insiders = await world.listener(inside, { nat })
  const outsiders = await world.listener(first)
  world.dial({ address: inside }, first, 1_000)
  const refused = world.dial({ address: first }, outside, 10, { timeoutMs: 5_000 })
  const unroutable = world.dial({ address: first }, inside, 10, { timeoutMs: 5_000 })
  await world.clock.run(6_000)
  const [accepted] = outsiders
  assert.equal(accepted?.receivedBytes, 1_000)
  assert.equal(accepted.stream?.remote.address, outside)
  assert.deepEqual([refused.closed, unroutable.closed], ['timed-out', 'timed-out'])
  assert.ok(world.network.faults.refusedByNat >= 2)
  assert.equal(world.network.forwardPort(inside, 'tcp', 6_881, port), true)
  assert.equal(world.network.forwardPort(inside, 'tcp', 6_881, port), false)
  world.dial({ address: first }, outside, 500, { toPort: 6_881 })
  await world.clock.run(100)
  assert.equal((insiders[0] as Transfer).receivedBytes, 500)
  world.network.unforwardPort(inside, 'tcp', 6_881)
  const later = world.dial({ address: first }, outside, 500, { toPort: 6_881, timeoutMs: 100 })
  await world.clock.run(200)
  assert.equal(later.closed, 'timed-out')
})

test('hosts behind one router share its address and reach each other directly', async () => {
  const world = new NetworkWorld()
  const nat = { kind: 'full-cone', publicAddress: outside } as const
  const [heard, near]: HeardDatagram[][] = [[], []]
  const one = await world.socket(inside, { nat })
  const other = await world.socket('192.168.0.3', { nat }, near)
  await world.socket(first, {}, heard)
  for (const socket of [one, other]) socket.send(textBytes('hello'), first, port)
  one.send(textBytes('neighbour'), '192.168.0.3', port)
  await world.clock.run(10)
  assert.equal(new Set(heard?.map(portOf)).size, 2)
  assert.deepEqual(
    near?.map(({ from }) => from),
    [`${inside}:${port}`],
  )
})

async function burst(settings: Parameters<NetworkWorld['socket']>[1], count: number, length = 4) {
  const world = new NetworkWorld(11)
  const heard: HeardDatagram[] = []
  const socket = await world.socket('10.0.0.1', settings)
  await world.socket('10.0.0.2', {}, heard)
  for (let index = 0; index < count; index++) {
    world.clock.after(index, () => socket.send(textBytes(String(index).padStart(length, '0')), '10.0.0.2', port))
  }
  await world.clock.run(count + 1_000)
  return { heard: heard.map(({ text }) => Number(text)), faults: world.network.faults, heardAt: heard }
}

test('datagrams are lost as often as was asked for, large ones by each of their fragments', async () => {
  const small = await burst({ lossPerMille: 100 }, 1_000)
  assert.equal(small.heard.length, 1_000 - small.faults.lost)
  assert.ok(small.faults.lost > 70 && small.faults.lost < 130, `${small.faults.lost}`)
  // Ten fragments: 0.9^10 come through.
  const large = await burst({ lossPerMille: 100 }, 300, 14_700)
  assert.ok(large.heard.length > 75 && large.heard.length < 135, `${large.heard.length}`)
})

test('datagrams are doubled and overtaken as often as was asked for', async () => {
  const doubled = await burst({ duplicatePerMille: 200 }, 500)
  assert.equal(doubled.heard.length, 500 + doubled.faults.duplicated)
  assert.ok(doubled.faults.duplicated > 60 && doubled.faults.duplicated < 140)
  const overtaken = await burst({ reorderPerMille: 200, latencyMs: 20 }, 500)
  const overtakings = overtaken.heard.filter(
    (number, index) => index > 0 && number < (overtaken.heard[index - 1] as number),
  )
  assert.ok(overtakings.length > 40, `${overtakings.length}`)
  assert.ok(overtaken.faults.reordered >= overtakings.length && overtaken.faults.reordered < 140)
  assert.deepEqual(
    overtaken.heard.toSorted((a, b) => a - b),
    Array.from({ length: 500 }, (_, index) => index),
  )
})

test('jitter spreads delays up to what was asked for', async () => {
  const { heardAt } = await burst({ latencyMs: 20, jitterMs: 40 }, 300)
  const delays = heardAt.map(({ text, atMs }) => atMs - Number(text))
  assert.ok(Math.min(...delays) >= 21 && Math.max(...delays) <= 61.001)
  assert.ok(Math.max(...delays) - Math.min(...delays) > 35)
})

test('a queue that is full drops datagrams', async () => {
  const world = new NetworkWorld()
  const heard: HeardDatagram[] = []
  const socket = await world.socket('10.0.0.1')
  await world.socket('10.0.0.2', { downloadBytesPerSecond: 100_000 }, heard)
  for (let index = 0; index < 200; index++) socket.send(new Uint8Array(1_000), '10.0.0.2', port)
  await world.clock.run(5_000)
  assert.equal(heard.length + world.network.faults.overflowed, 200)
  assert.ok(heard.length > 60 && heard.length < 70, `${heard.length}`)
})

test('partitions, one-way links and crashes stop datagrams', async () => {
  const world = new NetworkWorld()
  const [here, there]: [HeardDatagram[], HeardDatagram[]] = [[], []]
  const one = await world.socket('10.0.0.1', {}, here)
  const other = await world.socket('10.0.0.2', {}, there)
  const exchange = async () => {
    const before = [here.length, there.length]
    one.send(textBytes('x'), '10.0.0.2', port)
    other.send(textBytes('y'), '10.0.0.1', port)
    await world.clock.run(10)
    return [here.length - (before[0] as number), there.length - (before[1] as number)]
  }
  assert.deepEqual(await exchange(), [1, 1])
  world.network.partition('split', ['10.0.0.1'], ['10.0.0.2'])
  assert.deepEqual(await exchange(), [0, 0])
  world.network.heal('split')
  world.network.cutOneWay('10.0.0.1', '10.0.0.2')
  assert.deepEqual(await exchange(), [1, 0])
  world.network.mendOneWay('10.0.0.1', '10.0.0.2')
  assert.equal(world.network.faults.partitioned, 3)
  world.network.crash('10.0.0.2')
  assert.deepEqual(await exchange(), [0, 0])
  await world.socket('10.0.0.2', {}, there)
  one.send(textBytes('x'), '10.0.0.2', port)
  await world.clock.run(10)
  assert.equal(there.length, 2)
})
