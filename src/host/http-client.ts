// The Http port: whole answers and TLS by node:http, streams in plaintext by http-exchange.ts, which makes no garbage of
// payload; over connections of its own: no pool, so nothing outlives its request but what a line keeps for the next (see
// http-line.ts). Redirects, errors and everything else a server may say are answers.
// Guarantees: only the addresses given are connected to; no more than 64 KiB of head; see http-body.ts for bodies.
import { type IncomingMessage, request as sendRequest } from 'node:http'
import type { Socket } from 'node:net'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { Http, HttpBodySink, HttpHead, HttpLine, HttpRequest, HttpResponse, HttpStream } from '../ports/http.ts'
import { answerFailure, type ContentCoding, HttpBody, parseContentCoding } from './http-body.ts'
import type { BodyLimits, BodyTerms } from './http-body-guard.ts'
import { connectInTurn } from './http-connection.ts'
import { HttpExchange, requestHead } from './http-exchange.ts'
import { KeptConnection } from './http-line.ts'
import { ExchangeReadable, PlainHttpBody } from './plain-http-body.ts'

export interface HttpClientOptions {
  /** PEM; trusted instead of the usual ones. */
  readonly certificateAuthorities?: readonly string[]
}

const maxHeadBytes = 65_536

/** An answer whose head is there, over whichever way it came. */
interface Answered {
  readonly head: HttpHead
  /** Of its connection, too. */
  destroy(): void
  bodyOf(coding: ContentCoding, terms: BodyTerms): RunningBody
}

interface RunningBody {
  start(): void
  resume(): void
  abort(): void
}

interface Answer {
  readonly head: HttpHead
  readonly coding: ContentCoding
  readonly answered: Answered
  readonly place: string
  readonly limits: BodyLimits
}

function parseUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function headersOf(request: HttpRequest, url: URL, isKept: boolean): Record<string, string> {
  const { username, password } = url
  const credentials = Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString('base64')
  const headers: Record<string, string> = {
    'host': url.host,
    'accept-encoding': 'gzip, deflate',
    ...(username === '' && password === '' ? {} : { authorization: `Basic ${credentials}` }),
    ...(request.body === undefined ? {} : { 'content-length': String(request.body.length) }),
    connection: isKept ? 'keep-alive' : 'close',
  }
  for (const [name, value] of Object.entries(request.headers)) headers[name.toLowerCase()] = value
  return headers
}

function headOf(incoming: IncomingMessage): HttpHead {
  const headers: Record<string, string> = {}
  for (const [name, values] of Object.entries(incoming.headersDistinct)) headers[name] = (values ?? []).join(', ')
  return { status: incoming.statusCode ?? 0, headers }
}

function answeredByNode(incoming: IncomingMessage): Answered {
  return {
    head: headOf(incoming),
    destroy: () => void incoming.socket.destroy(),
    bodyOf: (coding, terms) => new HttpBody(coding, incoming, terms),
  }
}

function answeredByExchange(exchange: HttpExchange, head: HttpHead): Answered {
  return {
    head,
    destroy: () => exchange.drop(),
    bodyOf: (coding, terms) =>
      coding === 'identity'
        ? new PlainHttpBody(exchange, terms)
        : new HttpBody(coding, new ExchangeReadable(exchange), terms),
  }
}

interface Sending {
  readonly socket: Socket
  readonly request: HttpRequest
  readonly url: URL
  readonly timeoutMs: number
  readonly isKept: boolean
  readonly signal: AbortSignal
}

/** Sends the request; the head of its answer, or why there will be none, goes to `finish`. */
type Send = (sending: Sending, finish: (result: Result<Answered>) => void) => void

