// Port: outgoing HTTP, for trackers, web seeds and chains. One request, one answer: redirects are answers, because
// each new address must be judged before it is used. Every size and time is capped by the caller. Types only.
// A promise for the head of an answer (cold); its body comes in calls without garbage, as web seeds carry payload.
import type { IpAddress } from '../base/endpoint.ts'
import type { Failure, Result } from '../base/errors.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** `http:` or `https:`, in full; user and password in it are sent as Basic credentials. */
  readonly url: string
  /** Where to connect, tried in order: resolved and judged before. Certificates are checked against the URL's name. */
  readonly addresses: readonly IpAddress[]
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Leave through this local address only. */
  readonly localAddress?: string
  /** Until the head of the answer, and between any two parts of its body. */
  readonly idleTimeoutMs: number
  readonly totalTimeoutMs: number
  /** After decompression. One byte more ends the request with http-too-large. */
  readonly maxBodyBytes: number
}

export interface HttpHead {
  readonly status: number
  /** Lower-case names; repeated ones joined by `, `. At most 64 KiB together. */
  readonly headers: Readonly<Record<string, string>>
}

export interface HttpResponse extends HttpHead {
  readonly body: Uint8Array
}

export interface HttpBodySink {
  /** Bytes the next part may have; 0 stops until `resume`. */
  allowedBytes(): number
  /** Valid until this call returns. */
  onBody(bytes: Uint8Array): void
  /** The last call, exactly once; without a failure the body came whole. */
  onBodyEnd(failure: Failure | undefined): void
}

export interface HttpStream extends HttpHead {
  resume(): void
  abort(): void
}

/** One connection that is kept between requests, as far as server and addresses allow. Its requests do not overlap. */
export interface HttpLine {
  /** As that of Http; over the connection of the request before where it is good for this one too. */
  stream(request: HttpRequest, sink: HttpBodySink, signal: AbortSignal): Promise<Result<HttpStream>>
  /** Ends the connection that is kept, and takes no more requests; one under way goes on until it is over. */
  close(): void
}

/** Errors of both: connection-failed, timed-out, certificate-invalid, http-malformed, http-too-large, interrupted. */
export interface Http {
  /** The whole answer, whatever its status. The body is the caller's. */
  fetch(request: HttpRequest, signal: AbortSignal): Promise<Result<HttpResponse>>
  /** The head as soon as it is there; then the body into `sink`, never before the promise is settled. */
  stream(request: HttpRequest, sink: HttpBodySink, signal: AbortSignal): Promise<Result<HttpStream>>
  openLine(): HttpLine
}
