// Payload of one torrent on the wires of one life of a session, counted from outside, to compare with what the session
// says. Guarantees: exact, but for blocks that are on their way, those that came together with what made the session
// hang up, of which it may have seen some, and those nobody asked for, which it may count. Owns its counts.
import { blockKey, type TappedConnection, type Way } from './tapped-connection.ts'

export interface Moved {
  readonly downloadedBytes: number
  readonly uploadedBytes: number
}

/** What an announce says may be as old, and what it says is left. */
const announceMs = 10_000
const maxHistory = 30

interface LastBlocks {
  atMs: number
  bytes: number
}

export class TransferAccount {
  private readonly before: Moved
  /** Of blocks that are whole, and of all that began: one that is of no use may be counted at its beginning. */
  private down = 0
  private begun = 0
  /** Of `down`, what need not count. */
  private doubtful = 0
  private up = 0
  private readonly history: { atMs: number; least: Moved }[] = []
  /** What had moved when the torrent may have begun to run anew: trackers are told what moved since. */
  private readonly beginnings: Moved[] = [{ downloadedBytes: 0, uploadedBytes: 0 }]
  private readonly unasked = new Set<TappedConnection>()
  private readonly last = new Map<TappedConnection, LastBlocks>()
  private readonly pieceMs = new Map<number, number>()

  constructor(before: Moved) {
    this.before = before
  }

  blockBegins(connection: TappedConnection, piece: number, begin: number, length: number): void {
    this.begun += length
    if (connection.out.requests.has(blockKey(piece, begin))) this.unasked.delete(connection)
    else this.unasked.add(connection)
  }

  blockEnded(connection: TappedConnection, way: Way, length: number, nowMs: number): void {
    if (way === 'out') {
      this.up += length
      return
    }
    this.down += length
    if (this.unasked.delete(connection)) this.doubtful += length
    const last = this.last.get(connection)
    if (last?.atMs === nowMs) last.bytes += length
    else this.last.set(connection, { atMs: nowMs, bytes: length })
  }

  /** Counted as it comes, whole blocks or not. */
  webContent(length: number): void {
    this.begun += length
    this.down += length
  }

  hungUp(connection: TappedConnection, nowMs: number): void {
    const last = this.last.get(connection)
    this.last.delete(connection)
    if (last?.atMs === nowMs) this.doubtful += last.bytes
  }

  pieceCame(piece: number, nowMs: number): void {
    this.pieceMs.set(piece, nowMs)
  }

  isRecent(piece: number, nowMs: number): boolean {
    return (this.pieceMs.get(piece) ?? Number.NEGATIVE_INFINITY) >= nowMs - announceMs
  }

  mayBegin(): void {
    this.beginnings.push({ downloadedBytes: this.down, uploadedBytes: this.up })
  }

  /** To be called once a second. */
  note(nowMs: number): void {
    this.history.push({ atMs: nowMs, least: { downloadedBytes: this.down - this.doubtful, uploadedBytes: this.up } })
    if (this.history.length > maxHistory) this.history.shift()
  }

  /** What is wrong with a sum over all lives. */
  contradiction(said: Moved): string | undefined {
    const uploaded = said.uploadedBytes - this.before.uploadedBytes
    const downloaded = said.downloadedBytes - this.before.downloadedBytes
    if (uploaded !== this.up) return `${uploaded} bytes uploaded, where ${this.up} left`
    if (downloaded > this.begun || downloaded < this.down - this.doubtful) {
      return `${downloaded} bytes downloaded, where ${this.down} came`
    }
    return undefined
  }

  /** What is wrong with sums as trackers are told. */
  lie(said: Moved, nowMs: number): string | undefined {
    const then = this.history.findLast(({ atMs }) => atMs <= nowMs - announceMs)?.least
    const { downloadedBytes: leastDown = 0, uploadedBytes: leastUp = 0 } = then ?? {}
    const isTrue = this.beginnings.some(({ downloadedBytes, uploadedBytes }) => {
      const down = said.downloadedBytes + downloadedBytes
      const up = said.uploadedBytes + uploadedBytes
      return down <= this.begun && down >= leastDown && up <= this.up && up >= leastUp
    })
    if (isTrue) return undefined
    return `${said.downloadedBytes} bytes down and ${said.uploadedBytes} up, where ${this.down} came and ${this.up} left`
  }
}
