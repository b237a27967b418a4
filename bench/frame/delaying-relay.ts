// A TCP relay on loopback that hands on every byte half a round trip later, and counts what of it are messages of Speed.
// Guarantees: order is kept; it holds at most `heldLimitBytes` in each direction and reads no more then; messages are found in
// streams that are not encrypted, by the id that their receiver gave the name.
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { loopback } from './sides.ts'

export interface RelayCounts {
  totalBytes: number
  /** Messages of Speed with their lengths and ids. */
  speedBytes: number
  /** When the payer asked for a share first, and when the first block after the answer reached it; relay's clock. */
  wantedAtMs: number | undefined
  awardedAtMs: number | undefined
  paidAtMs: number | undefined
}

export interface Relay {
  readonly port: number
  readonly counts: RelayCounts
  close(): void
}

const heldLimitBytes = 268_435_456
const handshakeBytes = 68
const headBytes = 6
const pieceId = 7
const extendedId = 20
/** Enough of an extension handshake, and of a message of Speed, to find names in. */
const keptBytes = 4_096

/** Finds messages in one direction of a connection. */
class Sniffer {
  /** Which the receiver of this direction chose for the name; 0: not yet. */
  speedId = 0
  private readonly kept = Buffer.alloc(keptBytes)
  private keptCount = 0
  private skipped = handshakeBytes
  private messageBytes = 0
  private readonly message: (kept: Buffer, lengthBytes: number) => void

  constructor(message: (kept: Buffer, lengthBytes: number) => void) {
    this.message = message
  }

  read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.skipped > 0) {
        const count = Math.min(this.skipped, chunk.length - at)
        this.skipped -= count
        at += count
        continue
      }
      const wanted = this.messageBytes === 0 ? 4 : Math.min(keptBytes, this.messageBytes)
      const count = Math.min(wanted - this.keptCount, chunk.length - at)
      chunk.copy(this.kept, this.keptCount, at, at + count)
      this.keptCount += count
      at += count
      if (this.keptCount === wanted) this.reached()
    }
  }

  private reached(): void {
    if (this.messageBytes === 0) {
      this.messageBytes = 4 + this.kept.readUInt32BE(0)
      // Of blocks the head alone is looked at.
      if (this.messageBytes > 4) return
    } else {
      this.message(this.kept.subarray(0, this.keptCount), this.messageBytes)
      this.skipped = this.messageBytes - this.keptCount
    }
    this.keptCount = 0
    this.messageBytes = 0
  }
}

class Delay {
  private readonly queue: { readonly chunk: Buffer; readonly dueMs: number }[] = []
  private heldBytes = 0
  private isFull = false
  private timer: NodeJS.Timeout | undefined
  private readonly from: Socket
  private readonly to: Socket
  private readonly oneWayMs: number

  constructor(from: Socket, to: Socket, oneWayMs: number) {
    this.from = from
    this.to = to
    this.oneWayMs = oneWayMs
    to.on('drain', () => {
      this.isFull = false
      this.send()
    })
  }

  push(chunk: Buffer): void {
    this.queue.push({ chunk, dueMs: performance.now() + this.oneWayMs })
    this.heldBytes += chunk.length
    if (this.heldBytes > heldLimitBytes) this.from.pause()
    this.send()
  }

  private send(): void {
    clearTimeout(this.timer)
    let count = 0
    for (const { chunk, dueMs } of this.queue) {
      if (this.isFull || dueMs > performance.now()) break
      count++
      this.heldBytes -= chunk.length
      this.isFull = !this.to.write(chunk)
    }
    this.queue.splice(0, count)
    if (this.heldBytes <= heldLimitBytes) this.from.resume()
    const [next] = this.queue
    if (next === undefined || this.isFull) return
    this.timer = setTimeout(() => this.send(), Math.max(1, next.dueMs - performance.now()))
  }

  end(): void {
    clearTimeout(this.timer)
  }
}

function speedNameId(kept: Buffer): number {
  return Number(/8:sb_speedi(\d+)e/.exec(kept.toString('latin1'))?.[1] ?? 0)
}

/** Both directions of one connection; the payer dials. */
function join(payer: Socket, seller: Socket, roundTripMs: number, counts: RelayCounts): void {
  const isOfSpeed = (kept: Buffer, id: number) => kept[4] === extendedId && id !== 0 && kept[5] === id
  const isKind = (kept: Buffer, kind: string) => kept.includes(`1:k${kind.length}:${kind}`)
  const isHandshake = (kept: Buffer) => kept[4] === extendedId && kept[5] === 0
  const toSeller = new Sniffer((kept, lengthBytes) => {
    if (isHandshake(kept)) toPayer.speedId = speedNameId(kept)
    if (!isOfSpeed(kept, toSeller.speedId)) return
    counts.speedBytes += lengthBytes
    if (isKind(kept, 'want-share')) counts.wantedAtMs ??= performance.now()
  })
  const toPayer: Sniffer = new Sniffer((kept, lengthBytes) => {
    if (kept.length >= headBytes && kept[4] === pieceId && counts.awardedAtMs !== undefined)
      counts.paidAtMs ??= performance.now() + roundTripMs / 2
    if (isHandshake(kept)) toSeller.speedId = speedNameId(kept)
    if (!isOfSpeed(kept, toPayer.speedId)) return
    counts.speedBytes += lengthBytes
    if (isKind(kept, 'walk-in-award')) counts.awardedAtMs ??= performance.now()
  })
  const delays = [new Delay(payer, seller, roundTripMs / 2), new Delay(seller, payer, roundTripMs / 2)] as const
  const ways = [
    { from: payer, to: seller, sniffer: toSeller, delay: delays[0] },
    { from: seller, to: payer, sniffer: toPayer, delay: delays[1] },
  ]
  for (const { from, to, sniffer, delay } of ways) {
    from.setNoDelay(true)
    from.on('data', (chunk) => {
      counts.totalBytes += chunk.length
      sniffer.read(chunk)
      delay.push(chunk)
    })
    from.on('error', () => undefined)
    from.on('close', () => {
      for (const each of delays) each.end()
      to.destroy()
    })
  }
}

export async function startRelay(port: number, roundTripMs: number): Promise<Relay> {
  const counts: RelayCounts = {
    totalBytes: 0,
    speedBytes: 0,
    wantedAtMs: undefined,
    awardedAtMs: undefined,
    paidAtMs: undefined,
  }
  const open = new Set<Socket>()
  const server = createServer((payer) => {
    const seller = tcpConnect(port, loopback)
    for (const socket of [payer, seller]) open.add(socket)
    join(payer, seller, roundTripMs, counts)
  })
  await new Promise<void>((resolve) => void server.listen(0, loopback, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    counts,
    close() {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}
