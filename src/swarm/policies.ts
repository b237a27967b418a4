// The two places where something else than plain BitTorrent may decide: who is served and how much, and who is asked
// for what. Declared here, bound by the session (to auctions and payments); unbound, the swarm is plain BitTorrent.
// Types only. Peers are named by the swarm's own numbers, never used twice.

/** A connected peer at the beginning of an epoch. Rates are payload bytes a second over the last epochs. */
export interface PeerSnapshot {
  readonly peer: number
  /** Wants something we have. */
  readonly isInterested: boolean
  readonly isUnchoked: boolean
  readonly isSeed: boolean
  /** It did not send what was asked of it for a minute. */
  readonly isSnubbing: boolean
  /** From it to us, and from us to it. */
  readonly downloadRate: number
  readonly uploadRate: number
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  /** Bytes uploaded to it since it was last unchoked, and when that was; -Infinity: never. */
  readonly roundUploadedBytes: number
  readonly unchokedAtMs: number
  readonly connectedAtMs: number
}

export interface EpochSnapshot {
  readonly nowMs: number
  /** Counts epochs of 10 s. */
  readonly epoch: number
  readonly isSeeding: boolean
  readonly maxSlots: number
  /** In the order they connected. */
  readonly peers: readonly PeerSnapshot[]
}

export interface UploadSlot {
  readonly peer: number
  /** Bytes it may be sent in this epoch; Infinity: no bound but the rate limits. */
  readonly allowanceBytes: number
}

export interface UploadPolicy {
  /**
   * Who is unchoked until the next epoch, most important first: that is the order in which bandwidth is handed out. Slots
   * without a bound that follow one another share evenly what those before them leave.
   * Also asked within an epoch, a few times a second at most, when slots are free and peers come, leave or change their
   * interest; allowances stay those of the whole epoch, of which what was sent is subtracted.
   */
  allocate(snapshot: EpochSnapshot): readonly UploadSlot[]
}

/** First and last piece, both included. */
export interface PieceRange {
  readonly first: number
  readonly last: number
}

export interface DownloadPolicy {
  /** Ascending ranges of pieces that may be asked of this peer; undefined: any. */
  piecesFor(peer: number): readonly PieceRange[] | undefined
  /** Bytes that may be asked of it now beyond what is under way; Infinity: no bound. */
  requestAllowanceBytes(peer: number): number
  /** A piece was verified and written; who sent how many of its bytes, in no order. */
  onVerified(piece: number, sources: readonly { readonly peer: number; readonly bytes: number }[]): void
}
