// What every bencoded answer of a tracker has in common (BEP 3, 31): limits, and refusal with a reason.
// Guarantees: at most 1 MiB is looked at; text for people is bounded and free of control characters.
import { toUtf8Lossy } from '../../base/bytes.ts'
import { type Failure, failure, type Result, type Success, success } from '../../base/errors.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { encode } from '../bencode/encode.ts'
import { kindDictionary, scan } from '../bencode/scan.ts'
import { maxMessageLength, type TrackerFailure } from './announce.ts'

export const maxReplyBytes = 1024 * 1024
/** The long form of BEP 3 has 7 tokens a peer of at least 26 bytes. */
const limits = { maxBytes: maxReplyBytes, maxDepth: 16, maxTokens: 300_000 }
const highestRetryMinutes = 7 * 24 * 60
const maxCount = 2 ** 32 - 1

export function unusable(detail: string): Failure {
  return failure('tracker-response', detail)
}

/**
 * The dictionary that an answer is. Bytes after it are passed over: trackers that are scripts often end with a
 * line break. Errors: bencode-*, tracker-response.
 */
export function readReply(bytes: Uint8Array): Result<BencodeCursor> {
  const scanned = scan(bytes, { limits, allowTrailing: true })
  if (!scanned.ok) return scanned
  const reply = new BencodeCursor(scanned.value)
  return reply.kind === kindDictionary ? success(reply) : unusable('not a dictionary')
}

/** A number of peers, capped at 2^32 - 1; undefined where it is absent, negative or no integer. */
export function readCount(dictionary: BencodeCursor, key: string): number | undefined {
  const count = dictionary.get(key)?.integer()
  return count === undefined || count < 0 ? undefined : Math.min(count, maxCount)
}

const controlCharacters = /[\p{Cc}\p{Bidi_Control}]/gu

/** Text of a tracker for a person to read: bounded, and unable to play tricks on a terminal. */
export function readableText(bytes: Uint8Array): string {
  const text = toUtf8Lossy(bytes.subarray(0, 4 * maxMessageLength)).replace(controlCharacters, ' ')
  return text.length <= maxMessageLength ? text : text.slice(0, maxMessageLength)
}

function readRetry(reply: BencodeCursor): number | 'never' | undefined {
  const retry = reply.get('retry in')
  const minutes = retry?.integer()
  if (minutes !== undefined) return 60 * Math.min(highestRetryMinutes, Math.max(1, minutes))
  return retry?.latin1() === 'never' ? 'never' : undefined
}

/** The refusal a reply is, if it is one; undefined if it is an answer. */
export function readFailure(reply: BencodeCursor): Success<TrackerFailure> | Failure | undefined {
  const entry = reply.get('failure reason') ?? reply.get('failure_reason')
  if (entry === undefined) return undefined
  const reason = entry.bytes()
  if (reason === undefined) return unusable('failure reason is no string')
  const retry = readRetry(reply)
  return success({ kind: 'failure', reason: readableText(reason), ...(retry === undefined ? undefined : { retry }) })
}

/** A refusal as bencode; a retry in seconds is rounded up to minutes, the unit of BEP 31. */
export function encodeTrackerFailure({ reason, retry }: Omit<TrackerFailure, 'kind'>): Uint8Array {
  return encode({ 'failure reason': reason, 'retry in': typeof retry === 'number' ? Math.ceil(retry / 60) : retry })
}
