// What a machine of a simulated world has of a ledger: an account with its key, a database that outlives its programs, and
// the ports of Speed for each program. Guarantees: the ports of a program that died never answer again; what was not on
// the disk when the power went is gone; every signature that is asked for is told to who watches. Owns key and database.

import { assert } from '../../src/base/assert.ts'
import { type Failure, failure, type Result, success, unwrap } from '../../src/base/errors.ts'
import { signingDigest } from '../../src/formats/money/signing-digest.ts'
import type { AccountId, Ledger } from '../../src/ports/ledger.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import type { Signer, SigningRequest } from '../../src/ports/signer.ts'
import type { Store } from '../../src/ports/store.ts'
import type { RailReceipts, SpeedPorts } from '../../src/session/speed-ports.ts'
import type { SimulatedClock } from '../ports/simulated-clock.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { SimulatedStoreDisk } from '../ports/simulated-store.ts'

export interface WalletOptions {
  readonly clock: SimulatedClock
  /** Of its own: who has no wallet draws nothing. */
  readonly random: Random
  readonly ledger: SimulatedLedger
  /** The same key for the same name. */
  readonly name: string
  readonly onSign: (request: SigningRequest) => void
}

const maxSigningMs = 2

export class MachineWallet {
  readonly ledger: SimulatedLedger
  account: AccountId
  key: SigningKey
  disk: SimulatedStoreDisk
  /** With what the owner refuses; undefined: it is signed. */
  refusing: (request: SigningRequest) => Failure | undefined = () => undefined
  private readonly options: WalletOptions
  private store: Store | undefined
  private life = 0

  constructor(options: WalletOptions) {
    const { clock, random, ledger, name } = options
    this.options = options
    this.ledger = ledger
    this.key = ledger.keys.key(name)
    this.account = ledger.accountOf(this.key)
    this.disk = new SimulatedStoreDisk({ clock, random })
    ledger.grant(this.account)
  }

  /** Another account and an empty database, while no program runs: its owner is nobody who was ever seen. */
  become(name: string): void {
    assert(this.store === undefined, 'a wallet that is closed')
    const { clock, random, ledger } = this.options
    this.key = ledger.keys.key(name)
    this.account = ledger.accountOf(this.key)
    this.disk = new SimulatedStoreDisk({ clock, random })
    ledger.grant(this.account)
  }

  /** For the program that runs from now on. */
  open(): SpeedPorts {
    this.life++
    const { ledger, life } = this
    const isAlive = () => life === this.life
    this.store = unwrap(this.disk.open())
    const rail = {
      terms: ledger.terms,
      symbol: ledger.facts.genesis.symbol,
      ledger: this.rail(isAlive),
      receipts: this.receipts(isAlive),
      signer: this.signer(isAlive),
      store: this.store,
    }
    return { rails: [rail], scheme: ledger.keys.scheme }
  }

  /** The program ended in order. */
  async close(): Promise<void> {
    this.life++
    const { store } = this
    this.store = undefined
    if (store !== undefined) unwrap(await store.close())
  }

  crash(isPowerLoss: boolean): void {
    this.life++
    this.store = undefined
    this.disk.crash(isPowerLoss)
  }

  private rail(isAlive: () => boolean): Ledger {
    const { ledger, account } = this
    const { rail, domain, genesis } = ledger.facts
    const ask = <T>(what: string, signal: AbortSignal, answer: () => Result<T>) =>
      whileAlive(isAlive, ledger.ask(account, what, signal, answer))
    return {
      rail,
      domain,
      symbol: genesis.symbol,
      timeMs: (signal) => ask('time', signal, () => success(ledger.nowMs)),
      account: (of, signal) => ask('account', signal, () => ledger.book(of)),
      lane: (lane, signal) => ask('lane', signal, () => ledger.lane(lane)),
      submit: (signed, signal) => ask(signed.operation.type, signal, () => ledger.carryOut(signed)),
      outcome: (id, signal) => ask('outcome', signal, () => ledger.outcome(id)),
      watchLanes: (of, listener) =>
        ledger.watchLanes(of, (lane) => {
          if (isAlive()) listener(lane)
        }),
    }
  }

  private receipts(isAlive: () => boolean): RailReceipts {
    const { ledger, account } = this
    return {
      balance: (signal) =>
        whileAlive(
          isAlive,
          ledger.ask(account, 'balance', signal, () => success(ledger.balanceReceipt(account))),
        ),
      lane: (lane, signal) =>
        whileAlive(
          isAlive,
          ledger.ask(account, 'lane', signal, () => success(ledger.laneReceipt(lane))),
        ),
      check: (receipt) => ledger.check(receipt),
    }
  }

  private signer(isAlive: () => boolean): Signer {
    const { account, key, options } = this
    const { clock, random } = options
    return {
      account,
      sign: (request, signal) =>
        new Promise((resolve) => {
          clock.after(random.below(1_000 * maxSigningMs + 1) / 1_000, () => {
            if (!isAlive()) return
            const refusal = signal.aborted
              ? failure('interrupted', 'stopped before it was signed')
              : this.refusing(request)
            if (refusal !== undefined) {
              resolve(refusal)
              return
            }
            options.onSign(request)
            resolve(success(key.sign(signingDigest(request, account))))
          })
        }),
    }
  }
}

/** What is answered to a program that died is heard by nobody. */
function whileAlive<T>(isAlive: () => boolean, answer: Promise<T>): Promise<T> {
  return new Promise((resolve) => {
    void answer.then((value) => {
      if (isAlive()) resolve(value)
    })
  })
}
