// Who asks trackers in bench/tracker.ts: over UDP, over HTTP with a connection for each question, and over connections that
// stay. Guarantees: each peer always has the same port, so that all trackers come to the same swarms; what
// is lost is asked again; an answer is looked at now and then, and must have as many peers as were wanted.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { readUint32 } from '../../src/base/bytes.ts'
import { sha1 } from '../../src/base/hash.ts'
import { encodeAnnounceQuery } from '../../src/formats/tracker/announce-query.ts'
import { decodeAnnounceResponse } from '../../src/formats/tracker/announce-response.ts'
import { encodeUdpAnnounce, encodeUdpConnect } from '../../src/formats/tracker/udp-request.ts'

export const torrentCount = 1_000
export const peersPerTorrent = 60
const wantedPeers = 50
const underWay = 48
const connections = 16
const host = '127.0.0.1'
/** On a busy machine the system loses some. */
const lostAfterMs = 300

export function infoHashOf(torrent: number): Uint8Array {
  return sha1(Uint8Array.of(torrent, torrent >> 8))
}

/** All peers of all torrents, mixed. */
function peerAt(index: number): { readonly torrent: number; readonly port: number; readonly leftBytes: number } {
  const mixed = (index * 7_919) % (torrentCount * peersPerTorrent)
  const peer = Math.floor(mixed / torrentCount)
  return { torrent: mixed % torrentCount, port: 10_000 + peer, leftBytes: peer % 3 === 0 ? 0 : 1_000 }
}

function requestOf(index: number) {
  const { torrent, port, leftBytes } = peerAt(index)
  return {
    infoHash: infoHashOf(torrent),
    peerId: sha1(Uint8Array.of(port, port >> 8)),
    port,
    uploadedBytes: 1,
    downloadedBytes: 1,
    leftBytes,
    event: 'none',
    key: port,
    wantedPeers,
  } as const
}

const requests = torrentCount * peersPerTorrent

/** Announces `count` peers, from number `first` on, and waits for all answers. */
export function askUdp(port: number, first: number, count: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', lookup: (name, _options, done) => done(null, name, 4) })
  const datagrams = Array.from({ length: 256 }, () => new Uint8Array(98))
  let connection = { high: 0, low: 0 }
  let [sent, received] = [0, 0]
  let heardMs = performance.now()
  const send = () => {
    const datagram = datagrams[sent % datagrams.length] as Uint8Array
    encodeUdpAnnounce(datagram, 0, connection, sent, requestOf((first + sent) % requests))
    sent++
    socket.send(datagram, port, host)
  }
  return new Promise((resolve, reject) => {
    const looking = setInterval(() => {
      if (performance.now() - heardMs < lostAfterMs) return
      for (let again = 0; again < underWay; again++) send()
    }, lostAfterMs)
    const end = (error?: Error) => {
      clearInterval(looking)
      socket.removeAllListeners('message')
      socket.close(() => (error === undefined ? resolve() : reject(error)))
    }
    socket.on('message', (bytes) => {
      heardMs = performance.now()
      if (readUint32(bytes, 0) === 0) {
        connection = { high: readUint32(bytes, 8), low: readUint32(bytes, 12) }
        for (let under = 0; under < underWay; under++) send()
        return
      }
      received++
      if (readUint32(bytes, 0) !== 1)
        return end(new Error(`action ${readUint32(bytes, 0)}: ${bytes.toString('latin1')}`))
      // Seeders are told of leechers only, by some.
      if (first >= requests && received % 1_000 === 0 && (bytes.length - 20) / 6 < (2 * peersPerTorrent) / 3 - 1) {
        return end(new Error(`an answer of ${bytes.length} bytes`))
      }
      if (received === count) end()
      else if (received < count) send()
    })
    socket.bind(0, host, () => {
      const datagram = new Uint8Array(16)
      encodeUdpConnect(datagram, 0, 1)
      socket.send(datagram, port, host)
    })
  })
}

function queryOf(index: number, isLast: boolean): string {
  const fields = { isCompact: true, omitsPeerIds: true, claimedEndpoints: [], supportsEncryption: false }
  const url = encodeAnnounceQuery('/announce', { ...requestOf(index % requests), ...fields })
  return `GET ${url} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bench\r\n${isLast ? 'Connection: close\r\n' : ''}\r\n`
}

function check(answer: Buffer): void {
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4)
  const decoded = decodeAnnounceResponse(body)
  assert.ok(decoded.ok && decoded.value.kind === 'response', answer.toString('latin1'))
  assert.ok(decoded.value.peers.length >= (2 * peersPerTorrent) / 3 - 1, `${decoded.value.peers.length} peers`)
}

/** The same over HTTP. */
export async function askHttp(port: number, first: number, count: number, keepsAlive: boolean): Promise<void> {
  let next = 0
  const askOnce = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const parts: Buffer[] = []
      const index = next
      const socket = connect(port, host, () => socket.write(queryOf(first + index, true), 'latin1'))
      socket.on('data', (part) => parts.push(part))
      socket.on('error', reject)
      socket.on('end', () => {
        if (index % 500 === 0) check(Buffer.concat(parts))
        resolve()
      })
    })
  const askOnOne = async (socket: Socket): Promise<void> => {
    while (next < count) {
      const index = next++
      await new Promise<void>((resolve, reject) => {
        let answer: Buffer = Buffer.alloc(0)
        const onData = (part: Buffer) => {
          answer = answer.length === 0 ? part : Buffer.concat([answer, part])
          const head = answer.indexOf('\r\n\r\n')
          const length = Number(/content-length: *(\d+)/i.exec(answer.toString('latin1', 0, head))?.[1])
          if (head === -1 || answer.length < head + 4 + length) return
          socket.off('data', onData)
          if (index % 500 === 0) check(answer)
          resolve()
        }
        socket.on('data', onData)
        socket.once('error', reject)
        socket.once('close', () => reject(new Error('closed')))
        socket.write(queryOf(first + index, false), 'latin1')
      })
      socket.removeAllListeners('error')
      socket.removeAllListeners('close')
    }
    socket.destroy()
  }
  const work = async (): Promise<void> => {
    if (keepsAlive) return askOnOne(connect(port, host))
    for (; next < count; ) {
      const asked = askOnce()
      next++
      await asked
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
}
