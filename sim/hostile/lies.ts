// Behaviours that deceive: pieces that are not there, blocks and metadata and hashes that are not of the torrent, things
// nobody asked for, names of others.

import { writeUint32 } from '../../src/base/bytes.ts'
import { maxMetadataLengthBytes } from '../../src/formats/peer/extension-handshake.ts'
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  metadataPieceLengthBytes,
} from '../../src/formats/peer/metadata-message.ts'
import { bitfieldId, requestId } from '../../src/formats/peer/wire-messages.ts'
import { afterHandshake, type Behaviour } from './behaviour.ts'
import type { HostileLine } from './hostile-line.ts'
import * as messages from './messages.ts'

/** Our number for ut_metadata. */
const metadataId = 3
/** The product's: the first that it offers. */
const productMetadataId = 1
/** Lets others lie first. */
const honestAnswerMs = 3_000

function greetAsSeed(line: HostileLine): void {
  line.say(messages.haveAll, messages.unchoke)
}

/** Answers every request for metadata. */
function onMetadataRequest(line: HostileLine, totalLengthBytes: number, act: (piece: number, length: number) => void) {
  line.onExtended = (id, payload) => {
    const decoded = decodeMetadataMessage(payload)
    if (id !== metadataId || !decoded.ok || decoded.value.type !== 'request') return
    const { piece } = decoded.value
    const length = Math.min(metadataPieceLengthBytes, totalLengthBytes - piece * metadataPieceLengthBytes)
    if (length > 0) act(piece, length)
  }
}

function metadataPiece(piece: number, totalLengthBytes: number, data: Uint8Array): Uint8Array {
  return messages.extended(productMetadataId, encodeMetadataMessage({ type: 'data', piece, totalLengthBytes, data }))
}

function outOfRange(line: HostileLine): Uint8Array {
  const { pieceCount, pieceLengthBytes } = line.content.info
  const fields = new Uint8Array(12)
  const isBeyond = line.random.below(2) === 0
  writeUint32(fields, 0, isBeyond ? pieceCount + line.random.below(1_000) : line.random.below(pieceCount))
  writeUint32(fields, 4, isBeyond ? 0 : 2 ** 31 + pieceLengthBytes)
  writeUint32(fields, 8, 16_384)
  return messages.frame(requestId, fields)
}

