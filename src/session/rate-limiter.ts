// One direction's rate limits: a token bucket for the session, one for each torrent, and peers that take turns at both
// (start-time fair queueing: who has had least for its weight is next). Among the peers of a torrent those of a lower rank
// come first: the others get what they leave, and other torrents neither lose nor gain by it.
// Guarantees: what goes through is within the limits but for what a transfer took beyond its allowance, which is paid
// back before anybody goes on; peers that do not use their turn lose it to others. No timers: it says when to wake it.
// The session owns two, one for each direction.

/** Tokens are saved up for as long, so that a late wake-up loses nothing. */
const savedMs = 200
/** Turns are given out as often, at most. */
const roundMs = 20
/** Of what its limit lets through in this time a turn is worth having. */
const turnMs = 10
/** A turn not used by then goes to others. */
const turnLifeMs = 250
const smallestShareBytes = 512
const largestShareBytes = 16_384
/** What a peer may take at once while nobody waits. */
const freeTurnBytes = 65_536
/** Who could not take its share for a while, for its torrent's limit, catches up by no more than this. */
const mostCreditBytes = 16_384

interface Bucket {
  bytesPerSecond: number
  /** Below 0: taken in advance. */
  tokens: number
  refilledMs: number
}

/** A torrent's place at the limits. Its fields are the limiter's. */
export interface RateGroup {
  readonly bucket: Bucket
  /** Of its peers that wait for a turn. */
  waitingWeight: number
  /** The lowest rank among those, and the weight of those who have it. */
  firstRank: number
  firstWeight: number
  /** Of what the torrent may transfer now, in the round that is being given out. */
  bytesPerWeight: number
}

/** A peer's place at the limits. Its fields are the limiter's. */
export interface RateChannel {
  readonly group: RateGroup
  readonly weight: number
  /** Lower ones of the same torrent come first. */
  rank: number
  /** Its weight, and with it that of those who come after it. */
  turnWeight: number
  /** Neither limited nor charged: the local network. */
  isExempt: boolean
  allowedBytes: number
  allowedMs: number
  /** For the order among equals. */
  readonly number: number
  /** Bytes it was allowed or took, by its weight; who joins begins where the others are. */
  servedBytes: number
  isWaiting: boolean
  isClosed: boolean
}

export class RateLimiter {
  private readonly session: Bucket
  private readonly channels = new Set<RateChannel>()
  /** In the order of their turns. */
  private waiting: RateChannel[] = []
  private ready: RateChannel[] = []
  /** Where the peers are that are served: as far as anybody had got when it was given a turn. */
  private servedBytes = 0
  private nextNumber = 0
  private wakeAtMs = Number.POSITIVE_INFINITY
  private roundAtMs = Number.NEGATIVE_INFINITY
  private sweptMs = Number.NEGATIVE_INFINITY