/** Over a connection that is for reads: see http-reads.ts. */
const sendPlainly: Send = ({ socket, request, url, isKept }, finish) => {
  const { hostname: place } = url
  const head = requestHead(request.method, `${url.pathname}${url.search}`, headersOf(request, url, isKept))
  if (head === undefined) return finish(failure('http-malformed', `${place}: a header that cannot be sent`))
  const onHead = (outcome: HttpHead | Failure) =>
    finish('code' in outcome ? outcome : success(answeredByExchange(exchange, outcome)))
  const exchange = new HttpExchange({ socket, place, isKept, onHead }, head, request.body)
}

const sendByNode: Send = ({ socket, request, url, isKept }, finish) => {
  const { hostname } = url
  let answer: IncomingMessage | undefined
  try {
    const sent = sendRequest({
      createConnection: () => socket,
      method: request.method,
      path: `${url.pathname}${url.search}`,
      headers: headersOf(request, url, isKept),
      setHost: false,
      maxHeaderSize: maxHeadBytes,
    })
    sent.on('error', (error) => {
      // Bytes in the body that are not HTTP are found by the parser, which belongs to the request.
      answer?.destroy(error)
      finish(answerFailure(error, hostname))
    })
    sent.once('response', (incoming) => {
      answer = incoming
      // Until its body is listened to; what happened by then is found there.
      incoming.on('error', () => undefined)
      finish(success(answeredByNode(incoming)))
    })
    sent.once('close', () => {
      // After a whole answer the connection may be kept.
      if (answer === undefined) finish(failure('connection-failed', `${hostname}: closed without an answer`))
    })
    sent.end(request.body)
  } catch {
    finish(failure('http-malformed', `${hostname}: a header that cannot be sent`))
  }
}

/** Waits for the head of an answer; after that the connection is the answer's. Without one it is at an end. */
function exchangeOver(send: Send, sending: Sending): Promise<Result<Answered>> {
  const { socket, signal, url, timeoutMs } = sending
  return new Promise((resolve) => {
    const finish = (result: Result<Answered>) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (!result.ok) socket.destroy()
      resolve(result)
    }
    const onAbort = () => finish(failure('interrupted', `${url.hostname}: no longer asked for`))
    const timer = setTimeout(() => finish(failure('timed-out', `${url.hostname}: no answer in time`)), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    send(sending, finish)
  })
}

/** The answer, over the connection that was kept if there is one: the server may just have ended that, then over another. */
async function exchangeOnce(
  request: HttpRequest,
  url: URL,
  options: HttpClientOptions,
  kept: KeptConnection | undefined,
  isStreamed: boolean,
  signal: AbortSignal,
): Promise<Result<Answered>> {
  const { idleTimeoutMs, totalTimeoutMs, addresses, localAddress } = request
  const startMs = performance.now()
  const headTimeoutMs = Math.min(idleTimeoutMs, totalTimeoutMs)
  const isSecure = url.protocol === 'https:'
  const isForReads = isStreamed && !isSecure
  const send = isForReads ? sendPlainly : sendByNode
  const target = {
    isSecure,
    isForReads,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    localAddress,
    certificateAuthorities: options.certificateAuthorities,
  }
  const isKept = kept !== undefined
  const known = await kept?.take(target, addresses)
  if (known !== undefined && signal.aborted) known.destroy()
  else if (known !== undefined) {
    const answered = await exchangeOver(send, { socket: known, request, url, timeoutMs: headTimeoutMs, isKept, signal })
    if (answered.ok || answered.code !== 'connection-failed' || request.method !== 'GET') return answered
  }
  const connected = await connectInTurn(target, addresses, headTimeoutMs, signal)
  if (!connected.ok) return connected
  const socket = connected.value
  if (signal.aborted) {
    socket.destroy()
    return failure('interrupted', `${url.hostname}: no longer asked for`)
  }
  kept?.use(target, socket)
  const leftMs = Math.max(headTimeoutMs - (performance.now() - startMs), 1)
  return await exchangeOver(send, { socket, request, url, timeoutMs: leftMs, isKept, signal })
}

