// A ledger for others: HTTP and WebSocket, over TLS where there is a certificate. See docs/protocol/ledger-service.md.
// Guarantees: frames, bodies, connections, queues and requests are capped, each address has a share; browsers of other
// sites get nothing; nothing is listening any more once `close` has returned. Owns its sockets, not the ledger.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { EmbeddedLedger } from './embedded-ledger.ts'
import { ledgerPages } from './ledger-pages.ts'
import { LedgerSession, type SessionLimits } from './ledger-session.ts'
import { type AllowanceOptions, ByteRoom, RequestAllowance } from './request-allowance.ts'
import { maxFrameBytes } from './service-messages.ts'

export interface LedgerServerOptions {
  readonly ledger: EmbeddedLedger
  /** 0 takes any free one. */
  readonly port: number
  /** This machine only where none is named. */
  readonly addresses?: readonly string[]
  /** PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** Operations and requests a second. */
  readonly allowances?: { readonly ofAddress?: AllowanceOptions; readonly ofAccount?: AllowanceOptions }
}

interface ServiceStatistics {
  readonly connections: number
  /** Since it began: connections and requests that were turned away. */
  readonly turnedAway: number
}

export interface LedgerServer {
  readonly port: number
  /** http:// or https://, for each address. */
  readonly urls: readonly string[]
  statistics(): ServiceStatistics
  close(): Promise<void>
}

const loopback = ['127.0.0.1']
const usualAllowances = {
  ofAddress: { perSecond: 5_000, burst: 20_000 },
  ofAccount: { perSecond: 1_000, burst: 4_000 },
}
const maxConnections = 4_096
const maxPerAddress = 64
const maxUnanswered = 4_096
const maxUnansweredBytes = 8 * 1_048_576
const roomBytes = 128 * 1_048_576
/** Answers that a client has not read. */
const maxUnsentBytes = 8 * 1_048_576
const pingEveryMs = 30_000
const httpOptions = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
}

/** Of one machine or household: an IPv4 address, half an IPv6 address. */
export function clientOf(address: string): string {
  const text = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')
  if (!text.includes(':')) return text
  const [head = '', tail] = text.split('::')
  const groups = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - last.length)
  return [...groups, ...new Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':')
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

