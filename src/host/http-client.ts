// The Http port: whole answers and TLS by node:http, streams in plaintext by http-exchange.ts, which makes no garbage of
// payload; over connections of its own: no pool, so nothing outlives its request but what a line keeps for the next (see
// http-line.ts). Redirects, errors and everything else a server may say are answers.
// Guarantees: only the addresses given are connected to; no more than 64 KiB of head; see http-body.ts for bodies.
import { type IncomingMessage, request as sendRequest } from 'node:http'
import type { Socket } from 'node:net'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { Http, HttpBodySink, HttpHead, HttpLine, HttpRequest, HttpResponse, HttpStream } from '../ports/http.ts'
import { answerFailure, type BodyLimits, type ContentCoding, HttpBody, parseContentCoding } from './http-body.ts'
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
  bodyOf(coding: ContentCoding, place: string, limits: BodyLimits, sink: HttpBodySink, signal: AbortSignal): RunningBody
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
    bodyOf: (coding, place, limits, sink, signal) => new HttpBody(coding, incoming, place, limits, sink, signal),
  }
}

function answeredByExchange(exchange: HttpExchange, head: HttpHead): Answered {
  return {
    head,
    destroy: () => exchange.drop(),
    bodyOf: (coding, place, limits, sink, signal) =>
      coding === 'identity'
        ? new PlainHttpBody(exchange, place, limits, sink, signal)
        : new HttpBody(coding, new ExchangeReadable(exchange), place, limits, sink, signal),
  }
}

/** As `exchange`, over a connection that is for it. */
function exchangePlainly(
  socket: Socket,
  request: HttpRequest,
  url: URL,
  { timeoutMs, isKept }: { readonly timeoutMs: number; readonly isKept: boolean },
  signal: AbortSignal,
): Promise<Result<Answered>> {
  const { hostname: place } = url
  const head = requestHead(request.method, `${url.pathname}${url.search}`, headersOf(request, url, isKept))
  if (head === undefined) {
    socket.destroy()
    return Promise.resolve(failure('http-malformed', `${place}: a header that cannot be sent`))
  }
  return new Promise((resolve) => {
    const finish = (result: Result<Answered>) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (!result.ok) exchanged.drop()
      resolve(result)
    }
    const onAbort = () => finish(failure('interrupted', `${place}: no longer asked for`))
    const timer = setTimeout(() => finish(failure('timed-out', `${place}: no answer in time`)), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    const onHead = (outcome: HttpHead | Failure) =>
      finish('code' in outcome ? outcome : success(answeredByExchange(exchanged, outcome)))
    const exchanged = new HttpExchange({ socket, place, isKept, onHead }, head, request.body)
  })
}

/** Sends the request and waits for the head of its answer; after that the connection is the answer's. */
function exchange(
  socket: Socket,
  request: HttpRequest,
  url: URL,
  { timeoutMs, isKept }: { readonly timeoutMs: number; readonly isKept: boolean },
  signal: AbortSignal,
): Promise<Result<Answered>> {
  const { hostname } = url
  return new Promise((resolve) => {
    let answer: IncomingMessage | undefined
    const finish = (result: Result<Answered>) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (!result.ok) socket.destroy()
      resolve(result)
    }
    const onAbort = () => finish(failure('interrupted', `${hostname}: no longer asked for`))
    const timer = setTimeout(() => finish(failure('timed-out', `${hostname}: no answer in time`)), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    const { method, body } = request
    const path = `${url.pathname}${url.search}`
    const headers = headersOf(request, url, isKept)
    try {
      const sent = sendRequest({
        createConnection: () => socket,
        method,
        path,
        headers,
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
      sent.end(body)
    } catch {
      finish(failure('http-malformed', `${hostname}: a header that cannot be sent`))
    }
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
  const send = isForReads ? exchangePlainly : exchange
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
    const answered = await send(known, request, url, { timeoutMs: headTimeoutMs, isKept }, signal)
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
  return await send(socket, request, url, { timeoutMs: leftMs, isKept }, signal)
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
  const body = answered.bodyOf(coding, place, limits, sink, signal)
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
      answered.bodyOf(coding, place, limits, new WholeBody(resolve), signal).start()
    })
    return whole.ok ? success({ ...head, body: whole.value }) : whole
  }

  return {
    fetch,
    stream: (request, sink, signal) => streamOver(undefined, options, request, sink, signal),
    openLine: () => openLine(options),
  }
}
