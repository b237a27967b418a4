// Local discovery of the session (BEP 14): the machine of `reach` over a socket for each interface, and the torrents it
// speaks for. Guarantees: only who is in a network of ours is listened to; bound to an address or interface, nothing
// goes another way; a socket that cannot be had is done without. Owns the sockets and the machine.
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import { addressClass, isLocalClass } from '../formats/address-class.ts'
import { addressBytes } from '../formats/compact-endpoint.ts'
import { localGroupPort, localGroups } from '../formats/local-announce.ts'
import type { DatagramSocket } from '../ports/datagrams.ts'
import type { InterfaceAddress } from '../ports/interfaces.ts'
import { LocalDiscovery } from '../reach/local-discovery.ts'
import { listenAddresses } from './listening.ts'
import type { SessionConfig } from './session-config.ts'
import type { SessionPorts } from './session-ports.ts'
import type { Settling } from './settling.ts'
import type { Turns, WakeOwner } from './turns.ts'

export interface LocalDiscoveryDriverOptions {
  readonly turns: Turns
  readonly ports: Pick<SessionPorts, 'random' | 'datagrams' | 'interfaces'>
  readonly config: Pick<SessionConfig, 'discoversLocally' | 'listenAddresses' | 'bindTo'>
  readonly listenPort: () => number
  readonly touch: (settling: Settling) => void
}

/** A torrent that peers of the local network are told to. Called within a turn. */
export type LocalPeerListener = (endpoint: Endpoint, nowMs: number) => void

interface GroupSocket {
  readonly family: AddressFamily
  readonly address: string
  readonly socket: DatagramSocket
}

const maxSockets = 16

export class LocalDiscoveryDriver implements Settling {
  private readonly options: LocalDiscoveryDriverOptions
  /** Undefined: the session looks for nobody there. */
  private readonly machine: LocalDiscovery | undefined
  private readonly wakeOwner: WakeOwner
  private readonly listeners = new Map<string, LocalPeerListener>()
  private sockets: readonly GroupSocket[] = []
  /** The round under way; the next waits for it. */
  private round: Promise<void> = Promise.resolve()
  private isClosed = false

  constructor(options: LocalDiscoveryDriverOptions) {
    const { turns, ports } = options
    this.options = options
    this.machine = options.config.discoversLocally ? new LocalDiscovery(ports.random, turns.nowMs()) : undefined
    this.wakeOwner = turns.register((nowMs) => {
      this.machine?.wake(nowMs)
      options.touch(this)
    })
  }

  /** At the start, and whenever addresses of the machine came or went. */
  follow(): Promise<void> {
    if (this.machine === undefined) return this.round
    this.round = this.round.then(() => this.reopen())
    return this.round
  }

  /** `infoHashes`: 20 bytes each, in hexadecimal. */
  add(infoHashes: readonly string[], listener: LocalPeerListener, nowMs: number): void {
    if (this.machine === undefined) return
    for (const infoHash of infoHashes) {
      this.listeners.set(infoHash, listener)
      this.machine.add(infoHash, nowMs)
    }
    this.options.touch(this)
  }

  remove(infoHashes: readonly string[]): void {
    for (const infoHash of infoHashes) {
      this.listeners.delete(infoHash)
      this.machine?.remove(infoHash)
    }
  }

  settle(nowMs: number): void {
    const { machine } = this
    if (machine === undefined) return
    machine.setPort(this.options.listenPort())
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) {
      if (output.type === 'peer') {
        this.listeners.get(output.infoHash)?.(output.endpoint, nowMs)
        continue
      }
      const { family, bytes } = output
      for (const one of this.sockets)
        if (one.family === family) one.socket.send(bytes, localGroups[family], localGroupPort)
    }
    if (!this.isClosed) this.options.turns.wakeAt(this.wakeOwner, machine.nextWakeMs())
  }

  flush(): void {}

  async close(): Promise<void> {
    this.isClosed = true
    await this.round
    await Promise.all(this.sockets.map(({ socket }) => socket.close()))
    this.options.turns.unregister(this.wakeOwner)
  }

  private async reopen(): Promise<void> {
    if (this.isClosed) return
    const { ports } = this.options
    const wanted = this.addresses()
    const isWanted = ({ address }: GroupSocket) => wanted.some((one) => one.address === address)
    const kept = this.sockets.filter(isWanted)
    const gone = this.sockets.filter((one) => !isWanted(one))
    await Promise.all(gone.map(({ socket }) => socket.close()))
    const opened: GroupSocket[] = []
    for (const { family, address } of wanted) {
      if (kept.some((one) => one.address === address)) continue
      const sink = {
        onDatagram: (bytes: Uint8Array, from: string) => this.receive(bytes, family, from),
        onRoom: () => undefined,
      }
      const options = { family, address, port: localGroupPort, multicastGroup: localGroups[family] }
      const bound = await ports.datagrams.bind(options, sink)
      if (bound.ok) opened.push({ family, address, socket: bound.value })
    }
    this.sockets = [...kept, ...opened]
  }

  /** One an interface and family. */
  private addresses(): InterfaceAddress[] {
    const { ports, config } = this.options
    const all = ports.interfaces.list()
    const bound = listenAddresses(config.listenAddresses, config.bindTo, ports.interfaces)
    const chosen: InterfaceAddress[] = []
    for (const one of all) {
      const isOurs = config.bindTo !== undefined && bound.some(({ address }) => address === one.address)
      const isOpen = config.bindTo === undefined && !one.isLoopback && bound.some(({ family }) => family === one.family)
      const isKnown = chosen.some(
        ({ interfaceName, family }) => interfaceName === one.interfaceName && family === one.family,
      )
      if ((isOurs || isOpen) && !isKnown && chosen.length < maxSockets) chosen.push(one)
    }
    return chosen
  }

  private receive(bytes: Uint8Array, family: AddressFamily, address: string): void {
    const { turns, ports, touch } = this.options
    if (this.isClosed || !isNear(address, ports.interfaces.list())) return
    turns.run((nowMs) => {
      this.machine?.receive(bytes, { family, address }, nowMs)
      touch(this)
    })
  }
}

/** Anybody can send to the port of the group, but only neighbours to the group. */
function isNear(address: string, interfaces: readonly InterfaceAddress[]): boolean {
  if (isLocalClass(addressClass(address))) return true
  const bytes = addressBytes(address)
  return interfaces.some((own) => {
    const ours = addressBytes(own.address)
    return bytes !== undefined && ours?.length === bytes.length && sharesPrefix(bytes, ours, own.prefixLength)
  })
}

function sharesPrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  if (bits === 0) return false
  for (let bit = 0; bit < Math.min(bits, 8 * a.length); bit++) {
    const mask = 0x80 >> (bit & 7)
    if ((((a[bit >> 3] as number) ^ (b[bit >> 3] as number)) & mask) !== 0) return false
  }
  return true
}
