// Many peers in one process, as light as can be, for benchmarks of one program among many. Seeds of one file that
// listen, each at an address of its own, or leechers that connect, say that they have nothing, and stay.
// Guarantees: nothing of the product is in it, so that what is measured does not measure itself; it ends with its
// standard input. Argument: JSON of PlainPeersOptions.
import { openSync, readSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import type { PlainPeersOptions } from './plain-peers.ts'

const options = JSON.parse(process.argv[2] ?? '') as PlainPeersOptions
const infoHash = Buffer.from(options.infoHash, 'hex')
const handshakeLength = 68
const pieceHeaderLength = 13
const requestId = 6
const requestLength = 17
const maxFrameLength = 1 << 20
const haveAll = Buffer.from('000000010e', 'hex')
const haveNone = Buffer.from('000000010f', 'hex')
const unchoke = Buffer.from('0000000101', 'hex')
const dialledAtOnce = 100
let peerCount = 0
let closedCount = 0
const visitedSeeds = new Set<string>()

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Fast extension alone, so that nothing but what is measured is said. */
function handshake(): Buffer {
  const flags = Buffer.alloc(8)
  flags[7] = 4
  const peerId = `-PP0001-${String(++peerCount).padStart(12, '0')}`
  return Buffer.concat([Buffer.from('\x13BitTorrent protocol', 'latin1'), flags, infoHash, Buffer.from(peerId)])
}

/** Calls back for the handshake and then for each message, with all of it. */
function listenTo(socket: Socket, onHandshake: () => void, onMessages: (messages: readonly Buffer[]) => void): void {
  let pending: Buffer = Buffer.alloc(0)
  let isOpen = false
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.on('data', (bytes: Buffer) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
    let start = 0
    if (!isOpen && pending.length >= handshakeLength) {
      isOpen = true
      start = handshakeLength
      onHandshake()
    }
    const messages: Buffer[] = []
    while (isOpen && pending.length - start >= 4) {
      const end = start + 4 + pending.readUInt32BE(start)
      if (end - start > maxFrameLength) socket.destroy()
      if (end > pending.length) break
      messages.push(pending.subarray(start, end))
      start = end
    }
    if (messages.length > 0) onMessages(messages)
    pending = Buffer.from(pending.subarray(start))
  })
}

/** One write for all that was asked at once. */
function answer(socket: Socket, file: number, pieceLengthBytes: number, messages: readonly Buffer[]): void {
  const requests = messages.filter((message) => message.length === requestLength && message[4] === requestId)
  const lengthOf = (request: Buffer) => Math.min(request.readUInt32BE(13), maxFrameLength)
  const total = requests.reduce((sum, request) => sum + pieceHeaderLength + lengthOf(request), 0)
  if (total === 0) return
  const blocks = Buffer.allocUnsafe(total)
  let offset = 0
  for (const request of requests) {
    const [piece, begin, length] = [request.readUInt32BE(5), request.readUInt32BE(9), lengthOf(request)]
    blocks.writeUInt32BE(9 + length, offset)
    blocks[offset + 4] = 7
    blocks.writeUInt32BE(piece, offset + 5)
    blocks.writeUInt32BE(begin, offset + 9)
    readSync(file, blocks, offset + pieceHeaderLength, length, piece * pieceLengthBytes + begin)
    offset += pieceHeaderLength + length
  }
  socket.write(blocks)
}

function listenAt(address: string, path: string, pieceLengthBytes: number): Promise<number> {
  const file = openSync(path, 'r')
  const server = createServer((socket) => {
    const open = () => {
      visitedSeeds.add(address)
      socket.write(Buffer.concat([handshake(), haveAll, unchoke]))
    }
    listenTo(socket, open, (messages) => answer(socket, file, pieceLengthBytes, messages))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, address, () => {
      const place = server.address()
      resolve(place !== null && typeof place === 'object' ? place.port : 0)
    })
  })
}

function dial(port: number, localAddress: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress }, () => void socket.write(handshake()))
    const open = () => {
      socket.write(haveNone)
      resolve()
    }
    listenTo(socket, open, () => undefined)
    socket.once('close', () => {
      closedCount++
      resolve()
    })
  })
}

async function dialAll(port: number, addresses: readonly string[], count: number): Promise<void> {
  let next = 0
  const dialOn = async (): Promise<void> => {
    while (next < count) await dial(port, addresses[next++ % addresses.length] as string)
  }
  await Promise.all(Array.from({ length: dialledAtOnce }, dialOn))
  say({ type: 'connected' })
}

// A line asks how many connections stand, or how many seeds somebody came to.
process.stdin.on('data', () => {
  say({ type: 'count', count: options.role === 'leeches' ? options.count - closedCount : visitedSeeds.size })
})
process.stdin.once('close', () => process.exit(0))
if (options.role === 'leeches') {
  await dialAll(options.port, options.addresses, options.count)
} else {
  const { path, pieceLengthBytes, addresses } = options
  const ports = await Promise.all(addresses.map((address) => listenAt(address, path, pieceLengthBytes)))
  say({ type: 'listening', ports })
}