async function ask(
  request: HttpRequest,
  options: HttpClientOptions,
  kept: KeptConnection | undefined,
  isStreamed: boolean,
  signal: AbortSignal,
): Promise<Result<Answer>> {
  if (signal.aborted) return failure('interrupted', 'no longer asked for')
  const url = parseUrl(request.url)
  if (url === undefined) return failure('http-malformed', 'not a URL of http or https')
  const { idleTimeoutMs, totalTimeoutMs, maxBodyBytes } = request
  const startMs = performance.now()
  const asked = await exchangeOnce(request, url, options, kept, isStreamed, signal)
  if (!asked.ok) return asked
  const answered = asked.value
  const { head } = answered
  const coding = parseContentCoding(head.headers['content-encoding'])
  if (coding === undefined || (coding === 'identity' && Number(head.headers['content-length'] ?? 0) > maxBodyBytes)) {
    answered.destroy()
    return coding === undefined
      ? failure('http-malformed', `${url.hostname}: compressed in a way not asked for`)
      : failure('http-too-large', `${url.hostname}: more than ${maxBodyBytes} bytes`)
  }
  const limits = { maxBodyBytes, idleTimeoutMs, deadlineMs: startMs + totalTimeoutMs }
  return success({ head, coding, answered, place: url.hostname, limits })
}

/** Gathers a body of any number of parts in one array, so that many small ones take no more memory than they have. */
class WholeBody implements HttpBodySink {
  private bytes = new Uint8Array(0)
  private lengthBytes = 0
  private readonly onEnd: (result: Result<Uint8Array>) => void

  constructor(onEnd: (result: Result<Uint8Array>) => void) {
    this.onEnd = onEnd
  }

  allowedBytes(): number {
    return Infinity
  }

  onBody(part: Uint8Array): void {
    const neededBytes = this.lengthBytes + part.length
    if (neededBytes > this.bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.bytes.length, neededBytes))
      larger.set(this.bytes.subarray(0, this.lengthBytes))
      this.bytes = larger
    }
    this.bytes.set(part, this.lengthBytes)
    this.lengthBytes = neededBytes
  }

  onBodyEnd(reason: ReturnType<typeof failure> | undefined): void {
    this.onEnd(reason ?? success(this.bytes.slice(0, this.lengthBytes)))
  }
}

async function streamOver(
  kept: KeptConnection | undefined,
  options: HttpClientOptions,
  request: HttpRequest,
  sink: HttpBodySink,
  signal: AbortSignal,
): Promise<Result<HttpStream>> {
  const asked = await ask(request, options, kept, true, signal)
  if (!asked.ok) return asked
  const { head, coding, answered, place, limits } = asked.value
  const body = answered.bodyOf(coding, { place, limits, sink, signal })
  // Whoever asked learns of the head first.
  setImmediate(() => body.start())
  return success({ ...head, resume: () => body.resume(), abort: () => body.abort() })
}

function openLine(options: HttpClientOptions): HttpLine {
  const kept = new KeptConnection()
  return {
    stream: (request, sink, signal) => streamOver(kept, options, request, sink, signal),
    close: () => kept.close(),
  }
}

export function httpClient(options: HttpClientOptions = {}): Http {
  async function fetch(request: HttpRequest, signal: AbortSignal): Promise<Result<HttpResponse>> {
    const asked = await ask(request, options, undefined, false, signal)
    if (!asked.ok) return asked
    const { head, coding, answered, place, limits } = asked.value
    const whole = await new Promise<Result<Uint8Array>>((resolve) => {
      answered.bodyOf(coding, { place, limits, sink: new WholeBody(resolve), signal }).start()
    })
    return whole.ok ? success({ ...head, body: whole.value }) : whole
  }

  return {
    fetch,
    stream: (request, sink, signal) => streamOver(undefined, options, request, sink, signal),
    openLine: () => openLine(options),
  }
}
