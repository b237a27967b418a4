// How a peer that means harm passes for one that pays or one that is paid, up to where its lie begins: bound to an account,
// with a lane or with everything to serve. Guarantees: until then an honest peer sees nothing odd. Owns nothing.
import type { SpeedPlain, SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import type { LaneId } from '../../src/ports/ledger.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { tokens } from '../world/dealing.ts'
import { afterHandshake, type Behaviour } from './behaviour.ts'
import type { HostileLine } from './hostile-line.ts'
import * as messages from './messages.ts'
import { SpeedLiar } from './speed-liar.ts'

const tickMs = 250
const blockEveryMs = 1_000
const mebibyte = 1_048_576
export const depositTokens = 100

interface Acting {
  readonly ledger: SimulatedLedger
  /** One account for all lines of a peer; else each line has its own, so that what one did is not held against the next. */
  readonly isKnown?: boolean
  /** After it was answered as an honest peer would. */
  readonly onMessage?: (liar: SpeedLiar, message: SpeedPlain | SpeedStatement) => void
}

interface PayerActing extends Acting {
  /** It has said of its lane. */
  readonly onLane?: (liar: SpeedLiar) => void
  /** Every second from when it has a lane. */
  readonly pay?: (liar: SpeedLiar, lane: LaneId) => void
}

export interface SellerActing extends Acting {
  /** `slowly`: a block a second; `choking`: it does not even say that it would serve. */
  readonly serving: 'all' | 'slowly' | 'nothing' | 'choking'
  /** Of the right length. */
  readonly isGarbage?: boolean
  /** What it asks for a MiB; a token. */
  readonly postedTokens?: number
}

/** Opens a lane as who means to pay, wants a share, and asks for all it can get. */
export function takes({ ledger, isKnown, onMessage, onLane, pay }: PayerActing): Behaviour['begin'] {
  return (line) => {
    const liar = new SpeedLiar(line, ledger, keyOf(line, ledger, isKnown), 'payer')
    liar.onMessage = (message) => onMessage?.(liar, message)
    liar.onOpen = () => {
      liar.tell({ type: 'hello', lanes: [], unpaid: tokens(0) })
      line.after(2_000, () => {
        const lane = liar.openLane(depositTokens)
        const receipt = lane === undefined ? undefined : ledger.laneReceipt(lane)
        if (lane === undefined || receipt === undefined) return
        liar.tell({ type: 'lane', event: 'open', receipt })
        liar.tell({ type: 'hello', lanes: [{ lane, signed: tokens(0) }], unpaid: tokens(0) })
        onLane?.(liar)
        line.every(2_000, () => liar.tell({ type: 'want-share', isWanting: true }))
        line.every(tickMs, () => {
          // Whoever is known does harm in another way than by taking what it does not pay for.
          if (isKnown === true) line.say(manyRequests(line))
          else line.attack(manyRequests(line))
        })
        line.every(1_000, () => pay?.(liar, lane))
      })
    }
    afterHandshake(() => {
      liar.begin()
      line.say(messages.haveNone, messages.interested)
    })(line)
  }
}

/** Has everything and serves it, or does not; says of payment what it likes. */
export function gives({
  ledger,
  isKnown,
  onMessage,
  serving,
  isGarbage,
  postedTokens,
}: SellerActing): Behaviour['begin'] {
  return (line) => {
    const liar = new SpeedLiar(line, ledger, keyOf(line, ledger, isKnown), 'payee', postedTokens)
    const known = new Set<LaneId>()
    liar.onMessage = (message) => {
      // A lane may have been shown on another line before.
      if (message.type === 'lane' && message.receipt.receipt.type === 'lane') known.add(message.receipt.receipt.lane.id)
      else if (message.type === 'hello') for (const { lane } of message.lanes) known.add(lane)
      if (message.type === 'hello' || message.type === 'lane') {
        liar.tell({ type: 'present', lanes: [...known].map((lane) => ({ lane })), windowBytes: mebibyte })
      }
      onMessage?.(liar, message)
    }
    let freeMs = 0
    line.onRequest = (piece, begin, length) => {
      if (serving === 'nothing' || serving === 'choking') return
      const nowMs = line.clock.nowMs()
      freeMs = serving === 'slowly' ? Math.max(freeMs, nowMs) + blockEveryMs : nowMs
      line.after(freeMs - nowMs, () => {
        const block = isGarbage === true ? line.noise(length) : line.blockAt(piece, begin, length)
        line.attack(messages.blockHeader(piece, begin, length), block)
      })
    }
    afterHandshake(() => {
      liar.begin()
      line.say(messages.haveAll, ...(serving === 'choking' ? [] : [messages.unchoke]))
    })(line)
  }
}

function keyOf(line: HostileLine, ledger: SimulatedLedger, isKnown = false): SigningKey {
  const key = ledger.keys.key(isKnown ? line.owner.ownId : `${line.owner.ownId} ${line.random.below(2 ** 32)}`)
  const account = ledger.accountOf(key)
  const { available, locked } = ledger.core.state.account(account)
  if (available + locked === 0n) ledger.grant(account)
  return key
}

function manyRequests(line: HostileLine): Uint8Array {
  const { pieceCount, pieceLengthBytes } = line.content.info
  const blocks = Math.max(1, Math.floor(pieceLengthBytes / 16_384))
  return messages.times(4, () =>
    messages.request(line.random.below(pieceCount - 1), line.random.below(blocks) * 16_384),
  )
}
