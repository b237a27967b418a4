// What one end of a simulated TCP connection sends: a window under way, losses noticed and sent again, back-off while
// nothing comes back. Guarantees: bytes are read when they leave; each is sent until it came, or until there was no
// answer for 15 minutes. Answers cost no bandwidth and are lost with their path only. Owns what was not acknowledged.
import { copyBytes } from '../../src/base/bytes.ts'
import { type Failure, failure } from '../../src/base/errors.ts'
import type { Planned, SimulatedClock } from './simulated-clock.ts'
import { AnswerQueue, CongestionWindow } from './simulated-congestion.ts'
import { type NetworkObserver, type Path, type SimulatedHosts, segmentBytes } from './simulated-hosts.ts'
import { maxPacketBytes, type Packet, type PacketPool } from './simulated-packets.ts'
import type { UplinkUser } from './simulated-uplink.ts'

/** Received and not read by the program. */
const receiveBufferBytes = 1_048_576
const giveUpMs = 900_000
/** So many packets after a lost one tell at once that it was lost. */
const tellingSegments = 4
/** Messages so short leave without an event of their own, where their line is free so soon. */
const shortBytes = 256
const soonMs = 20

/** What all parts of a network share. */
export interface NetworkParts {
  readonly clock: SimulatedClock
  readonly hosts: SimulatedHosts
  readonly pool: PacketPool
  readonly observer: NetworkObserver | undefined
}

export interface SenderOwner {
  /** Bytes handed to the network since the stream began. `isAwaited`: somebody may wait to hear of it. */
  onSent(totalBytes: number, isAwaited: boolean): void
  /** Everything was sent, the end as well. */
  onEndSent(): void
  onGivenUp(reason: Failure): void
}

/** The other end, where packets come in the order of the network, which `expect` tells before. */
export interface PacketReceiver {
  readonly takenBytes: number
  expect(packet: Packet): void
  /** Whether the program was called. */
  arrived(packet: Packet): boolean
}

type Doing = 'departure' | 'wake' | 'retry'

class Due implements Planned {
  isPlanned = false
  private readonly sender: TcpSender
  private readonly doing: Doing

  constructor(sender: TcpSender, doing: Doing) {
    this.sender = sender
    this.doing = doing
  }

  run(): boolean {
    this.isPlanned = false
    return this.sender.due(this.doing)
  }
}

export class TcpSender implements UplinkUser {
  queuedBytes = 0
  private readonly parts: NetworkParts
  private readonly owner: SenderOwner
  private readonly outgoing: Uint8Array[] = []
  private outgoingIndex = 0
  private outgoingOffset = 0
  private path: Path | undefined
  private pathBack: Path | undefined
  private receiver: PacketReceiver | undefined
  private congestion = new CongestionWindow(0, receiveBufferBytes, 0)
  private readonly answers = new AnswerQueue()
  private readonly departure = new Due(this, 'departure')
  private readonly wake = new Due(this, 'wake')
  private readonly retry = new Due(this, 'retry')
  /** It waits for its turn on the uplink, or has it. */
  private isInTurn = false
  private departingBytes = 0
  private departingAgain: Packet | undefined
  private sentBytes = 0
  private inFlightBytes = 0
  private heldUp: 'no' | 'by-network' | 'by-receiver' = 'no'
  /** Known to be lost, to be sent again next. */
  private readonly again: Packet[] = []
  /** Lost, which only silence tells. */
  private readonly unanswered: Packet[] = []
  /** They came, but the answer got lost. */
  private silentBytes = 0
  private asksForAnswer = false
  private tries = 0
  private silentSinceMs: number | undefined
  private isEnding = false
  private hasSentEnd = false
  private isStopped = false

  constructor(parts: NetworkParts, owner: SenderOwner) {
    this.parts = parts
    this.owner = owner
  }

  /** The connection stands. */
  start(path: Path, pathBack: Path, receiver: PacketReceiver): void {
    this.path = path
    this.pathBack = pathBack
    this.receiver = receiver
    const roundTripMs = 2 * (path.from.latencyMs + path.to.latencyMs)
    this.congestion = new CongestionWindow(roundTripMs, receiveBufferBytes, packetMsOf(path))
    this.send()
  }

