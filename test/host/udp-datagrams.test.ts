// UDP on real sockets over loopback; what loopback cannot show (a full queue) over a socket of the test's own.
import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { udpDatagrams } from '../../src/host/udp-datagrams.ts'
import { DatagramLog, datagramsConformance } from '../conformance/datagrams-conformance.ts'
import { settle, until } from './event-loop.ts'

const datagrams = udpDatagrams()
datagramsConformance('sockets', async () => {
  return {
    datagrams,
    family: 4,
    address: '127.0.0.1',
    foreignAddress: '192.0.2.1',
    group: '239.192.152.143',
    until,
    settle,
  }
})
datagramsConformance('sockets over IPv6', async () => {
  return {
    datagrams,
    family: 6,
    address: '::1',
    foreignAddress: '2001:db8::1',
    group: undefined,
    until,
    settle,
  }
})

test('IPv4 and IPv6 share a port', async () => {
  const logs = [new DatagramLog(), new DatagramLog()] as const
  const four = unwrap(await datagrams.bind({ family: 4, port: 0 }, logs[0]))
  const { port } = four.endpoint
  const six = unwrap(await datagrams.bind({ family: 6, port }, logs[1]))
  assert.deepEqual([four.endpoint.address, six.endpoint.address], ['0.0.0.0', '::'])
  four.send(new Uint8Array([4]), '127.0.0.1', port)
  six.send(new Uint8Array([6]), '::1', port)
  await until(() => logs[0].received.length === 1 && logs[1].received.length === 1)
  assert.deepEqual(logs[0].received[0], { bytes: new Uint8Array([4]), address: '127.0.0.1', port })
  assert.deepEqual(logs[1].received[0], { bytes: new Uint8Array([6]), address: '::1', port })
  await Promise.all([four.close(), six.close()])
})

test('addresses and families that do not go together are refused', async () => {
  for (const [family, address] of [
    [4, '::1'],
    [6, '127.0.0.1'],
    [4, 'localhost'],
  ] as const) {
    const result = await datagrams.bind({ family, address, port: 0 }, new DatagramLog())
    assert.equal(result.ok ? '' : result.code, 'address-unavailable')
  }
  const socket = unwrap(await datagrams.bind({ family: 4, port: 0 }, new DatagramLog()))
  for (const address of ['::1', 'localhost', '', '300.1.1.1'])
    assert.equal(socket.send(new Uint8Array(1), address, 9), true)
  await socket.close()
})

test('members of a group share a port and hear what is sent to it', async (t) => {
  const hasNetwork = Object.values(networkInterfaces()).some((entries) =>
    entries?.some(({ family }) => family === 'IPv4'),
  )
  if (!hasNetwork) return t.skip('needs a network interface')
  const logs = [new DatagramLog(), new DatagramLog()] as const
  const group = '239.192.152.143'
  const options = { family: 4, address: '127.0.0.1', multicastGroup: group } as const
  const a = unwrap(await datagrams.bind({ ...options, port: 0 }, logs[0]))
  const b = unwrap(await datagrams.bind({ ...options, port: a.endpoint.port }, logs[1]))
  assert.equal(b.endpoint.port, a.endpoint.port)
  a.send(new Uint8Array([1, 2, 3]), group, a.endpoint.port)
  await until(() => logs.every((log) => log.received.length === 1))
  assert.deepEqual(logs[1].received[0]?.bytes, new Uint8Array([1, 2, 3]))
  const everywhere = unwrap(
    await datagrams.bind({ family: 6, multicastGroup: 'ff15::efc0:988f', port: 0 }, new DatagramLog()),
  )
  const nonsense = unwrap(await datagrams.bind({ family: 4, multicastGroup: '10.0.0.1', port: 0 }, new DatagramLog()))
  await Promise.all([a, b, everywhere, nonsense].map((socket) => socket.close()))
})

/** Takes datagrams as the system does whose queue is full. */
class StuckSocket extends EventEmitter {
  readonly sent: Uint8Array[] = []
  /** What it would still read from, as it has not sent it yet. */
  last = new Uint8Array(0)
  queueSize = 0
  private readonly real = createSocket('udp4')

  bind(_options: unknown, onListening: () => void): void {
    this.real.bind(0, '127.0.0.1', onListening)
  }

  address() {
    return this.real.address()
  }

  setRecvBufferSize(): void {
    throw new Error('not permitted')
  }

  send(bytes: Uint8Array, offset: number, lengthBytes: number): void {
    this.last = bytes.subarray(offset, offset + lengthBytes) as Uint8Array<ArrayBuffer>
    this.sent.push(this.last.slice())
  }

  getSendQueueSize(): number {
    return this.queueSize
  }

  close(onClosed: () => void): void {
    this.real.close(onClosed)
  }
}

test('with the queue full datagrams are dropped until there is room, and errors and port 0 are not heard of', async () => {
  const stuck = new StuckSocket()
  const log = new DatagramLog()
  const socket = unwrap(
    await udpDatagrams({ createSocket: () => stuck as unknown as Socket }).bind({ family: 4, port: 0 }, log),
  )
  const send = (byte: number) => {
    const bytes = new Uint8Array([byte])
    const isTaken = socket.send(bytes, '127.0.0.1', 9)
    bytes.fill(255)
    return isTaken
  }
  assert.equal(send(1), true)
  stuck.queueSize = 29
  assert.equal(send(2), true)
  assert.equal(send(3), false)
  assert.deepEqual(stuck.last, new Uint8Array([2]))
  await settle()
  assert.equal(send(4), false)
  assert.equal(log.rooms, 0)
  stuck.queueSize = 0
  await until(() => log.rooms === 1)
  assert.equal(send(5), true)
  assert.deepEqual(
    stuck.sent.map((bytes) => bytes[0]),
    [1, 2, 5],
  )
  stuck.emit('error', new Error('ECONNREFUSED'))
  stuck.emit('message', Buffer.from([8]), { address: '127.0.0.1', port: 0 })
  stuck.emit('message', Buffer.from([9]), { address: '127.0.0.1', port: 7 })
  assert.deepEqual(
    log.received.map(({ bytes }) => bytes[0]),
    [9],
  )
  stuck.queueSize = 29
  send(6)
  await socket.close()
  assert.equal(log.rooms, 1)
})
