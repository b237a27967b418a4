// Speed on one connection (docs/protocol/speed.md): from both sides' terms to accounts that each has proved its own, then
// messages of the kinds that who pays and who is paid may send, their signatures checked.
// Guarantees: nothing is thrown whatever the peer sends; until both have signed both nonces and peer ids nothing of money
// passes; a bounded number of messages is read, of signatures checked and of refusals sent; once closed it says nothing
// more, and the connection is as any other. The instance owns the state; what it wants signed it asks for, once.

import { Allowance } from '../base/allowance.ts'
import { assert, present, unreachable } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { type ErrorCode, type Failure, failure, type Result } from '../base/errors.ts'
import { accountAddress, accountRail } from '../formats/money/account-id.ts'
import { speedMessageDigest } from '../formats/money/speed-message-digest.ts'
import {
  encodeSpeedMessage,
  readSpeedMessage,
  type ScannedSpeed,
  scanSpeedMessage,
  speedKindText,
} from '../formats/peer/speed-codec.ts'
import type {
  SignedStatement,
  SpeedKind,
  SpeedMessage,
  SpeedPlain,
  SpeedStatement,
} from '../formats/peer/speed-messages.ts'
import {
  bindMessage,
  evidenceDigest,
  readEvidence,
  type ShownStatement,
  type SpeedInfoHash,
  statementMessage,
} from '../formats/peer/speed-signing.ts'
import type { AccountId, RailId, Signature, SigningDomain } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { SigningRequest } from '../ports/signer.ts'
import { agree, type SpeedAgreement, type SpeedSide, speedSenders } from './speed-agreement.ts'

export interface SpeedLinkOptions {
  /** Of the torrent, under which the connection was opened. */
  readonly infoHash: SpeedInfoHash
  readonly own: SpeedSide
  readonly peerId: SpeedSide['peerId']
  /** Of each ledger in our terms. */
  readonly domains: ReadonlyMap<RailId, SigningDomain>
  readonly scheme: SignatureScheme
  readonly nowMs: number
}

export type SpeedState =
  /** Our terms are out; theirs are awaited. */
  | { readonly phase: 'greeting' }
  /** Both terms are known and our signature is asked for; theirs may have come already. */
  | { readonly phase: 'signing'; readonly agreement: SpeedAgreement; readonly isPeerBound: boolean }
  /** Our signature is out; theirs is awaited. */
  | { readonly phase: 'binding'; readonly agreement: SpeedAgreement }
  | { readonly phase: 'open'; readonly agreement: SpeedAgreement }
  /** For good: plain BitTorrent. */
  | { readonly phase: 'closed'; readonly failure: Failure }

/** What a statement was signed as, for whoever is to be convinced. */
interface SpeedProof {
  readonly from: AccountId
  readonly body: Uint8Array
  readonly signature: Signature
}

export type SpeedOutput =
  /** A payload for the peer. */
  | { readonly type: 'send'; readonly payload: Uint8Array }
  | { readonly type: 'sign'; readonly request: SigningRequest }
  | { readonly type: 'opened'; readonly agreement: SpeedAgreement }
  | { readonly type: 'closed'; readonly failure: Failure }
  /** Of a kind that the peer may send; what it says is yet to be judged. Never `terms`, `bind` or `evidence`. */
  | { readonly type: 'message'; readonly message: SpeedPlain }
  /** Signed by the peer, here and to us. */
  | { readonly type: 'statement'; readonly statement: SpeedStatement; readonly proof: SpeedProof }
  /** Signed by somebody else, of this torrent and ledger. */
  | { readonly type: 'shown'; readonly shown: ShownStatement; readonly proof: SpeedProof }

type Evidence = Extract<SpeedPlain, { readonly type: 'evidence' }>

/** A connection that both sides did not bind by then is one without payment. */
const greetingMs = 30_000

/** Messages at once and a second; those with a signature to check; refusals sent. Far above what honest peers need. */
const messageLimit = { burst: 64, perSecond: 32 }
const signatureLimit = { burst: 32, perSecond: 4 }
const refusalLimit = { burst: 8, perSecond: 1 }

