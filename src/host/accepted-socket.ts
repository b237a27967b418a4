// The one file that knows what Node does not document: the handle beneath a socket, and writing several buffers past
// the stream's own queue. Accepted connections get a reused receive buffer only by wrapping their handle anew.
// Guarantees: both are proven once a process over a loopback connection; where that fails, the documented way is
// taken, which does the same at more cost. Keeps the outcome of the proof.
import { connect, createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net'
import { receiveView } from './receive-buffer.ts'

/** The `onread` option of net.Socket: who gets what was read, and where the next read goes. */
export interface ReadHooks {
  buffer(): Uint8Array
  /** False stops reading until the socket's `resume`. */
  callback(lengthBytes: number, buffer: Uint8Array): boolean
}

export type WriteCallback = (error?: Error | null) => void

interface WithHandle {
  _handle: { readStart?: unknown; useUserBuffer?: unknown } | null
}

/**
 * Takes the connection over from a socket accepted with `pauseOnConnect`: a new socket that reads through the hooks,
 * paused, half-open allowed. Undefined, and nothing done, where sockets are built otherwise than known here.
 */
function adopt(accepted: Socket, onread: ReadHooks): Socket | undefined {
  const source = accepted as unknown as WithHandle
  const handle = source._handle
  if (typeof handle?.readStart !== 'function' || typeof handle.useUserBuffer !== 'function') return undefined
  source._handle = null
  accepted.destroy()
  return new Socket({ handle, onread, allowHalfOpen: true, pauseOnCreate: true } as unknown as SocketConstructorOpts)
}

interface GatherEntry {
  chunk: Uint8Array
}

interface GatherSocket {
  _writev?(chunks: GatherEntry[] & { allBuffers?: boolean }, callback: WriteCallback): void
}

const empty = new Uint8Array(0)
/** Node takes the chunks out at once, so the entries around them are used again. */
const entryPool: GatherEntry[] = []

function gatherDirectly(socket: Socket, chunks: readonly Uint8Array[], callback: WriteCallback): void {
  const entries: GatherEntry[] & { allBuffers?: boolean } = []
  for (let index = 0; index < chunks.length; index++) {
    entryPool[index] ??= { chunk: empty }
    const entry = entryPool[index] as GatherEntry
    entry.chunk = chunks[index] as Uint8Array
    entries.push(entry)
  }
  entries.allBuffers = true
  ;(socket as GatherSocket)._writev?.(entries, callback)
  for (let index = 0; index < chunks.length; index++) (entryPool[index] as GatherEntry).chunk = empty
}

function gatherThroughQueue(socket: Socket, chunks: readonly Uint8Array[], callback: WriteCallback): void {
  socket.cork()
  for (let index = 0; index < chunks.length - 1; index++) socket.write(chunks[index] as Uint8Array)
  socket.write(chunks.at(-1) ?? empty, callback)
  socket.uncork()
}

const proofPart = new Uint8Array([1, 2, 3, 4, 5, 6, 7])
const proofTimeoutMs = 1_000

/** Sends parts over an adopted connection there and back; whether they came whole and its end was seen. */
function tryLoopback(server: Server): Promise<boolean> {
  return new Promise((resolve) => {
    const sockets: Socket[] = []
    let received = 0
    const settle = (isProven: boolean) => {
      clearTimeout(timer)
      for (const socket of sockets) socket.destroy()
      server.close()
      resolve(isProven)
    }
    const timer = setTimeout(settle, proofTimeoutMs, false)
    server.on('error', () => settle(false))
    server.on('connection', (accepted) => {
      sockets.push(accepted)
      const echo = (lengthBytes: number, buffer: Uint8Array) => {
        const bytes = buffer.slice(0, lengthBytes)
        gatherDirectly(adopted as Socket, [bytes.subarray(0, 1), bytes.subarray(1)], (error) => {
          if (error) settle(false)
        })
        return true
      }
      const adopted = adopt(accepted, { buffer: () => receiveView(proofPart.length), callback: echo })
      if (adopted === undefined) return settle(false)
      sockets.push(adopted)
      adopted.on('error', () => settle(false))
      adopted.on('end', () => adopted.end())
      adopted.resume()
    })
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return settle(false)
      const client = connect({ host: '127.0.0.1', port: address.port })
      sockets.push(client)
      client.on('error', () => settle(false))
      client.on('data', (bytes) => {
        for (const byte of bytes) if (byte !== proofPart[received++ % proofPart.length]) return settle(false)
      })
      client.on('end', () => settle(received === proofPart.length))
      client.end(proofPart)
    })
  })
}

async function proveDirect(): Promise<boolean> {
  try {
    return await tryLoopback(createServer({ pauseOnConnect: true, allowHalfOpen: true }))
  } catch {
    // Other internals than expected may fail in any way.
    return false
  }
}

/** What streams do with sockets, in a way that works on this runtime. */
export interface SocketAccess {
  adopt(accepted: Socket, onread: ReadHooks): Socket | undefined
  /**
   * Writes all chunks in one call of the system where it allows; they must stay unchanged until the callback, which
   * may come from inside. One at a time for each socket.
   */
  gather(socket: Socket, chunks: readonly Uint8Array[], callback: WriteCallback): void
}

const directAccess: SocketAccess = { adopt, gather: gatherDirectly }
export const documentedAccess: SocketAccess = { adopt: () => undefined, gather: gatherThroughQueue }

let proof: Promise<SocketAccess> | undefined

/** The best access that works here; tried out the first time it is asked for. */
export function provenAccess(): Promise<SocketAccess> {
  proof ??= proveDirect().then((isProven) => (isProven ? directAccess : documentedAccess))
  return proof
}
