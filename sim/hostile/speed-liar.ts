// Speaks Speed on a hostile line as an honest peer does until both are bound to their accounts (docs/protocol/speed.md);
// what follows is its behaviour's. Guarantees: signs with a key of its own, as who has no other could. Owns what was agreed.
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { infoHashV1, infoHashV2, type PeerId, peerId } from '../../src/base/ids.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { speedMessageDigest } from '../../src/formats/money/speed-message-digest.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import { decodeExtensionHandshake, encodeExtensionHandshake } from '../../src/formats/peer/extension-handshake.ts'
import { encodeSpeedMessage, readSpeedMessage, scanSpeedMessage } from '../../src/formats/peer/speed-codec.ts'
import {
  type SpeedPlain,
  type SpeedStatement,
  type SpeedTerms,
  speedExtension,
} from '../../src/formats/peer/speed-messages.ts'
import {
  bindMessage,
  type SpeedInfoHash,
  type SpeedParty,
  speedSession,
  speedTermsHash,
  statementMessage,
} from '../../src/formats/peer/speed-signing.ts'
import type { AccountId, Hash256, LaneId, OperationId, SignedVoucher } from '../../src/ports/ledger.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { tokens } from '../world/dealing.ts'
import type { HostileLine } from './hostile-line.ts'
import * as messages from './messages.ts'

/** Under which it wants messages of Speed. */
const ownId = 7
const idLength = 32
const laneMs = 1_200_000

export class SpeedLiar {
  readonly line: HostileLine
  readonly ledger: SimulatedLedger
  readonly key: SigningKey
  readonly account: AccountId
  /** Both are bound. */
  onOpen: () => void = () => undefined
  onMessage: (message: SpeedPlain | SpeedStatement) => void = () => undefined
  peer: AccountId | undefined
  private readonly terms: SpeedTerms
  private theirId = 0
  private theirs: SpeedTerms | undefined
  private session: Hash256 | undefined

  /** Call before the line stands. `postedTokens`: what it asks for a MiB to begin with. */
  constructor(line: HostileLine, ledger: SimulatedLedger, key: SigningKey, side: 'payer' | 'payee', postedTokens = 1) {
    this.line = line
    this.ledger = ledger
    this.key = key
    this.account = ledger.accountOf(key)
    this.terms = {
      nonce: this.draw(),
      ledgers: [{ account: this.account, postedPrice: tokens(postedTokens) }],
      pays: side === 'payer',
      earns: side === 'payee',
      leastTickBytes: 262_144,
      mostTickBytes: 16_777_216,
    }
    line.onExtended = (id, payload) => this.take(id, payload)
  }

  /** After its handshake. */
  begin(): void {
    const extensions = new Map([[speedExtension, ownId]])
    this.line.say(messages.extended(0, encodeExtensionHandshake({ extensions })))
  }

  tell(message: SpeedPlain): void {
    this.send(encodeSpeedMessage({ type: 'plain', message }))
  }

  state(statement: SpeedStatement): void {
    const { session, peer, account, infoHash } = this
    if (session === undefined || peer === undefined) return
    const message = statementMessage(statement, { infoHash, from: account, to: peer, session })
    const signature = this.key.sign(speedMessageDigest(message, this.ledger.facts.domain))
    this.send(encodeSpeedMessage({ type: 'signed', statement, signature }))
  }

  /** A lane to the peer, and what the ledger says of it. */
  openLane(depositTokens: number): LaneId | undefined {
    const { ledger, account, peer } = this
    if (peer === undefined) return undefined
    const id = this.draw() as string as OperationId
    const deposit = tokens(depositTokens)
    const operation = { type: 'open-lane', id, payee: peer, deposit, expiresAtMs: ledger.nowMs + laneMs } as const
    const signature = this.key.sign(operationDigest(operation, account, ledger.facts.domain))
    unwrap(ledger.carryOut({ account, operation, signature }))
    return id as string as LaneId
  }

  voucher(lane: LaneId, cumulativeTokens: number): SignedVoucher {
    const voucher = { lane, cumulativeAmount: tokens(cumulativeTokens) }
    return { ...voucher, signature: this.key.sign(voucherDigest(voucher, this.ledger.facts.domain)) }
  }

  private get infoHash(): SpeedInfoHash {
    const { infoHashV1: v1, infoHashV2: v2 = '' } = this.line.content.info
    return v1 === undefined ? infoHashV2(unwrap(fromHex(v2))) : infoHashV1(unwrap(fromHex(v1)))
  }

  private take(id: number, payload: Uint8Array): void {
    if (id === 0) {
      const handshake = decodeExtensionHandshake(payload)
      this.theirId = handshake.ok ? (handshake.value.extensions.get(speedExtension) ?? 0) : 0
      if (this.theirId !== 0) this.tell({ type: 'terms', ...this.terms })
      return
    }
    const scanned = scanSpeedMessage(payload.slice())
    const read = id === ownId && scanned.ok ? readSpeedMessage(scanned.value, this.ledger.facts.rail) : undefined
    if (read?.ok !== true) return
    const message = read.value.type === 'plain' ? read.value.message : read.value.statement
    if (message.type === 'terms') this.agree(message)
    else if (message.type === 'bind') this.onOpen()
    else this.onMessage(message)
  }

  private agree(theirs: SpeedTerms): void {
    this.theirs = theirs
    const { line, account } = this
    const remoteId = line.owner.heardIds.get(line.remoteAddress)
    this.peer = this.theirs.ledgers[0]?.account
    if (this.peer === undefined || remoteId === undefined) return
    const idOf = (text: string): PeerId => peerId(unwrap(fromHex(text)))
    const own: SpeedParty = { account, peerId: idOf(line.owner.ownId), termsHash: speedTermsHash(this.terms) }
    const { type: _, ...terms } = { type: 'terms', ...theirs }
    const other: SpeedParty = { account: this.peer, peerId: idOf(remoteId), termsHash: speedTermsHash(terms) }
    this.session = speedSession(own, other)
    const digest = speedMessageDigest(bindMessage(this.infoHash, own, other), this.ledger.facts.domain)
    this.tell({ type: 'bind', signature: this.key.sign(digest) })
  }

  private send(payload: Uint8Array): void {
    if (this.theirId !== 0) this.line.say(messages.extended(this.theirId, payload))
  }

  private draw(): Hash256 {
    return toHex(this.line.noise(idLength)) as Hash256
  }
}
