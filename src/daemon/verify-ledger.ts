// Verifying an exported journal, from a file, standard input, or the address of a ledger, however long it is.
// Guarantees: one line at a time in memory; a line over its cap ends it; the first fault is told.
import { createReadStream } from 'node:fs'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { failure, type Result, success } from '../base/errors.ts'
import { explainSystemError, fileErrorCode, isSystemError } from '../host/file-error.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import type { ReadRecord } from '../ledger/journal-record.ts'
import { type ExportFault, ExportVerifier, type VerifiedJournal } from '../rails/journal-export.ts'
import type { LedgerAddress } from '../rails/ledger-socket.ts'

const maxLine = 2 * 1_048_576
const yieldEvery = 500
const silenceMs = 30_000

/** Lines without their ends. */
async function* linesOf(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const parts = (rest + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1'))).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
    if (rest.length > maxLine) break
  }
  if (rest !== '') yield rest.slice(0, maxLine)
}

/** `onHeight`: how far it is; `onEntry`: each entry that holds. Errors: interrupted, those of reading. */
export async function verifyExport(
  chunks: AsyncIterable<Uint8Array | string>,
  onHeight: (height: number) => void,
  signal: AbortSignal,
  onEntry?: (record: ReadRecord) => void,
): Promise<Result<ExportFault | VerifiedJournal>> {
  const verifier = new ExportVerifier(secp256k1.scheme)
  let count = 0
  try {
    for await (const line of linesOf(chunks)) {
      const fault = verifier.push(line)
      if (fault !== undefined) return success(fault)
      if (onEntry !== undefined && verifier.lastEntry !== undefined) onEntry(verifier.lastEntry)
      if (++count % yieldEvery !== 0) continue
      onHeight(verifier.height)
      await new Promise((resolve) => setImmediate(resolve))
      if (signal.aborted) return failure('interrupted', 'stopped before the end')
    }
    return success(verifier.end())
  } catch (error) {
    if (!isSystemError(error)) throw error
    return failure(fileErrorCode(error, 'read'), explainSystemError(error))
  }
}

export function readExport(path: string): AsyncIterable<Uint8Array> {
  return path === '-' ? process.stdin : createReadStream(path)
}

/** The journal of a ledger that is served. Errors: ledger-unreachable. */
export function fetchExport({ url, certificate }: LedgerAddress): Promise<Result<AsyncIterable<Uint8Array>>> {
  const place = new URL(/\/journal$/.test(url) ? url : `${url.replace(/\/$/, '')}/journal`)
  const isTls = place.protocol === 'wss:' || place.protocol === 'https:'
  place.protocol = isTls ? 'https:' : 'http:'
  const send = isTls ? requestTls : requestPlain
  return new Promise((resolve) => {
    const lost = (detail: string) => resolve(failure('ledger-unreachable', `${place.href}: ${detail}`))
    const asked = send(place, certificate === undefined ? {} : { rejectUnauthorized: false }, (response) => {
      const { fingerprint256 = '' } =
        certificate === undefined ? {} : (response.socket as TLSSocket).getPeerCertificate()
      if (certificate !== undefined && fingerprint256.replaceAll(':', '').toLowerCase() !== certificate) {
        asked.destroy()
        lost('another certificate than was agreed')
      } else if (response.statusCode === 200) resolve(success(withoutLoss(response)))
      else {
        asked.destroy()
        lost(`it answers ${response.statusCode}`)
      }
    })
    asked.setTimeout(silenceMs, () => asked.destroy(new Error('it says nothing')))
    asked.on('error', (error) => lost(error.message))
    asked.end()
  })
}

/** A body that was cut off ends as a journal that does: with a fault. */
async function* withoutLoss(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array
  } catch {
    // The verifier tells that the end is missing.
  }
}
