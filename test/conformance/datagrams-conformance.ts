// What every implementation of the Datagrams port promises, as tests over one address that is bound and sent to.
// Guarantees: touches the port and nothing else, so that real sockets and simulated ones answer the same questions.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AddressFamily } from '../../src/base/endpoint.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { BindOptions, DatagramSink, DatagramSocket, Datagrams } from '../../src/ports/datagrams.ts'
import { fillerBytes } from '../host/temporary-folder.ts'

export interface DatagramsUnderTest {
  readonly datagrams: Datagrams
  readonly family: AddressFamily
  readonly address: string
  /** An address no machine of this network has. */
  readonly foreignAddress: string
  /** A group of the family; undefined: this network carries none of it. */
  readonly group: string | undefined
  until(condition: () => boolean): Promise<void>
  /** Lets everything happen that is under way, and a little more. */
  settle(): Promise<void>
}

/** Of the groups; nobody else here has it. */
const groupPort = 36_771

interface Received {
  readonly bytes: Uint8Array
  readonly address: string
  readonly port: number
}

export class DatagramLog implements DatagramSink {
  readonly received: Received[] = []
  rooms = 0
  onReceived: (received: Received) => void = () => undefined

  onDatagram(bytes: Uint8Array, address: string, port: number): void {
    const received = { bytes: bytes.slice(), address, port }
    this.received.push(received)
    this.onReceived(received)
  }

  onRoom(): void {
    this.rooms++
  }
}

export function datagramsConformance(title: string, make: () => Promise<DatagramsUnderTest>): void {
  async function bind(under: DatagramsUnderTest, changes: Partial<BindOptions> = {}) {
    const log = new DatagramLog()
    const { family, address } = under
    const socket = unwrap(await under.datagrams.bind({ family, address, port: 0, ...changes }, log))
    return { log, socket }
  }

  async function closeAll(sockets: readonly DatagramSocket[]): Promise<void> {
    for (const socket of sockets) await socket.close()
  }

  describe(`datagrams: ${title}`, () => {
    test('a datagram arrives whole, with its sender; the bytes sent are free at once', async () => {
      const under = await make()
      const [a, b] = [await bind(under), await bind(under)]
      assert.ok(a.socket.endpoint.port > 0)
      assert.deepEqual([a.socket.endpoint.family, a.socket.endpoint.address], [under.family, under.address])
      const bytes = new Uint8Array(1_400)
      const sizes = [0, 1, 20, 1_400]
      for (const [index, size] of sizes.entries()) {
        bytes.set(fillerBytes(size, index))
        assert.equal(a.socket.send(bytes.subarray(0, size), under.address, b.socket.endpoint.port), true)
        bytes.fill(255)
      }
      await under.until(() => b.log.received.length === sizes.length)
      for (const [index, size] of sizes.entries()) {
        const expected = { bytes: fillerBytes(size, index), address: under.address, port: a.socket.endpoint.port }
        assert.deepEqual(b.log.received[index], expected)
      }
      await closeAll([a.socket, b.socket])
    })

    test('answers go back to where a datagram came from', async () => {
      const under = await make()
      const [a, b] = [await bind(under), await bind(under)]
      b.log.onReceived = ({ bytes, address, port }) => void b.socket.send(bytes, address, port)
      for (let index = 0; index < 20; index++)
        a.socket.send(new Uint8Array([index]), under.address, b.socket.endpoint.port)
      await under.until(() => a.log.received.length === 20)
      assert.deepEqual(
        a.log.received.map(({ bytes }) => bytes[0]),
        Array.from({ length: 20 }, (_, index) => index),
      )
      await closeAll([a.socket, b.socket])
    })

    test('what goes nowhere is lost without a word, and the socket goes on', async () => {
      const under = await make()
      const [a, b] = [await bind(under), await bind(under)]
      const gone = await bind(under)
      const { port } = gone.socket.endpoint
      await gone.socket.close()
      for (let round = 0; round < 5; round++) {
        a.socket.send(new Uint8Array(10), under.address, port)
        await under.settle()
      }
      a.socket.send(new Uint8Array(10), under.address, 0)
      a.socket.send(new Uint8Array(10), under.foreignAddress, 9)
      a.socket.send(new Uint8Array(200_000), under.address, b.socket.endpoint.port)
      a.socket.send(new Uint8Array([7]), under.address, b.socket.endpoint.port)
      await under.until(() => b.log.received.length > 0)
      assert.equal(b.log.received[0]?.bytes.length, 1)
      assert.deepEqual(b.log.received[0]?.bytes, new Uint8Array([7]))
      await closeAll([a.socket, b.socket])
    })

    test('a place is taken once, and must be of this machine', async () => {
      const under = await make()
      const { socket } = await bind(under)
      const { family, address } = under
      const second = await under.datagrams.bind({ family, address, port: socket.endpoint.port }, new DatagramLog())
      assert.equal(second.ok ? '' : second.code, 'address-in-use')
      const elsewhere = { family, address: under.foreignAddress, port: 0 }
      const foreign = await under.datagrams.bind(elsewhere, new DatagramLog())
      assert.equal(foreign.ok ? '' : foreign.code, 'address-unavailable')
      await socket.close()
      await closeAll([(await bind(under, { port: socket.endpoint.port })).socket])
    })

    test('members of a group share a port, and all hear what one of them sends to it', async () => {
      const under = await make()
      const { group } = under
      if (group === undefined) return
      const [a, b] = [await bind(under, { multicastGroup: group, port: groupPort }), await bind(under)]
      const c = await bind(under, { multicastGroup: group, port: groupPort })
      a.socket.send(new Uint8Array([1, 2, 3]), group, groupPort)
      await under.until(() => a.log.received.length > 0 && c.log.received.length > 0)
      assert.deepEqual(c.log.received[0], { bytes: new Uint8Array([1, 2, 3]), address: under.address, port: groupPort })
      await c.socket.close()
      a.socket.send(new Uint8Array([4]), group, groupPort)
      await under.until(() => a.log.received.length > 1)
      await under.settle()
      assert.equal(c.log.received.length, 1, 'who has left hears no more')
      assert.equal(b.log.received.length, 0)
      await closeAll([a.socket, b.socket])
    })

    test('a closed socket neither sends nor hears', async () => {
      const under = await make()
      const [a, b] = [await bind(under), await bind(under)]
      await b.socket.close()
      await b.socket.close()
      b.socket.send(new Uint8Array(3), under.address, a.socket.endpoint.port)
      a.socket.send(new Uint8Array(3), under.address, b.socket.endpoint.port)
      await under.settle()
      assert.deepEqual([a.log.received.length, b.log.received.length], [0, 0])
      await a.socket.close()
    })
  })
}
