// What a peer connection tells: messages of the wire to whoever runs the torrent (its swarm), extension messages to
// whoever runs the peer (the session). Types only; two fixed sinks per connection, called in the order of the stream.
// Views are of a receive buffer: valid until the call returns. No method may throw.
import type { ExtensionHandshake } from '../formats/peer/extension-handshake.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'

/** Where a connection's bytes go. A Stream fits. */
export interface ByteSink {
  /** What was written and has not left yet; a sink that does not know is not watched for a peer that never reads. */
  readonly queuedBytes?: number
  /** `header` is copied at once; `payload` stays unchanged until the stream's onWritten has passed it. */
  write(header: Uint8Array, payload?: Uint8Array): boolean
}

/**
 * Messages that need the torrent's piece count, checked against it and against what the peer may send in its state.
 * What arrives before the count is known (metadata still to come) is kept by the connection, and told when it is set.
 */
export interface PeerEvents {
  /** These four are told when the state changes; it begins choking and not interested. */
  onChoke(): void
  onUnchoke(): void
  onInterested(): void
  onNotInterested(): void
  /** May repeat what is known already. */
  onHave(piece: number): void
  /** Of the right size, spare bits clear. Later on, as onHaveAll: what it has as well, much of it known already. */
  onBitfield(bits: Uint8Array): void
  onHaveAll(): void
  /** The first message about pieces. */
  onHaveNone(): void
  /** BEP 54. */
  onDonthave(piece: number): void
  /** Also while we choke the peer. `length` is 1 byte to 128 KiB; whether it lies within the piece is not checked. */
  onRequest(piece: number, begin: number, length: number): void
  onCancel(piece: number, begin: number, length: number): void
  /**
   * A block begins; its bytes follow as fragments. False: not wanted, neither its fragments nor its end are told.
   * Never more blocks come than were requested, but which they are, and that they fit the piece, is not checked.
   */
  onBlock(piece: number, begin: number, length: number): boolean
  /** `chunk[start, end)` stands at `offset` of the current block: in order, without gaps, never empty. */
  onFragment(offset: number, chunk: Uint8Array, start: number, end: number): void
  /** The current block is whole. */
  onBlockEnd(): void
  /**
   * Also for an empty `piece` message, which is how some clients without BEP 6 refuse: `length` is 0 then. Never more
   * rejects come than requests and cancels went out.
   */
  onReject(piece: number, begin: number, length: number): void
  onSuggest(piece: number): void
  onAllowedFast(piece: number): void
  /** BEP 21: in the extension handshake or as a message; told when it changes. */
  onUploadOnly(isUploadOnly: boolean): void
  /** BEP 52; to be answered with hashes or a reject. */
  onHashRequest(range: HashRange): void
  /** Never more answers come than hash requests went out; what they are worth is not checked. */
  onHashes(range: HashRange, hashes: Uint8Array): void
  onHashReject(range: HashRange): void
}

/** Answers to hash requests that went out before there was anyone to take PeerEvents. */
export type HashAnswers = Pick<PeerEvents, 'onHashes' | 'onHashReject'>

/** BEP 10 and what else is about the peer rather than about pieces. */
export interface ExtensionEvents {
  /** Each one, later ones with changes only. */
  onExtensionHandshake(handshake: ExtensionHandshake): void
  /** A message of an extension we offered, by its name; payload capped as the offer said. */
  onExtension(name: string, payload: Uint8Array): void
  /** BEP 5. */
  onDhtPort(port: number): void
}
