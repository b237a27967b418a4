// The one connection that an HttpLine keeps from one request to the next, as long as the server wants it too.
// Guarantees: it is used again only for the same server, at an address that is allowed this time; one that is not used for
// a while, on which something comes unasked, or that the server ends is closed. Owns the socket while no request has it.
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { IpAddress } from '../base/endpoint.ts'
import type { HttpTarget } from './http-connection.ts'
import { canonicalAddress } from './network-failure.ts'

const maxIdleMs = 30_000

type ServerName = Pick<HttpTarget, 'isSecure' | 'hostname' | 'port' | 'localAddress'>

function nameOf({ isSecure, hostname, port, localAddress }: ServerName): string {
  return `${isSecure ? 'https' : 'http'} ${hostname} ${port} ${localAddress ?? ''}`
}

export class KeptConnection {
  /** Of the connection used last, whether a request has it or not. */
  private socket: Socket | undefined
  private name = ''
  private isFree = false
  private isClosed = false
  private idleTimer: NodeJS.Timeout | undefined

  /** The connection that is kept, if it may be used; from then on it is the request's. */
  async take(target: ServerName, addresses: readonly IpAddress[]): Promise<Socket | undefined> {
    // One whose answer has just ended becomes free in a moment.
    if (this.socket !== undefined && !this.isFree) await turn()
    const { socket } = this
    if (socket === undefined || !this.isFree) return undefined
    const address = canonicalAddress(socket.remoteAddress ?? '')?.address
    const isAllowed = addresses.some((allowed) => allowed.address === address)
    if (!isAllowed || this.name !== nameOf(target) || socket.destroyed) {
      this.drop()
      return undefined
    }
    this.isFree = false
    clearTimeout(this.idleTimer)
    socket.off('data', this.onUnasked)
    socket.ref()
    return socket
  }

  /** A connection was made: it is kept when its request is over and the server leaves it open. */
  use(target: ServerName, socket: Socket): void {
    this.drop()
    this.socket = socket
    this.name = nameOf(target)
    // Said by node of a socket whose answer is whole and whose server keeps it.
    socket.on('free', () => this.onFree(socket))
    socket.once('end', () => this.onEnd(socket))
    socket.once('close', () => this.onEnd(socket))
  }

  close(): void {
    this.isClosed = true
    if (this.isFree) this.drop()
  }

  private onFree(socket: Socket): void {
    if (socket !== this.socket || this.isClosed) {
      socket.destroy()
      return
    }
    this.isFree = true
    socket.on('data', this.onUnasked)
    // It keeps no program running.
    socket.unref()
    this.idleTimer = setTimeout(() => this.drop(), maxIdleMs)
    this.idleTimer.unref()
  }

  private onEnd(socket: Socket): void {
    if (socket === this.socket && this.isFree) this.drop()
  }

  private readonly onUnasked = () => this.drop()

  private drop(): void {
    clearTimeout(this.idleTimer)
    if (this.isFree) this.socket?.destroy()
    this.socket = undefined
    this.isFree = false
  }
}