export const lies: readonly Behaviour[] = [
  {
    name: 'bitfield-of-wrong-length',
    proof: 'each',
    begin: afterHandshake((line) => {
      const length = Math.ceil(line.content.info.pieceCount / 8) + 1 + line.random.below(50)
      line.attack(messages.frame(bitfieldId, line.noise(length)))
    }),
  },
  {
    name: 'bitfield-again-and-again',
    proof: 'each',
    begin: afterHandshake((line) => {
      const bits = messages.frame(bitfieldId, new Uint8Array(Math.ceil(line.content.info.pieceCount / 8)))
      line.attack(...Array.from({ length: 150 }, () => bits))
    }),
  },
  {
    name: 'piece-beyond-the-last',
    proof: 'each',
    begin: afterHandshake((line) => line.attack(messages.have(line.content.info.pieceCount + line.random.below(99)))),
  },
  {
    name: 'serves-nothing',
    proof: 'none',
    begin: afterHandshake((line) => line.attack(messages.haveAll, messages.unchoke)),
  },
  {
    name: 'refuses-everything',
    proof: 'none',
    begin: afterHandshake((line) => {
      greetAsSeed(line)
      line.onRequest = (piece, begin, length) => line.attack(messages.reject(piece, begin, length))
    }),
  },
  {
    name: 'slow-blocks',
    proof: 'none',
    begin: afterHandshake((line) => {
      greetAsSeed(line)
      let isBusy = false
      line.onRequest = (piece, begin, length) => {
        if (isBusy) return
        isBusy = true
        const block = line.blockAt(piece, begin, length)
        line.say(messages.blockHeader(piece, begin, length))
        let sent = 0
        line.every(1_000, () => line.attack(block.subarray(sent, ++sent)))
      }
    }),
  },
  {
    name: 'corrupt-blocks',
    proof: 'each',
    begin: afterHandshake((line) => {
      greetAsSeed(line)
      line.onRequest = (piece, begin, length) => {
        const block = line.blockAt(piece, begin, length)
        const isRight = line.random.below(3) > 0
        line.after(20 + line.random.below(50), () => {
          line.say(messages.blockHeader(piece, begin, length))
          if (isRight) line.say(block)
          else line.attack(line.noise(length))
        })
      }
    }),
  },
  {
    name: 'block-nobody-asked-for',
    proof: 'each',
    begin: afterHandshake((line) => {
      line.say(messages.haveNone)
      const piece = line.random.below(line.content.info.pieceCount)
      line.attack(messages.blockHeader(piece, 0, 16_384), line.noise(16_384))
    }),
  },
  {
    name: 'request-out-of-range',
    proof: 'each',
    begin: afterHandshake((line) => {
      line.attack(outOfRange(line))
      // Who has no metadata yet cannot tell.
      line.every(5_000, () => line.attack(outOfRange(line)))
    }),
  },
  {
    name: 'metadata-bomb',
    proof: 'none',
    needsMagnets: true,
    begin: afterHandshake((line) => {
      const totalBytes = maxMetadataLengthBytes
      line.attack(messages.extensionHandshake({ metadataLengthBytes: totalBytes }, metadataId))
      onMetadataRequest(line, totalBytes, (piece, length) => {
        line.attack(metadataPiece(piece, totalBytes, new Uint8Array(length)))
      })
    }),
  },
  {
    name: 'wrong-metadata',
    proof: 'some',
    needsMagnets: true,
    begin: afterHandshake((line) => {
      const totalBytes = line.content.info.raw.length
      line.say(messages.extensionHandshake({ metadataLengthBytes: totalBytes }, metadataId))
      onMetadataRequest(line, totalBytes, (piece, length) => {
        line.attack(metadataPiece(piece, totalBytes, line.noise(length)))
      })
    }),
  },
  {
    name: 'wrong-hashes',
    proof: 'some',
    needsV2: 'v2',
    needsMagnets: true,
    begin: afterHandshake((line) => {
      const { raw } = line.content.info
      // Who knows the link alone has no use for hashes before it has the metadata.
      line.say(messages.extensionHandshake({ metadataLengthBytes: raw.length }, metadataId))
      onMetadataRequest(line, raw.length, (piece, length) => {
        const start = piece * metadataPieceLengthBytes
        line.after(honestAnswerMs, () => {
          line.say(metadataPiece(piece, raw.length, raw.subarray(start, start + length)))
        })
      })
      greetAsSeed(line)
      line.onHashRequest = (range) => line.attack(messages.hashes(range, line.noise(32 * range.length)))
    }),
  },
  {
    name: 'id-of-the-other',
    proof: 'each',
    begin: (line) => {
      // Whoever dials has said its id by then; who was dialled must be heard once before.
      let isMirrored = false
      const shakeHands = () => {
        const mirrored = line.owner.heardIds.get(line.remoteAddress)
        isMirrored = mirrored !== undefined
        line.shakeHands(mirrored)
      }
      if (line.isDialled) line.onStanding = shakeHands
      line.onShaken = () => {
        if (!line.isDialled) shakeHands()
        if (isMirrored) line.attack(messages.haveAll, messages.unchoke)
        else line.reset()
      }
    },
  },
  {
    name: 'id-of-a-third',
    proof: 'none',
    begin: (line) => {
      const stolen = () => [...line.owner.heardIds].find(([address]) => address !== line.remoteAddress)?.[1]
      if (line.isDialled) line.onStanding = () => line.shakeHands(stolen())
      line.onShaken = () => {
        if (!line.isDialled) line.shakeHands(stolen())
        line.attack(messages.haveNone)
      }
    },
  },
]
