// WebSockets (RFC 6455, by the package ws) on connections of the small HTTP server. Guarantees: messages, queues,
// connections and those of one address are capped; who does not answer a ping is cut; nothing is compressed, for that takes
// memory by the connection. Owns its sockets.
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { IpAddress } from '../base/endpoint.ts'
import type { PlainRequest } from './http-listener.ts'

export interface WebSocketSink<Connection> {
  /** A connection stands; what it is called. */
  onOpen(): Connection
  /** False closes it. */
  onText(connection: Connection, text: string): boolean
  onClose(connection: Connection): void
}

const maxConnections = 20_000
const maxConnectionsPerAddress = 64
const maxQueuedBytes = 1_048_576
const pingMs = 30_000

export class WebSockets<Connection> {
  private readonly server: WebSocketServer
  private readonly sink: WebSocketSink<Connection>
  private readonly sockets = new Map<Connection, WebSocket>()
  private readonly byAddress = new Map<string, number>()
  private readonly silent = new Set<WebSocket>()
  private readonly pinging: NodeJS.Timeout

  constructor(sink: WebSocketSink<Connection>, maxMessageBytes: number) {
    this.sink = sink
    this.server = new WebSocketServer({
      noServer: true,
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
      clientTracking: false,
    })
    this.pinging = setInterval(() => this.ping(), pingMs)
    this.pinging.unref()
  }

  /** Takes a connection over; false where there are too many. */
  upgrade(request: PlainRequest, source: IpAddress, socket: Socket, behind: Uint8Array): boolean {
    const { family, address } = source
    const isLoopback = family === 4 ? address.startsWith('127.') : address === '::1'
    const count = this.byAddress.get(address) ?? 0
    if (this.sockets.size >= maxConnections || (!isLoopback && count >= maxConnectionsPerAddress)) return false
    const message = new IncomingMessage(socket)
    message.method = request.method
    message.url = request.target
    for (const name of ['upgrade', 'connection', 'origin', ...wanted]) {
      const value = request.header(name)
      if (value !== undefined) message.headers[name] = value
    }
    this.server.handleUpgrade(message, socket, Buffer.from(behind), (opened) => this.welcome(opened, address))
    return true
  }

  send(connection: Connection, text: string): void {
    const socket = this.sockets.get(connection)
    if (socket === undefined) return
    if (socket.bufferedAmount > maxQueuedBytes) socket.terminate()
    else socket.send(text)
  }

  close(): void {
    clearInterval(this.pinging)
    for (const socket of this.sockets.values()) socket.terminate()
    this.server.close()
  }

  private welcome(socket: WebSocket, address: string): void {
    const connection = this.sink.onOpen()
    this.sockets.set(connection, socket)
    this.byAddress.set(address, (this.byAddress.get(address) ?? 0) + 1)
    socket.on('message', (data, isBinary) => {
      this.silent.delete(socket)
      // bittorrent-tracker's client sends its texts as bytes.
      const text = isBinary || Buffer.isBuffer(data) ? (data as Buffer).toString() : ''
      if (!this.sink.onText(connection, text)) socket.terminate()
    })
    socket.on('pong', () => void this.silent.delete(socket))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      this.silent.delete(socket)
      this.sockets.delete(connection)
      const left = (this.byAddress.get(address) ?? 1) - 1
      if (left === 0) this.byAddress.delete(address)
      else this.byAddress.set(address, left)
      this.sink.onClose(connection)
    })
  }

  private ping(): void {
    for (const socket of this.sockets.values()) {
      if (this.silent.has(socket)) {
        socket.terminate()
        continue
      }
      this.silent.add(socket)
      socket.ping()
    }
  }
}

const wanted = ['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol', 'sec-websocket-extensions']
