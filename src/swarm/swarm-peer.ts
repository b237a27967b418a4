// One connected peer as its swarm sees it: what it has, what was asked of it, what it asked for, how fast it is.
// State only, shared by the parts of the swarm, each of which names the fields it writes; to everyone else it is a
// handle. Requests are rings of numbers: nothing is allocated per block.
import { Bitfield } from '../base/bitfield.ts'
import type { Endpoint } from '../base/endpoint.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import type { PeerConnection } from '../peer/peer-connection.ts'
import { OutstandingRequests } from './outstanding-requests.ts'
import { RateMeter } from './rate-meter.ts'
import { RequestPipeline } from './request-pipeline.ts'
import { UnwrittenBlocks, UploadQueue } from './upload-queue.ts'

/** No block is on its way in. */
export const noBlock = -1

export class SwarmPeer {
  /** The swarm's own number for it, never used twice. */
  readonly number: number
  readonly connection: PeerConnection
  readonly remote: Endpoint
  readonly connectedAtMs: number
  /** No part touches it any more. */
  isGone = false

  // What it has and we lack (interest.ts).
  readonly bits: Bitfield
  /** Pieces it has, and we want and lack. */
  interestingCount = 0
  isUploadOnly = false
  /** It said something about pieces: the picker counts it. */
  isCounted = false

  // What it was told (announcing.ts).
  /** It does not know all we have (BEP 16), and whether it was shown something already. */
  isSuperSeeded = false
  wasShown = false

  // Download (requesting.ts).
  readonly outstanding = new OutstandingRequests()
  readonly pipeline: RequestPipeline
  readonly downloadMeter: RateMeter
  /** It could be asked for more than could be found for it the last time. */
  isHungry = false
  /** Nothing could be found for it for a while: it may be asked for what suspects may not. */
  isIdle = false
  /** It let requests become overdue, and sent nothing since. */
  isSilent = false
  /** Others were asked for what it owes, in the end game; it is asked for nothing before it answers. */
  isLate = false
  /** Something was outstanding at it when a DownloadPolicy was last told that nothing is. */
  wasOutstanding = false
  /** It did not answer requests for blocks without the gap they end with. */
  wantsWholeBlocks = false
  /** It takes whole pieces alone, as a DownloadPolicy has it. */
  takesWhole = false
  /** It lets us wait too long for what is left whole to it; it is asked for nothing more before it answers. */
  isStalled = false
  /** When its last block came, or it was asked for the first one after none was out. */
  answeredAtMs = 0
  /** It refuses everything: not asked before then. */
  restsUntilMs = 0
  rejectStreak = 0
  /** Pieces it lets us ask for while it chokes us, ascending (BEP 6). */
  allowedFast: number[] = []
  /** Pieces it would rather send than others, newest last (BEP 6). */
  suggested: number[] = []

  // The block that is on its way in (receiving.ts), or noBlock; it is not outstanding any more.
  currentBlock: number = noBlock
  currentPiece = 0
  currentBegin = 0
  /** When it was asked for, and when it began to come. */
  currentSentAtMs = 0
  currentSinceMs = 0
  /** The picker counts it as asked of this peer. */
  isCurrentHeld = false
  /** Bytes of the block that comes in, wanted or not, where a DownloadPolicy is to be told of it; else 0. */
  currentToldBytes = 0

  // Upload (uploading.ts, choking.ts).
  readonly uploads = new UploadQueue()
  readonly unwritten = new UnwrittenBlocks()
  readonly uploadMeter: RateMeter
  /** It took what it was sent last; no more until some of it has left. */
  isStreamFull = false
  /** When bytes last left, or the first of those that wait was sent. */
  writtenAtMs = 0
  /** Bytes of the connection that the stream has passed on, as its `sentBytes` are counted. */
  readonly writtenMeter: RateMeter
  /** Blocks could be sent to it now if rate limits and its stream allow; told as `upload-ready` when it becomes true. */
  isUploadReady = false
  /** For hashes of piece layers, not answered yet (hash-serving.ts). */
  readonly hashRequests: HashRange[] = []
  /** Pieces it may have while we choke it. */
  grantedFast: ReadonlySet<number> = new Set()
  /** Bytes it may still have while choked. */
  freeBytes = 0
  refusedRequests = 0
  /** Of this epoch, and how much of it was used. */
  allowanceBytes = 0
  epochUploadedBytes = 0
  roundUploadedBytes = 0
  /** -Infinity: never. */
  unchokedAtMs = Number.NEGATIVE_INFINITY
  /** Its place in the order in which bandwidth is handed out, 0 first; who has the same shares evenly. */
  uploadRank = 0

  constructor(number: number, connection: PeerConnection, remote: Endpoint, pieceCount: number, nowMs: number) {
    this.number = number
    this.connection = connection
    this.remote = remote
    this.connectedAtMs = nowMs
    this.bits = new Bitfield(pieceCount)
    this.pipeline = new RequestPipeline()
    this.downloadMeter = new RateMeter(nowMs)
    this.uploadMeter = new RateMeter(nowMs)
    this.writtenMeter = new RateMeter(nowMs)
  }

  /** Has all there is. */
  get isSeed(): boolean {
    return this.bits.isComplete
  }
}