  /** `header` is copied, `payload` must stay as it is until it was sent. */
  write(header: Uint8Array, payload: Uint8Array | undefined): void {
    const hasPayload = payload !== undefined && payload.length > 0
    if (!hasPayload && this.sendAtOnce(header)) return
    if (header.length > 0) this.add(header.slice())
    if (hasPayload) this.add(payload)
    this.send()
  }

  end(): void {
    this.isEnding = true
    this.send()
  }

  stop(): void {
    this.isStopped = true
    this.outgoing.length = 0
    this.queuedBytes = 0
  }

  send(): void {
    const { path } = this
    if (this.isInTurn || this.isStopped || path === undefined || !this.hasMore()) return
    this.isInTurn = true
    path.from.uplink.ask(this)
  }

  begin(): boolean {
    const { path } = this
    this.isInTurn = false
    if (this.isStopped || path === undefined || !this.hasMore()) return false
    const nowMs = this.parts.clock.nowMs()
    const [again] = this.again
    let bytes = 0
    if (again !== undefined) bytes = Math.min(again.length, again.missingSegments * segmentBytes)
    else if (this.queuedBytes > 0) {
      this.takeAnswers(nowMs)
      bytes = this.allowedBytes(path)
      if (bytes === 0) {
        this.waitForRoom()
        return false
      }
    }
    this.departingAgain = this.again.shift()
    this.departingBytes = bytes
    this.isInTurn = true
    this.plan(this.departure, path.from.occupyUplink(nowMs, bytes))
    return true
  }

  due(doing: Doing): boolean {
    const { path, isStopped } = this
    if (path === undefined) return false
    if (doing === 'departure') {
      const isHeard = !isStopped && this.depart(path)
      this.isInTurn = false
      this.send()
      path.from.uplink.end()
      return isHeard
    }
    if (isStopped) return false
    if (doing === 'retry') return this.tryAgain(path)
    this.send()
    return false
  }

  /** A packet is due for what its stage says. */
  packetDue(packet: Packet): boolean {
    const { path, receiver, parts } = this
    if (path === undefined || receiver === undefined) return false
    if (packet.stage === 'is-missed') {
      this.congestion.lost(parts.clock.nowMs())
      this.again.push(packet)
      this.send()
      return false
    }
    if (packet.stage === 'comes') {
      const nowMs = parts.clock.nowMs()
      const wholeMs = path.to.occupyDownlink(nowMs, packet.length)
      packet.queueMs = wholeMs - nowMs
      if (wholeMs > nowMs) {
        packet.stage = 'is-whole'
        parts.clock.plan(packet, wholeMs)
        return false
      }
    }
    return receiver.arrived(packet)
  }

  /** The receiver has it, in order or not, and says so if its answers get through. */
  answer(packet: Packet): void {
    const { pathBack, parts } = this
    if (pathBack === undefined) return
    if (!parts.hosts.isOpen(pathBack)) {
      this.silentBytes += packet.length
      this.keepTrying()
      return
    }
    const answeredMs = parts.clock.nowMs() + pathBack.from.latencyMs + pathBack.to.latencyMs
    // What was lost once says nothing of the round trip.
    const sampleMs = packet.wasMissed ? this.congestion.roundTripMs : answeredMs - packet.firstSentMs
    this.answers.push(answeredMs, packet.length, sampleMs, packet.queueMs)
    if (this.heldUp !== 'no') this.waitForRoom()
  }

  /** The receiver's program has read on. */
  roomThere(): void {
    const { pathBack, parts } = this
    if (this.heldUp !== 'by-receiver' || this.wake.isPlanned || pathBack === undefined || this.isStopped) return
    if (parts.hosts.isOpen(pathBack)) {
      this.plan(this.wake, parts.clock.nowMs() + pathBack.from.latencyMs + pathBack.to.latencyMs)
      return
    }
    this.asksForAnswer = true
    this.keepTrying()
  }

  private hasMore(): boolean {
    return this.again.length > 0 || this.queuedBytes > 0 || (this.isEnding && !this.hasSentEnd)
  }

  private add(bytes: Uint8Array): void {
    this.outgoing.push(bytes)
    this.queuedBytes += bytes.length
  }