  /** Infinity: no limit. */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.session = makeBucket(bytesPerSecond, nowMs)
  }

  /** Also for switching to the alternative limit and back. */
  setSessionRate(bytesPerSecond: number, nowMs: number): void {
    this.setRate(this.session, bytesPerSecond, nowMs)
  }

  /** A torrent. It needs no closing. */
  openGroup(bytesPerSecond: number, nowMs: number): RateGroup {
    return {
      bucket: makeBucket(bytesPerSecond, nowMs),
      waitingWeight: 0,
      firstRank: 0,
      firstWeight: 0,
      bytesPerWeight: 0,
    }
  }

  setGroupRate(group: RateGroup, bytesPerSecond: number, nowMs: number): void {
    this.setRate(group.bucket, bytesPerSecond, nowMs)
  }

  /** A peer of a torrent. With twice the weight it gets twice as much, where there is not enough for all. */
  join(group: RateGroup, isExempt: boolean, weight = 1): RateChannel {
    const channel: RateChannel = {
      group,
      weight,
      rank: 0,
      turnWeight: weight,
      isExempt,
      allowedBytes: 0,
      allowedMs: 0,
      number: this.nextNumber++,
      servedBytes: this.servedBytes,
      isWaiting: false,
      isClosed: false,
    }
    this.channels.add(channel)
    return channel
  }

  leave(channel: RateChannel): void {
    channel.isClosed = true
    this.channels.delete(channel)
    this.giveBack(channel)
    if (!channel.isWaiting) return
    channel.isWaiting = false
    this.waiting = this.waiting.filter((other) => other !== channel)
  }

  /** Where the peer stands in the order of its torrent, 0 before 1; equal ones take turns. */
  setRank(channel: RateChannel, rank: number): void {
    channel.rank = rank
  }

  /** The exemption of the local network was switched on or off. */
  setExempt(channel: RateChannel, isExempt: boolean, nowMs: number): void {
    channel.isExempt = isExempt
    channel.servedBytes = Math.max(channel.servedBytes, this.servedBytes)
    if (channel.isWaiting) this.wakeAtMs = nowMs
  }

  /**
   * Bytes the peer may transfer now; Infinity: as many as it likes. 0: it waits from now on, and `poll` names it when it
   * may go on. Whoever asks does so because it can transfer; a peer without work does not ask.
   */
  allowance(channel: RateChannel, nowMs: number): number {
    if (this.isUnlimited(channel)) {
      this.giveBack(channel)
      return Number.POSITIVE_INFINITY
    }
    if (channel.allowedBytes > 0) return channel.allowedBytes
    if (channel.isWaiting) return 0
    refill(this.session, nowMs)
    refill(channel.group.bucket, nowMs)
    if (this.waiting.length === 0 && this.canServe(channel)) {
      channel.turnWeight = channel.weight
      this.allow(channel, Math.min(this.available(channel), freeTurnBytes), nowMs)
      return channel.allowedBytes
    }
    channel.isWaiting = true
    this.holdBack(channel)
    this.waiting.push(channel)
    this.wakeAtMs = Math.min(this.wakeAtMs, this.readyMs(channel))
    return 0
  }

  /** Bytes that were transferred. More than was allowed is paid back by waiting longer. */
  charge(channel: RateChannel, bytes: number, nowMs: number): void {
    if (this.isUnlimited(channel)) return
    const covered = Math.min(bytes, channel.allowedBytes)
    channel.allowedBytes -= covered
    const excess = bytes - covered
    if (excess === 0) return
    refill(this.session, nowMs)
    refill(channel.group.bucket, nowMs)
    spend(this.session, excess)
    spend(channel.group.bucket, excess)
    channel.servedBytes += excess / channel.turnWeight
  }

  /** Infinity: nobody waits. */
  nextWakeMs(): number {
    return this.wakeAtMs
  }

  /** Gives out turns; afterwards `poll` names who may go on. */
  wake(nowMs: number): void {
    if (nowMs < this.wakeAtMs) return
    refill(this.session, nowMs)
    if (nowMs - this.sweptMs >= turnLifeMs) this.sweep(nowMs)
    this.roundAtMs = nowMs
    this.serveWaiting(nowMs)
    this.wakeAtMs = Number.POSITIVE_INFINITY
    for (const channel of this.waiting) this.wakeAtMs = Math.min(this.wakeAtMs, this.readyMs(channel))
  }

  /** A peer that waited and may go on, in the order of turns; undefined: none any more. */
  poll(): RateChannel | undefined {
    for (;;) {
      const channel = this.ready.shift()
      if (channel === undefined || !channel.isClosed) return channel
    }
  }

  private setRate(bucket: Bucket, bytesPerSecond: number, nowMs: number): void {
    refill(bucket, nowMs)
    bucket.bytesPerSecond = bytesPerSecond
    bucket.tokens = Math.min(bucket.tokens, capacity(bucket))
    if (this.waiting.length > 0) this.wakeAtMs = nowMs
  }

  private isUnlimited(channel: RateChannel): boolean {
    return channel.isExempt || (isFree(this.session) && isFree(channel.group.bucket))
  }

  private available(channel: RateChannel): number {
    return Math.floor(Math.min(tokensOf(this.session), tokensOf(channel.group.bucket)))
  }

  /** What the session must have for a turn: a whole one, or as much as the torrent can use of it. */
  private sessionShare(channel: RateChannel): number {
    const groupTokens = Math.max(tokensOf(channel.group.bucket), leastOfGroup(channel))
    return Math.min(smallestShare(this.session, channel.weight), groupTokens)
  }

  private canServe(channel: RateChannel): boolean {
    const { bucket } = channel.group
    if (tokensOf(bucket) < leastOfGroup(channel)) return false
    return tokensOf(this.session) >= this.sessionShare(channel)
  }

  private readyMs(channel: RateChannel): number {
    if (this.isUnlimited(channel)) return this.roundAtMs
    const { bucket } = channel.group
    const groupMs = fullMs(bucket, leastOfGroup(channel))
    return Math.max(this.roundAtMs + roundMs, fullMs(this.session, this.sessionShare(channel)), groupMs)
  }

  private allow(channel: RateChannel, bytes: number, nowMs: number): void {
    spend(this.session, bytes)
    spend(channel.group.bucket, bytes)
    this.servedBytes = Math.max(this.servedBytes, channel.servedBytes)
    channel.servedBytes += bytes / channel.turnWeight
    channel.allowedBytes += bytes
    channel.allowedMs = nowMs
  }

  private giveBack(channel: RateChannel): void {
    const bytes = channel.allowedBytes
    spend(this.session, -bytes)
    spend(channel.group.bucket, -bytes)
    channel.servedBytes -= bytes / channel.turnWeight
    channel.allowedBytes = 0
  }

  private sweep(nowMs: number): void {
    this.sweptMs = nowMs
    for (const channel of this.channels) {
      if (channel.allowedBytes > 0 && nowMs - channel.allowedMs >= turnLifeMs) this.giveBack(channel)
    }
  }

  private serveWaiting(nowMs: number): void {
    const bytesPerWeight = this.divide(nowMs)
    this.waiting.sort((a, b) => a.servedBytes - b.servedBytes || a.number - b.number)
    const stillWaiting: RateChannel[] = []
    const served: RateChannel[] = []
    const ahead: RateChannel[] = []
    let leastServedBytes = Number.POSITIVE_INFINITY
    let isSpent = false
    for (const channel of this.waiting) {
      const { group, weight, turnWeight } = channel
      if (this.isUnlimited(channel)) {
        this.release(channel)
        continue
      }
      if (channel.rank > group.firstRank) {
        this.holdBack(channel)
        stillWaiting.push(channel)
        continue
      }
      const isGroupSpent = tokensOf(group.bucket) < leastOfGroup(channel)
      const turnBytes = Math.max(
        Math.min(bytesPerWeight, group.bytesPerWeight) * turnWeight,
        smallestShare(this.session, weight),
      )
      // Whoever took too much before stands back until the others have had as much.
      const isAhead = channel.servedBytes - leastServedBytes > turnBytes / turnWeight
      // Whoever is next is waited for, or those who ask for little would get more turns.
      isSpent ||= !isGroupSpent && !isAhead && tokensOf(this.session) < this.sessionShare(channel)
      if (isSpent || isGroupSpent || isAhead) {
        if (isAhead && !isGroupSpent) ahead.push(channel)
        else stillWaiting.push(channel)
        continue
      }
      // One that is held back by its torrent's limit is no measure for the others.
      if (tokensOf(group.bucket) >= turnBytes) leastServedBytes = Math.min(leastServedBytes, channel.servedBytes)
      this.allow(channel, Math.min(Math.floor(turnBytes), this.available(channel)), nowMs)
      this.release(channel)
      served.push(channel)
    }
    if (!isSpent) {
      this.shareRest(served, nowMs)
      this.shareRest(ahead, nowMs)
    }
    for (const channel of ahead) {
      if (channel.allowedBytes > 0) this.release(channel)
      else stillWaiting.push(channel)
    }
    this.waiting = stillWaiting
  }

  /** What is left, because others are at the limits of their torrents, goes to those who can use it. */
  private shareRest(served: readonly RateChannel[], nowMs: number): void {
    let weight = 0
    for (const channel of served) weight += channel.turnWeight
    const bytesPerWeight = tokensOf(this.session) / weight
    for (const channel of served) {
      const bytes = Math.min(Math.floor(bytesPerWeight * channel.turnWeight), this.available(channel))
      if (bytes > 0 && bytes !== Number.POSITIVE_INFINITY) this.allow(channel, bytes, nowMs)
    }
  }

  /** What the session's and each torrent's tokens come to for a peer of weight 1; answers the session's. */
  private divide(nowMs: number): number {
    let weight = 0
    for (const { group } of this.waiting) {
      group.waitingWeight = 0
      group.firstWeight = 0
      group.firstRank = Number.POSITIVE_INFINITY
    }
    for (const { group, rank, weight: own } of this.waiting) {
      weight += own
      group.waitingWeight += own
      if (rank < group.firstRank) group.firstWeight = 0
      group.firstRank = Math.min(group.firstRank, rank)
      if (rank === group.firstRank) group.firstWeight += own
    }
    for (const channel of this.waiting) {
      const { waitingWeight, firstWeight } = channel.group
      channel.turnWeight = channel.weight * (waitingWeight / firstWeight)
    }
    for (const { group } of this.waiting) {
      refill(group.bucket, nowMs)
      group.bytesPerWeight = tokensOf(group.bucket) / group.waitingWeight
    }
    return tokensOf(this.session) / weight
  }

  /** One that others of its torrent come before takes no turns later for those it did not have now. */
  private holdBack(channel: RateChannel): void {
    const least = this.servedBytes - mostCreditBytes / channel.weight
    channel.servedBytes = Math.max(channel.servedBytes, least)
  }

  private release(channel: RateChannel): void {
    channel.isWaiting = false
    this.ready.push(channel)
  }
}

