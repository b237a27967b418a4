// Packets of simulated TCP under way, and the buffers of all packets and datagrams, used again and again.
// Guarantees: a buffer is lent to one packet at a time; a packet is planned for one moment at a time.
// The pool owns what is free; whoever took a packet gives it back once nothing refers to it.
import type { Planned } from './simulated-clock.ts'

export const maxPacketBytes = 131_072
const bufferClasses = [2_048, 16_384, maxPacketBytes]

/** What is to happen to a packet next. */
export type PacketStage = 'comes' | 'is-whole' | 'is-missed'

export interface PacketOwner {
  packetDue(packet: Packet): boolean
}

export class Packet implements Planned {
  owner: PacketOwner
  readonly buffer: Uint8Array
  stage: PacketStage = 'comes'
  length = 0
  /** Read by the receiver's program. */
  offset = 0
  /** Real packets of it that did not come yet. */
  missingSegments = 0
  firstSentMs = 0
  queueMs = 0
  wasMissed = false
  hasArrived = false
  /** The end of the stream instead of bytes. */
  isEnd = false
  /** In the order of sending. */
  next: Packet | undefined

  constructor(owner: PacketOwner, buffer: Uint8Array) {
    this.owner = owner
    this.buffer = buffer
  }

  run(): boolean {
    return this.owner.packetDue(this)
  }
}

export class PacketPool {
  private readonly packets: Packet[][] = bufferClasses.map(() => [])
  private readonly buffers: Uint8Array[][] = bufferClasses.map(() => [])

  takePacket(owner: PacketOwner, length: number): Packet {
    const kind = classOf(length)
    const packet = this.packets[kind]?.pop() ?? new Packet(owner, new Uint8Array(bufferClasses[kind] as number))
    packet.owner = owner
    packet.stage = 'comes'
    packet.length = length
    packet.offset = 0
    packet.wasMissed = false
    packet.hasArrived = false
    packet.isEnd = false
    packet.next = undefined
    return packet
  }

  givePacket(packet: Packet): void {
    this.packets[classOf(packet.buffer.length)]?.push(packet)
  }

  takeBuffer(length: number): Uint8Array {
    const kind = classOf(length)
    return this.buffers[kind]?.pop() ?? new Uint8Array(bufferClasses[kind] as number)
  }

  giveBuffer(buffer: Uint8Array): void {
    this.buffers[classOf(buffer.length)]?.push(buffer)
  }
}

function classOf(length: number): number {
  return bufferClasses.findIndex((size) => length <= size)
}
