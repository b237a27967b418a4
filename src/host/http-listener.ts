// A small HTTP/1.1 server for short questions without a body (RFC 9112), where Node's own does too much for each: a head is
// read as one text, an answer leaves in one write, connections stay open for the next question. Guarantees: heads, queues,
// connections and those of one address are capped; who asks nothing whole for a while is cut; nothing thrown by bytes
// from outside. Owns its sockets until they are upgraded or closed.
import { createServer, type Server, type Socket } from 'node:net'
import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { bindFailure, canonicalAddress } from './network-failure.ts'

export interface PlainRequest {
  readonly method: string
  /** Path and query as they came; begins with `/`. */
  readonly target: string
  readonly remote: IpAddress
  /** The first of that name, given in small letters. */
  header(name: string): string | undefined
}

export interface PlainAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array | string
}

export interface HttpListenerOptions {
  readonly address: IpAddress
  /** 0 takes any free one. */
  readonly port: number
  answer(request: PlainRequest): PlainAnswer
  /** Takes the socket over, with what came behind the head; false: answered like any other request. */
  upgrade?(request: PlainRequest, socket: Socket, behind: Uint8Array): boolean
  /** Of connections without a whole request; shorter in tests. */
  readonly idleMs?: number
}

export interface HttpListener {
  readonly endpoint: Endpoint
  readonly connectionCount: number
  close(): Promise<void>
}

const maxHeadLength = 20_000
const maxQueuedBytes = 1_048_576
const maxConnections = 10_000
const maxConnectionsPerAddress = 256
const backlog = 1_024
const usualIdleMs = 10_000

const statusTexts: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
}

const requestLine = /^([A-Z]{1,20}) (\/[^ ]*) HTTP\/1\.([01])$/
const connectionHeader = /\r\nconnection:[ \t]*([^\r]*)/i
const bodyHeader = /\r\n(?:content-length|transfer-encoding):[ \t]*([^\r]*)/i

class Head implements PlainRequest {
  readonly method: string
  readonly target: string
  readonly remote: IpAddress
  private readonly text: string

  constructor(method: string, target: string, remote: IpAddress, text: string) {
    this.method = method
    this.target = target
    this.remote = remote
    this.text = text
  }

  header(name: string): string | undefined {
    for (const line of this.text.split('\r\n').slice(1)) {
      const colon = line.indexOf(':')
      if (line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim()
    }
    return undefined
  }
}

function encodeAnswer({ status, contentType, body }: PlainAnswer, connection: 'close' | 'keep-alive' | ''): Buffer {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const said = connection === '' ? '' : `Connection: ${connection}\r\n`
  const head = `HTTP/1.1 ${status} ${statusTexts[status] ?? ''}\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\n${said}\r\n`
  const bytes = Buffer.alloc(head.length + length)
  bytes.write(head, 0, 'latin1')
  if (typeof body === 'string') bytes.write(body, head.length)
  else bytes.set(body, head.length)
  return bytes
}

function plain(status: number, text: string): PlainAnswer {
  return { status, contentType: 'text/plain', body: text }
}

class Connections {
  readonly open = new Set<Connection>()
  private readonly byAddress = new Map<string, number>()

  /** False: the address has too many. */
  add(connection: Connection): boolean {
    const { family, address } = connection.remote
    const count = this.byAddress.get(address) ?? 0
    const isLoopback = family === 4 ? address.startsWith('127.') : address === '::1'
    if (!isLoopback && count >= maxConnectionsPerAddress) return false
    this.byAddress.set(address, count + 1)
    this.open.add(connection)
    return true
  }

  remove(connection: Connection): void {
    if (!this.open.delete(connection)) return
    const { address } = connection.remote
    const count = (this.byAddress.get(address) ?? 1) - 1
    if (count === 0) this.byAddress.delete(address)
    else this.byAddress.set(address, count)
  }
}

class Connection {
  readonly remote: IpAddress
  readonly socket: Socket
  /** Since the last whole request. */
  quietTicks = 0
  private readonly options: HttpListenerOptions
  private readonly connections: Connections
  private pending: Buffer | undefined
  private isOver = false
  /** More may be on its way, to which the system would answer with a reset that overtakes our answer. */
  private mayGetMore = false

  constructor(socket: Socket, remote: IpAddress, options: HttpListenerOptions, connections: Connections) {
    this.socket = socket
    this.remote = remote
    this.options = options
    this.connections = connections
    socket.on('data', this.onData)
    socket.on('error', this.onError)
    socket.on('close', this.onClose)
  }

  private readonly onError = (): void => {
    this.socket.destroy()
  }

  private readonly onClose = (): void => {
    this.connections.remove(this)
  }