  /**
   * A short message before which nothing waits: when it leaves is known, and nobody waits to hear of it. Most of what a
   * swarm says is such messages, each to another peer. False: it has to wait like others.
   */
  private sendAtOnce(message: Uint8Array): boolean {
    const { path, parts } = this
    const { length } = message
    if (path === undefined || length > shortBytes || length === 0) return false
    if (this.isInTurn || this.hasMore() || this.isStopped) return false
    const nowMs = parts.clock.nowMs()
    this.takeAnswers(nowMs)
    if (path.from.uplinkFreeMs > nowMs + soonMs || this.roomBytes() < length) return false
    const departMs = path.from.occupyUplink(nowMs, length)
    const packet = parts.pool.takePacket(this, length)
    packet.buffer.set(message)
    this.register(packet, departMs)
    this.launch(packet, path, departMs)
    this.owner.onSent(this.sentBytes, false)
    return true
  }

  private plan(due: Due, atMs: number): void {
    due.isPlanned = true
    this.parts.clock.plan(due, atMs)
  }

  /** How much more may be under way. */
  private roomBytes(): number {
    return Math.min(this.congestion.windowBytes - this.inFlightBytes, this.receiverRoomBytes())
  }

  private receiverRoomBytes(): number {
    return receiveBufferBytes - (this.sentBytes - (this.receiver?.takenBytes ?? 0))
  }

  private allowedBytes(path: Path): number {
    const { windowBytes } = this.congestion
    const bytesPerSecond = Math.min(path.from.uploadBytesPerSecond, path.to.downloadBytesPerSecond)
    const longest = Math.min(maxPacketBytes, bytesPerSecond * (packetMsOf(path) / 1_000), windowBytes / 2)
    const least = Math.min(segmentBytes, this.queuedBytes)
    const networkRoom = windowBytes - this.inFlightBytes
    const receiverRoom = this.receiverRoomBytes()
    this.heldUp = receiverRoom < least ? 'by-receiver' : networkRoom < least ? 'by-network' : 'no'
    if (this.heldUp !== 'no') return 0
    return Math.floor(Math.min(this.queuedBytes, Math.max(segmentBytes, longest), networkRoom, receiverRoom))
  }

  private waitForRoom(): void {
    const answeredMs = this.answers.nextMs()
    if (this.wake.isPlanned || answeredMs === Number.POSITIVE_INFINITY || this.isStopped) return
    this.plan(this.wake, answeredMs)
  }

  private depart(path: Path): boolean {
    const { departingAgain } = this
    const nowMs = this.parts.clock.nowMs()
    if (departingAgain !== undefined) {
      this.departingAgain = undefined
      this.parts.hosts.faults.retransmitted += departingAgain.missingSegments
      this.launch(departingAgain, path, nowMs)
      return false
    }
    if (this.departingBytes === 0) {
      // More may have been written since.
      if (this.queuedBytes === 0) this.launchEnd(path)
      return true
    }
    // Over a link without limit what was written since leaves at once as well.
    const isLimited = path.from.uploadBytesPerSecond !== Number.POSITIVE_INFINITY
    const packet = this.takePacket(Math.max(this.departingBytes, isLimited ? 0 : this.allowedBytes(path)))
    this.launch(packet, path, nowMs)
    this.owner.onSent(this.sentBytes, true)
    return true
  }

  private launchEnd(path: Path): void {
    this.hasSentEnd = true
    const packet = this.takePacket(0)
    packet.isEnd = true
    this.launch(packet, path, this.parts.clock.nowMs())
    this.owner.onEndSent()
  }

  /** From the parts written into one buffer: the one copy. */
  private takePacket(length: number): Packet {
    const packet = this.parts.pool.takePacket(this, length)
    const { outgoing } = this
    let filled = 0
    while (filled < length) {
      const part = outgoing[this.outgoingIndex] as Uint8Array
      const count = Math.min(part.length - this.outgoingOffset, length - filled)
      copyBytes(packet.buffer, filled, part, this.outgoingOffset, this.outgoingOffset + count)
      filled += count
      this.outgoingOffset += count
      if (this.outgoingOffset === part.length) {
        this.outgoingOffset = 0
        this.outgoingIndex++
      }
    }
    if (this.outgoingIndex === outgoing.length) {
      outgoing.length = 0
      this.outgoingIndex = 0
    } else if (this.outgoingIndex >= 64) {
      outgoing.splice(0, this.outgoingIndex)
      this.outgoingIndex = 0
    }
    this.queuedBytes -= length
    this.register(packet, this.parts.clock.nowMs())
    return packet
  }

