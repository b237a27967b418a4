// A peer that does exactly what a test tells it to, on a bare socket: for what no honest client would send.
// Guarantees: it never speaks by itself; all it hears is kept, bounded; its socket is gone when the test has ended.
// Each may have a loopback address of its own, so that a ban of one leaves the others alone.
import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { concatBytes, emptyBytes, fromHex, fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { peerId } from '../../src/base/ids.ts'
import { encodeHandshake, handshakeLength } from '../../src/formats/peer/handshake.ts'
import { WireDecoder } from '../../src/formats/peer/wire-decoder.ts'
import { encodePieceHeader } from '../../src/formats/peer/wire-encoder.ts'
import { pieceHeaderLength } from '../../src/formats/peer/wire-messages.ts'
import { encodeMessage, RecordingSink, type WireMessage } from '../formats/peer/recorded-wire.ts'

export interface RawPeer {
  readonly socket: Socket
  /** After the handshake, oldest first. */
  readonly heard: readonly WireMessage[]
  readonly isClosed: boolean
  /** The handshake has come. */
  readonly isOpen: boolean
  /** Settled when the connection has ended, however. */
  readonly closed: Promise<void>
  send(bytes: Uint8Array): void
  tell(...messages: readonly WireMessage[]): void
  /** The first message that fits, heard already or to come; fails when the connection ends before it. */
  hear(fits: (message: WireMessage) => boolean, timeoutMs?: number): Promise<WireMessage>
}

export interface RawPeerOptions {
  /** 20 bytes in hexadecimal; without it no handshake is sent. */
  readonly infoHash?: string
  readonly pieceCount?: number
  /** What is sent in place of a handshake, or cut out of it. */
  readonly opening?: Uint8Array
  readonly hasFast?: boolean
  /** Told each message as it comes. */
  readonly onMessage?: (peer: RawPeer, message: WireMessage) => void
  /** Told when the other handshake is there. */
  readonly onOpen?: (peer: RawPeer) => void
  /** Given back instead of the own id, to play the one that is dialled. */
  readonly peerId?: Uint8Array
}

const usualTimeoutMs = 15_000
const mostHeard = 100_000
let lastPeer = 0

/** Loopback addresses beyond the first, one for each peer, are there on Linux without asking. */
export const hasLoopbackAddresses = process.platform === 'linux'

export function loopbackAddress(number: number): string {
  assert.ok(number > 0 && number < 65_536)
  return `127.0.${number >> 8}.${number & 255}`
}

/** 68 bytes. */
export function handshakeBytes(infoHash: string, hasFast = true, id = newPeerId()): Uint8Array {
  const bytes = new Uint8Array(handshakeLength)
  const flags = { extensionProtocol: true, fast: hasFast, dht: false, v2Upgrade: false }
  encodeHandshake(bytes, 0, { flags, infoHash, peerId: peerId(id) })
  return bytes
}

/** A block as it goes over the wire. */
function blockMessage(piece: number, begin: number, block: Uint8Array): Uint8Array {
  const message = new Uint8Array(pieceHeaderLength + block.length)
  message.set(block, encodePieceHeader(message, 0, piece, begin, block.length))
  return message
}

/** A frame of any id and claimed length, with any bytes after it. */
export function frame(claimedLength: number, id: number, payload: Uint8Array = emptyBytes): Uint8Array {
  const head = new Uint8Array(5)
  new DataView(head.buffer).setUint32(0, claimedLength)
  head[4] = id
  return concatBytes([head, payload])
}

function newPeerId(): Uint8Array {
  return fromUtf8(`-RP0001-${String(++lastPeer).padStart(12, '0')}`)
}

function rawPeer(t: Pick<TestContext, 'after'>, socket: Socket, options: RawPeerOptions): RawPeer {
  const sink = new RecordingSink()
  // As a peer that takes anything: what is odd is for the test to see.
  const decoder = new WireDecoder(sink, {
    ...(options.pieceCount === undefined ? {} : { pieceCount: options.pieceCount }),
  })
  const listeners = new Set<() => void>()
  let neededHandshake = handshakeLength
  let told = 0
  let isClosed = false
  const tellAll = () => {
    for (const listener of [...listeners]) listener()
  }
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      isClosed = true
      tellAll()
      resolve()
    })
  })
  socket.on('error', () => undefined)
  socket.on('data', (bytes: Buffer) => {
    const skipped = Math.min(neededHandshake, bytes.length)
    if (neededHandshake > 0) {
      neededHandshake -= skipped
      if (neededHandshake === 0) options.onOpen?.(peer)
    }
    if (sink.messages.length < mostHeard) decoder.push(bytes.subarray(skipped))
    // A block is told when all of it is there.
    for (; told < sink.messages.length; told++) {
      const message = sink.messages[told] as WireMessage
      if (message.type === 'piece' && message.block.length < 2 * message.length) break
      options.onMessage?.(peer, message)
    }
    tellAll()
  })
  socket.setNoDelay(true)
  t.after(() => void socket.destroy())

  function hear(fits: (message: WireMessage) => boolean, timeoutMs = usualTimeoutMs): Promise<WireMessage> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer)
        listeners.delete(check)
        act()
      }
      const timer = setTimeout(() => settle(() => reject(new Error(`not heard in ${timeoutMs} ms`))), timeoutMs)
      function check(): void {
        const found = sink.messages.slice(0, told).find(fits)
        if (found !== undefined) settle(() => resolve(found))
        else if (isClosed) settle(() => reject(new Error('the connection ended before that was heard')))
      }
      listeners.add(check)
      check()
    })
  }

  const peer: RawPeer = {
    socket,
    heard: sink.messages,
    get isClosed() {
      return isClosed
    },
    get isOpen() {
      return neededHandshake === 0
    },
    closed,
    send: (bytes) => {
      if (!isClosed) socket.write(bytes)
    },
    tell: (...messages) => {
      if (!isClosed) socket.write(concatBytes(messages.map(encodeMessage)))
    },
    hear,
  }
  const opening =
    options.opening ??
    (options.infoHash === undefined ? emptyBytes : handshakeBytes(options.infoHash, options.hasFast, options.peerId))
  if (opening.length > 0) socket.write(opening)
  return peer
}

