// One request and its answer in plaintext, over a connection read through http-reads.ts: what Node's own client does,
// without memory of its own for each part of a body.
// Guarantees: the body's parts are as large as the taker allows, and lie in the receive buffer; what came with the head,
// or the taker had no room for after all, is the one thing copied. Owns the connection until its answer is over.
import type { Socket } from 'node:net'
import { concatBytes, emptyBytes, fromLatin1 } from '../base/bytes.ts'
import { type Failure, failure } from '../base/errors.ts'
import type { HttpHead } from '../ports/http.ts'
import { type AnswerEvents, type AnswerProblem, AnswerReader } from './http-answer.ts'
import { readInto, type SocketReader } from './http-reads.ts'
import { connectionFailure } from './network-failure.ts'

/** Who takes the body, from some time after the head on. */
export interface BodyTaker {
  /** Bytes the next part may have; 0 stops until `goOn`. */
  allowedBytes(): number
  /** Valid until this returns. */
  onBody(bytes: Uint8Array): void
  /** The last call, once: without a failure it came whole. */
  onBodyEnd(failure: Failure | undefined): void
}

export interface ExchangeOptions {
  readonly socket: Socket
  /** Of the server, for failures. */
  readonly place: string
  /** The connection is left to others (`free`) when the answer is whole and the server keeps it. */
  readonly isKept: boolean
  /** The head is there, or there will be none. Called once. */
  readonly onHead: (outcome: HttpHead | Failure) => void
}

const usualReadBytes = 16_384
const notOfValues = /[^\t\x20-\x7e\x80-\xff]/
const notOfNames = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/

/** The head of a request; undefined: a header that cannot be sent. */
export function requestHead(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Uint8Array | undefined {
  let text = `${method} ${path} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(headers)) {
    if (name === '' || notOfNames.test(name) || notOfValues.test(value)) return undefined
    text += `${name}: ${value}\r\n`
  }
  return fromLatin1(`${text}\r\n`)
}

export class HttpExchange implements SocketReader, AnswerEvents {
  private readonly options: ExchangeOptions
  private readonly answer = new AnswerReader(this)
  private hasHead = false
  private taker: BodyTaker | undefined
  /** Of the body, and not handed on yet. */
  private held: Uint8Array = emptyBytes
  private isReading = true
  /** Of the next read. What is read when nobody was asked, as after a stop, may have to be held. */
  private allowedBytes = usualReadBytes
  /** The connection is somebody else's, or gone; told once what is held has been handed on. */
  private outcome: { readonly failure: Failure | undefined } | undefined
  private isOver = false

  /** Sends the request. */
  constructor(options: ExchangeOptions, head: Uint8Array, body: Uint8Array = emptyBytes) {
    this.options = options
    const { socket } = options
    readInto(socket, this)
    socket.on('error', this.onError)
    socket.on('end', this.onSocketEnd)
    socket.on('close', this.onSocketEnd)
    socket.write(body.length === 0 ? head : concatBytes([head, body]))
    socket.resume()
  }

  /** The body goes there from now on, what has come of it included. */
  start(taker: BodyTaker): void {
    this.taker = taker
    this.goOn()
  }

  /** There is room again after `allowedBytes` answered 0. */
  goOn(): void {
    const { taker, held } = this
    if (taker === undefined || this.isOver) return
    this.held = emptyBytes
    this.handOn(taker, held)
    if (this.held.length > 0 || this.isOver) return
    if (this.outcome !== undefined) this.tellEnd(taker, this.outcome.failure)
    else if (!this.isReading) {
      this.isReading = true
      this.options.socket.resume()
    }
  }

  /** Nothing is told any more; a connection whose answer is not over ends. */
  drop(): void {
    this.isOver = true
    if (this.outcome !== undefined) return
    this.leave()
    this.options.socket.destroy()
  }

  nextReadBytes(): number {
    return this.allowedBytes
  }

  onRead(bytes: Uint8Array): boolean {
    const pushed = this.answer.push(bytes)
    if (this.isOver) return false
    if (typeof pushed !== 'number') this.broke(this.problem(pushed))
    else if (this.answer.isWhole) this.complete(pushed === bytes.length)
    else {
      // Before there is anybody to take the body it stays with the system, but for what came along.
      this.isReading = this.taker === undefined ? !this.hasHead : this.held.length === 0 && this.asks(this.taker)
      return this.isReading
    }
    return true
  }

  onHead(head: HttpHead): void {
    this.hasHead = true
    this.options.onHead(head)
  }

  onBody(bytes: Uint8Array): void {
    if (this.isOver) return
    if (this.taker === undefined || this.held.length > 0) this.held = concatBytes([this.held, bytes])
    else this.handOn(this.taker, bytes)
  }

  onWhole(): void {
    this.isReading = false
  }

  /** Whether the taker has room. Asked once for each read: each answer of 0 has a `goOn` to come. */
  private asks(taker: BodyTaker): boolean {
    const allowedBytes = taker.allowedBytes()
    this.allowedBytes = allowedBytes > 0 ? allowedBytes : usualReadBytes
    return allowedBytes > 0
  }

  private handOn(taker: BodyTaker, bytes: Uint8Array): void {
    let from = 0
    while (from < bytes.length && !this.isOver) {
      const allowedBytes = taker.allowedBytes()
      if (allowedBytes < 1) break
      const end = Math.min(bytes.length, from + allowedBytes)
      taker.onBody(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end))
      from = end
    }
    if (from < bytes.length && !this.isOver) this.held = bytes.slice(from)
  }

  /** `isAll`: nothing came behind the answer. */
  private complete(isAll: boolean): void {
    const { socket, isKept } = this.options
    this.leave()
    if (isKept && isAll && this.answer.keepsConnection && !socket.destroyed) socket.emit('free')
    else socket.destroy()
    this.settle(undefined)
  }

  private broke(reason: Failure): void {
    this.leave()
    this.options.socket.destroy()
    this.held = emptyBytes
    if (this.hasHead) this.settle(reason)
    else {
      this.isOver = true
      this.options.onHead(reason)
    }
  }

  private settle(reason: Failure | undefined): void {
    this.outcome = { failure: reason }
    if (this.taker !== undefined && this.held.length === 0) this.tellEnd(this.taker, reason)
  }

  private tellEnd(taker: BodyTaker, reason: Failure | undefined): void {
    if (this.isOver) return
    this.isOver = true
    taker.onBodyEnd(reason)
  }

  private readonly onError = (error: unknown) => this.broke(connectionFailure(error, this.options.place))

  private readonly onSocketEnd = () => {
    if (this.answer.end()) this.complete(false)
    else if (this.hasHead) this.broke(this.cut('the answer was cut off'))
    else this.broke(this.cut('closed without an answer'))
  }

  private leave(): void {
    const { socket } = this.options
    readInto(socket, undefined)
    socket.off('error', this.onError)
    socket.off('end', this.onSocketEnd)
    socket.off('close', this.onSocketEnd)
  }

  private cut(how: string): Failure {
    return failure('connection-failed', `${this.options.place}: ${how}`)
  }

  private problem(problem: AnswerProblem): Failure {
    const { place } = this.options
    if (problem === 'upgraded') return this.cut('another protocol, which was not asked for')
    if (problem === 'too-large') return failure('http-too-large', `${place}: the head of the answer is too large`)
    return failure('http-malformed', `${place}: not HTTP`)
  }
}
