// Benchmark: a ledger without disk and network, in operations a second: the rules alone, with journal and state root in
// groups, with signatures, and reading it all back. The other side is what each is aimed at, not another program.
// Guarantees: every operation timed is carried out, and the journals that are read back were written by it.
import assert from 'node:assert/strict'
import { toHex } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { sha256 } from '../src/base/hash.ts'
import { tokenAmount } from '../src/base/token-amount.ts'
import { accountId } from '../src/formats/money/account-id.ts'
import { operationDigest } from '../src/formats/money/operation-digest.ts'
import { secp256k1 } from '../src/host/secp256k1.ts'
import { type AuthenticOperation, authenticate } from '../src/ledger/authenticate.ts'
import { genesisCodec, type LedgerFacts, ledgerFacts, testGenesis } from '../src/ledger/genesis.ts'
import { LedgerCore } from '../src/ledger/ledger-core.ts'
import { LedgerState } from '../src/ledger/ledger-state.ts'
import { StateCommitment } from '../src/ledger/state-commitment.ts'
import { JournalVerifier, verifyJournal } from '../src/ledger/verify-journal.ts'
import type { AccountId, Hash256, LedgerOperation, OperationId, SignedOperation } from '../src/ports/ledger.ts'
import type { SignatureScheme, SigningKey } from '../src/ports/signatures.ts'
import type { Benchmark, Measurement } from './measure.ts'

const accountCount = 10_000
const groupSize = 100
const rounds = 5

const text = new TextEncoder()

function drawn(name: string): Hash256 {
  return toHex(sha256(text.encode(name))) as Hash256
}

interface Bench {
  readonly facts: LedgerFacts
  readonly keys: readonly SigningKey[]
  readonly accounts: readonly AccountId[]
}

/** Few keys sign for many accounts' worth of work: opening a key costs more than signing with it. */
function openBench(): Bench {
  const keys = Array.from({ length: 64 }, (_, index) => unwrap(secp256k1.openKey(sha256(text.encode(`key ${index}`)))))
  const operator = toHex((keys[0] as SigningKey).address)
  const facts = unwrap(ledgerFacts(genesisCodec.encode(testGenesis('bench', operator, 0, drawn('nonce')))))
  const accounts = Array.from({ length: accountCount }, (_, index) =>
    accountId(facts.rail, keys[index]?.address ?? sha256(text.encode(`account ${index}`)).slice(0, 20)),
  )
  return { facts, keys, accounts }
}

function signed({ facts, keys, accounts }: Bench, by: number, operation: LedgerOperation): SignedOperation {
  const account = accounts[by] as AccountId
  return {
    account,
    operation,
    signature: (keys[by] as SigningKey).sign(operationDigest(operation, account, facts.domain)),
  }
}

/** Believes every signature, for what is measured without them. */
function trusting({ accounts, keys }: Bench): (operation: SignedOperation) => SignatureScheme {
  return ({ account }) => ({
    recover: () => ({ ok: true, value: (keys[accounts.indexOf(account)] as SigningKey).address }),
  })
}

function transfers(bench: Bench, count: number, name: string): SignedOperation[] {
  const { signature } = signed(bench, 0, {
    type: 'burn',
    id: drawn('any') as string as OperationId,
    amount: tokenAmount(1n),
  })
  return Array.from({ length: count }, (_, index) => {
    const id = drawn(`${name} ${index}`) as string as OperationId
    const to = bench.accounts[64 + ((index * 7919) % (accountCount - 64))] as AccountId
    const account = bench.accounts[index % 64] as AccountId
    return { account, operation: { type: 'transfer', id, to, amount: tokenAmount(BigInt(index + 1)) }, signature }
  })
}

function openLedger(bench: Bench): LedgerCore {
  const core = new LedgerCore(bench.facts)
  for (const [index, to] of bench.accounts.slice(0, 64).entries()) {
    const id = drawn(`grant id ${index}`) as string as OperationId
    const grant: LedgerOperation = { type: 'grant', id, to, invite: drawn(`invite ${index}`) }
    carryOut(core, unwrap(authenticate(signed(bench, 0, grant), bench.facts, secp256k1.scheme)))
  }
  return core
}

function carryOut(core: LedgerCore, operation: AuthenticOperation): void {
  const result = core.submit(operation, 0)
  assert.ok(result !== 'look-up' && result.ok)
}

