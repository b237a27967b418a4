// Requests to UDP trackers (BEP 15, 41) as a machine without I/O, for all torrents of a session: connection ids,
// retransmission after 15 * 2^n seconds, answers matched by endpoint and transaction.
// Guarantees: every request ends with exactly one outcome, unless it was cancelled; a datagram from another endpoint
// or with another transaction changes nothing. Owns the connection ids and requests under way.
import { assert, unreachable } from '../base/assert.ts'
import { readUint32 } from '../base/bytes.ts'
import type { Endpoint } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { endpointKey } from '../formats/compact-endpoint.ts'
import type { AnnounceRequest, AnnounceResponse, SwarmCounts, TrackerFailure } from '../formats/tracker/announce.ts'
import { encodeUrlData, maxUrlDataLength, urlDataOf } from '../formats/tracker/udp-options.ts'
import {
  actionError,
  announceRequestLength,
  type ConnectionId,
  connectRequestLength,
  encodeUdpAnnounce,
  encodeUdpConnect,
  encodeUdpScrape,
} from '../formats/tracker/udp-request.ts'
import { decodeUdpResponse, type UdpResponse } from '../formats/tracker/udp-response.ts'
import type { Random } from '../ports/random.ts'

export type UdpAsk =
  | { readonly type: 'announce'; readonly url: string; readonly request: AnnounceRequest }
  /** 1 to 74 info hashes of 20 bytes. */
  | { readonly type: 'scrape'; readonly infoHashes: readonly Uint8Array[] }

export type UdpAnswer =
  | AnnounceResponse
  | TrackerFailure
  /** In the order of the request; fewer where the tracker says less. */
  | { readonly kind: 'swarms'; readonly swarms: readonly SwarmCounts[] }

export type UdpExchangeInput =
  /** `ticket` is the caller's, used once. */
  | { readonly type: 'ask'; readonly ticket: number; readonly endpoint: Endpoint; readonly ask: UdpAsk }
  | { readonly type: 'cancel'; readonly ticket: number }
  /** `bytes` is not kept. */
  | { readonly type: 'datagram'; readonly bytes: Uint8Array; readonly address: string; readonly port: number }
  | { readonly type: 'wake' }

export type UdpExchangeOutput =
  | { readonly type: 'send'; readonly endpoint: Endpoint; readonly bytes: Uint8Array }
  | { readonly type: 'done'; readonly ticket: number; readonly outcome: Result<UdpAnswer> }

export interface UdpExchangeOptions {
  readonly random: Random
  /** Times a datagram is sent, 1 to 9, before its request has timed out. */
  readonly maxAttempts?: number
}

/** 15 + 30 + 60 seconds: another tracker is a better use of more time. */
const usualAttempts = 3
const firstTimeoutMs = 15_000
/** A client may use an id for a minute after it received it. */
const connectionLifeMs = 60_000
const scrapeHeadLength = 16

type Connection =
  | { readonly type: 'none' }
  | { readonly type: 'asked'; readonly transactionId: number; readonly attempt: number; readonly dueMs: number }
  | { readonly type: 'open'; readonly id: ConnectionId; readonly expiresMs: number }

interface Request {
  readonly ticket: number
  readonly server: Server
  readonly ask: UdpAsk
  /** The same each time it is sent, so that a late answer counts. */
  readonly transactionId: number
  attempt: number
  /** Infinity while it waits for a connection id. */
  dueMs: number
}

interface Server {
  readonly endpoint: Endpoint
  connection: Connection
  readonly requests: Set<Request>
}

function isWaiting(request: Request): boolean {
  return request.dueMs === Number.POSITIVE_INFINITY
}

/** What a shared socket may hand to `datagram`: neither DHT (`d`) nor uTP (version 1) begins so. */
export function looksLikeTrackerReply(datagram: Uint8Array): boolean {
  return datagram.length >= 8 && readUint32(datagram, 0) <= actionError
}