  private register(packet: Packet, departMs: number): void {
    const { length } = packet
    this.sentBytes += length
    this.inFlightBytes += length
    packet.missingSegments = Math.max(1, Math.ceil(length / segmentBytes))
    packet.firstSentMs = departMs
    this.receiver?.expect(packet)
  }

  private launch(packet: Packet, path: Path, departMs: number): void {
    const { clock, hosts } = this.parts
    const { from, to } = path
    if (!hosts.isOpen(path)) {
      hosts.faults.partitioned++
      this.miss(packet)
      return
    }
    const lost = hosts.lostPackets(from, to, packet.missingSegments)
    if (lost === 0) {
      packet.stage = 'comes'
      clock.plan(packet, departMs + hosts.delayMs(from, to) + to.downloadMs(packet.length))
      return
    }
    packet.missingSegments = lost
    if (packet.wasMissed || this.inFlightBytes < tellingSegments * segmentBytes) {
      this.miss(packet)
      return
    }
    packet.wasMissed = true
    packet.stage = 'is-missed'
    clock.plan(packet, clock.nowMs() + this.congestion.roundTripMs)
  }

  /** Nothing but silence will tell of its loss. */
  private miss(packet: Packet): void {
    packet.wasMissed = true
    this.unanswered.push(packet)
    this.keepTrying()
  }

  private keepTrying(): void {
    if (this.retry.isPlanned || this.isStopped) return
    const nowMs = this.parts.clock.nowMs()
    this.silentSinceMs ??= nowMs
    this.plan(this.retry, nowMs + this.congestion.retryMs(this.tries))
  }

  private tryAgain(path: Path): boolean {
    const { clock, hosts } = this.parts
    const nowMs = clock.nowMs()
    this.takeAnswers(nowMs)
    const isSilent = this.silentBytes > 0 || this.asksForAnswer
    if (this.unanswered.length === 0 && !isSilent) return false
    this.silentSinceMs ??= nowMs
    if (nowMs - this.silentSinceMs >= giveUpMs) {
      this.owner.onGivenUp(failure('connection-failed', 'no answer for 15 minutes'))
      return true
    }
    this.congestion.timedOut()
    this.tries++
    if (!hosts.isOpen(path)) {
      hosts.faults.partitioned++
      this.keepTrying()
      return false
    }
    for (const packet of this.unanswered) this.again.push(packet)
    this.unanswered.length = 0
    if (isSilent) this.askAgain(path)
    this.send()
    return false
  }

  /** A segment sent again makes the receiver answer for all that came. */
  private askAgain(path: Path): void {
    const { clock, hosts } = this.parts
    hosts.faults.retransmitted++
    if (this.pathBack === undefined || !hosts.isOpen(this.pathBack)) {
      this.keepTrying()
      return
    }
    const { roundTripMs } = this.congestion
    this.answers.push(clock.nowMs() + 2 * (path.from.latencyMs + path.to.latencyMs), this.silentBytes, roundTripMs, 0)
    this.silentBytes = 0
    this.asksForAnswer = false
    if (this.heldUp !== 'no') this.waitForRoom()
  }

  private takeAnswers(nowMs: number): void {
    const { answers } = this
    if (answers.nextMs() > nowMs) return
    this.tries = 0
    this.silentSinceMs = undefined
    while (answers.nextMs() <= nowMs) {
      const { bytes, roundTripMs, queueMs } = answers
      this.congestion.acknowledged(bytes, roundTripMs, queueMs, this.inFlightBytes, nowMs)
      this.inFlightBytes -= bytes
      answers.drop()
    }
  }
}

function packetMsOf({ from, to }: Path): number {
  return Math.max(from.packetMs, to.packetMs)
}
