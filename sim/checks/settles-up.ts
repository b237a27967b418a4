// When all is over every token that was signed for is where it belongs: of each lane the payee was paid what it holds a
// voucher for, or still can be before the lane expires, and neither holds more than the payer signed. Nothing that a payee
// had in hand was lost.
import { losses, payeeLanes, payerLanes } from '../../src/payment/lane-records.ts'
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'
import { payerLaneOf, recordsOf } from './lane-disk.ts'

export const settlesUp: CheckMaker = {
  name: 'settles-up',
  make: ({ world, violate }) => {
    const machineOf = (account: string) => world.machines.find(({ wallet }) => wallet?.account === account)
    const judge = (machine: Machine) => {
      const { wallet } = machine
      if (wallet === undefined) return
      const { ledger } = wallet
      for (const { lane, payer, newest, expiresAtMs } of recordsOf(wallet, payeeLanes)) {
        const inHand = newest?.cumulativeAmount ?? 0n
        const there = ledger.lanes.get(lane)
        const claimed = there?.claimed ?? 0n
        const payerWallet = machineOf(payer)?.wallet
        const signed = payerWallet === undefined ? undefined : payerLaneOf(payerWallet, lane)?.signed
        if (signed !== undefined && inHand > signed) {
          violate(machine, `holds ${inHand} of lane ${lane.slice(0, 8)}, where ${signed} was signed`)
        }
        const isPayable = there?.state.type !== 'closed' && ledger.nowMs < expiresAtMs
        if (inHand > claimed && !isPayable) {
          violate(machine, `holds ${inHand} of lane ${lane.slice(0, 8)}, which paid ${claimed} and ended`)
        }
      }
      for (const { lane, amount, reason } of recordsOf(wallet, losses)) {
        violate(machine, `lost ${amount} on lane ${lane.slice(0, 8)}, ${reason}`)
      }
      for (const { lane, signed, claimed } of recordsOf(wallet, payerLanes)) {
        const paidOut = ledger.lanes.get(lane)?.claimed ?? 0n
        if (paidOut > signed || claimed > paidOut) {
          violate(machine, `knows of ${claimed} of ${signed} on lane ${lane.slice(0, 8)}, which paid ${paidOut}`)
        }
      }
    }
    return {
      onClosed: () => {
        for (const machine of world.machines) judge(machine)
      },
    }
  },
}
