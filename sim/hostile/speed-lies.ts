// What peers do that speak Speed and mean harm: take a share and never pay, pay with what is worth nothing, take anew under
// ever new accounts, say that they sent what they did not, ask for prices that nobody agreed to, or never stop talking.
import type { LaneId, SignedVoucher } from '../../src/ports/ledger.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { tokens } from '../world/dealing.ts'
import type { Behaviour } from './behaviour.ts'
import * as messages from './messages.ts'
import { depositTokens, gives, takes } from './speed-acting.ts'
import type { SpeedLiar } from './speed-liar.ts'

const mebibyte = 1_048_576

/** The harm that is done with Speed on a ledger. */
export function speedLies(ledger: SimulatedLedger): readonly Behaviour[] {
  return [
    { name: 'never-pays', proof: 'none', begin: takes({ ledger }) },
    {
      name: 'pays-with-nothing',
      proof: 'none',
      begin: takes({
        ledger,
        pay: (liar, lane) => liar.tell({ type: 'voucher', voucher: worthless(liar, lane) }),
      }),
    },
    {
      name: 'serial-default',
      proof: 'none',
      redialMs: 1_000,
      maxDials: 20,
      begin: (line) => {
        takes({ ledger })(line)
        line.after(12_000, () => line.reset())
      },
    },
    {
      name: 'miscounts',
      proof: 'none',
      begin: sells(ledger, 1, mebibyte),
    },
    {
      name: 'sells-garbage',
      proof: 'none',
      begin: (line) => {
        sells(ledger, 1, 0)(line)
        line.onRequest = (piece, begin, length) => {
          line.attack(messages.blockHeader(piece, begin, length), line.noise(length))
        }
      },
    },
    {
      name: 'overcharges',
      proof: 'none',
      begin: sells(ledger, 1_000, 0),
    },
    {
      name: 'claims-a-loss',
      proof: 'none',
      begin: sells(ledger, 1, 0, (liar) => {
        liar.state({ type: 'share-lost', epoch: 1, owedBytes: 2 ** 40, fromByte: 0 })
      }),
    },
    {
      name: 'speed-flood',
      proof: 'none',
      begin: takes({
        ledger,
        pay: (liar) => {
          for (let count = 0; count < 200; count++) liar.tell({ type: 'want-share', isWanting: count % 2 === 0 })
        },
      }),
    },
  ]
}

/** Serves, and awards a share to whoever wants one, each time. */
function sells(
  ledger: SimulatedLedger,
  price: number,
  fromByte: number,
  then: (liar: SpeedLiar) => void = () => undefined,
): Behaviour['begin'] {
  return gives({
    ledger,
    serving: 'all',
    onMessage: (liar, message) => {
      if (message.type !== 'want-share' || !message.isWanting) return
      liar.state({ type: 'walk-in-award', epoch: 1, price: tokens(price), fromByte })
      then(liar)
    },
  })
}

/** Of another's lane, for less than before, for more than was put in, or signed by another key. */
function worthless(liar: SpeedLiar, lane: LaneId): SignedVoucher {
  const { random } = liar.line
  const voucher = liar.voucher(lane, 1 + random.below(50))
  switch (random.below(3)) {
    case 0:
      return liar.voucher(lane, 2 * depositTokens)
    case 1:
      return { ...voucher, signature: liar.voucher(lane, 1_000).signature }
    default:
      return { ...voucher, lane: voucher.lane.replace(/^./, voucher.lane.startsWith('0') ? '1' : '0') as LaneId }
  }
}
