// The exchange between instances of a tracker through a Redis stream: each adds what it was told and reads what the others
// add, and a new one reads the last two intervals first. Guarantees: a server that is away or starts anew is come back to
// by itself; nothing it does ends the tracker; what is old is trimmed away. Owns two connections.
import type { Redis as RedisClient } from 'ioredis'
import { failure, type Result, success } from '../base/errors.ts'
import { plainBytes } from './plain-bytes.ts'

export interface RedisExchangeOptions {
  /** `redis://` or `rediss://`, with user, password and number of the database as usual. */
  readonly url: string
  /** What was said longer ago is of no use to anybody. */
  readonly keepsMs: number
  /** A batch of another instance, said so long ago. */
  onBatch(batch: Uint8Array, ageMs: number): void
  /** The server is another than before, or lost its memory. */
  onForgotten(): void
}

export interface RedisExchange {
  publish(batch: Uint8Array): Promise<boolean>
  close(): Promise<void>
}

const stream = 'swarmbid:tracker:1'
const connectTimeoutMs = 5_000
const blockMs = 2_000
const entriesAtOnce = 16
const retryMs = 200
const longestRetryMs = 5_000

type Entry = readonly [id: Buffer, fields: readonly Buffer[]]

function millisecondsOf(id: string): number {
  return Number(id.split('-', 1)[0])
}

/** Whether an id is after another. */
function isAfter(id: string, other: string): boolean {
  const [ms = 0, count = 0] = id.split('-').map(Number)
  const [otherMs = 0, otherCount = 0] = other.split('-').map(Number)
  return ms > otherMs || (ms === otherMs && count > otherCount)
}

class Exchange implements RedisExchange {
  private readonly options: RedisExchangeOptions
  private readonly instance: Buffer
  private readonly writer: RedisClient
  private readonly reader: RedisClient
  private lastId = ''
  private runId = ''
  /** The server's clock less ours. */
  private skewMs = 0
  private isClosed = false
  private reading: Promise<void> | undefined

  constructor(options: RedisExchangeOptions, instance: string, writer: RedisClient, reader: RedisClient) {
    this.options = options
    this.instance = Buffer.from(instance)
    this.writer = writer
    this.reader = reader
    for (const client of [writer, reader]) client.on('error', () => undefined)
  }

  async open(): Promise<void> {
    await Promise.all([this.writer.connect(), this.reader.connect()])
    await this.meet()
    this.reading = this.read()
  }

  async publish(batch: Uint8Array): Promise<boolean> {
    if (this.writer.status !== 'ready') return false
    try {
      const oldest = Math.max(0, Math.floor(this.serverMs() - this.options.keepsMs))
      const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.length)
      await this.writer.xadd(stream, 'MINID', '~', oldest, '*', 'from', this.instance, 'batch', bytes)
      return true
    } catch {
      return false
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.writer.disconnect()
    this.reader.disconnect()
    await this.reading
  }

  private serverMs(): number {
    return Date.now() + this.skewMs
  }

  /** Learns who answers, and where to read on. */
  private async meet(): Promise<void> {
    const [seconds = 0, microseconds = 0] = (await this.reader.time()).map(Number)
    this.skewMs = seconds * 1_000 + microseconds / 1_000 - Date.now()
    const runId = /^run_id:(\S+)/m.exec(await this.reader.info('server'))?.[1] ?? ''
    const [newest] = await this.reader.xrevrange(stream, '+', '-', 'COUNT', 1)
    const newestId = newest?.[0] ?? '0-0'
    const oldestWanted = `${Math.max(0, Math.floor(this.serverMs() - this.options.keepsMs))}-0`
    if (this.lastId === '') {
      this.lastId = oldestWanted
    } else if (isAfter(this.lastId, newestId) || runId !== this.runId) {
      if (isAfter(this.lastId, newestId)) this.lastId = newestId
      this.options.onForgotten()
    }
    this.runId = runId
  }

  private async read(): Promise<void> {
    let isLost = false
    while (!this.isClosed) {
      try {
        if (isLost) await this.meet()
        isLost = false
        const found = await this.reader.xreadBuffer(
          'COUNT',
          entriesAtOnce,
          'BLOCK',
          blockMs,
          'STREAMS',
          stream,
          this.lastId,
        )
        for (const [, entries] of (found ?? []) as unknown as (readonly [Buffer, readonly Entry[]])[]) {
          for (const [id, fields] of entries) this.take(id.toString('latin1'), fields)
        }
      } catch {
        isLost = true
        if (!this.isClosed) await new Promise((resolve) => setTimeout(resolve, retryMs))
      }
    }
  }

  private take(id: string, [, from, , batch]: readonly Buffer[]): void {
    this.lastId = id
    if (from === undefined || batch === undefined || from.equals(this.instance)) return
    this.options.onBatch(plainBytes(batch), Math.max(0, this.serverMs() - millisecondsOf(id)))
  }
}

/** Host and port, without what is secret. */
function placeOf(url: string): string | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return /^rediss?:$/.test(parsed?.protocol ?? '') && parsed?.host !== '' ? parsed?.host : undefined
}

/** `instance` is unlike that of any other. Loads the client only now. Errors: redis-unreachable. */
export async function redisExchange(options: RedisExchangeOptions, instance: string): Promise<Result<RedisExchange>> {
  const place = placeOf(options.url)
  if (place === undefined) return failure('redis-unreachable', 'the URL begins with redis:// or rediss:// and a host')
  const { Redis } = await import('ioredis')
  const settings = {
    lazyConnect: true,
    enableOfflineQueue: false,
    connectTimeout: connectTimeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: (times: number) => Math.min(longestRetryMs, retryMs * times),
  }
  let clients: readonly [RedisClient, RedisClient] | undefined
  try {
    clients = [new Redis(options.url, settings), new Redis(options.url, settings)]
    const exchange = new Exchange(options, instance, ...clients)
    await exchange.open()
    return success(exchange)
  } catch (error) {
    for (const client of clients ?? []) client.disconnect()
    const said = error instanceof Error ? error.message : ''
    return failure('redis-unreachable', `${place}: ${/^(?:NOAUTH|WRONGPASS|ERR)/.test(said) ? said : 'no answer'}`)
  }
}
