// Fuzz target: messages of Speed, and the bodies that are shown as evidence. Any bytes are a message in its one form, or
// refused with speed-message; what is read can be signed; and no link is thrown off by them, in whatever state.
import assert from 'node:assert/strict'
import { fromLatin1 } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { infoHashV1, peerId } from '../src/base/ids.ts'
import { tokenAmount } from '../src/base/token-amount.ts'
import { accountId, ledgerDomain, ledgerRail } from '../src/formats/money/account-id.ts'
import { parseSignature } from '../src/formats/money/signature.ts'
import { encodeSpeedMessage, readSpeedMessage, scanSpeedMessage } from '../src/formats/peer/speed-codec.ts'
import { shownKinds } from '../src/formats/peer/speed-forms.ts'
import {
  maxSpeedMessageBytes,
  type SpeedMessage,
  type SpeedPlain,
  type SpeedStatement,
} from '../src/formats/peer/speed-messages.ts'
import { readEvidence, statementMessage } from '../src/formats/peer/speed-signing.ts'
import { SpeedLink } from '../src/peer/speed-link.ts'
import type { Hash256, LaneId } from '../src/ports/ledger.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const genesisHash = new Uint8Array(32).fill(0x47)
const rail = ledgerRail(genesisHash)
const domain = ledgerDomain(genesisHash)
const own = accountId(rail, new Uint8Array(20).fill(1))
const peer = accountId(rail, new Uint8Array(20).fill(2))
const hash = '11'.repeat(32) as Hash256
const lane = '22'.repeat(32) as LaneId
const price = tokenAmount(12_500_000_000_000_000_000n)
const signature = unwrap(parseSignature(new Uint8Array(65).fill(0x33).fill(27, 64)))
const voucher = { lane, cumulativeAmount: price, signature }
const infoHash = infoHashV1(new Uint8Array(20).fill(3))
const place = { infoHash, session: hash, from: own, to: peer }
const fullLane = {
  id: lane,
  payer: own,
  payee: peer,
  deposit: price,
  claimed: price,
  expiresAtMs: 1_793_491_200_000,
  state: { type: 'open' },
} as const
const receipt = {
  receipt: { type: 'lane', lane: fullLane, height: 7, stateRoot: hash, timeMs: 1_793_491_200_000 },
  signature,
} as const
const terms = { ledgers: [{ account: peer, postedPrice: price }], pays: true, earns: true, leastTickBytes: 1 }

const plains: readonly SpeedPlain[] = [
  { type: 'terms', nonce: hash, ...terms, mostTickBytes: 16_777_216 },
  { type: 'bind', signature },
  { type: 'want-share', isWanting: true },
  { type: 'job-end', job: hash },
  { type: 'shown-root', provider: own, epoch: 1, listRoot: hash },
  { type: 'shown-job-root', requester: own, job: hash, listRoot: hash },
  { type: 'lane', event: 'open', receipt },
  { type: 'hello', lanes: [{ lane, signed: price }], unpaid: price },
  { type: 'present', lanes: [{ lane, voucher }, { lane }], windowBytes: 1_048_576 },
  { type: 'voucher', voucher },
  { type: 'acknowledge', lane, cumulativeAmount: price, windowBytes: 1_048_576 },
  { type: 'finish', lanes: [lane] },
  { type: 'refuse', of: 'voucher', reason: 'voucher-invalid', lane },
]
const opening = { account: peer, nonce: hash }
const commitments = [{ account: peer, commitment: hash }]
const statements: readonly SpeedStatement[] = [
  {
    type: 'auction-call',
    epoch: 1,
    shares: 4,
    postedPrice: price,
    seats: [{ account: peer, weight: 1_024 }],
    backedMiB: 16,
    commitWithinMs: 500,
  },
  { type: 'auction-list', epoch: 1, listRoot: hash, commitments, revealWithinMs: 500 },
  {
    type: 'auction-award',
    epoch: 1,
    listRoot: hash,
    openings: [{ ...opening, bid: price }],
    dropped: [own],
    share: 1,
    price,
    fromByte: 5,
  },
  { type: 'walk-in-award', epoch: 1, price, fromByte: 0 },
  { type: 'share-lost', epoch: 1, owedBytes: 4_096, fromByte: 9 },
  { type: 'auction-commit', epoch: 1, commitment: hash, backing: receipt },
  { type: 'auction-reveal', epoch: 1, bid: price, nonce: hash },
  {
    type: 'job-request',
    job: hash,
    units: 9,
    deadlineMs: 60_000,
    ceilingCommitment: hash,
    seats: [{ account: peer, handicap: 6_554, mostUnits: 9 }],
    askWithinMs: 500,
  },
  { type: 'job-ask', job: hash, commitment: hash },
  { type: 'job-list', job: hash, listRoot: hash, commitments, revealWithinMs: 500 },
  { type: 'job-reveal', job: hash, cost: price, units: 9, nonce: hash },
  {
    type: 'job-award',
    job: hash,
    listRoot: hash,
    ceiling: price,
    salt: hash,
    openings: [{ ...opening, cost: price, units: 9 }],
    units: 9,
    pay: price,
    fromByte: 0,
  },
  { type: 'receipt', lane, bytes: 1_048_576, amount: price },
]
const bodies = statements
  .filter(({ type }) => shownKinds.some((kind) => kind === type))
  .map((statement) => statementMessage(statement, place).body)