export class SpeedLink {
  private readonly options: SpeedLinkOptions
  private readonly messages: Allowance
  private readonly signatures: Allowance
  private readonly refusals: Allowance
  private readonly outputs: SpeedOutput[] = []
  private readonly deadlineMs: number
  private current: SpeedState = { phase: 'greeting' }

  /** For a peer whose extension handshake has `sb_speed`; our terms name a ledger, and pay or earn. */
  constructor(options: SpeedLinkOptions) {
    const { terms } = options.own
    assert(terms.ledgers.length > 0 && (terms.pays || terms.earns), 'a side that deals at all')
    assert(
      terms.ledgers.every(({ account }) => options.domains.has(accountRail(account))),
      'a domain of each ledger',
    )
    const { nowMs } = options
    this.options = options
    this.messages = new Allowance(messageLimit, nowMs)
    this.signatures = new Allowance(signatureLimit, nowMs)
    this.refusals = new Allowance(refusalLimit, nowMs)
    this.deadlineMs = nowMs + greetingMs
    this.sendPlain({ type: 'terms', ...terms })
  }

  get state(): SpeedState {
    return this.current
  }

  poll(): SpeedOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    const { phase } = this.current
    return phase === 'open' || phase === 'closed' ? Number.POSITIVE_INFINITY : this.deadlineMs
  }

  wake(nowMs: number): void {
    if (nowMs < this.nextWakeMs()) return
    this.close(failure('timed-out', 'terms and signatures were not exchanged in time'))
  }

  /** The peer's later extension handshake turned the extension off, or our own side stops dealing. */
  withdraw(): void {
    if (this.current.phase === 'closed') return
    this.close(failure('speed-refused', 'the extension was turned off'))
  }

  /** The payload of an `sb_speed` message. */
  receive(payload: Uint8Array, nowMs: number): void {
    if (this.current.phase === 'closed') return
    if (!this.messages.spend(nowMs)) {
      this.close(failure('peer-flood', 'too many messages about payment'))
      return
    }
    const scanned = scanSpeedMessage(payload)
    if (!scanned.ok) this.refuseAndClose('message', scanned, nowMs)
    else if (scanned.value.kind !== undefined) this.take(scanned.value.kind, scanned.value, nowMs)
  }

  /** The answer to `sign`. */
  signed(result: Result<Signature>, nowMs: number): void {
    const state = this.current
    if (state.phase !== 'signing') return
    if (!result.ok) {
      // Why not is between the wallet and its owner.
      this.sendRefusal('terms', 'speed-terms', nowMs)
      this.close(result)
      return
    }
    this.sendPlain({ type: 'bind', signature: result.value })
    this.current = { phase: 'binding', agreement: state.agreement }
    if (state.isPeerBound) this.open(state.agreement)
  }

  /** False, and nothing is sent: there is no agreement, or not one under which we may say this. */
  tell(message: SpeedPlain): boolean {
    if (!this.mayTell(message.type)) return false
    this.sendPlain(message)
    return true
  }

  /** As `tell`, of a statement that our account has signed as `toSign` has it. */
  tellSigned(signed: SignedStatement): boolean {
    if (!this.mayTell(signed.statement.type)) return false
    this.send({ type: 'signed', ...signed })
    return true
  }

  /** What our account signs to make a statement to the peer; undefined: we may not make it here. */
  toSign(statement: SpeedStatement): SigningRequest | undefined {
    const state = this.current
    if (state.phase !== 'open' || !this.mayTell(statement.type)) return undefined
    const { own, peer, session, rail } = state.agreement
    const { infoHash } = this.options
    const message = statementMessage(statement, { infoHash, session, from: own.account, to: peer.account })
    const side = speedSenders[statement.type] === 'payer' ? 'payer' : 'payee'
    return { type: 'speed-message', domain: this.domainOf(rail), message, side }
  }

  private take(kind: SpeedKind, scanned: ScannedSpeed, nowMs: number): void {
    const state = this.current
    switch (state.phase) {
      case 'closed':
        return
      case 'greeting':
        if (kind === 'terms') this.readTerms(scanned, nowMs)
        else this.takeUnbound(kind, nowMs)
        return
      case 'signing':
        if (kind === 'bind' && !state.isPeerBound) this.readBind(state.agreement, scanned, nowMs)
        else this.takeUnbound(kind, nowMs)
        return
      case 'binding':
        if (kind === 'bind') this.readBind(state.agreement, scanned, nowMs)
        else this.takeUnbound(kind, nowMs)
        return
      case 'open':
        if (maySend(kind, state.agreement.earningPrice, state.agreement.payingPrice)) {
          this.readOpen(state.agreement, scanned, nowMs)
        } else this.sendRefusal(speedKindText(kind), 'speed-state', nowMs)
        return
      default:
        unreachable(state)
    }
  }

  /** What may not come before both are bound; a refusal ends it, as all there is to refuse is the beginning. */
  private takeUnbound(kind: SpeedKind, nowMs: number): void {
    if (kind === 'refuse') this.close(failure('speed-refused', 'the peer refused our terms'))
    else this.sendRefusal(speedKindText(kind), 'speed-state', nowMs)
  }

  private readTerms(scanned: ScannedSpeed, nowMs: number): void {
    const { own, peerId, infoHash } = this.options
    const message = this.read(scanned, accountRail(firstAccount(own)), nowMs)
    if (message?.type !== 'plain' || message.message.type !== 'terms') return
    const { type: _, ...terms } = message.message
    const agreed = agree(own, { terms, peerId })
    if (!agreed.ok) {
      this.refuseAndClose('terms', agreed, nowMs)
      return
    }
    const agreement = agreed.value
    this.current = { phase: 'signing', agreement, isPeerBound: false }
    const request: SigningRequest = {
      type: 'speed-message',
      domain: this.domainOf(agreement.rail),
      message: bindMessage(infoHash, agreement.own, agreement.peer),
      side: agreement.payingPrice === undefined ? 'payee' : 'payer',
    }
    this.outputs.push({ type: 'sign', request })
  }

  private readBind(agreement: SpeedAgreement, scanned: ScannedSpeed, nowMs: number): void {
    const message = this.read(scanned, agreement.rail, nowMs)
    if (message?.type !== 'plain' || message.message.type !== 'bind') return
    const { own, peer, rail } = agreement
    const digest = speedMessageDigest(bindMessage(this.options.infoHash, peer, own), this.domainOf(rail))
    if (!this.isSignedBy(peer.account, digest, message.message.signature)) {
      this.refuseAndClose('bind', failure('speed-identity', 'the peer did not prove its account'), nowMs)
    } else if (this.current.phase === 'signing') this.current = { phase: 'signing', agreement, isPeerBound: true }
    else this.open(agreement)
  }

  private readOpen(agreement: SpeedAgreement, scanned: ScannedSpeed, nowMs: number): void {
    const message = this.read(scanned, agreement.rail, nowMs)
    if (message === undefined) return
    const isOver = message.type === 'plain' && message.message.type === 'refuse' && message.message.of === 'terms'
    if (isOver) this.close(failure('speed-refused', 'the peer deals no more'), false)
    else if (message.type === 'signed') this.readStatement(agreement, message, nowMs)
    else if (message.message.type === 'evidence') this.readShown(agreement, message.message, nowMs)
    else this.outputs.push({ type: 'message', message: message.message })
  }

  private readStatement(agreement: SpeedAgreement, signed: SignedStatement, nowMs: number): void {
    const { own, peer, session, rail } = agreement
    const { statement, signature } = signed
    const { infoHash } = this.options
    const message = statementMessage(statement, { infoHash, session, from: peer.account, to: own.account })
    if (
      !this.checks(peer.account, speedMessageDigest(message, this.domainOf(rail)), signature, statement.type, nowMs)
    ) {
      return
    }
    const proof = { from: peer.account, body: message.body, signature }
    this.outputs.push({ type: 'statement', statement, proof })
  }

  private readShown(agreement: SpeedAgreement, evidence: Evidence, nowMs: number): void {
    const { author, of, body, signature } = evidence
    const shown = readEvidence(of, body, agreement.rail)
    const isOfAuthor = shown.ok && shown.value.from === author
    if (!isOfAuthor) {
      this.refuseAndClose('evidence', failure('speed-message', 'evidence that is not what it says'), nowMs)
      return
    }
    const digest = evidenceDigest(evidence, this.options.infoHash, this.domainOf(agreement.rail))
    if (!this.checks(author, digest, signature, 'evidence', nowMs)) return
    this.outputs.push({ type: 'shown', shown: shown.value, proof: { from: author, body, signature } })
  }

  /** A message whose members are as they should be; else it is over. */
  private read(scanned: ScannedSpeed, rail: RailId, nowMs: number): SpeedMessage | undefined {
    const read = readSpeedMessage(scanned, rail)
    if (read.ok) return read.value
    this.refuseAndClose(scanned.text, read, nowMs)
    return undefined
  }

  /** Checks a signature within what may be checked; where it does not hold, it is over. */
  private checks(signer: AccountId, digest: Uint8Array, signature: Signature, kind: SpeedKind, nowMs: number): boolean {
    if (!this.signatures.spend(nowMs)) {
      this.close(failure('peer-flood', 'too many statements'))
      return false
    }
    if (this.isSignedBy(signer, digest, signature)) return true
    this.refuseAndClose(kind, failure('signature-invalid', `${kind}: not signed by its author`), nowMs)
    return false
  }

  private isSignedBy(signer: AccountId, digest: Uint8Array, signature: Signature): boolean {
    const recovered = this.options.scheme.recover(digest, signature)
    return recovered.ok && equalBytes(recovered.value, accountAddress(signer))
  }

  private mayTell(kind: SpeedKind): boolean {
    const state = this.current
    if (state.phase !== 'open') return false
    return maySend(kind, state.agreement.payingPrice, state.agreement.earningPrice)
  }

  private open(agreement: SpeedAgreement): void {
    this.current = { phase: 'open', agreement }
    this.outputs.push({ type: 'opened', agreement })
  }

  private refuseAndClose(of: string, why: Failure, nowMs: number): void {
    this.sendRefusal(of, why.code, nowMs)
    this.close(why)
  }

  /** Whoever pays or is paid is told that nothing counts any more, unless it said so itself. */
  private close(why: Failure, isToTell = this.current.phase === 'open'): void {
    if (isToTell) this.sendPlain({ type: 'refuse', of: 'terms', reason: why.code })
    this.current = { phase: 'closed', failure: why }
    this.outputs.push({ type: 'closed', failure: why })
  }

  private sendRefusal(of: string, reason: ErrorCode, nowMs: number): void {
    if (of !== 'refuse' && this.refusals.spend(nowMs)) this.sendPlain({ type: 'refuse', of, reason })
  }

  private sendPlain(message: SpeedPlain): void {
    this.send({ type: 'plain', message })
  }

  private send(message: SpeedMessage): void {
    this.outputs.push({ type: 'send', payload: encodeSpeedMessage(message) })
  }

  private domainOf(rail: RailId): SigningDomain {
    return present(this.options.domains.get(rail), 'a domain of a ledger in our terms')
  }
}

/** Whether a side may send a kind, by the prices at which it pays and is paid. */
function maySend(kind: SpeedKind, payingPrice: unknown, earningPrice: unknown): boolean {
  const sender = speedSenders[kind]
  if (sender === 'payer') return payingPrice !== undefined
  return sender === 'either' || (sender === 'payee' && earningPrice !== undefined)
}

function firstAccount({ terms }: SpeedSide): AccountId {
  return present(terms.ledgers[0], 'a ledger in our terms').account
}
