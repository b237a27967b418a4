// Peers that ask for blocks all over a torrent and read next to none of them: what they keep in memory slows down
// nobody else, neither downloads nor uploads.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { listenPort } from '../../sim/world/machine.ts'
import type { World } from '../../sim/world/world.ts'
import { peerId } from '../../src/base/ids.ts'
import { encodeHandshake, handshakeLength } from '../../src/formats/peer/handshake.ts'
import { encodeInterested, encodeRequest } from '../../src/formats/peer/wire-encoder.ts'
import type { Stream, StreamSink } from '../../src/ports/streams.ts'
import { sessionConfig } from '../../src/session/session-config.ts'
import { newWorld } from './session-world.ts'

const pieceLengthBytes = 2_097_152
const pieceCount = 12
/** More than the windows and buffers on the way take. */
const rounds = 10

function bytesOf(encode: (target: Uint8Array) => number): Uint8Array {
  const target = new Uint8Array(256)
  return target.slice(0, encode(target))
}

/** Asks for one block of each piece, in turn, and reads only until that is said. */
function addNonReader(world: World, number: number, address: string, infoHash: string): void {
  const streams = world.network.streams({ address: `10.0.7.${number}` })
  let receivedBytes = 0
  const sink: StreamSink = {
    onOpen: () => {
      const flags = { extensionProtocol: false, fast: false, dht: false, v2Upgrade: false }
      const id = peerId(new Uint8Array(20).fill(number))
      const handshake = new Uint8Array(handshakeLength)
      encodeHandshake(handshake, 0, { flags, infoHash, peerId: id })
      stream.write(handshake)
      stream.write(bytesOf((target) => encodeInterested(target, 0)))
    },
    allowedBytes: () => (receivedBytes < handshakeLength + 12 ? 12 : 0),
    onData: (bytes) => {
      const wasAsked = receivedBytes >= handshakeLength
      receivedBytes += bytes.length
      if (wasAsked || receivedBytes < handshakeLength) return
      world.clock.after(3_000, () => {
        for (let round = 0; round < rounds; round++) {
          for (let piece = 0; piece < pieceCount; piece++) {
            stream.write(
              bytesOf((target) => encodeRequest(target, 0, piece, ((round * 7 + number) % 128) * 16_384, 16_384)),
            )
          }
        }
      })
    },
    onWritten: () => undefined,
    onEnd: () => undefined,
    onClose: () => undefined,
  }
  const stream: Stream = streams.dial({ family: 4, address, port: listenPort }, { timeoutMs: 1_000 }, sink)
}

/** Seconds that a download and an upload take beside each other, with so many who do not read. */
async function secondsBeside(nonReaders: number): Promise<{ download: number; upload: number }> {
  const world = newWorld(3)
  const seeded = makeContent({ lengths: [pieceCount * pieceLengthBytes], pieceLengthBytes, name: 'seeded' })
  const fetched = makeContent({ lengths: [6 * pieceLengthBytes], pieceLengthBytes, name: 'fetched', seed: 2 })
  const machine = world.machine('10.0.0.1', { uploadBytesPerSecond: 20_000_000 })
  const { connections } = sessionConfig({ stateFolder: '/state', downloadFolder: '/content' })
  machine.put(seeded)
  await machine.start({ connections: { ...connections, maxSlotsPerTorrent: 100 } })
  const id = await machine.add(seeded.metainfo)
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  for (let number = 1; number <= nonReaders; number++) addNonReader(world, number, machine.address, id)
  await world.clock.run(15_000)
  const other = world.machine('10.0.0.2', { uploadBytesPerSecond: 4_000_000 })
  other.put(fetched)
  await other.start()
  const otherId = await other.add(fetched.metainfo)
  await world.until('seeding', () => other.stateOf(otherId) === 'seeding')
  const startMs = world.clock.nowMs()
  const leech = world.machine('10.0.0.3')
  await leech.start()
  const leechId = await leech.add(seeded.metainfo, { peers: [machine.endpoint] })
  const fetchedId = await machine.add(fetched.metainfo, { peers: [other.endpoint] })
  let download = Number.POSITIVE_INFINITY
  let upload = Number.POSITIVE_INFINITY
  await world.clock.runUntil(() => {
    const seconds = (world.clock.nowMs() - startMs) / 1_000
    if (download > seconds && machine.stateOf(fetchedId) === 'seeding') download = seconds
    if (upload > seconds && leech.stateOf(leechId) === 'seeding') upload = seconds
    return Number.isFinite(download + upload)
  }, startMs + 20_000)
  return { download, upload }
}

test('fifty peers that do not read slow down neither a download nor an upload', async () => {
  const alone = await secondsBeside(0)
  const beside = await secondsBeside(50)
  assert.ok(beside.download < 1.1 * alone.download, `download: ${beside.download} s, not ${alone.download} s`)
  assert.ok(beside.upload < 1.1 * alone.upload, `upload: ${beside.upload} s, not ${alone.upload} s`)
})
