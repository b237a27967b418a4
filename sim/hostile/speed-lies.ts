// What peers do that speak Speed and mean harm: take a share and never pay, pay with what is worth nothing, take anew under
// ever new accounts, say that they sent what they did not, ask for prices that nobody agreed to, or never stop talking.
import type { SpeedPlain, SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import type { LaneId, SignedVoucher } from '../../src/ports/ledger.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { tokens } from '../world/dealing.ts'
import { afterHandshake, type Behaviour } from './behaviour.ts'
import type { HostileLine } from './hostile-line.ts'
import * as messages from './messages.ts'
import { SpeedLiar } from './speed-liar.ts'

const tickMs = 250
const depositTokens = 100
const mebibyte = 1_048_576

/** Its own account for each line: what one did is not held against the next. */
function liarOn(line: HostileLine, ledger: SimulatedLedger, side: 'payer' | 'payee'): SpeedLiar {
  const key = ledger.keys.key(`${line.owner.ownId} ${line.random.below(2 ** 32)}`)
  ledger.grant(ledger.accountOf(key))
  return new SpeedLiar(line, ledger, key, side)
}

/** Opens a lane as who means to pay, wants a share, and asks for all it can get. */
function takes(ledger: SimulatedLedger, pay: (liar: SpeedLiar, lane: LaneId) => void): Behaviour['begin'] {
  return (line) => {
    const liar = liarOn(line, ledger, 'payer')
    liar.onOpen = () => {
      liar.tell({ type: 'hello', lanes: [], unpaid: tokens(0) })
      line.after(2_000, () => {
        const lane = liar.openLane(depositTokens)
        const receipt = lane === undefined ? undefined : ledger.laneReceipt(lane)
        if (lane === undefined || receipt === undefined) return
        liar.tell({ type: 'lane', event: 'open', receipt })
        liar.tell({ type: 'hello', lanes: [{ lane, signed: tokens(0) }], unpaid: tokens(0) })
        line.every(2_000, () => liar.tell({ type: 'want-share', isWanting: true }))
        line.every(tickMs, () => askForAll(line))
        line.every(1_000, () => pay(liar, lane))
      })
    }
    afterHandshake(() => {
      liar.begin()
      line.say(messages.haveNone, messages.interested)
    })(line)
  }
}

function askForAll(line: HostileLine): void {
  const { pieceCount, pieceLengthBytes } = line.content.info
  const blocks = Math.max(1, Math.floor(pieceLengthBytes / 16_384))
  line.attack(
    messages.times(4, () => messages.request(line.random.below(pieceCount - 1), line.random.below(blocks) * 16_384)),
  )
}

/** Has everything and serves it; says of payment what it likes. */
function gives(
  ledger: SimulatedLedger,
  answer: (liar: SpeedLiar, message: SpeedPlain | SpeedStatement) => void,
): Behaviour['begin'] {
  return (line) => {
    const liar = liarOn(line, ledger, 'payee')
    const known: LaneId[] = []
    liar.onMessage = (message) => {
      if (message.type === 'lane' && message.receipt.receipt.type === 'lane')
        known.push(message.receipt.receipt.lane.id)
      if (message.type === 'hello' || message.type === 'lane') {
        liar.tell({ type: 'present', lanes: known.map((lane) => ({ lane })), windowBytes: mebibyte })
      }
      answer(liar, message)
    }
    line.onRequest = (piece, begin, length) => {
      line.attack(messages.blockHeader(piece, begin, length), line.blockAt(piece, begin, length))
    }
    afterHandshake(() => {
      liar.begin()
      line.say(messages.haveAll, messages.unchoke)
    })(line)
  }
}

/** The harm that is done with Speed on a ledger. */
export function speedLies(ledger: SimulatedLedger): readonly Behaviour[] {
  return [
    { name: 'never-pays', proof: 'none', begin: takes(ledger, () => undefined) },
    {
      name: 'pays-with-nothing',
      proof: 'none',
      begin: takes(ledger, (liar, lane) => liar.tell({ type: 'voucher', voucher: worthless(liar, lane) })),
    },
    {
      name: 'serial-default',
      proof: 'none',
      redialMs: 1_000,
      maxDials: 20,
      begin: (line) => {
        takes(ledger, () => undefined)(line)
        line.after(12_000, () => line.reset())
      },
    },
    {
      name: 'miscounts',
      proof: 'none',
      begin: gives(ledger, (liar, message) => {
        if (message.type !== 'want-share' || !message.isWanting) return
        liar.state({ type: 'walk-in-award', epoch: 1, price: tokens(1), fromByte: mebibyte })
      }),
    },
    {
      name: 'sells-garbage',
      proof: 'none',
      begin: (line) => {
        gives(ledger, (liar, message) => {
          if (message.type !== 'want-share' || !message.isWanting) return
          liar.state({ type: 'walk-in-award', epoch: 1, price: tokens(1), fromByte: 0 })
        })(line)
        line.onRequest = (piece, begin, length) => {
          line.attack(messages.blockHeader(piece, begin, length), line.noise(length))
        }
      },
    },
    {
      name: 'overcharges',
      proof: 'none',
      begin: gives(ledger, (liar, message) => {
        if (message.type !== 'want-share' || !message.isWanting) return
        liar.state({ type: 'walk-in-award', epoch: 1, price: tokens(1_000), fromByte: 0 })
      }),
    },
    {
      name: 'claims-a-loss',
      proof: 'none',
      begin: gives(ledger, (liar, message) => {
        if (message.type !== 'want-share' || !message.isWanting) return
        liar.state({ type: 'walk-in-award', epoch: 1, price: tokens(1), fromByte: 0 })
        liar.state({ type: 'share-lost', epoch: 1, owedBytes: 2 ** 40, fromByte: 0 })
      }),
    },
    {
      name: 'speed-flood',
      proof: 'none',
      begin: takes(ledger, (liar) => {
        for (let count = 0; count < 200; count++) liar.tell({ type: 'want-share', isWanting: count % 2 === 0 })
      }),
    },
  ]
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