const evidence = bodies.map((body, index): SpeedPlain => {
  return { type: 'evidence', author: own, of: shownKinds[index] as (typeof shownKinds)[number], body, signature }
})
const messages: readonly SpeedMessage[] = [
  ...[...plains, ...evidence].map((message): SpeedMessage => ({ type: 'plain', message })),
  ...statements.map((statement): SpeedMessage => ({ type: 'signed', statement, signature })),
]

/** Any key passes for the peer's, so that inputs get past the signatures. */
const scheme = { recover: () => ({ ok: true, value: new Uint8Array(20).fill(2) }) as const }

function link(): SpeedLink {
  return new SpeedLink({
    infoHash,
    own: {
      terms: {
        ...terms,
        nonce: '55'.repeat(32) as Hash256,
        ledgers: [{ account: own, postedPrice: price }],
        mostTickBytes: 16_777_216,
      },
      peerId: peerId(new Uint8Array(20).fill(4)),
    },
    peerId: peerId(new Uint8Array(20).fill(5)),
    domains: new Map([[rail, domain]]),
    scheme,
    nowMs: 0,
  })
}

function checkLink(input: Uint8Array, phase: 'greeting' | 'signing' | 'open'): void {
  const tested = link()
  if (phase !== 'greeting') tested.receive(encodeSpeedMessage(messages[0] as SpeedMessage), 0)
  if (phase === 'open') {
    tested.signed({ ok: true, value: signature }, 0)
    tested.receive(encodeSpeedMessage(messages[1] as SpeedMessage), 0)
  }
  assert.equal(tested.state.phase, phase)
  tested.receive(input, 0)
  let outputs = 0
  for (let output = tested.poll(); output !== undefined; output = tested.poll()) {
    outputs++
    if (output.type === 'send') assert.ok(scanSpeedMessage(output.payload).ok)
  }
  assert.ok(outputs <= 7, 'a message has few consequences')
}

export const target: FuzzTarget = {
  name: 'speed-messages',
  seeds: [...messages.map(encodeSpeedMessage), ...bodies],
  tokens: ['1:k', '1:s65:', '1:vi1e', 'i0e', 'i9007199254740992e', '2:-1', '2:01', '20:', '32:', '1:a', '1:l32:', '1:w']
    .concat(['8:openings', '5:seats', '7:voucher', '3:ack', '4:lane', '4:type', '7:account', '4:from', '7:session'])
    .map(fromLatin1),
  run(input) {
    const scanned = scanSpeedMessage(input)
    const read = scanned.ok ? readSpeedMessage(scanned.value, rail) : scanned
    if (read.ok) {
      assert.ok(input.length <= maxSpeedMessageBytes)
      assert.deepEqual(encodeSpeedMessage(read.value), input)
      if (read.value.type === 'signed') statementMessage(read.value.statement, place)
    } else assert.equal(read.code, 'speed-message')
    for (const of of shownKinds) {
      const shown = readEvidence(of, input, rail)
      if (!shown.ok) assert.equal(shown.code, 'speed-message')
      else assert.deepEqual(statementMessage(shown.value.statement, { ...place, from: shown.value.from }).body, input)
    }
    checkLink(input, 'greeting')
    checkLink(input, 'signing')
    checkLink(input, 'open')
  },
}