function answerOf(ask: UdpAsk, response: UdpResponse): UdpAnswer | undefined {
  if (response.kind === 'error') return { kind: 'failure', reason: response.message }
  if (response.kind === 'announce' && ask.type === 'announce') {
    const { intervalSeconds, complete, incomplete, peers } = response
    return { kind: 'response', intervalSeconds, complete, incomplete, peers }
  }
  return response.kind === 'scrape' && ask.type === 'scrape' ? { kind: 'swarms', swarms: response.swarms } : undefined
}

function encodeRequest(ask: UdpAsk, connection: ConnectionId, transactionId: number): Uint8Array {
  if (ask.type === 'scrape') {
    const bytes = new Uint8Array(scrapeHeadLength + 20 * ask.infoHashes.length)
    encodeUdpScrape(bytes, 0, connection, transactionId, ask.infoHashes)
    return bytes
  }
  const urlData = urlDataOf(ask.url)
  const sent = urlData.length <= maxUrlDataLength ? urlData : urlData.subarray(0, 0)
  const bytes = new Uint8Array(announceRequestLength + sent.length + 2 * Math.ceil(sent.length / 255) + 1)
  const end = encodeUdpAnnounce(bytes, 0, connection, transactionId, ask.request)
  return bytes.subarray(0, encodeUrlData(bytes, end, sent))
}

export class UdpExchange {
  private readonly random: Random
  private readonly maxAttempts: number
  private readonly servers = new Map<string, Server>()
  private readonly byTicket = new Map<number, Request>()
  private readonly byTransaction = new Map<number, Request>()
  private readonly outputs: UdpExchangeOutput[] = []

  constructor({ random, maxAttempts = usualAttempts }: UdpExchangeOptions) {
    assert(maxAttempts >= 1 && maxAttempts <= 9, '1 to 9 attempts')
    this.random = random
    this.maxAttempts = maxAttempts
  }

  handle(input: UdpExchangeInput, nowMs: number): void {
    switch (input.type) {
      case 'ask':
        this.ask(input.ticket, input.endpoint, input.ask, nowMs)
        break
      case 'cancel':
        this.cancel(input.ticket)
        break
      case 'datagram':
        this.receive(input.bytes, input.address, input.port, nowMs)
        break
      case 'wake':
        this.wake(nowMs)
        break
      default:
        unreachable(input)
    }
  }

