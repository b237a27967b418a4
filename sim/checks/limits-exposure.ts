// What a payee has served in paid stretches and holds no voucher for is never over its window (P7): a mebibyte or two
// pieces, later an eighth of what was paid, by what is on its disk. What it acknowledged is there (P8), after a crash too.
// And it tells of each stretch the count that really passed.
import { losses } from '../../src/payment/lane-records.ts'
import type { AccountId, LaneId } from '../../src/ports/ledger.ts'
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'
import { hasRecord, payeeLaneOf } from './lane-disk.ts'
import type { Dealt, SpeedLine } from './speed-tap.ts'
import type { Way } from './tapped-connection.ts'

/** One payee and one payer. */
interface Held {
  /** Of each lane that a voucher came on, the largest that was ever on the payee's disk. */
  readonly lanes: Map<LaneId, bigint>
  sum: bigint
  /** Bytes in all, which a window may be an eighth of. */
  servedBytes: number
}

interface Exposure {
  readonly held: Held
  /** When the connection began. */
  readonly sumBefore: bigint
}

const mebibyte = 1_048_576
const windowShare = 8

export const limitsExposure: CheckMaker = {
  name: 'limits-exposure',
  make: ({ speed, violate }) => {
    const byMachine = new Map<Machine, Map<AccountId, Held>>()
    const exposures = new Map<SpeedLine, Exposure>()
    const acknowledged = new Map<Machine, Map<LaneId, bigint>>()
    const exposureOf = (line: SpeedLine): Exposure | undefined => {
      const known = exposures.get(line)
      if (known !== undefined || line.peer === undefined) return known
      const ofMachine = byMachine.get(line.machine) ?? new Map<AccountId, Held>()
      byMachine.set(line.machine, ofMachine)
      const held = ofMachine.get(line.peer) ?? { lanes: new Map(), sum: 0n, servedBytes: 0 }
      ofMachine.set(line.peer, held)
      readDisk(line.machine, held)
      const made = { held, sumBefore: held.sum }
      exposures.set(line, made)
      return made
    }
    speed.observe({
      onMessage: (line, way, message) => {
        const wrong = way === 'out' ? miscountOf(line, message) : undefined
        if (wrong !== undefined) violate(line.machine, wrong)
        note(line, way, message)
      },
      onPaidBlock: (line, way) => {
        const exposure = way === 'out' ? exposureOf(line) : undefined
        if (exposure === undefined) return
        const wrong = excessOf(line, exposure)
        if (wrong !== undefined) violate(line.machine, wrong)
      },
      onClosed: (line) => exposures.delete(line),
    })
    const note = (line: SpeedLine, way: Way, message: Dealt) => {
      if (message.type === 'voucher' && way === 'in') {
        const held = exposureOf(line)?.held
        if (held !== undefined && !held.lanes.has(message.voucher.lane)) held.lanes.set(message.voucher.lane, 0n)
      } else if (message.type === 'acknowledge' && way === 'out') {
        const ofMachine = acknowledged.get(line.machine) ?? new Map<LaneId, bigint>()
        acknowledged.set(line.machine, ofMachine)
        ofMachine.set(message.lane, message.cumulativeAmount)
        const wrong = lossOf(line.machine, message.lane, message.cumulativeAmount)
        if (wrong !== undefined) violate(line.machine, wrong)
      }
    }
    return {
      onDown: (machine) => {
        for (const [lane, amount] of acknowledged.get(machine) ?? []) {
          const wrong = lossOf(machine, lane, amount)
          if (wrong !== undefined) violate(machine, wrong)
        }
      },
    }
  },
}

function readDisk({ wallet }: Machine, held: Held): void {
  if (wallet === undefined) return
  for (const [lane, before] of held.lanes) {
    const amount = payeeLaneOf(wallet, lane)?.newest?.cumulativeAmount ?? 0n
    if (amount <= before) continue
    held.lanes.set(lane, amount)
    held.sum += amount - before
  }
}

function excessOf({ machine, connection, sold }: SpeedLine, { held, sumBefore }: Exposure): string | undefined {
  const { pieceLengthBytes = 0, infoHashV1 } = connection.content?.info ?? {}
  const first = Math.max(mebibyte, infoHashV1 === undefined ? 0 : 2 * pieceLengthBytes)
  const window = Math.max(first, Math.floor(sold.bytes / windowShare), Math.floor(held.servedBytes / windowShare))
  held.servedBytes = Math.max(held.servedBytes, sold.bytes)
  const bound = ((sold.highestPrice * BigInt(window)) >> 20n) + 1n
  const owed = sold.scaled >> 20n
  if (owed <= held.sum - sumBefore + bound) return undefined
  // What was read last may be old.
  readDisk(machine, held)
  const paid = held.sum - sumBefore
  return owed <= paid + bound ? undefined : `serves ${owed - paid} ahead of payment, over ${bound}`
}

function miscountOf({ sold }: SpeedLine, message: Dealt): string | undefined {
  const isOfStretch =
    message.type === 'walk-in-award' || message.type === 'auction-award' || message.type === 'share-lost'
  if (!isOfStretch || message.fromByte === sold.bytes) return undefined
  return `says in ${message.type} that ${message.fromByte} bytes passed in stretches, where ${sold.bytes} did`
}

/** Why what was acknowledged is not safe. */
function lossOf({ wallet }: Machine, lane: LaneId, amount: bigint): string | undefined {
  if (wallet === undefined) return undefined
  const kept = payeeLaneOf(wallet, lane)?.newest?.cumulativeAmount ?? 0n
  if (kept >= amount || hasRecord(wallet, losses, lane)) return undefined
  const end = wallet.ledger.lanes.get(lane)
  if (end !== undefined && end.claimed >= amount) return undefined
  return `acknowledged ${amount} on lane ${lane.slice(0, 8)}, and has ${kept} on its disk`
}
