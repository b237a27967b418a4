// The ledger of a lane world as its parties see it: far away, sometimes not there, its answers sometimes lost.
// Keeps no state: all of it is the world's.
import { failure, type Result, success } from '../../src/base/errors.ts'
import type { PaymentAnswer, PaymentRequest } from '../../src/payment/payment-events.ts'
import type { Lane, LaneId, OperationOutcome, SignedOperation } from '../../src/ports/ledger.ts'
import type { LedgerHarness } from '../ledger/ledger-harness.ts'
import { type Party, type Role, roles } from './lane-party.ts'

/** What it needs of the world. */
interface LedgerWorld {
  readonly options: { readonly seed: number; readonly lostPercent?: number }
  readonly ledger: LedgerHarness
  readonly laneHistory: ReadonlyMap<LaneId, Lane>
  readonly parties: Readonly<Record<Role, Party>>
  readonly isLedgerDown: boolean
  draw(below: number): number
  at(delayMs: number, run: () => void): void
  answer(party: Party, life: number, delayMs: number, answer: () => PaymentAnswer): void
  submit(operation: SignedOperation): Result<OperationOutcome>
  give(role: Role, input: PaymentAnswer): void
}

export function askLedger(
  world: LedgerWorld,
  party: Party,
  request: Exclude<PaymentRequest, { readonly type: 'commit' | 'sign' }>,
): void {
  const { life } = party
  const away = () => world.isLedgerDown || party.isCutOff
  const unreachable = failure('ledger-unreachable', 'no answer')
  const back = (make: () => PaymentAnswer, lost: PaymentAnswer) => {
    const isLost = away() || world.draw(100) < (world.options.lostPercent ?? 0)
    world.answer(party, life, 10 + world.draw(20), () => (isLost || away() ? lost : make()))
  }
  // It gets there, or not, whatever becomes of who sent it.
  world.at(10 + world.draw(20), () => {
    const { ticket } = request
    switch (request.type) {
      case 'submit': {
        const result = away() ? unreachable : world.submit(request.operation)
        back(() => ({ type: 'submitted', ticket, result }), { type: 'submitted', ticket, result: unreachable })
        break
      }
      case 'look-up': {
        const open = world.ledger.state.lane(request.lane)
        // Ledgers remember lanes that have ended; other rails may not.
        const remembered = world.options.seed % 2 === 1 ? world.laneHistory.get(request.lane) : undefined
        const result: Result<Lane | undefined> = away() ? unreachable : success(open ?? remembered)
        back(() => ({ type: 'looked-up', ticket, result }), { type: 'looked-up', ticket, result: unreachable })
        break
      }
      default: {
        const result = away() ? unreachable : success(world.ledger.core.timeAt(world.ledger.nowMs))
        back(() => ({ type: 'time-told', ticket, result }), { type: 'time-told', ticket, result: unreachable })
      }
    }
  })
}

/** Most of them, sometime. */
export function tellWatchers(world: LedgerWorld, lane: Lane): void {
  for (const role of roles) {
    const party = world.parties[role]
    const { life } = party
    if (party.isCutOff || world.draw(4) === 0) continue
    world.at(10 + world.draw(20), () => {
      if (party.life === life && !party.isCutOff) world.give(role, { type: 'lane-seen', lane })
    })
  }
}
