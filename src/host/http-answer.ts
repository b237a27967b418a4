// An answer of HTTP/1.1 as it comes (RFC 9112): its head, then its body by length, in chunks or to the end of the
// connection, passed on where it lies. Guarantees: never throws on any bytes; at most 64 KiB of head and of trailers;
// what two readers could understand in two ways is refused. Makes no garbage beyond the head. No I/O; the instance owns
// one answer.

import { assert } from '../base/assert.ts'
import { emptyBytes, toLatin1 } from '../base/bytes.ts'
import type { HttpHead } from '../ports/http.ts'

export interface AnswerEvents {
  /** Of the answer itself: interim ones (100 Continue) are not told. */
  onHead(head: HttpHead): void
  /** The next bytes of the body, a view that is valid until the call returns. Never empty. */
  onBody(bytes: Uint8Array): void
  /** It is whole. */
  onWhole(): void
}

type State =
  | { readonly type: 'head' }
  /** So many bytes are left. */
  | { readonly type: 'length' }
  | { readonly type: 'chunk-size' }
  /** So many bytes are left of this chunk. */
  | { readonly type: 'chunk' }
  | { readonly type: 'chunk-end' }
  | { readonly type: 'trailers' }
  | { readonly type: 'until-close' }
  | { readonly type: 'whole' }

export type AnswerProblem = 'malformed' | 'too-large' | 'upgraded'

const maxHeadBytes = 65_536
/** Of a chunk, with extensions nobody reads. */
const maxSizeLineBytes = 4_096
const carriageReturn = 0x0d
const lineFeed = 0x0a
const tab = 0x09
const space = 0x20
const deleted = 0x7f
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d{2})(?: |$)/
const sizeLine = /^([0-9A-Fa-f]{1,13})(?:[ \t;]|$)/
const notOfNames = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const decimal = /^\d{1,15}$/

export class AnswerReader {
  private readonly events: AnswerEvents
  private state: State = { type: 'head' }
  /** What came of a line, or of a head, that is not complete. */
  private held: Uint8Array = emptyBytes
  private heldLength = 0
  private leftBytes = 0
  private trailerBytes = 0
  private isPersistent = false
  private problem: AnswerProblem | undefined

  constructor(events: AnswerEvents) {
    this.events = events
  }

  get isWhole(): boolean {
    return this.state.type === 'whole'
  }

  /** Once it is whole: the connection may be used for another one. */
  get keepsConnection(): boolean {
    return this.isPersistent
  }

  /** Takes the next bytes; how many of them are of this answer, or what is wrong with it, also with later calls. */
  push(bytes: Uint8Array): number | AnswerProblem {
    let taken = 0
    while (taken < bytes.length && this.problem === undefined && this.state.type !== 'whole') {
      taken += this.take(bytes.subarray(taken))
    }
    return this.problem ?? taken
  }

  /** The other side will send no more: whether the answer is whole by that. */
  end(): boolean {
    if (this.state.type !== 'until-close' || this.problem !== undefined) return this.isWhole
    this.finish()
    return true
  }

  private take(bytes: Uint8Array): number {
    const { type } = this.state
    if (type === 'until-close') {
      this.events.onBody(bytes)
      return bytes.length
    }
    if (type === 'length' || type === 'chunk') return this.takeBody(bytes)
    return this.takeLine(bytes)
  }