  private readonly onData = (bytes: Buffer): void => {
    if (this.isOver) return
    const whole = this.pending === undefined ? bytes : Buffer.concat([this.pending, bytes])
    this.pending = undefined
    let position = 0
    let answers: Buffer | undefined
    while (position < whole.length && !this.isOver) {
      const end = whole.indexOf('\r\n\r\n', position, 'latin1')
      if (end === -1 || end - position > maxHeadLength) {
        if (whole.length - position > maxHeadLength) {
          answers = this.joined(answers, this.last(plain(431, 'too long a request\n')))
          break
        }
        // A view would keep all of what it is part of.
        this.pending = Buffer.from(whole.subarray(position))
        break
      }
      this.quietTicks = 0
      const next = this.take(whole.toString('latin1', position, end), whole.subarray(end + 4))
      if (next !== undefined) answers = this.joined(answers, next)
      position = end + 4
    }
    if (answers !== undefined) this.send(answers)
  }

  private joined(before: Buffer | undefined, next: Buffer): Buffer {
    return before === undefined ? next : Buffer.concat([before, next])
  }

  private send(bytes: Buffer): void {
    if (this.isOver && this.mayGetMore) this.socket.end(bytes)
    else this.socket.write(bytes)
    if (this.isOver && !this.mayGetMore) this.socket.destroySoon()
    if (this.socket.writableLength > maxQueuedBytes) this.socket.destroy()
  }

  private last(answer: PlainAnswer, mayGetMore = true): Buffer {
    this.isOver = true
    this.mayGetMore = mayGetMore
    return encodeAnswer(answer, 'close')
  }

  /** The bytes of the answer to one request; undefined: it was an upgrade. */
  private take(text: string, behind: Uint8Array): Buffer | undefined {
    const lineEnd = text.indexOf('\r\n')
    const line = requestLine.exec(lineEnd === -1 ? text : text.slice(0, lineEnd))
    if (line === null) return this.last(plain(400, 'this is no request\n'))
    const [, method = '', target = '', minor] = line
    const request = new Head(method, target, this.remote, text)
    const said = connectionHeader.exec(text)?.[1]?.toLowerCase() ?? ''
    if (method !== 'GET') return this.last(plain(405, 'only GET\n'))
    const bodyLength = bodyHeader.exec(text)?.[1]
    // What follows would be taken for the next request.
    const hasBody = bodyLength !== undefined && bodyLength !== '0'
    if (!hasBody && said.includes('upgrade') && this.upgraded(request, behind)) return undefined
    const answer = this.options.answer(request)
    const isLast = said.includes('close') || (minor === '0' && !said.includes('keep-alive'))
    if (hasBody || isLast) return this.last(answer, hasBody)
    return encodeAnswer(answer, minor === '0' ? 'keep-alive' : '')
  }

  private upgraded(request: PlainRequest, behind: Uint8Array): boolean {
    const { socket } = this
    socket.off('data', this.onData)
    if (this.options.upgrade?.(request, socket, behind) === true) {
      this.isOver = true
      socket.off('error', this.onError)
      socket.off('close', this.onClose)
      this.connections.remove(this)
      return true
    }
    socket.on('data', this.onData)
    return false
  }
}

/** IPv4 is written in one way only. */
function remoteOf({ remoteAddress = '' }: Socket): IpAddress | undefined {
  const isPlain = remoteAddress.includes('.') && !remoteAddress.includes(':')
  return isPlain ? { family: 4, address: remoteAddress } : canonicalAddress(remoteAddress)
}

function closeServer(server: Server, connections: Connections): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    for (const { socket } of connections.open) socket.destroy()
  })
}

/** Starts listening. Errors: address-in-use, address-unavailable. */
export function listenHttp(options: HttpListenerOptions): Promise<Result<HttpListener>> {
  const { address, port, idleMs = usualIdleMs } = options
  const connections = new Connections()
  const server = createServer((socket) => {
    const remote = remoteOf(socket)
    const connection = remote && new Connection(socket, remote, options, connections)
    if (connection === undefined || !connections.add(connection)) socket.destroy()
  })
  server.maxConnections = maxConnections
  // A request that never becomes whole counts as quiet, however it trickles in.
  const ticking = setInterval(() => {
    for (const connection of connections.open) if (++connection.quietTicks > 2) connection.socket.destroy()
  }, idleMs / 2)
  ticking.unref()
  return new Promise((resolve) => {
    server.on('error', (error) => {
      clearInterval(ticking)
      resolve(bindFailure(error, `${address.address} port ${port}`))
    })
    server.listen({ host: address.address, port, ipv6Only: address.family === 6, exclusive: true, backlog }, () => {
      const bound = server.address()
      if (bound === null || typeof bound === 'string') return resolve(failure('address-unavailable', address.address))
      const listener = {
        endpoint: { ...address, port: bound.port },
        get connectionCount() {
          return connections.open.size
        },
        close() {
          clearInterval(ticking)
          return closeServer(server, connections)
        },
      }
      resolve(success(listener))
    })
  })
}
