// Money comes from nowhere and goes nowhere: after every change of a ledger the tokens that were given out are those that
// accounts and lanes hold, nobody has less than nothing, and no lane paid more than was put in (P4, P19).
import type { AccountId } from '../../src/ports/ledger.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import type { CheckMaker } from './check.ts'

export const keepsBooks: CheckMaker = {
  name: 'keeps-books',
  make: ({ world, violate }) => {
    const heights = new Map<SimulatedLedger, number>()
    const lookAll = () => {
      for (const ledger of world.ledgers) {
        const { height } = ledger.core.head
        if (heights.get(ledger) === height) continue
        heights.set(ledger, height)
        const wrong = faultOf(ledger)
        if (wrong !== undefined) violate(undefined, `the ledger, at height ${height}: ${wrong}`)
      }
    }
    return { onMoment: lookAll, onEnd: lookAll, onClosed: lookAll }
  },
}

function faultOf({ core }: SimulatedLedger): string | undefined {
  const { state } = core
  const locked = new Map<AccountId, bigint>()
  for (const [id, { payer, claimed, deposit }] of state.entriesOf('lane')) {
    if (claimed < 0n || claimed > deposit) return `lane ${id} paid ${claimed} of ${deposit}`
    locked.set(payer, (locked.get(payer) ?? 0n) + deposit - claimed)
  }
  let held = 0n
  for (const [id, account] of state.entriesOf('account')) {
    if (account.available < 0n || account.locked < 0n) return `${id} has less than nothing`
    if (account.locked !== (locked.get(id as AccountId) ?? 0n)) return `${id} has ${account.locked} locked`
    held += account.available + account.locked
  }
  const { minted, burned } = state.totals()
  return minted - burned === held ? undefined : `${held} is held of ${minted - burned}`
}