  private takeBody(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.leftBytes)
    this.leftBytes -= count
    this.events.onBody(count === bytes.length ? bytes : bytes.subarray(0, count))
    if (this.leftBytes === 0) {
      if (this.state.type === 'length') this.finish()
      else this.state = { type: 'chunk-end' }
    }
    return count
  }

  /** Lines are kept until they are whole; a head until its last one is. */
  private takeLine(bytes: Uint8Array): number {
    const end = bytes.indexOf(lineFeed)
    const count = end < 0 ? bytes.length : end + 1
    const isHead = this.state.type === 'head'
    if (this.heldLength + count > (isHead ? maxHeadBytes : maxSizeLineBytes)) {
      this.problem = isHead || this.state.type === 'trailers' ? 'too-large' : 'malformed'
      return count
    }
    this.hold(bytes.subarray(0, count))
    if (isHead && !looksLikeHead(this.held, this.heldLength)) this.problem = 'malformed'
    if (end >= 0 && this.problem === undefined) this.endLine(isHead)
    return count
  }

  private endLine(isHead: boolean): void {
    const { held, heldLength } = this
    if (heldLength < 2 || held[heldLength - 2] !== carriageReturn) {
      this.problem = 'malformed'
      return
    }
    if (isHead) {
      const isLast = heldLength >= 4 && held[heldLength - 4] === carriageReturn && held[heldLength - 3] === lineFeed
      if (!isLast) return
      this.heldLength = 0
      this.takeHead(toLatin1(held, 0, heldLength - 4).split('\r\n'))
      return
    }
    this.heldLength = 0
    const line = toLatin1(held, 0, heldLength - 2)
    if (this.state.type === 'chunk-size') this.takeSize(line)
    else if (this.state.type === 'chunk-end') {
      if (line === '') this.state = { type: 'chunk-size' }
      else this.problem = 'malformed'
    } else if (line === '') this.finish()
    else this.takeTrailer(line)
  }

  private hold(bytes: Uint8Array): void {
    const length = this.heldLength + bytes.length
    if (length > this.held.length) {
      const larger = new Uint8Array(Math.max(2 * this.held.length, length, 256))
      larger.set(this.held.subarray(0, this.heldLength))
      this.held = larger
    }
    this.held.set(bytes, this.heldLength)
    this.heldLength = length
  }

  private takeSize(line: string): void {
    const digits = sizeLine.exec(line)?.[1]
    if (digits === undefined || hasControls(line)) {
      this.problem = 'malformed'
      return
    }
    this.leftBytes = Number.parseInt(digits, 16)
    this.state = this.leftBytes === 0 ? { type: 'trailers' } : { type: 'chunk' }
  }

  private takeTrailer(line: string): void {
    this.trailerBytes += line.length + 2
    if (this.trailerBytes > maxHeadBytes) this.problem = 'too-large'
    else if (headersOf([line]) === undefined) this.problem = 'malformed'
  }

  private takeHead([first = '', ...lines]: readonly string[]): void {
    const [, minor, status = ''] = statusLine.exec(first) ?? []
    const headers = headersOf(lines)
    if (minor === undefined || hasControls(first) || headers === undefined) {
      this.problem = 'malformed'
      return
    }
    const code = Number(status)
    if (code === 101) this.problem = 'upgraded'
    if (code < 200) return
    const framed = this.frame(code, headers, minor === '1')
    if (framed === undefined) {
      this.problem = 'malformed'
      return
    }
    this.state = framed
    this.events.onHead({ status: code, headers })
    if (framed.type === 'length' && this.leftBytes === 0) this.finish()
  }

  /** Where the body ends (RFC 9112, 6.3); undefined: it is not said, or said in two ways. */
  private frame(status: number, headers: Readonly<Record<string, string>>, isNew: boolean): State | undefined {
    const { connection = '' } = headers
    const options = connection
      .toLowerCase()
      .split(',')
      .map((option) => option.trim())
    const isKept = isNew ? !options.includes('close') : options.includes('keep-alive')
    const coding = headers['transfer-encoding']
    const length = headers['content-length']
    if (coding !== undefined && (length !== undefined || coding.toLowerCase() !== 'chunked')) return undefined
    if (length !== undefined && !decimal.test(length)) return undefined
    this.isPersistent = isKept
    this.leftBytes = 0
    if (status === 204 || status === 304) return { type: 'length' }
    if (coding !== undefined) return { type: 'chunk-size' }
    if (length !== undefined) {
      this.leftBytes = Number(length)
      return { type: 'length' }
    }
    this.isPersistent = false
    return { type: 'until-close' }
  }

  private finish(): void {
    assert(this.state.type !== 'whole', 'an end that was not told')
    this.state = { type: 'whole' }
    this.events.onWhole()
  }
}

/** Tells something else at its first bytes, which may be its last. */
function looksLikeHead(bytes: Uint8Array, length: number): boolean {
  return 'HTTP/1.'.startsWith(toLatin1(bytes, 0, Math.min(length, 7)))
}

/** Lower-case names; repeated ones joined. Undefined: a line is no header. */
function headersOf(lines: readonly string[]): Record<string, string> | undefined {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    if (name === '' || notOfNames.test(name) || hasControls(line)) return undefined
    const value = trimmed(line, colon + 1)
    const known = headers.get(name)
    headers.set(name, known === undefined ? value : `${known}, ${value}`)
  }
  return Object.fromEntries(headers)
}

function isBlank(code: number): boolean {
  return code === space || code === tab
}

/** From `start` on, without blanks at either end. */
function trimmed(text: string, start: number): string {
  let from = start
  let end = text.length
  while (from < end && isBlank(text.charCodeAt(from))) from++
  while (end > from && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(from, end)
}

function hasControls(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if ((code < space && code !== tab) || code === deleted) return true
  }
  return false
}
