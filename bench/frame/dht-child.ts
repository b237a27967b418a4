// A node of dht-sides.ts behind a UDP socket, in a process of its own.
// Guarantees: says its port, and on each line of input the CPU seconds it took so far.
// Usage: node dht-child.ts ours|npm
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { unwrap } from '../../src/base/errors.ts'
import { udpDatagrams } from '../../src/host/udp-datagrams.ts'
import type { DatagramSocket } from '../../src/ports/datagrams.ts'
import { type Answer, loopback, npmNode, ourNode } from './dht-sides.ts'

const [side] = process.argv.slice(2)
assert.ok(side === 'ours' || side === 'npm')
let socket: DatagramSocket | undefined
const onSend = (bytes: Uint8Array, port: number) => void socket?.send(bytes, loopback, port)
const answer: Answer = side === 'ours' ? ourNode(onSend) : (await npmNode(onSend)).answer
const sink = {
  // npm's wants a Buffer, which what comes in is for the time being.
  onDatagram: (bytes: Uint8Array, _address: string, port: number) =>
    answer(side === 'ours' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), port),
  onRoom: () => undefined,
}
socket = unwrap(await udpDatagrams().bind({ family: 4, address: loopback, port: 0 }, sink))
console.log(JSON.stringify({ type: 'listening', port: socket.endpoint.port }))
for await (const _ of createInterface(process.stdin)) {
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ type: 'cpu', seconds: (user + system) / 1e6 }))
}
process.exit()