function writeGroup(core: LedgerCore, journal: Uint8Array[]): void {
  const group = core.seal()
  if (group === undefined) return
  journal.push(...group.lines)
  core.acknowledge(group.head.height)
}

/** Operations a second of the best round: rounds differ by what else the machine does. */
function rateOf(count: number, work: (round: number) => () => void): number {
  let best = 0
  for (let round = 0; round < rounds; round++) {
    const timed = work(round)
    const started = performance.now()
    timed()
    best = Math.max(best, (count * 1000) / (performance.now() - started))
  }
  return best
}

function against(name: string, ours: number, aim: number, bar: number): Measurement {
  return { name, unit: 'ops/s against the aim', ours, theirs: aim, ratio: ours / aim, bar }
}

function measureRules(bench: Bench): Measurement {
  const count = 20_000
  const trust = trusting(bench)
  const operations = transfers(bench, count, 'rules').map((operation) =>
    unwrap(authenticate(operation, bench.facts, trust(operation))),
  )
  const rate = rateOf(count, () => {
    const core = openLedger(bench)
    return () => {
      for (const operation of operations) carryOut(core, operation)
    }
  })
  return against('transfers decided and entered', rate, 100_000, 1)
}

function measureJournal(bench: Bench): { readonly measurements: Measurement[]; readonly journal: Uint8Array[] } {
  const count = 20_000
  const trust = trusting(bench)
  const operations = transfers(bench, count, 'journal').map((operation) =>
    unwrap(authenticate(operation, bench.facts, trust(operation))),
  )
  let journal: Uint8Array[] = []
  const written = rateOf(count, () => {
    const core = openLedger(bench)
    journal = []
    writeGroup(core, journal)
    return () => {
      for (const [index, operation] of operations.entries()) {
        carryOut(core, operation)
        if (index % groupSize === groupSize - 1) writeGroup(core, journal)
      }
    }
  })
  const replayed = rateOf(journal.length, () => {
    const core = new LedgerCore(bench.facts)
    return () => {
      for (const line of journal) unwrap(core.replay(line))
      unwrap(core.finishReplay())
    }
  })
  return {
    measurements: [
      against(`with journal and root, groups of ${groupSize}`, written, 10_000, 1),
      against('entries replayed', replayed, 10_000, 1),
    ],
    journal,
  }
}

function measureRoots(bench: Bench): Measurement {
  const state = new LedgerState()
  const commitment = new StateCommitment(state)
  const groups = 200
  for (const account of bench.accounts) state.setAccount(account, { ...state.account(account), lanes: 1 })
  commitment.update()
  let lanes = 1
  const rate = rateOf(groups, () => () => {
    for (let group = 0; group < groups; group++) {
      lanes++
      for (let index = 0; index < groupSize; index++) {
        const account = bench.accounts[(group * 7 + index * 97) % accountCount] as AccountId
        state.setAccount(account, { ...state.account(account), lanes })
      }
      commitment.update()
    }
  })
  return {
    ...against(`roots after ${groupSize} of ${accountCount} accounts`, rate, 200, 1),
    unit: 'groups/s against the aim',
  }
}

function measureSignatures(bench: Bench): Measurement[] {
  const count = 2_000
  const operations = transfers(bench, count, 'signed').map(({ operation }, index) =>
    signed(bench, index % 64, operation),
  )
  const journal: Uint8Array[] = []
  const served = rateOf(count, () => {
    const core = openLedger(bench)
    journal.length = 0
    writeGroup(core, journal)
    return () => {
      for (const [index, operation] of operations.entries()) {
        carryOut(core, unwrap(authenticate(operation, bench.facts, secp256k1.scheme)))
        if (index % groupSize === groupSize - 1) writeGroup(core, journal)
      }
    }
  })
  const verified = rateOf(journal.length, () => () => {
    const steps = verifyJournal(new JournalVerifier(bench.facts, secp256k1.scheme), journal, journal.length + 1)
    assert.equal(steps.next().value, undefined)
  })
  return [
    against('with signatures, journal and root', served, 5_000, 1),
    against('entries verified, signatures included', verified, 2_500, 1),
  ]
}

export const benchmark: Benchmark = {
  name: 'ledger',
  summary: 'a ledger without disk and network: rules, journal, roots, signatures, replay, verification',
  run() {
    const bench = openBench()
    return Promise.resolve([
      measureRules(bench),
      ...measureJournal(bench).measurements,
      measureRoots(bench),
      ...measureSignatures(bench),
    ])
  },
}