function makeBucket(bytesPerSecond: number, nowMs: number): Bucket {
  return { bytesPerSecond, tokens: 0, refilledMs: nowMs }
}

function isFree(bucket: Bucket): boolean {
  return bucket.bytesPerSecond === Number.POSITIVE_INFINITY
}

function tokensOf(bucket: Bucket): number {
  return isFree(bucket) ? Number.POSITIVE_INFINITY : bucket.tokens
}

function capacity(bucket: Bucket): number {
  return Math.max((bucket.bytesPerSecond * savedMs) / 1000, smallestShareBytes)
}

/** A turn is worth as much at least; small limits are shared in small turns, or few peers would have all for seconds. */
function smallestShare(bucket: Bucket, weight: number): number {
  if (isFree(bucket)) return weight * largestShareBytes
  const share = Math.min(Math.max(bucket.bytesPerSecond * (turnMs / 1000), smallestShareBytes), largestShareBytes)
  return Math.min(weight * share, capacity(bucket))
}

/** Half a turn of its own limit: with a whole one a torrent would miss every round that comes a little early. */
function leastOfGroup(channel: RateChannel): number {
  return smallestShare(channel.group.bucket, channel.weight) / 2
}

function refill(bucket: Bucket, nowMs: number): void {
  const elapsedMs = nowMs - bucket.refilledMs
  if (elapsedMs <= 0) return
  bucket.refilledMs = nowMs
  if (isFree(bucket)) return
  bucket.tokens = Math.min(bucket.tokens + (bucket.bytesPerSecond * elapsedMs) / 1000, capacity(bucket))
}

function spend(bucket: Bucket, bytes: number): void {
  if (!isFree(bucket)) bucket.tokens -= bytes
}

/** When a bucket holds so many tokens. */
function fullMs(bucket: Bucket, tokens: number): number {
  const missing = tokens - tokensOf(bucket)
  if (missing <= 0) return bucket.refilledMs
  return bucket.bytesPerSecond === 0
    ? Number.POSITIVE_INFINITY
    : bucket.refilledMs + (missing * 1000) / bucket.bytesPerSecond
}