/** Connects, from an address of its own where one is given, and opens as it is told. */
export function dialRawPeer(
  t: Pick<TestContext, 'after'>,
  port: number,
  options: RawPeerOptions & { readonly localAddress?: string },
): RawPeer {
  const { localAddress } = options
  const socket = connect({ host: '127.0.0.1', port, ...(localAddress === undefined ? {} : { localAddress }) })
  return rawPeer(t, socket, options)
}

/** Waits to be dialled at `address`; each that comes is a peer of its own. Resolves to the port. */
export function listenRawPeer(
  t: Pick<TestContext, 'after'>,
  address: string,
  options: RawPeerOptions,
  onPeer: (peer: RawPeer) => void = () => undefined,
): Promise<number> {
  const server = createServer((socket) => onPeer(rawPeer(t, socket, options)))
  t.after(() => void server.close())
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, address, () => {
      const place = server.address()
      assert.ok(place !== null && typeof place === 'object')
      resolve(place.port)
    })
  })
}

/**
 * What a seed does: says it has everything, unchokes, and sends what is asked for, changed by `alter` on its way out.
 * For RawPeerOptions.
 */
export function seedBehaviour(
  content: Uint8Array,
  pieceLengthBytes: number,
  alter: (piece: number, begin: number, block: Uint8Array) => Uint8Array = (_piece, _begin, block) => block,
): Pick<RawPeerOptions, 'onOpen' | 'onMessage'> {
  return {
    onOpen: (peer) => peer.tell({ type: 'haveAll' }, { type: 'unchoke' }),
    onMessage: (peer, message) => {
      if (message.type !== 'request') return
      const { piece, begin, length } = message
      const start = piece * pieceLengthBytes + begin
      peer.send(blockMessage(piece, begin, alter(piece, begin, content.slice(start, start + length))))
    },
  }
}

/** Bytes of a hexadecimal text, as in WireMessage. */
export function bytesOfHex(hex: string): Uint8Array {
  return unwrap(fromHex(hex))
}
