// A DHT node whose table holds nodes that are not there, ours or npm's bittorrent-dht, for bench/dht.ts to ask.
// Guarantees: both answer with eight nodes: npm's answers with all it knows, so it knows seven, and the asker, whom it
// adds; ours has 200 to choose from.
import { EventEmitter } from 'node:events'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha1 } from '../../src/base/hash.ts'
import { DhtNode } from '../../src/dht/dht-node.ts'
import { decodeKrpc } from '../../src/formats/krpc/decode.ts'
import { encodeKrpc } from '../../src/formats/krpc/encode.ts'
import { ed25519 } from '../../src/host/ed25519.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import { npmUrl } from '../../test/foreign/npm-package.ts'

export const loopback = '127.0.0.1'
const ourNodes = 200
const npmNodes = 7
const unlimited = { queriesPerSecond: 1e9, answerBytesPerSecond: 1e12 }

/** Takes a datagram from this machine; what it answers goes to `onSend`. */
export type Answer = (datagram: Uint8Array, port: number) => void
export type OnSend = (bytes: Uint8Array, port: number) => void

function addressOf(index: number): string {
  return `127.1.${index >> 8}.${index & 255}`
}

export function ourNode(onSend: OnSend): Answer {
  let isReady = false
  let nowMs = 0
  const asked: { readonly bytes: Uint8Array; readonly address: string }[] = []
  const sink = {
    onSend(_place: number, bytes: Uint8Array, address: string, port: number) {
      if (isReady) onSend(bytes, port)
      else asked.push({ bytes, address })
    },
  }
  const options = { random: systemRandom(), signatures: ed25519, places: [{ family: 4 as const }], limits: unlimited }
  const node = new DhtNode(options, sink, nowMs)
  node.handle({ type: 'start' }, nowMs)
  // Only who answers gets into the table, so all are asked, and answer.
  for (let index = 0; index < ourNodes; index++) {
    node.handle({ type: 'add-node', endpoint: { family: 4, address: addressOf(index), port: 9 } }, nowMs)
    for (const untilMs = nowMs + 1_200; nowMs < untilMs; nowMs += 300) {
      node.handle({ type: 'wake' }, nowMs)
      for (let one = asked.shift(); one !== undefined; one = asked.shift()) {
        const { transactionId } = unwrap(decodeKrpc(one.bytes))
        const answer = encodeKrpc({ type: 'response', transactionId, id: sha1(fromLatin1(one.address)) })
        node.receive(0, answer, one.address, 9, nowMs)
      }
    }
  }
  isReady = true
  return (datagram, port) => node.receive(0, datagram, loopback, port, nowMs)
}

interface NpmDht {
  addNode(node: { readonly id: Buffer; readonly host: string; readonly port: number }): void
  destroy(): void
}

/** As much of a socket as npm's needs. */
class SocketStandIn extends EventEmitter {
  private readonly onSend: OnSend

  constructor(onSend: OnSend) {
    super()
    this.onSend = onSend
  }

  bind(): void {
    queueMicrotask(() => this.emit('listening'))
  }

  address(): { readonly port: number; readonly address: string } {
    return { port: 9, address: loopback }
  }

  send(bytes: Buffer, _offset: number, _length: number, port: number): void {
    this.onSend(bytes, port)
  }

  close(): void {
    this.emit('close')
  }
}

/** `close` ends its timers. */
export async function npmNode(onSend: OnSend): Promise<{ readonly answer: Answer; close(): void }> {
  const { Client } = (await import(npmUrl('bittorrent-dht/index.js'))) as {
    readonly Client: new (options: object) => NpmDht
  }
  const socket = new SocketStandIn(onSend)
  const dht = new Client({ bootstrap: false, socket })
  for (let index = 0; index < npmNodes; index++) {
    const host = addressOf(index)
    dht.addNode({ id: Buffer.from(sha1(fromLatin1(host))), host, port: 9 })
  }
  const answer: Answer = (datagram, port) => void socket.emit('message', datagram, { address: loopback, port })
  return { answer, close: () => dht.destroy() }
}
