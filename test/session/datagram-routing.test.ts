// One UDP port for everything: what comes in is told apart, what goes out finds its socket.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedNetwork } from '../../sim/ports/simulated-network.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { DatagramRouting, kindOfDatagram } from '../../src/session/datagram-routing.ts'

test('answers of trackers, DHT messages and uTP packets are told apart by their first bytes', () => {
  assert.equal(kindOfDatagram(Uint8Array.of(0, 0, 0, 1, 9, 9, 9, 9, 0)), 'tracker')
  assert.equal(kindOfDatagram(Uint8Array.of(0, 0, 0, 3, 9, 9, 9, 9)), 'tracker')
  assert.equal(kindOfDatagram(fromLatin1('d1:y1:qe')), 'dht')
  for (let type = 0; type <= 4; type++) {
    const packet = new Uint8Array(20)
    packet[0] = (type << 4) | 1
    assert.equal(kindOfDatagram(packet), 'utp')
  }
  for (const foreign of [
    [],
    [0, 0, 0, 4, 9, 9, 9, 9],
    [0, 0, 0, 1],
    [0x51, ...new Array(19).fill(0)],
    [0x01, 0],
    [0x02, ...new Array(19).fill(0)],
  ]) {
    assert.equal(kindOfDatagram(Uint8Array.from(foreign)), 'unknown')
  }
})

test('a datagram leaves by the socket of its family and comes in with its kind; without a socket it is refused', async () => {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ clock, random: simulatedRandom(1) })
  const seen: string[] = []
  const here = new DatagramRouting({
    onDatagram: (kind, bytes, address, port) => seen.push(`${kind} ${toLatin1(bytes)} ${address}:${port}`),
  })
  const there = new DatagramRouting({ onDatagram: () => undefined })
  await here.open(network.datagrams({ address: '10.0.0.1' }), [{ family: 4, address: '0.0.0.0' }], 7000)
  await there.open(
    network.datagrams({ address: '10.0.0.2' }),
    [
      { family: 6, address: '::' },
      { family: 4, address: '0.0.0.0' },
    ],
    7000,
  )
  assert.equal(there.endpoint(6), undefined)
  assert.equal(there.send(fromLatin1('d1:y1:qe'), '10.0.0.1', 7000), true)
  assert.equal(there.send(fromLatin1('d1:y1:qe'), '2001:db8::1', 7000), false)
  await clock.run(10)
  assert.deepEqual(seen, ['dht d1:y1:qe 10.0.0.2:7000'])
  await Promise.all([here.close(), there.close()])
})

test('a port that is taken is done without: any free one serves', async () => {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ clock, random: simulatedRandom(1) })
  const first = new DatagramRouting({ onDatagram: () => undefined })
  const second = new DatagramRouting({ onDatagram: () => undefined })
  await first.open(network.datagrams({ address: '10.0.0.1' }), [{ family: 4, address: '0.0.0.0' }], 7000)
  await second.open(network.datagrams({ address: '10.0.0.1' }), [{ family: 4, address: '0.0.0.0' }], 7000)
  assert.equal(first.endpoint(4)?.port, 7000)
  assert.notEqual(second.endpoint(4)?.port, undefined)
  assert.notEqual(second.endpoint(4)?.port, 7000)
})
