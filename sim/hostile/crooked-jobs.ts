// What peers do that mean harm with jobs (market B): sellers that promise what they never bring, or charge another price than
// they were given, and a requester that shows each provider another list. Guarantees: the rounds are as they should be
// (docs/protocol/speed.md) but for the lie. Owns the rounds of its requester.
import type { SpeedPlain, SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import { jobListRoot, sealAsk, sealCeiling } from '../../src/market/sealing.ts'
import type { AccountId, Hash256 } from '../../src/ports/ledger.ts'
import { tokens } from '../world/dealing.ts'
import * as messages from './messages.ts'
import type { SpeedLiar } from './speed-liar.ts'

type Told<Type> = Extract<SpeedStatement, { readonly type: Type }>

/** Cheaper than whoever is honest, so that it wins. */
const lowCost = tokens(0.5)
/** Of the job, so that others are given some, too. */
const promisedPart = 4
const nonceLength = 32

export class CrookedProvider {
  /** `brings-nothing`: it takes its award and serves nothing. `another-price`: it begins at twice what it was awarded. */
  private readonly crookedness: 'brings-nothing' | 'another-price'
  private readonly asks = new Map<Hash256, Told<'job-reveal'>>()

  constructor(crookedness: 'brings-nothing' | 'another-price') {
    this.crookedness = crookedness
  }

  told(liar: SpeedLiar, message: SpeedPlain | SpeedStatement): void {
    if (message.type === 'job-request') this.ask(liar, message)
    else if (message.type === 'job-list') {
      const ask = this.asks.get(message.job)
      if (ask !== undefined) liar.state(ask)
    } else if (message.type === 'job-award' && message.units > 0) {
      const honest = message.pay / BigInt(message.units)
      const price = (this.crookedness === 'another-price' ? 2n * honest : honest) as typeof message.pay
      liar.line.attack(messages.keepAlive)
      liar.state({ type: 'walk-in-award', epoch: 0, price, fromByte: 0 })
    } else if (message.type === 'job-end' && this.crookedness === 'brings-nothing') {
      liar.state({ type: 'share-lost', epoch: 0, owedBytes: 0, fromByte: 0 })
    }
  }

  private ask(liar: SpeedLiar, { job, seats }: Told<'job-request'>): void {
    const units = Math.ceil((seats.find(({ account }) => account === liar.account)?.mostUnits ?? 0) / promisedPart)
    if (units === 0 || liar.peer === undefined) return
    const nonce = drawn(liar)
    this.asks.set(job, { type: 'job-reveal', job, cost: lowCost, units, nonce })
    liar.state({ type: 'job-ask', job, commitment: sealAsk(liar.peer, liar.account, job, lowCost, units, nonce) })
  }
}

const stepMs = 3_000
const units = 2
/** So long that a slow provider can promise something. */
const deadlineMs = 1_200_000

/** A requester over all its lines. */
export class CrookedRequester {
  private readonly providers = new Map<AccountId, SpeedLiar>()
  private request: Told<'job-request'> | undefined
  private readonly sealed = new Map<AccountId, Hash256>()
  private nextMs = 0

  joined(liar: SpeedLiar): void {
    if (liar.peer !== undefined) this.providers.set(liar.peer, liar)
  }

  told(liar: SpeedLiar, message: SpeedPlain | SpeedStatement): void {
    if (message.type === 'job-ask' && message.job === this.request?.job && liar.peer !== undefined)
      this.sealed.set(liar.peer, message.commitment)
  }

  /** Now and then. */
  wake(nowMs: number): void {
    if (nowMs < this.nextMs) return
    this.nextMs = nowMs + stepMs
    for (const [account, { line }] of this.providers) if (line.isEnded) this.providers.delete(account)
    const { request } = this
    if (request === undefined) this.ask()
    else this.list(request)
  }

  private ask(): void {
    const [first] = this.providers.values()
    if (first === undefined || this.providers.size < 2) return
    const job = drawn(first)
    const request: Told<'job-request'> = {
      type: 'job-request',
      job,
      units,
      deadlineMs,
      ceilingCommitment: sealCeiling(job, tokens(4), drawn(first)),
      seats: [...this.providers.keys()].sort().map((account) => ({ account, handicap: 0, mostUnits: units })),
      askWithinMs: stepMs,
    }
    this.sealed.clear()
    this.request = request
    for (const liar of this.providers.values()) liar.state(request)
  }

  private list(request: Told<'job-request'>): void {
    this.request = undefined
    if (this.sealed.size < 2) return
    for (const account of this.sealed.keys()) {
      const liar = this.providers.get(account)
      if (liar === undefined) continue
      const commitments = [...this.sealed]
        .map(([of, commitment]) => ({ account: of, commitment: of === account ? commitment : drawn(liar) }))
        .sort((a, b) => (a.account < b.account ? -1 : 1))
      const listRoot = jobListRoot(liar.account, request, commitments)
      liar.line.attack(messages.keepAlive)
      liar.state({ type: 'job-list', job: request.job, listRoot, commitments, revealWithinMs: stepMs })
    }
  }
}

function drawn({ line }: SpeedLiar): Hash256 {
  return Array.from(line.noise(nonceLength), (byte) => byte.toString(16).padStart(2, '0')).join('') as Hash256
}
