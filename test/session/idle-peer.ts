// A peer that opens with a handshake, says now and then that it is there, and nothing else; let go, it comes back soon.
// Owns its connection.
import type { World } from '../../sim/world/world.ts'
import { type PeerId, peerId } from '../../src/base/ids.ts'
import { encodeHandshake, handshakeLength } from '../../src/formats/peer/handshake.ts'
import type { Stream } from '../../src/ports/streams.ts'
import { quietSink } from '../quiet-sink.ts'

const keepAliveMs = 60_000
const pauseMs = 5_000

export interface IdlePeerOptions {
  /** Where it comes from, and what makes its id another one than those of others. */
  readonly address: string
  readonly number?: number
  /** Its own, in hexadecimal; else of its number. */
  readonly id?: PeerId
  readonly infoHash: string
  /** What it says after its handshake. */
  readonly says?: Uint8Array
}

export class IdlePeer {
  isConnected = false
  endCount = 0
  private readonly world: World
  private readonly options: IdlePeerOptions
  private readonly target: { readonly address: string; readonly port: number }
  private readonly handshake = new Uint8Array(handshakeLength)
  private stream: Stream | undefined

  constructor(world: World, target: { readonly address: string; readonly port: number }, options: IdlePeerOptions) {
    this.world = world
    this.options = options
    this.target = target
    const id = new Uint8Array(20)
    new DataView(id.buffer).setUint32(0, options.number ?? 0)
    encodeHandshake(this.handshake, 0, {
      flags: { extensionProtocol: false, fast: false, dht: false, v2Upgrade: false },
      infoHash: options.infoHash,
      peerId: options.id ?? peerId(id),
    })
    const keepAlive = world.clock.alarm(() => {
      this.stream?.write(new Uint8Array(4))
      keepAlive.set(world.clock.nowMs() + keepAliveMs)
    })
    keepAlive.set(world.clock.nowMs() + keepAliveMs)
    this.dial()
  }

  private dial(): void {
    const streams = this.world.network.streams({ address: this.options.address })
    const sink = quietSink({
      onOpen: () => {
        this.isConnected = true
        stream.write(this.handshake)
        if (this.options.says !== undefined) stream.write(this.options.says)
      },
      onEnd: () => stream.close(),
      onClose: () => {
        this.isConnected = false
        this.endCount++
        this.stream = undefined
        const again = this.world.clock.alarm(() => this.dial())
        again.set(this.world.clock.nowMs() + pauseMs)
      },
    })
    const stream = streams.dial({ family: 4, ...this.target }, { timeoutMs: 1_000 }, sink)
    this.stream = stream
  }
}
