// What hostile peers do on a real socket, one attack for each kind: lies, floods, stalls and garbage. For tests of what
// becomes of each, and for measuring a download among them.
// Guarantees: none does what an honest client would; each comes from the address that its target names.
import type { TestContext } from 'node:test'
import { fromUtf8, toHex } from '../../src/base/bytes.ts'
import { encodeExtensionHandshake } from '../../src/formats/peer/extension-handshake.ts'
import { encodeMetadataMessage } from '../../src/formats/peer/metadata-message.ts'
import { extendedId } from '../../src/formats/peer/wire-messages.ts'
import { encodeMessage, encodeMessages, type WireMessage } from '../formats/peer/recorded-wire.ts'
import { fillerBytes } from '../host/temporary-folder.ts'
import { dialRawPeer, frame, handshakeBytes, type RawPeer } from './raw-peer.ts'

const blockLengthBytes = 16_384
const mebibyte = 1_048_576

interface TargetContent {
  /** 20 bytes in hexadecimal. */
  readonly infoHash: string
  readonly pieceCount: number
}

interface Target {
  readonly content: TargetContent
  readonly port: number
  readonly address: string
}

/** What a peer does that no honest one does, and what must become of it. */
export interface Attack {
  readonly name: string
  /** `cut`: the connection is ended; `harmless`: it may stay, and nothing of it shows. */
  readonly outcome: 'cut' | 'harmless'
  begin(t: Pick<TestContext, 'after'>, target: Target): RawPeer
}

function attack(
  name: string,
  outcome: Attack['outcome'],
  act: (peer: RawPeer, content: TargetContent) => void,
  /** Without a bitfield first. */
  isBare = false,
): Attack {
  return {
    name,
    outcome,
    begin: (t, { content, port, address }) =>
      dialRawPeer(t, port, {
        localAddress: address,
        infoHash: content.infoHash,
        onOpen: (peer) => {
          if (!isBare) peer.tell({ type: 'haveNone' })
          act(peer, content)
        },
      }),
  }
}

function opened(name: string, outcome: Attack['outcome'], opening: (content: TargetContent) => Uint8Array): Attack {
  return {
    name,
    outcome,
    begin: (t, { content, port, address }) =>
      dialRawPeer(t, port, { localAddress: address, opening: opening(content) }),
  }
}

function many(count: number, message: (index: number) => WireMessage): Uint8Array {
  return encodeMessages(Array.from({ length: count }, (_, index) => message(index)))
}

/** Sends again as soon as the last was taken, until it is cut. */
function flood(peer: RawPeer, bytes: Uint8Array): void {
  const send = () => {
    if (!peer.isClosed) peer.socket.write(bytes, () => setImmediate(send))
  }
  send()
}

export const metadataHandshake = (lengthBytes: number): WireMessage => ({
  type: 'extended',
  id: 0,
  payload: toHex(
    encodeExtensionHandshake({ extensions: new Map([['ut_metadata', 3]]), metadataLengthBytes: lengthBytes }),
  ),
})

