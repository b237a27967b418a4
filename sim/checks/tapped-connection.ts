// One connection of a product's session to a peer, read as it passes: what each side said, and the state that follows
// from it (BEP 3, 6, 10, 52, 54). Guarantees: sees the same bytes in the same order as the session does, what came
// before the session sees it; changes nothing. Observers are told of each message before the state takes it in.
import { Bitfield } from '../../src/base/bitfield.ts'
import { emptyBytes } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { unwrap } from '../../src/base/errors.ts'
import { decodeDonthave, donthaveExtension } from '../../src/formats/peer/availability.ts'
import { decodeExtensionHandshake } from '../../src/formats/peer/extension-handshake.ts'
import { HandshakeDecoder, startsHandshake } from '../../src/formats/peer/handshake.ts'
import { WireDecoder } from '../../src/formats/peer/wire-decoder.ts'
import type { WireSink } from '../../src/formats/peer/wire-messages.ts'
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import { Eavesdropper } from './eavesdropper.ts'

/** `out`: said by the session; `in`: said to it. */
export type Way = 'out' | 'in'

export interface WireObserver {
  /** Whatever they are, handshakes and what is no message included. */
  onBytes?(connection: TappedConnection, way: Way, count: number): void
  /** Both sides' handshakes are there: nothing else was said before. */
  onOpened?(connection: TappedConnection): void
  onChoke?(connection: TappedConnection, way: Way): void
  onUnchoke?(connection: TappedConnection, way: Way): void
  onInterested?(connection: TappedConnection, way: Way): void
  onNotInterested?(connection: TappedConnection, way: Way): void
  /** Also for each piece of a bitfield and of have-all. */
  onHave?(connection: TappedConnection, way: Way, piece: number): void
  onRequest?(connection: TappedConnection, way: Way, piece: number, begin: number, length: number): void
  onCancel?(connection: TappedConnection, way: Way, piece: number, begin: number): void
  onReject?(connection: TappedConnection, way: Way, piece: number, begin: number): void
  /** A block begins; its bytes follow. */
  onBlock?(connection: TappedConnection, way: Way, piece: number, begin: number, length: number): void
  /** Bytes of the current block from `begin` of the piece on: [start, end) of `chunk`, valid until the call returns. */
  onBlockBytes?(
    connection: TappedConnection,
    way: Way,
    piece: number,
    begin: number,
    chunk: Uint8Array,
    start: number,
    end: number,
  ): void
  /** All of a block is there. */
  onBlockEnd?(connection: TappedConnection, way: Way, piece: number, begin: number, length: number): void
  /** A message of an extension by its name, BEP 10's own handshake excepted. Valid until the call returns. */
  onExtension?(connection: TappedConnection, way: Way, name: string, payload: Uint8Array): void
  /** What the session was sent or sent that is no message of the protocol. */
  onGarbage?(connection: TappedConnection, way: Way, detail: string): void
  /** The session ended it: what comes from now on it does not look at. */
  onHungUp?(connection: TappedConnection): void
  onClosed?(connection: TappedConnection): void
}

const told = [
  'onBytes',
  'onOpened',
  'onChoke',
  'onUnchoke',
  'onInterested',
  'onNotInterested',
  'onHave',
  'onRequest',
  'onCancel',
  'onReject',
  'onBlock',
  'onBlockBytes',
  'onBlockEnd',
  'onExtension',
  'onGarbage',
  'onHungUp',
  'onClosed',
] as const satisfies readonly (keyof WireObserver)[]

/** Observers by what they want to be told, so that a message costs only those. */
export type ObserverLists = { readonly [Kind in keyof WireObserver]-?: Required<Pick<WireObserver, Kind>>[] }

export function observerLists(): ObserverLists {
  return Object.fromEntries(told.map((kind) => [kind, []])) as unknown as ObserverLists
}

export function addObserver(lists: ObserverLists, observer: WireObserver): void {
  for (const kind of told) {
    if (observer[kind] !== undefined) (lists[kind] as WireObserver[]).push(observer)
  }
}

/** What one side said of itself, and what it asked for and did not get yet. */
export class WireSide {
  handshake: HandshakeDecoder | undefined = new HandshakeDecoder()
  decoder: WireDecoder | undefined
  isChoking = true
  isInterested = false
  /** Undefined until the torrent's size is known. */
  have: Bitfield | undefined
  supportsFast = false
  /** BEP 10 `reqq`. */
  requestQueueLength: number | undefined
  /** Of its extensions, what ids it wants them under. */
  readonly extensionNames = new Map<number, string>()
  /** When each was asked for last; see `blockKey`. */
  readonly requests = new Map<number, number>()
  /** Of those that were asked for again before an answer came, how often: each is answered. */
  readonly repeats = new Map<number, number>()
  readonly cancelled = new Set<number>()
  readonly allowedFast = new Set<number>()
  /** Payload of blocks that are whole. */
  payloadBytes = 0
  /** When it said something last. */
  saidMs = 0

