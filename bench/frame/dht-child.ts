// A node of dht-sides.ts behind a UDP socket, or an echo that says the same to everybody, in a process of its own.
// Guarantees: says its port, and on each line of input the CPU seconds it took so far.
// Usage: node dht-child.ts ours|npm|echo
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { unwrap } from '../../src/base/errors.ts'
import { compactNodeLength } from '../../src/formats/krpc/compact-node.ts'
import { encodeKrpc } from '../../src/formats/krpc/encode.ts'
import { udpDatagrams } from '../../src/host/udp-datagrams.ts'
import type { DatagramSocket } from '../../src/ports/datagrams.ts'
import { type Answer, loopback, npmNode, ourNode } from './dht-sides.ts'

/** Nothing but what Node takes for a datagram in and one out. */
async function startEcho(): Promise<number> {
  const nodes = new Uint8Array(8 * compactNodeLength(4))
  const said = encodeKrpc({ type: 'response', transactionId: Uint8Array.of(0, 0), id: new Uint8Array(20), nodes })
  const socket = createSocket({ type: 'udp4', lookup: (text, _options, callback) => callback(null, text, 4) })
  socket.on('message', (_, from) => socket.send(said, from.port, from.address))
  const listening = once(socket, 'listening')
  socket.bind(0, loopback)
  await listening
  return socket.address().port
}

async function startNode(side: 'ours' | 'npm'): Promise<number> {
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
  return socket.endpoint.port
}

const [side] = process.argv.slice(2)
assert.ok(side === 'ours' || side === 'npm' || side === 'echo')
const listeningPort = side === 'echo' ? await startEcho() : await startNode(side)
console.log(JSON.stringify({ type: 'listening', port: listeningPort }))
for await (const _ of createInterface(process.stdin)) {
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ type: 'cpu', seconds: (user + system) / 1e6 }))
}
process.exit()
