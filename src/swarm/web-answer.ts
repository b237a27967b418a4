// What the head of a web server's answer to a request for a range means (RFC 9110, BEP 19). Pure.
// Guarantees: a body is only taken where head and request agree on which bytes of which file it has, none is taken that
// is compressed, and no detail repeats a URL.
import { type Failure, failure } from '../base/errors.ts'
import { retryAfterSeconds } from '../formats/retry-after.ts'
import { parseContentRange } from '../formats/web-seed.ts'
import type { HttpHead } from '../ports/http.ts'

/** Bytes of a file. */
export interface AskedRange {
  readonly first: number
  /** Exclusive. */
  readonly end: number
  readonly fileBytes: number
}

export type WebAnswer =
  /** The first `skipBytes` of the body come before the range; then come bytes up to `end` of the file, or more. */
  | { readonly type: 'body'; readonly skipBytes: number; readonly end: number; readonly ignoresRanges: boolean }
  /** The file is not there, or it is another one. */
  | { readonly type: 'absent'; readonly why: Failure }
  | { readonly type: 'busy'; readonly why: Failure; readonly afterSeconds: number | undefined }
  | { readonly type: 'malformed'; readonly why: Failure }
  /** Nothing this server sends can be used. */
  | { readonly type: 'useless'; readonly why: Failure }

function absent(detail: string): WebAnswer {
  return { type: 'absent', why: failure('web-seed-missing', detail) }
}

function malformed(detail: string): WebAnswer {
  return { type: 'malformed', why: failure('web-seed-response', detail) }
}

function judgeWhole({ headers }: HttpHead, { first, fileBytes }: AskedRange): WebAnswer {
  const length = headers['content-length']
  if (length !== undefined && Number(length) !== fileBytes) return absent(`the file there is of another length`)
  return { type: 'body', skipBytes: first, end: fileBytes, ignoresRanges: true }
}

function judgePart({ headers }: HttpHead, { first, end, fileBytes }: AskedRange): WebAnswer {
  const range = parseContentRange(headers['content-range'])
  if (range === undefined) return malformed('a part of a file without saying which')
  const { totalBytes } = range
  if (totalBytes !== undefined && totalBytes !== fileBytes) return absent('the file there is of another length')
  if (range.first !== first || range.last >= end) return malformed('another part of the file than was asked for')
  const length = headers['content-length']
  if (length !== undefined && Number(length) !== range.last - first + 1) return malformed('lengths that disagree')
  return { type: 'body', skipBytes: 0, end: range.last + 1, ignoresRanges: false }
}

export function judgeAnswer(head: HttpHead, asked: AskedRange): WebAnswer {
  const { status, headers } = head
  if (status === 200 || status === 206) {
    const coding = headers['content-encoding']?.trim().toLowerCase() ?? ''
    if (coding !== '' && coding !== 'identity') {
      return { type: 'useless', why: failure('web-seed-response', 'compressed content, which was not asked for') }
    }
    return status === 200 ? judgeWhole(head, asked) : judgePart(head, asked)
  }
  const detail = `HTTP status ${status}`
  const isAbsent = [401, 403, 404, 410, 416, 451].includes(status)
  if (isAbsent) return absent(detail)
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    const afterSeconds = retryAfterSeconds(headers)
    return { type: 'busy', why: failure('web-seed-busy', detail), afterSeconds }
  }
  return malformed(detail)
}
