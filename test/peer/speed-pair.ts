// Two sides of Speed on one connection, with keys of their own, for tests: what each sends waits until it is delivered.
// Guarantees: deterministic; nothing is signed or delivered unless the test says so.
import assert from 'node:assert/strict'
import { unwrap } from '../../src/base/errors.ts'
import { infoHashV1, peerId } from '../../src/base/ids.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { accountId, ledgerDomain, ledgerRail } from '../../src/formats/money/account-id.ts'
import { speedMessageDigest } from '../../src/formats/money/speed-message-digest.ts'
import { encodeSpeedMessage, readSpeedMessage, scanSpeedMessage } from '../../src/formats/peer/speed-codec.ts'
import type { SpeedMessage, SpeedPlain, SpeedStatement, SpeedTerms } from '../../src/formats/peer/speed-messages.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { SpeedLink, type SpeedOutput } from '../../src/peer/speed-link.ts'
import type { AccountId, Hash256, RailId, Signature, SigningDomain } from '../../src/ports/ledger.ts'
import type { SignatureScheme, SigningKey } from '../../src/ports/signatures.ts'
import type { SigningRequest } from '../../src/ports/signer.ts'

export const infoHash = infoHashV1(new Uint8Array(20).fill(0x11))
const genesisHashes = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte))
export const rails = genesisHashes.map(ledgerRail)
export const domains: ReadonlyMap<RailId, SigningDomain> = new Map(
  genesisHashes.map((hash) => [ledgerRail(hash), ledgerDomain(hash)]),
)
export const price: TokenAmount = tokenAmount(1_000n)

export interface SideOptions {
  readonly seed: number
  /** Indexes of `rails`, the most trusted first. */
  readonly ledgers?: readonly number[]
  readonly pays?: boolean
  readonly earns?: boolean
  readonly leastTickBytes?: number
  readonly mostTickBytes?: number
  readonly scheme?: SignatureScheme
  /** Whose key it has; its own if absent. */
  readonly keySeed?: number
}

export function keyOf(seed: number): SigningKey {
  return unwrap(secp256k1.openKey(new Uint8Array(32).fill(seed)))
}

export function accountOf(seed: number, ledger = 0): AccountId {
  return accountId(rails[ledger] as RailId, keyOf(seed).address)
}

function idOf(seed: number) {
  return peerId(new Uint8Array(20).fill(seed))
}

export function termsOf(options: SideOptions): SpeedTerms {
  const { seed, keySeed = seed, ledgers = [0], pays = true, earns = true } = options
  const { leastTickBytes = 262_144, mostTickBytes = 16_777_216 } = options
  return {
    nonce: seed.toString(16).padStart(2, '0').repeat(32) as Hash256,
    ledgers: ledgers.map((index) => ({ account: accountOf(keySeed, index), postedPrice: price })),
    pays,
    earns,
    leastTickBytes,
    mostTickBytes,
  }
}

export interface Side {
  readonly link: SpeedLink
  /** Payloads on their way to the other side. */
  readonly sent: Uint8Array[]
  readonly requests: SigningRequest[]
  /** All outputs but those. */
  readonly told: SpeedOutput[]
  /** Takes what the link says. */
  drain(): void
  /** Signs what was asked for. */
  sign(nowMs?: number): void
  signatureOf(request: SigningRequest): Signature
}

export function side(options: SideOptions, peerSeed: number): Side {
  const { seed, keySeed = seed, scheme = secp256k1.scheme } = options
  const key = keyOf(keySeed)
  const own = { terms: termsOf(options), peerId: idOf(seed) }
  const link = new SpeedLink({ infoHash, own, peerId: idOf(peerSeed), domains, scheme, nowMs: 0 })
  const made: Side = {
    link,
    sent: [],
    requests: [],
    told: [],
    drain() {
      for (let output = link.poll(); output !== undefined; output = link.poll()) {
        if (output.type === 'send') made.sent.push(output.payload)
        else if (output.type === 'sign') made.requests.push(output.request)
        else made.told.push(output)
      }
    },
    signatureOf(request) {
      assert.ok(request.type === 'speed-message')
      return key.sign(speedMessageDigest(request.message, request.domain))
    },
    sign(nowMs = 0) {
      const request = made.requests.shift()
      assert.ok(request !== undefined, 'something to sign')
      link.signed({ ok: true, value: made.signatureOf(request) }, nowMs)
      made.drain()
    },
  }
  made.drain()
  return made
}

/** Delivers what waits, one way. */
export function deliver(from: Side, to: Side, nowMs = 0): void {
  for (const payload of from.sent.splice(0)) to.link.receive(payload, nowMs)
  to.drain()
}

export function pair(a: Partial<SideOptions> = {}, b: Partial<SideOptions> = {}): readonly [Side, Side] {
  return [side({ seed: 0xa1, ...a }, 0xb2), side({ seed: 0xb2, ...b }, 0xa1)]
}

/** Both bound. */
export function openPair(a: Partial<SideOptions> = {}, b: Partial<SideOptions> = {}): readonly [Side, Side] {
  const sides = pair(a, b)
  const [one, two] = sides
  deliver(one, two)
  deliver(two, one)
  one.sign()
  two.sign()
  deliver(one, two)
  deliver(two, one)
  assert.deepEqual([one.link.state.phase, two.link.state.phase], ['open', 'open'])
  one.told.length = 0
  two.told.length = 0
  return sides
}

export function plain(message: SpeedPlain): Uint8Array {
  return encodeSpeedMessage({ type: 'plain', message })
}

/** What a side has sent and was not delivered, decoded. */
export function waiting({ sent }: Side): SpeedMessage[] {
  return sent.map((payload) => unwrap(readSpeedMessage(unwrap(scanSpeedMessage(payload)), rails[0] as RailId)))
}

/** Refusals that wait, as `of: reason`. */
export function refusals(from: Side): string[] {
  return waiting(from).flatMap((sent) =>
    sent.type === 'plain' && sent.message.type === 'refuse' ? [`${sent.message.of}: ${sent.message.reason}`] : [],
  )
}

/** A statement signed by a side as it may make it there. */
export function makeStatement(from: Side, statement: SpeedStatement): boolean {
  const request = from.link.toSign(statement)
  if (request === undefined) return false
  const isTold = from.link.tellSigned({ statement, signature: from.signatureOf(request) })
  from.drain()
  return isTold
}