class Service {
  readonly limits: SessionLimits
  readonly counts = { connections: 0, turnedAway: 0 }
  private readonly options: LedgerServerOptions
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
  })
  private readonly perAddress = new Map<string, number>()
  private readonly listener: ReturnType<typeof getRequestListener>
  private readonly alive = new WeakSet<WebSocket>()
  private readonly pinging: NodeJS.Timeout

  constructor(options: LedgerServerOptions) {
    this.options = options
    const { ofAddress = usualAllowances.ofAddress, ofAccount = usualAllowances.ofAccount } = options.allowances ?? {}
    this.limits = {
      ofAddress: new RequestAllowance(ofAddress),
      ofAccount: new RequestAllowance(ofAccount),
      maxUnanswered,
      maxUnansweredBytes,
      room: new ByteRoom(roomBytes),
    }
    const pages = ledgerPages({
      ledger: options.ledger,
      limits: this.limits,
      nowMs,
      statistics: () => this.statistics(),
    })
    this.listener = getRequestListener((request, { incoming }) => {
      const address = clientOf((incoming as IncomingMessage).socket.remoteAddress ?? '')
      return pages.fetch(request, { address })
    })
    this.pinging = setInterval(() => this.ping(), pingEveryMs)
  }

  statistics(): ServiceStatistics {
    return { ...this.counts }
  }

  server(): Server {
    const { tls } = this.options
    const server =
      tls === undefined
        ? createServer(httpOptions)
        : createTlsServer({ ...httpOptions, cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' })
    server.maxConnections = maxConnections
    server.on('request', (request, response) => {
      if (this.isForeign(request)) {
        this.counts.turnedAway++
        response.writeHead(403, { 'connection': 'close', 'content-length': 0 }).end()
      } else void this.listener(request, response)
    })
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head))
    return server
  }

  close(): void {
    clearInterval(this.pinging)
    for (const socket of this.sockets.clients) socket.terminate()
    this.sockets.close()
  }

  /** A page of some other site, in a browser of this machine: by its origin, or by a name that was bent to here. */
  private isForeign({ headers, socket }: IncomingMessage): boolean {
    if (headers.origin !== undefined) return true
    if (!isLoopback(socket.localAddress ?? '')) return false
    const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
    return !(host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host))
  }

  private upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const address = clientOf(request.socket.remoteAddress ?? '')
    const count = this.perAddress.get(address) ?? 0
    const isPath = request.url === '/socket'
    const isTooMuch = count >= maxPerAddress || this.sockets.clients.size >= maxConnections
    if (!isPath || isTooMuch || this.isForeign(request)) {
      this.counts.turnedAway++
      const status = !isPath ? '404 Not Found' : isTooMuch ? '503 Service Unavailable' : '403 Forbidden'
      stream.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    this.perAddress.set(address, count + 1)
    stream.once('close', () => {
      const left = (this.perAddress.get(address) ?? 1) - 1
      if (left === 0) this.perAddress.delete(address)
      else this.perAddress.set(address, left)
    })
    this.sockets.handleUpgrade(request, stream, head, (socket) => this.talk(socket, address))
  }

  private talk(socket: WebSocket, address: string): void {
    this.counts.connections++
    this.alive.add(socket)
    const session = new LedgerSession({
      ledger: this.options.ledger,
      limits: this.limits,
      address,
      nowMs,
      send: (message) => {
        if (socket.bufferedAmount > maxUnsentBytes) socket.terminate()
        else socket.send(message)
      },
    })
    socket.on('message', (data, isBinary) => {
      const refusal = isBinary ? failure('statement-malformed', 'bytes instead of text') : session.receive(String(data))
      if (refusal !== undefined) socket.close(1008, refusal.detail.slice(0, 100))
    })
    socket.on('pong', () => this.alive.add(socket))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      this.counts.connections--
      session.end()
    })
  }

  private ping(): void {
    for (const socket of this.sockets.clients) {
      if (!this.alive.has(socket)) socket.terminate()
      this.alive.delete(socket)
      socket.ping()
    }
  }
}

function nowMs(): number {
  return performance.now()
}

function listen(server: Server, host: string, port: number): Promise<Result<AddressInfo>> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(bindFailure(error, host, port)))
    server.listen({ host, port, ipv6Only: host.includes(':') }, () => resolve(success(server.address() as AddressInfo)))
  })
}

function bindFailure(error: NodeJS.ErrnoException, host: string, port: number): Failure {
  const code = error.code === 'EADDRINUSE' ? 'address-in-use' : 'address-unavailable'
  return failure(code, `${host} port ${port}: ${error.code === 'EADDRINUSE' ? 'in use' : error.message}`)
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** Serves until it is closed. Errors: address-in-use, address-unavailable, certificate-invalid. */
export async function serveLedger(options: LedgerServerOptions): Promise<Result<LedgerServer>> {
  const service = new Service(options)
  const servers: Server[] = []
  const urls: string[] = []
  const closeAll = async () => {
    service.close()
    await Promise.all(servers.map(closeServer))
  }
  let { port } = options
  for (const address of options.addresses ?? loopback) {
    const server = makeServer(service)
    const listening = server.ok ? await listen(server.value, address, port) : server
    if (!listening.ok || !server.ok) {
      await closeAll()
      return listening.ok ? failure('internal', 'unreachable') : listening
    }
    servers.push(server.value)
    port = listening.value.port
    const host = address.includes(':') ? `[${address}]` : address
    urls.push(`${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`)
  }
  return success({ port, urls, statistics: () => service.statistics(), close: closeAll })
}

function makeServer(service: Service): Result<Server> {
  try {
    return success(service.server())
  } catch (error) {
    return failure('certificate-invalid', error instanceof Error ? error.message : String(error))
  }
}
