// The UDP side of a tracker (BEP 15) without I/O: a datagram in, at most one datagram out.
// Guarantees: nothing but the 16 bytes of a connection id goes to an address that has not proved itself, nothing at
// all in answer to a wrong id; no state is kept for strangers; every reply fits one packet of usual networks.
import { assert } from '../base/assert.ts'
import { readUint32, writeUint32 } from '../base/bytes.ts'
import { sha1 } from '../base/hash.ts'
import { addressBytes, type IpAddress } from '../formats/compact-endpoint.ts'
import { hashLength } from '../formats/tracker/announce.ts'
import {
  actionConnect,
  actionScrape,
  announceInfoHashOffset,
  announcePeerIdOffset,
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
import type { TrackerServer } from './tracker-server.ts'

const secretLength = 32
/** Ids are good for two minutes at least: that of this window and the two before. */
const windowMs = 60_000
const windowsAccepted = 3
const replyCapacity = 1_400
const announceHeadLength = 20

export class UdpTracker {
  private readonly server: TrackerServer
  private readonly secret: Uint8Array
  private readonly reply = new Uint8Array(replyCapacity)
  private readonly fields = emptyAnnounceFields()
  private readonly counts = new Uint32Array(2)

  /** `secret`: 32 unpredictable bytes, the same for the life of the tracker. */
  constructor(server: TrackerServer, secret: Uint8Array) {
    assert(secret.length === secretLength, 'a secret of 32 bytes')
    this.server = server
    this.secret = secret.slice()
  }

  /** The reply to a datagram from `address`, a view valid until the next call; undefined: none. */
  answer(datagram: Uint8Array, address: IpAddress, nowMs: number): Uint8Array | undefined {
    const action = udpRequestAction(datagram)
    if (action === notARequest) return undefined
    const transactionId = requestTransactionId(datagram)
    const nowWindow = Math.floor(nowMs / windowMs)
    if (action === actionConnect) {
      const id = this.connectionId(address, nowWindow)
      return this.sent(encodeUdpConnectResponse(this.reply, 0, transactionId, readUint32(id, 0), readUint32(id, 4)))
    }
    if (!this.isProven(datagram, address, nowWindow)) return undefined
    return action === actionScrape
      ? this.scrape(datagram, transactionId)
      : this.announce(datagram, transactionId, address, nowMs)
  }

  private sent(end: number): Uint8Array {
    return this.reply.subarray(0, end)
  }

  /** A keyed hash of where and when: nothing to remember, nothing to guess. */
  private connectionId({ address }: IpAddress, window: number): Uint8Array {
    const where = addressBytes(address)
    assert(where !== undefined, 'an address')
    const bytes = new Uint8Array(secretLength + 4 + where.length)
    bytes.set(this.secret)
    writeUint32(bytes, secretLength, window)
    bytes.set(where, secretLength + 4)
    return sha1(bytes).subarray(0, 8)
  }

  private isProven(datagram: Uint8Array, address: IpAddress, nowWindow: number): boolean {
    const high = requestConnectionHigh(datagram)
    const low = requestConnectionLow(datagram)
    for (let window = nowWindow; window > nowWindow - windowsAccepted; window--) {
      const id = this.connectionId(address, window)
      if (readUint32(id, 0) === high && readUint32(id, 4) === low) return true
    }
    return false
  }

  private announce(datagram: Uint8Array, transactionId: number, address: IpAddress, nowMs: number): Uint8Array {
    const { fields, counts, reply, server } = this
    readUdpAnnounce(datagram, fields)
    const { port, uploadedBytes, downloadedBytes, leftBytes, event, key, wantedPeers } = fields
    const request = {
      infoHash: datagram.subarray(announceInfoHashOffset, announceInfoHashOffset + hashLength),
      peerId: datagram.subarray(announcePeerIdOffset, announcePeerIdOffset + hashLength),
      port,
      uploadedBytes,
      downloadedBytes,
      leftBytes,
      event,
      key,
      ...(wantedPeers < 0 ? undefined : { wantedPeers }),
    }
    const end = server.announcePacked(request, address, reply, announceHeadLength, counts, nowMs)
    if (end < 0) return this.sent(encodeUdpError(reply, 0, transactionId, 'this tracker is full'))
    const [complete = 0, incomplete = 0] = counts
    encodeUdpAnnounceHead(reply, 0, transactionId, server.intervalSeconds, incomplete, complete)
    return this.sent(end)
  }

  private scrape(datagram: Uint8Array, transactionId: number): Uint8Array {
    let end = encodeUdpScrapeHead(this.reply, 0, transactionId)
    for (let index = 0; index < scrapeHashCount(datagram); index++) {
      const offset = scrapeHashOffset(index)
      const [swarm] = this.server.scrape([datagram.subarray(offset, offset + hashLength)])
      const { complete = 0, downloaded = 0, incomplete = 0 } = swarm ?? {}
      end = encodeUdpSwarm(this.reply, end, complete, downloaded, incomplete)
    }
    return this.sent(end)
  }
}
