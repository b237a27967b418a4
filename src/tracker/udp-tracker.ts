// The UDP side of a tracker (BEP 15, 41) without I/O: a datagram in, at most one datagram out.
// Guarantees: nothing but the 16 bytes of a connection id goes to an address that has not proved itself, nothing at
// all in answer to a wrong id; no state is kept for strangers; every reply fits one packet of usual networks; an
// announce makes no garbage.
import { assert } from '../base/assert.ts'
import { readUint32, toLatin1, writeUint32 } from '../base/bytes.ts'
import { sipHashInto, sipHashLength, sipKeyLength } from '../base/sip-hash.ts'
import type { IpAddress } from '../formats/compact-endpoint.ts'
import { decodeUrlData } from '../formats/tracker/udp-options.ts'
import {
  actionConnect,
  actionScrape,
  announceInfoHashOffset,
  announceRequestLength,
  emptyAnnounceFields,
  notARequest,
  readUdpAnnounce,
  requestConnectionHigh,
  requestConnectionLow,
  requestTransactionId,
  scrapeHashCount,
  scrapeHashOffset,
  udpRequestAction,
} from '../formats/tracker/udp-request.ts'
import {
  encodeUdpAnnounceHead,
  encodeUdpConnectResponse,
  encodeUdpError,
  encodeUdpScrapeHead,
  encodeUdpSwarm,
} from '../formats/tracker/udp-response.ts'
import type { Random } from '../ports/random.ts'
import { counter, type Metric } from './metric.ts'
import { refusals } from './refusal.ts'
import { Source } from './sources.ts'
import type { TrackerServer } from './tracker-server.ts'

/** Ids are good for two minutes at least: that of this window and the two before. */
const windowMs = 60_000
const windowsAccepted = 3
/** The lowest bits of an id say in which window it was made, so that checking one takes one hash. */
const windowMask = 3
const replyCapacity = 1_400
const announceHeadLength = 20

export interface UdpTrackerOptions {
  /** Of the key that connection ids are made with. */
  readonly random: Random
  /** Whether the path of an announce URL (BEP 41; empty: none was sent) is one of somebody who may use the tracker. */
  readonly mayUse?: (path: string) => boolean
}

export class UdpTracker {
  private readonly server: TrackerServer
  private readonly mayUse: ((path: string) => boolean) | undefined
  private readonly reply = new Uint8Array(replyCapacity)
  private readonly fields = emptyAnnounceFields()
  private readonly source = new Source()
  private readonly key = new Uint8Array(sipKeyLength)
  /** A window, an address, its family. */
  private readonly proof = new Uint8Array(4 + 16 + 1)
  private readonly id = new Uint8Array(sipHashLength)
  private readonly requests = { connect: 0, announce: 0, scrape: 0 }
  private malformed = 0
  private unproven = 0

  constructor(server: TrackerServer, { random, mayUse }: UdpTrackerOptions) {
    this.server = server
    random.fill(this.key)
    this.mayUse = mayUse
  }

  /** The reply to a datagram from `address`, a view valid until the next call; undefined: none. */
  answer(datagram: Uint8Array, address: IpAddress, nowMs: number): Uint8Array | undefined {
    const action = udpRequestAction(datagram)
    if (action === notARequest || !this.source.set(address)) {
      this.malformed++
      return undefined
    }
    const transactionId = requestTransactionId(datagram)
    const window = Math.floor(nowMs / windowMs)
    if (action === actionConnect) {
      this.requests.connect++
      this.makeId(window)
      const { id } = this
      const low = withWindow(readUint32(id, 4), window)
      return this.sent(encodeUdpConnectResponse(this.reply, 0, transactionId, readUint32(id, 0), low))
    }
    if (!this.isProven(datagram, window)) {
      this.unproven++
      return undefined
    }
    if (action === actionScrape) return this.scrape(datagram, transactionId, address, nowMs)
    return this.announce(datagram, transactionId, nowMs)
  }

  metrics(): readonly Metric[] {
    const values = { ...this.requests }
    return [
      { ...counter('udp_requests_total', 'Datagrams that were requests.', 0), label: 'action', values },
      counter('udp_malformed_total', 'Datagrams that were none.', this.malformed),
      counter('udp_unproven_total', 'Datagrams without a valid connection id, not answered.', this.unproven),
    ]
  }

  private sent(end: number): Uint8Array {
    return this.reply.subarray(0, end)
  }

  /** A keyed hash of where and when: nothing to remember, nothing to guess. */
  private makeId(window: number): void {
    const { proof, source } = this
    const length = source.family === 4 ? 4 : 16
    writeUint32(proof, 0, window)
    for (let index = 0; index < 16; index++) proof[4 + index] = index < length ? (source.bytes[index] as number) : 0
    proof[20] = source.family
    sipHashInto(this.key, proof, this.id, 0)
  }

  private isProven(datagram: Uint8Array, nowWindow: number): boolean {
    const low = requestConnectionLow(datagram)
    const age = (nowWindow - low) & windowMask
    if (age >= windowsAccepted) return false
    this.makeId(nowWindow - age)
    const { id } = this
    return readUint32(id, 0) === requestConnectionHigh(datagram) && withWindow(readUint32(id, 4), low) === low
  }

  private error(transactionId: number): Uint8Array {
    return this.sent(encodeUdpError(this.reply, 0, transactionId, refusals[this.server.refusal].reason))
  }

  private isUser(datagram: Uint8Array): boolean {
    if (this.mayUse === undefined) return true
    const path = decodeUrlData(datagram, announceRequestLength)
    return path.ok && this.mayUse(toLatin1(path.value))
  }

  private announce(datagram: Uint8Array, transactionId: number, nowMs: number): Uint8Array {
    const { fields, reply, server, source } = this
    this.requests.announce++
    if (!this.isUser(datagram)) {
      server.refuse('no-passkey')
      return this.error(transactionId)
    }
    readUdpAnnounce(datagram, fields)
    const end = server.announcePacked(
      datagram,
      announceInfoHashOffset,
      fields,
      source,
      reply,
      announceHeadLength,
      nowMs,
    )
    if (end === -1) return this.error(transactionId)
    const [complete, incomplete] = [server.counts[0] as number, server.counts[1] as number]
    encodeUdpAnnounceHead(reply, 0, transactionId, server.intervalSeconds, incomplete, complete)
    return this.sent(end)
  }

  private scrape(datagram: Uint8Array, transactionId: number, address: IpAddress, nowMs: number): Uint8Array {
    const { reply, server } = this
    this.requests.scrape++
    if (!server.mayAsk(address, nowMs)) return this.error(transactionId)
    // BEP 41 lets announces say a path, not scrapes.
    if (this.mayUse !== undefined) {
      server.refuse('no-passkey')
      return this.error(transactionId)
    }
    const { swarms } = server
    let end = encodeUdpScrapeHead(reply, 0, transactionId)
    for (let index = 0; index < scrapeHashCount(datagram); index++) {
      const swarm = server.lookUp(datagram, scrapeHashOffset(index))
      const isKnown = swarm !== -1
      const complete = isKnown ? swarms.seeders(swarm) : 0
      const downloaded = isKnown ? swarms.downloadsOf(swarm) : 0
      end = encodeUdpSwarm(reply, end, complete, downloaded, isKnown ? swarms.leechers(swarm) : 0)
    }
    return this.sent(end)
  }
}

function withWindow(low: number, window: number): number {
  assert(Number.isInteger(window), 'a whole number of windows')
  return ((low & ~windowMask) | (window & windowMask)) >>> 0
}
