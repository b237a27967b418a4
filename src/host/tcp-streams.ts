// The Streams port on Node's sockets. Listens on IPv6 addresses for IPv6 alone, so that `0.0.0.0` and `::` may share
// a port; without delays of small writes (Nagle). Guarantees: running out of descriptors refuses connections and
// nothing else. Connections own themselves (tcp-stream.ts).
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Endpoint } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import type { AcceptStream, DialOptions, Listening, Stream, StreamSink, Streams } from '../ports/streams.ts'
import { documentedAccess, provenAccess, type SocketAccess } from './accepted-socket.ts'
import { bindFailure, canonicalAddress, canonicalEndpoint, connectionFailure } from './network-failure.ts'
import { plainBytes } from './plain-bytes.ts'
import { TcpStream } from './tcp-stream.ts'

export interface TcpStreamsOptions {
  /** Keep to what Node documents: slower, and reads of accepted connections are not sized. For tests. */
  readonly isDocumentedOnly?: boolean
  /** After our end was sent the other's is awaited so long; a queue that does not move, six times as long. */
  readonly lingerMs?: number
}

const usualLingerMs = 5_000

/** Connections the system may hold for us until the event loop comes to accept them. */
const backlog = 1_024

function welcome(socket: Socket, accept: AcceptStream, access: SocketAccess, lingerMs: number): void {
  const remote = canonicalEndpoint(socket.remoteAddress, socket.remotePort)
  if (remote === undefined) {
    // It has gone again already.
    socket.on('error', () => undefined)
    socket.destroy()
    return
  }
  const stream = new TcpStream(remote, () => access, lingerMs)
  const adopted = access.adopt(socket, stream.hooks)
  if (adopted === undefined) socket.on('data', (bytes: Buffer) => stream.receiveUnsized(plainBytes(bytes)))
  // Listening to data makes a socket flow.
  stream.accepted((adopted ?? socket).pause())
  const sink = accept(stream)
  if (sink === undefined) stream.abort()
  else stream.attach(sink)
}

function listening(server: Server, place: Endpoint): Listening {
  return {
    endpoint: place,
    // The server itself ends with its last connection, which may be long after; its socket is closed at once.
    async close() {
      if (server.listening) server.close()
    },
  }
}

export function tcpStreams(options: TcpStreamsOptions = {}): Streams {
  const { lingerMs = usualLingerMs } = options
  let access = documentedAccess
  async function chooseAccess(): Promise<void> {
    if (options.isDocumentedOnly !== true) access = await provenAccess()
  }

  async function listen(address: string, port: number, accept: AcceptStream): Promise<Result<Listening>> {
    const ip = canonicalAddress(address)
    if (ip === undefined) return failure('address-unavailable', `${address.slice(0, 100)}: not an IP address`)
    await chooseAccess()
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
    server.on('connection', (socket) => welcome(socket, accept, access, lingerMs))
    return new Promise((resolve) => {
      // Stays for good: an accept that fails, for want of descriptors, is not the end of the server.
      server.on('error', (error) => resolve(bindFailure(error, `${address} port ${port}`)))
      server.listen({ host: address, port, ipv6Only: ip.family === 6, exclusive: true, backlog }, () => {
        const bound = server.address()
        const takenPort = bound === null || typeof bound === 'string' ? port : bound.port
        resolve(success(listening(server, { ...ip, port: takenPort })))
      })
    })
  }

  function dial(remote: Endpoint, dialOptions: DialOptions, sink: StreamSink): Stream {
    void chooseAccess()
    const { localAddress, timeoutMs } = dialOptions
    const stream = new TcpStream(remote, () => access, lingerMs)
    try {
      const socket = connect({
        host: remote.address,
        port: remote.port,
        ...(localAddress === undefined ? {} : { localAddress }),
        noDelay: true,
        allowHalfOpen: true,
        onread: stream.hooks,
      })
      stream.dialled(socket.pause(), sink, timeoutMs)
    } catch (error) {
      stream.failed(sink, connectionFailure(error, formatEndpoint(remote)))
    }
    return stream
  }

  return { listen, dial }
}
