// Starts lane-child.ts, a payer or a payee in a process of its own, and says what such a process prints and is told.
// Guarantees: ended by its id when the test has ended. Messages between the two are lines of JSON, with amounts and bytes
// marked as such.
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'

const childPath = fileURLToPath(new URL('./lane-child.ts', import.meta.url))

export interface LaneChildOptions {
  readonly role: 'payer' | 'payee'
  /** Has joined the ledger. */
  readonly dataFolder: string
  /** 32 bytes, in hexadecimal. */
  readonly secret: string
  readonly other: string
  /** Where the payee listens, and the payer calls. */
  readonly host: string
  readonly port: number
  /** Bytes that one voucher is for; the payload itself is not sent, only counted. */
  readonly chunkBytes: number
  readonly pricePerMiB: string
}

export type LaneChildLine =
  | { readonly type: 'ready'; readonly port?: number }
  /** So much more was verified, by the payer. */
  | { readonly type: 'verified'; readonly bytes: number }
  /** The payee got a voucher that it had not seen in this life. */
  | { readonly type: 'voucher' }
  | { readonly type: 'notice'; readonly name: string; readonly detail: string }
  /** How many lanes are on record. */
  | { readonly type: 'lanes'; readonly count: number }

/** `wrapper`: what to run it in. */
export function startLaneChild(
  t: TestContext,
  options: LaneChildOptions,
  wrapper: readonly string[] = [],
): JsonProcess<LaneChildLine> {
  const [command = process.execPath, ...before] = [...wrapper, process.execPath]
  const child = startJsonProcess<LaneChildLine>(command, [...before, childPath, JSON.stringify(options)], {
    name: options.role,
  })
  t.after(() => child.end('SIGKILL'))
  return child
}

export function packMessage(message: unknown): string {
  return `${JSON.stringify(message, (_name, value: unknown) => {
    if (typeof value === 'bigint') return `n:${value}`
    return value instanceof Uint8Array ? `b:${toHex(value)}` : value
  })}\n`
}

export function unpackMessage<T>(line: string): T {
  return JSON.parse(line, (_name, value: unknown) => {
    if (typeof value !== 'string') return value
    if (value.startsWith('n:')) return BigInt(value.slice(2))
    return value.startsWith('b:') ? unwrap(fromHex(value.slice(2))) : value
  }) as T
}