  poll(): UdpExchangeOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { connection, requests } of this.servers.values()) {
      if (connection.type === 'asked') earliest = Math.min(earliest, connection.dueMs)
      if (connection.type === 'open' && requests.size === 0) earliest = Math.min(earliest, connection.expiresMs)
      for (const { dueMs } of requests) earliest = Math.min(earliest, dueMs)
    }
    return earliest
  }

  private ask(ticket: number, endpoint: Endpoint, ask: UdpAsk, nowMs: number): void {
    assert(!this.byTicket.has(ticket), 'a new ticket')
    const key = endpointKey(endpoint)
    let server = this.servers.get(key)
    if (server === undefined) {
      server = { endpoint, connection: { type: 'none' }, requests: new Set() }
      this.servers.set(key, server)
    }
    const transactionId = this.newTransaction()
    const request: Request = { ticket, server, ask, transactionId, attempt: 0, dueMs: Number.POSITIVE_INFINITY }
    server.requests.add(request)
    this.byTicket.set(ticket, request)
    this.byTransaction.set(transactionId, request)
    this.pursue(request, nowMs)
  }

  /** Sends the request if there is a connection id, else asks for one. */
  private pursue(request: Request, nowMs: number): void {
    const { server } = request
    const { connection } = server
    if (connection.type === 'open' && connection.expiresMs > nowMs) {
      request.dueMs = nowMs + firstTimeoutMs * 2 ** request.attempt
      this.send(server, encodeRequest(request.ask, connection.id, request.transactionId))
      return
    }
    request.dueMs = Number.POSITIVE_INFINITY
    if (connection.type !== 'asked') this.connect(server, this.newTransaction(), request.attempt, nowMs)
  }

  private connect(server: Server, transactionId: number, attempt: number, nowMs: number): void {
    const bytes = new Uint8Array(connectRequestLength)
    encodeUdpConnect(bytes, 0, transactionId)
    server.connection = { type: 'asked', transactionId, attempt, dueMs: nowMs + firstTimeoutMs * 2 ** attempt }
    this.send(server, bytes)
  }

  private send(server: Server, bytes: Uint8Array): void {
    this.outputs.push({ type: 'send', endpoint: server.endpoint, bytes })
  }

  /** None that a request under way has. */
  private newTransaction(): number {
    for (;;) {
      const id = this.random.below(2 ** 32)
      if (!this.byTransaction.has(id)) return id
    }
  }

  private forget(request: Request): void {
    this.byTicket.delete(request.ticket)
    this.byTransaction.delete(request.transactionId)
    request.server.requests.delete(request)
    const { server } = request
    // What is left to come would be for nobody; an id that is open may serve the next request.
    if (server.requests.size === 0 && server.connection.type !== 'open') {
      this.servers.delete(endpointKey(server.endpoint))
    }
  }

  private cancel(ticket: number): void {
    const request = this.byTicket.get(ticket)
    if (request !== undefined) this.forget(request)
  }

  private finish(request: Request, outcome: Result<UdpAnswer>): void {
    this.forget(request)
    this.outputs.push({ type: 'done', ticket: request.ticket, outcome })
  }

  private receive(bytes: Uint8Array, address: string, port: number, nowMs: number): void {
    if (!looksLikeTrackerReply(bytes)) return
    const server = this.servers.get(endpointKey({ family: 4, address, port }))
    if (server === undefined) return
    const transactionId = readUint32(bytes, 4)
    const { connection } = server
    const isOfConnect = connection.type === 'asked' && connection.transactionId === transactionId
    const request = this.byTransaction.get(transactionId)
    if (!isOfConnect && request?.server !== server) return
    const decoded = decodeUdpResponse(bytes, server.endpoint.family)
    if (isOfConnect) {
      if (decoded.ok) this.receiveConnect(server, decoded.value, nowMs)
    } else if (request !== undefined) {
      this.receiveAnswer(request, decoded)
    }
  }

  private receiveConnect(server: Server, response: UdpResponse, nowMs: number): void {
    if (response.kind === 'connect') {
      server.connection = { type: 'open', id: response.connection, expiresMs: nowMs + connectionLifeMs }
      for (const request of server.requests) if (isWaiting(request)) this.pursue(request, nowMs)
    } else if (response.kind === 'error') {
      server.connection = { type: 'none' }
      for (const request of [...server.requests]) {
        if (isWaiting(request)) this.finish(request, success({ kind: 'failure', reason: response.message }))
      }
    }
  }

  private receiveAnswer(request: Request, decoded: Result<UdpResponse>): void {
    if (!decoded.ok) {
      this.finish(request, decoded)
      return
    }
    const answer = answerOf(request.ask, decoded.value)
    if (answer !== undefined) this.finish(request, success(answer))
  }

  private wake(nowMs: number): void {
    for (const [key, server] of [...this.servers]) {
      this.wakeServer(server, nowMs)
      const { connection } = server
      if (server.requests.size === 0 && (connection.type !== 'open' || connection.expiresMs <= nowMs)) {
        this.servers.delete(key)
      }
    }
  }

  private wakeServer(server: Server, nowMs: number): void {
    const { connection } = server
    if (connection.type === 'asked' && connection.dueMs <= nowMs) {
      for (const request of [...server.requests]) {
        if (isWaiting(request)) this.retire(request)
      }
      if (server.requests.size > 0) {
        const attempt = Math.min(connection.attempt + 1, this.maxAttempts - 1)
        this.connect(server, connection.transactionId, attempt, nowMs)
      }
    }
    for (const request of [...server.requests]) {
      if (request.dueMs > nowMs) continue
      // A tracker that was started anew knows no earlier id, and says nothing at all.
      if (server.connection.type === 'open') server.connection = { type: 'none' }
      if (this.retire(request)) this.pursue(request, nowMs)
    }
  }

  /** One attempt is over; false, and the request with it, when that was the last. */
  private retire(request: Request): boolean {
    request.attempt++
    if (request.attempt < this.maxAttempts) return true
    this.finish(request, failure('timed-out', `no answer to ${this.maxAttempts} datagrams`))
    return false
  }
}
