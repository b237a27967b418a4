// The two places where something else than plain BitTorrent may decide: who is served and how much, and who is asked
// for what. Declared here, bound by the session (to auctions and payments); unbound, the swarm is plain BitTorrent.
// Types only. Peers are named by the swarm's own numbers, never used twice. Called in the middle of the swarm's turns: it is
// not to be called back from there.

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
  /** It has a slot as soon as it wants something, whether or not one is free: `allocate` is asked then. Absent: nobody. */
  holdsSlot?(peer: number): boolean
  /**
   * Payload that may be sent to a peer at this moment, choked or not, besides what its slot allows; Infinity: no bound. A
   * block is sent if all of it is allowed. Hot. Where it has become more, `Swarm.uploadAllowanceChanged` is called. Absent:
   * no bound.
   */
  allowanceBytes?(peer: number): number
  /**
   * Neither side wants anything of the other any more (BEP 21). True: something is to be settled yet; it stays, and
   * whoever says so ends it. Absent: they part.
   */
  isNeeded?(peer: number): boolean
  /** A block of so many bytes, as they are on the wire, was handed to its connection. Hot. */
  onServed?(peer: number, bytes: number): void
}

/** First and last piece, both included. */
export interface PieceRange {
  readonly first: number
  readonly last: number
}

export interface DownloadPolicy {
  /** Ascending ranges of pieces that may be asked of this peer; undefined: any. */
  piecesFor(peer: number): readonly PieceRange[] | undefined
  /** Bytes that may be asked of it now beyond what is under way, as they are on the wire; Infinity: no bound. */
  requestAllowanceBytes(peer: number): number
  /**
   * Asked for whole pieces alone: ones that nobody has begun, or all that is left of one, which is taken from others where
   * they would be at it twice as long. Two at most are not asked for to their end yet, and it gets no more where more than
   * two hold blocks of it. Nobody else is asked for those while it delivers, and it is asked for nothing that others are
   * asked for (end game). What it sends earns it no slot by tit-for-tat. Absent: no.
   */
  takesWholePieces?(peer: number): boolean
  /**
   * A block that was asked of it, ever, is here: its bytes as they are on the wire. `isKept` false: it came twice, or when it
   * was cancelled already, and is thrown away. Hot.
   */
  onReceived?(peer: number, piece: number, bytes: number, isKept: boolean): void
  /**
   * A piece was verified and written; who sent how many of its bytes, gaps between files left out, in no order. After
   * `onBlamed` of who sent wrong ones before.
   */
  onVerified(piece: number, sources: readonly { readonly peer: number; readonly bytes: number }[]): void
  /** It is not as its hash says; who is to blame is known at once where one peer sent it all, else when it was verified. */
  onDamaged?(piece: number): void
  /** This peer sent wrong bytes. */
  onBlamed?(peer: number): void
  /** What was received of a piece was given up unverified, and is asked for again; nobody is to blame. */
  onAbandoned?(piece: number): void
  /** Nothing is outstanding at it any more, and nothing more is asked of it now. */
  onNoneOutstanding?(peer: number): void
}
