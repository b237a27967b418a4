// A socket for HTTP in plaintext that reads into the thread's one receive buffer, for whichever exchange has it.
// Guarantees: what comes while nobody expects anything ends the connection. Owns nothing but who reads.
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { receiveView } from './receive-buffer.ts'

export interface SocketReader {
  /** The next bytes, a view that is valid until this returns. False stops reading until the socket's `resume`. */
  onRead(bytes: Uint8Array): boolean
  /** How many the next read may bring, 1 at least. */
  nextReadBytes(): number
}

/** Before anybody said how much they want. */
const firstReadBytes = 16_384

class SocketReads {
  reader: SocketReader | undefined
  socket: Socket | undefined

  readonly hooks = {
    buffer: (): Uint8Array => receiveView(this.reader?.nextReadBytes() ?? firstReadBytes),
    callback: (lengthBytes: number, buffer: Uint8Array): boolean => {
      if (this.reader !== undefined) return this.reader.onRead(buffer.subarray(0, lengthBytes))
      this.socket?.destroy()
      return false
    },
  }
}

const readsOfSockets = new WeakMap<Socket, SocketReads>()

/** A connection that `readInto` works on. */
export function connectForReads(options: TcpNetConnectOpts): Socket {
  const reads = new SocketReads()
  const socket = connect({ ...options, onread: reads.hooks })
  reads.socket = socket
  readsOfSockets.set(socket, reads)
  return socket
}

/** Who reads from now on; undefined: nobody expects anything. False: the socket is of another kind. */
export function readInto(socket: Socket, reader: SocketReader | undefined): boolean {
  const reads = readsOfSockets.get(socket)
  if (reads === undefined) return false
  reads.reader = reader
  return true
}