export const attacks: readonly Attack[] = [
  opened('garbage instead of a handshake', 'cut', () => fillerBytes(3_000, 5)),
  opened('a web request', 'cut', () => fromUtf8('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
  opened('a handshake for another torrent', 'cut', () => handshakeBytes('ab'.repeat(20))),
  opened('half a handshake and silence', 'cut', ({ infoHash }) => handshakeBytes(infoHash).subarray(0, 40)),
  opened('silence', 'cut', () => new Uint8Array(0)),
  attack('a handshake and silence', 'harmless', () => undefined, true),
  attack('a frame of 4 GiB', 'cut', (peer) => peer.send(frame(0xffff_ffff, 7))),
  attack('an extended message of 100 MiB', 'cut', (peer) =>
    flood(peer, frame(100 * mebibyte, extendedId, fillerBytes(65_536, 1))),
  ),
  attack('an extension handshake that nests without end', 'harmless', (peer) =>
    peer.tell({ type: 'extended', id: 0, payload: '6c'.repeat(60_000) }),
  ),
  attack('a bitfield that is too short', 'cut', (peer) => peer.tell({ type: 'bitfield', bits: 'ff' }), true),
  attack(
    'a bitfield that is too long',
    'cut',
    (peer) => peer.tell({ type: 'bitfield', bits: 'ff'.repeat(4_000) }),
    true,
  ),
  attack('a flood of bitfields', 'cut', (peer, { pieceCount }) =>
    flood(
      peer,
      many(200, () => ({ type: 'bitfield', bits: '00'.repeat(Math.ceil(pieceCount / 8)) })),
    ),
  ),
  attack('have beyond the last piece', 'cut', (peer, { pieceCount }) => peer.tell({ type: 'have', piece: pieceCount })),
  attack('a request beyond the last piece', 'cut', (peer, { pieceCount }) =>
    peer.tell({ type: 'request', piece: pieceCount, begin: 0, length: blockLengthBytes }),
  ),
  attack('blocks nobody asked for', 'cut', (peer) =>
    peer.tell({ type: 'piece', piece: 0, begin: 0, length: 4, block: '00000000' }),
  ),
  attack('rejects nobody asked for', 'cut', (peer) => peer.tell({ type: 'reject', piece: 0, begin: 0, length: 5 })),
  attack('a flood of have', 'cut', (peer) =>
    flood(
      peer,
      many(2_000, () => ({ type: 'have', piece: 1 })),
    ),
  ),
  attack('a flood of requests', 'cut', (peer) =>
    flood(
      peer,
      many(2_000, () => ({ type: 'request', piece: 0, begin: 0, length: blockLengthBytes })),
    ),
  ),
  attack('a flood of cancels', 'cut', (peer) =>
    flood(
      peer,
      many(4_000, () => ({ type: 'cancel', piece: 0, begin: 0, length: blockLengthBytes })),
    ),
  ),
  attack('a flood of extension messages', 'cut', (peer) =>
    flood(
      peer,
      many(1_000, () => ({ type: 'extended', id: 1, payload: toHex(fillerBytes(20, 3)) })),
    ),
  ),
  attack('a flood of extension handshakes', 'cut', (peer) => flood(peer, encodeMessage(metadataHandshake(5)))),
  attack('a flood of choke and unchoke', 'cut', (peer) =>
    flood(
      peer,
      encodeMessages([{ type: 'unchoke' }, { type: 'choke' }, { type: 'interested' }, { type: 'notInterested' }]),
    ),
  ),
  attack('a flood of keep-alives', 'cut', (peer) =>
    flood(
      peer,
      many(1_000, () => ({ type: 'keepAlive' })),
    ),
  ),
  attack('metadata nobody asked for, of 30 MiB', 'harmless', (peer) => {
    peer.tell(metadataHandshake(30 * mebibyte))
    const data = fillerBytes(16_384, 2)
    const message = encodeMetadataMessage({ type: 'data', piece: 7, totalLengthBytes: 30 * mebibyte, data })
    for (let count = 0; count < 20; count++) peer.tell({ type: 'extended', id: 1, payload: toHex(message) })
  }),
  attack('requests for metadata far beyond its end', 'harmless', (peer) => {
    peer.tell(metadataHandshake(100))
    const payload = toHex(encodeMetadataMessage({ type: 'request', piece: 1_900 }))
    for (let count = 0; count < 500; count++) peer.tell({ type: 'extended', id: 3, payload })
  }),
  attack('everything is said to be here, and nothing is sent', 'harmless', (peer) => peer.tell({ type: 'unchoke' })),
  {
    name: 'one byte after the other',
    outcome: 'cut',
    begin(t, { content, port, address }) {
      const peer = dialRawPeer(t, port, { localAddress: address })
      const bytes = handshakeBytes(content.infoHash)
      let sent = 0
      const timer = setInterval(() => {
        peer.send(bytes.subarray(sent, sent + 1))
        sent++
        if (peer.isClosed || sent >= bytes.length) clearInterval(timer)
      }, 100)
      t.after(() => clearInterval(timer))
      return peer
    },
  },
]