  request(key: number, nowMs: number): void {
    if (this.requests.has(key)) this.repeats.set(key, (this.repeats.get(key) ?? 0) + 1)
    this.requests.set(key, nowMs)
    this.cancelled.delete(key)
  }

  /** Got, refused, or given up by the one who asked. */
  answered(key: number): void {
    const repeats = this.repeats.get(key) ?? 0
    if (repeats > 1) this.repeats.set(key, repeats - 1)
    else if (!this.repeats.delete(key)) {
      this.requests.delete(key)
      this.cancelled.delete(key)
    }
  }

  forgetRequests(): void {
    this.requests.clear()
    this.repeats.clear()
    this.cancelled.clear()
  }
}

/** Names a block of any begin. */
export function blockKey(piece: number, begin: number): number {
  return piece * 2 ** 30 + begin
}

export function pieceOfKey(key: number): number {
  return Math.floor(key / 2 ** 30)
}

export class TappedConnection {
  readonly machine: Machine
  /** Which life of the machine's program it belongs to. */
  readonly life: number
  readonly direction: 'dialled' | 'accepted'
  readonly remote: Endpoint
  readonly out = new WireSide()
  readonly in = new WireSide()
  content: Content | undefined
  /** The session hung up: what it writes then goes nowhere. */
  isHungUp = false
  /** Written by the session, and not yet with the system. */
  queued: () => number = () => 0
  isClosed = false
  /** When the session choked the peer last. */
  chokedMs = 0
  /** Both handshakes were there. */
  isOpened = false
  private readonly observers: ObserverLists
  private readonly find: (infoHash: string) => Content | undefined
  private readonly infoHashes: () => readonly Uint8Array[]
  private readonly nowMs: () => number
  /** Undefined where it is plaintext; to be found out by the first bytes. */
  private eavesdropper: Eavesdropper | undefined
  private hasBegun = false

  constructor(
    whose: Pick<TappedConnection, 'machine' | 'life' | 'direction' | 'remote'>,
    observers: ObserverLists,
    find: (infoHash: string) => Content | undefined,
    infoHashes: () => readonly Uint8Array[],
    nowMs: () => number,
  ) {
    this.machine = whose.machine
    this.life = whose.life
    this.direction = whose.direction
    this.remote = whose.remote
    this.observers = observers
    this.find = find
    this.infoHashes = infoHashes
    this.nowMs = nowMs
  }

  get queuedBytes(): number {
    return this.isHungUp ? 0 : this.queued()
  }

  /** The next bytes of one way. */
  push(way: Way, bytes: Uint8Array): void {
    const side = this[way]
    if (this.isHungUp) return
    side.saidMs = this.nowMs()
    for (const observer of this.observers.onBytes) observer.onBytes(this, way, bytes.length)
    this.begin(bytes)
    let rest = this.eavesdropper?.push(way, bytes) ?? bytes
    if (side.handshake !== undefined) {
      const taken = side.handshake.push(rest)
      if (typeof taken !== 'number') {
        if (!this.isClosed) for (const observer of this.observers.onGarbage) observer.onGarbage(this, way, taken.detail)
        this.close()
        return
      }
      rest = rest.subarray(taken)
      this.openSide(way, side)
    }
    if (rest.length === 0 || side.decoder === undefined) return
    const failed = side.decoder.push(rest)
    if (failed === undefined) return
    for (const observer of this.observers.onGarbage) observer.onGarbage(this, way, failed.detail)
    side.decoder = undefined
  }

  /** The first bytes of who dialled tell whether it is encrypted. */
  private begin(bytes: Uint8Array): void {
    if (this.hasBegun) return
    this.hasBegun = true
    const { machine } = this
    if (machine.config.encryption === 'off' || startsHandshake(bytes) !== false) return
    this.eavesdropper = new Eavesdropper({
      dialler: this.direction === 'dialled' ? 'out' : 'in',
      privateKeys: () => machine.recentKeys,
      infoHashes: this.infoHashes,
    })
  }

