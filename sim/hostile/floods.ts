// Behaviours that cost something: bytes that are no protocol, frames too large, messages without end, connections that
// come and go or do nothing.
import { concatBytes, writeUint32 } from '../../src/base/bytes.ts'
import { encodeMetadataMessage } from '../../src/formats/peer/metadata-message.ts'
import { bitfieldId, pieceId } from '../../src/formats/peer/wire-messages.ts'
import { afterHandshake, type Behaviour } from './behaviour.ts'
import type { HostileLine } from './hostile-line.ts'
import * as messages from './messages.ts'

const tickMs = 100

function flood(line: HostileLine, countPerTick: number, make: (index: number) => Uint8Array): void {
  line.every(tickMs, () => line.attack(messages.times(countPerTick, make)))
}

function anyPiece({ random, content }: HostileLine): number {
  return random.below(content.info.pieceCount)
}

/** A byte a second, of something that never ends in time. */
function dribble(line: HostileLine, bytes: Uint8Array): void {
  let sent = 0
  line.every(1_000, () => line.attack(bytes.subarray(sent, ++sent)))
}

const protocolName = new TextEncoder().encode('\x13BitTorrent protocol')

function oversizeFrame(line: HostileLine): Uint8Array {
  switch (line.random.below(3)) {
    case 0:
      return messages.frame(line.random.below(24), line.noise(100), 2 ** 31 + line.random.below(2 ** 31))
    case 1:
      return messages.frame(pieceId, line.noise(5_000), 1_000_009)
    default:
      return messages.extended(1, line.noise(100_000))
  }
}

export const floods: readonly Behaviour[] = [
  {
    name: 'garbage',
    proof: 'each',
    begin: (line) => {
      const pour = () => line.every(tickMs, () => line.attack(line.noise(1_000)))
      line.onStanding = pour
    },
  },
  {
    name: 'garbage-after-handshake',
    proof: 'each',
    begin: afterHandshake((line) => line.every(tickMs, () => line.attack(line.noise(1_000)))),
  },
  {
    name: 'slow-handshake',
    proof: 'each',
    begin: (line) => {
      line.onStanding = () => dribble(line, concatBytes([protocolName, line.noise(48)]))
    },
  },
  {
    name: 'says-nothing',
    proof: 'each',
    begin: (line) => {
      // That it is there at all is what it does.
      line.onStanding = () => line.attack(new Uint8Array(0))
    },
  },
  {
    name: 'slow-frame',
    proof: 'none',
    begin: afterHandshake((line) => {
      dribble(line, messages.frame(bitfieldId, new Uint8Array(Math.ceil(line.content.info.pieceCount / 8))))
    }),
  },
  {
    name: 'oversize-frame',
    proof: 'each',
    begin: afterHandshake((line) => line.attack(oversizeFrame(line))),
  },
  {
    name: 'have-flood',
    proof: 'each',
    maxDials: 2,
    begin: afterHandshake((line) => flood(line, 200, () => messages.have(anyPiece(line)))),
  },
  {
    name: 'state-flood',
    proof: 'each',
    begin: afterHandshake((line) => flood(line, 100, (index) => (index % 2 ? messages.choke : messages.unchoke))),
  },
  {
    name: 'request-flood',
    proof: 'each',
    maxDials: 2,
    begin: afterHandshake((line) => {
      line.say(messages.haveNone, messages.interested)
      flood(line, 200, () => messages.request(anyPiece(line), 0))
    }),
  },
  {
    name: 'cancel-flood',
    proof: 'each',
    maxDials: 2,
    begin: afterHandshake((line) => flood(line, 300, () => messages.cancel(anyPiece(line), 0))),
  },
  {
    name: 'metadata-request-flood',
    proof: 'each',
    maxDials: 2,
    begin: afterHandshake((line) => {
      line.say(messages.extensionHandshake({}, 1))
      const payload = encodeMetadataMessage({ type: 'request', piece: 0 })
      flood(line, 200, () => messages.extended(1, payload))
    }),
  },
  {
    name: 'extension-handshake-flood',
    proof: 'each',
    begin: afterHandshake((line) => flood(line, 5, (index) => messages.extensionHandshake({ listenPort: 1 + index }))),
  },
  {
    name: 'unknown-flood',
    proof: 'each',
    begin: afterHandshake((line) => flood(line, 50, () => messages.frame(200, line.noise(40)))),
  },
  {
    name: 'hash-request-flood',
    proof: 'each',
    needsV2: 'hybrid',
    maxDials: 1,
    begin: afterHandshake((line) => {
      const { files, pieceLengthBytes } = line.content.info
      const piecesRoot = files.find((file) => file.piecesRoot !== undefined)?.piecesRoot ?? line.noise(32)
      const baseLayer = Math.log2(pieceLengthBytes / 16_384)
      const ask = messages.hashRequest({ piecesRoot, baseLayer, index: 0, length: 2, proofLayers: 4 })
      flood(line, 2_000, () => ask)
    }),
  },
  {
    name: 'idle',
    proof: 'none',
    begin: afterHandshake((line) => {
      line.attack(messages.haveNone)
      line.every(60_000, () => line.attack(messages.keepAlive))
    }),
  },
  {
    name: 'never-reads',
    proof: 'none',
    begin: afterHandshake((line) => {
      line.say(messages.haveNone, messages.interested)
      line.isReading = false
      line.after(2_000, () => line.attack(messages.times(300, () => messages.request(anyPiece(line), 0))))
    }),
  },
  {
    name: 'connects-and-resets',
    proof: 'none',
    redialMs: 200,
    maxDials: 100,
    begin: (line) => {
      line.onStanding = () => {
        line.attack(protocolName.subarray(0, 1 + line.random.below(19)))
        line.after(line.random.below(100), () => line.reset())
      }
    },
  },
  {
    name: 'many-connections',
    proof: 'none',
    lineCount: 30,
    begin: afterHandshake((line) => {
      line.attack(messages.haveNone)
      line.every(60_000, () => line.attack(messages.keepAlive))
    }),
  },
  {
    name: 'endless-frame-length',
    proof: 'each',
    begin: afterHandshake((line) => {
      const length = new Uint8Array(4)
      writeUint32(length, 0, 0xffff_ffff)
      line.attack(length)
    }),
  },
]