  hangUp(): void {
    if (this.isHungUp) return
    this.isHungUp = true
    for (const observer of this.observers.onHungUp) observer.onHungUp(this)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const observer of this.observers.onClosed) observer.onClosed(this)
  }

  private openSide(way: Way, side: WireSide): void {
    const handshake = side.handshake?.handshake()
    if (handshake === undefined) return
    side.handshake = undefined
    side.supportsFast = handshake.flags.fast
    this.content ??= this.find(handshake.infoHash)
    if (this.content === undefined) return
    const { pieceCount } = this.content.info
    side.have = new Bitfield(pieceCount)
    side.decoder = new WireDecoder(this.sinkOf(way, side), { pieceCount })
    if (this.isOpened || this.out.decoder === undefined || this.in.decoder === undefined) return
    this.isOpened = true
    for (const observer of this.observers.onOpened) observer.onOpened(this)
  }

  private sinkOf(way: Way, side: WireSide): WireSink {
    const { observers } = this
    const other = this[way === 'out' ? 'in' : 'out']
    let piece = 0
    let begin = 0
    let blockBytes = 0
    const have = (number: number) => {
      for (const observer of observers.onHave) observer.onHave(this, way, number)
      side.have?.set(number)
    }
    const nothing = () => undefined
    return {
      keepAlive: nothing,
      choke: () => {
        for (const observer of observers.onChoke) observer.onChoke(this, way)
        side.isChoking = true
        if (way === 'out') this.chokedMs = this.nowMs()
        // Without BEP 6 a choke ends all requests, told by nothing else.
        if (!(side.supportsFast && other.supportsFast)) other.forgetRequests()
      },
      unchoke: () => {
        for (const observer of observers.onUnchoke) observer.onUnchoke(this, way)
        side.isChoking = false
      },
      interested: () => {
        for (const observer of observers.onInterested) observer.onInterested(this, way)
        side.isInterested = true
      },
      notInterested: () => {
        for (const observer of observers.onNotInterested) observer.onNotInterested(this, way)
        side.isInterested = false
      },
      have,
      bitfield: (bits) => {
        const { length = 0 } = side.have ?? {}
        const told = unwrap(Bitfield.fromBytes(bits, length, { spareBits: 'clear' }))
        for (let number = 0; number < length; number++) if (told.get(number)) have(number)
      },
      haveAll: () => {
        for (let number = 0; number < (side.have?.length ?? 0); number++) have(number)
      },
      haveNone: nothing,
      request: (number, from, length) => {
        for (const observer of observers.onRequest) observer.onRequest(this, way, number, from, length)
        side.request(blockKey(number, from), this.nowMs())
      },
      piece: (number, from, length) => {
        piece = number
        begin = from
        blockBytes = length
        for (const observer of observers.onBlock) observer.onBlock(this, way, number, from, length)
        other.answered(blockKey(number, from))
      },
      blockFragment: (offset, chunk, start, end) => {
        for (const observer of observers.onBlockBytes) {
          observer.onBlockBytes(this, way, piece, begin + offset, chunk, start, end)
        }
        if (offset + end - start < blockBytes) return
        side.payloadBytes += blockBytes
        for (const observer of observers.onBlockEnd) observer.onBlockEnd(this, way, piece, begin, blockBytes)
      },
      cancel: (number, from) => {
        for (const observer of observers.onCancel) observer.onCancel(this, way, number, from)
        const key = blockKey(number, from)
        // Without BEP 6 nothing says that it was heard.
        if (!(side.supportsFast && other.supportsFast)) side.answered(key)
        else if (side.requests.has(key)) side.cancelled.add(key)
      },
      port: nothing,
      suggest: nothing,
      reject: (number, from) => {
        for (const observer of observers.onReject) observer.onReject(this, way, number, from)
        other.answered(blockKey(number, from))
      },
      allowedFast: (number) => void side.allowedFast.add(number),
      extended: (id, payload) => this.takeExtended(way, id, payload),
      hashRequest: nothing,
      hashes: nothing,
      hashReject: nothing,
      unknown: nothing,
    }
  }

  private takeExtended(way: Way, id: number, payload: Uint8Array): void {
    const side = this[way]
    const other = this[way === 'out' ? 'in' : 'out']
    if (id === 0) {
      const handshake = decodeExtensionHandshake(payload)
      if (!handshake.ok) return
      for (const [name, number] of handshake.value.extensions) side.extensionNames.set(number, name)
      side.requestQueueLength = handshake.value.requestQueueLength ?? side.requestQueueLength
      return
    }
    const name = other.extensionNames.get(id)
    if (name === undefined) return
    for (const observer of this.observers.onExtension) observer.onExtension(this, way, name, payload)
    if (name !== donthaveExtension || side.have === undefined) return
    const piece = decodeDonthave(payload.slice(), side.have.length)
    if (piece.ok) side.have.clear(piece.value)
  }
}

/** Reads a write of two parts as one stream. */
export function pushParts(connection: TappedConnection, way: Way, header: Uint8Array, payload = emptyBytes): void {
  connection.push(way, header)
  if (payload.length > 0) connection.push(way, payload)
}
