// What a payer signs: on its disk before (P8), never less than before, never more than was put in (P6), and never more
// than what came in paid stretches and was verified, or came for nothing, is worth, and staying that was proved. Of an operation
// on the ledger: on its disk before. Counted from the wire and from what the session says of its pieces.
import { payeeOperations, payerOperations } from '../../src/payment/lane-records.ts'
import type { AccountId, LaneId } from '../../src/ports/ledger.ts'
import type { SigningRequest } from '../../src/ports/signer.ts'
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'
import { hasRecord, payerLaneOf } from './lane-disk.ts'
import { watchStays } from './proved-stays.ts'
import type { SpeedLine, SpeedTap } from './speed-tap.ts'
import { blockKey, pieceOfKey, type TappedConnection } from './tapped-connection.ts'

/** One payer and one payee. */
interface Pair {
  /** Of each connection, how many bytes are owed for; those of one that is gone at the highest price there was. */
  readonly bytes: Map<SpeedLine, number>
  highestPrice: bigint
  /** The highest that it asked for before it awarded anything: what is paid ahead is paid at that. */
  postedPrice: bigint
  /** The payee wanted to be paid ahead, ever. */
  isAhead: boolean
  readonly signed: Map<LaneId, bigint>
  /** For intervals of staying that were proved. */
  stayed: bigint
}

interface Waiting {
  readonly pair: Pair
  readonly line: SpeedLine
  readonly lengthBytes: number
}

/** Of one content on one machine: blocks that are not verified yet. */
interface Unverified {
  readonly blocks: Map<number, Waiting | undefined>
  readonly verified: Set<number>
}

/** A tick at most is paid ahead. */
const aheadBytes = 262_144n

export const paysHonestly: CheckMaker = {
  name: 'pays-honestly',
  make: ({ tap, speed, violate }) => {
    const pairs = new Map<Machine, Map<AccountId, Pair>>()
    const pending = new Map<Machine, Map<Content, Unverified>>()
    const pairOf = (machine: Machine, payee: AccountId): Pair => {
      const ofMachine = pairs.get(machine) ?? new Map<AccountId, Pair>()
      pairs.set(machine, ofMachine)
      const known = ofMachine.get(payee)
      if (known !== undefined) return known
      const made: Pair = {
        bytes: new Map(),
        highestPrice: 0n,
        postedPrice: 0n,
        isAhead: false,
        signed: new Map(),
        stayed: 0n,
      }
      ofMachine.set(payee, made)
      return made
    }
    const unverifiedOf = (machine: Machine, content: Content): Unverified => {
      const ofMachine = pending.get(machine) ?? new Map<Content, Unverified>()
      pending.set(machine, ofMachine)
      const known = ofMachine.get(content)
      if (known !== undefined) return known
      const made: Unverified = { blocks: new Map(), verified: new Set() }
      ofMachine.set(content, made)
      return made
    }
    const received = ({ machine, connection }: SpeedLine, key: number, waiting: Waiting | undefined) => {
      const { content } = connection
      if (content === undefined) return
      const { blocks, verified } = unverifiedOf(machine, content)
      const isSpare = verified.has(pieceOfKey(key)) || blocks.has(key)
      // What comes twice is owed twice, by whoever asked twice.
      if (isSpare && waiting !== undefined) owe(waiting)
      else if (!isSpare) blocks.set(key, waiting)
    }
    const arriving = new Map<TappedConnection, number>()
    const isArrivingElsewhere = ({ machine, connection }: SpeedLine, key: number): boolean => {
      for (const other of tap.connectionsOf(machine)) {
        if (other !== connection && arriving.get(other) === key) return true
      }
      return false
    }
    tap.observe({
      onBlock: (connection, way, piece, begin) => {
        if (way === 'in' && connection.machine.wallet !== undefined) arriving.set(connection, blockKey(piece, begin))
      },
      onBlockEnd: (connection, way) => void (way === 'in' && arriving.delete(connection)),
      onClosed: (connection) => void arriving.delete(connection),
      // What is here and asked for again was thrown away.
      onRequest: ({ machine, content }, way, piece, begin) => {
        if (way === 'in' || machine.wallet === undefined || content === undefined) return
        const { blocks } = unverifiedOf(machine, content)
        const waiting = blocks.get(blockKey(piece, begin))
        if (waiting !== undefined) owe(waiting)
        blocks.delete(blockKey(piece, begin))
      },
    })
    watchMessages(speed, pairOf)
    watchStays(speed, (line, price) => {
      if (line.peer !== undefined) pairOf(line.machine, line.peer).stayed += price
    })
    speed.observe({
      onPaidBlock: (line, way, { piece, begin, lengthBytes, wasCancelled }) => {
        if (way === 'out' || line.peer === undefined) return
        const pair = pairOf(line.machine, line.peer)
        const key = blockKey(piece, begin)
        // Of two that send it at once one does so for nothing, and only the session knows which.
        const waiting = { pair, line, lengthBytes }
        if (wasCancelled || isArrivingElsewhere(line, key)) owe(waiting)
        else received(line, key, waiting)
      },
      onFreeBlock: (line, way, piece, begin) => {
        if (way === 'in') received(line, blockKey(piece, begin), undefined)
      },
    })
    return {
      onChange: (machine, change) => {
        const content = change.type === 'piece' ? tap.contentOf(change.id) : undefined
        if (change.type !== 'piece' || content === undefined || !pending.has(machine)) return
        const { blocks, verified } = unverifiedOf(machine, content)
        verified.add(change.piece)
        for (const [key, waiting] of blocks) {
          if (pieceOfKey(key) !== change.piece) continue
          blocks.delete(key)
          if (waiting !== undefined) owe(waiting)
        }
      },
      // What was not verified by then is fetched again.
      onDown: (machine) => {
        for (const { blocks } of pending.get(machine)?.values() ?? []) blocks.clear()
      },
      onSign: (machine, request) => {
        const wrong = faultOf(machine, request, (payee) => pairOf(machine, payee))
        if (wrong !== undefined) violate(machine, wrong)
      },
    }
  },
}

function owe({ pair, line, lengthBytes }: Waiting): void {
  pair.bytes.set(line, (pair.bytes.get(line) ?? 0) + lengthBytes)
}

/** The first bytes that are owed for have the first price, whichever they are. */
function owedOf({ bytes, highestPrice, stayed }: Pair): bigint {
  let scaled = 0n
  for (const [{ bought, connection }, verified] of bytes) {
    const count = verified + bought.besidesBytes
    if (connection.isClosed) {
      scaled += highestPrice * BigInt(count)
      continue
    }
    for (const [index, { fromByte, price }] of bought.steps.entries()) {
      const toByte = Math.min(count, bought.steps[index + 1]?.fromByte ?? count)
      if (toByte > fromByte) scaled += price * BigInt(toByte - fromByte)
    }
  }
  return (scaled >> 20n) + stayed
}

function watchMessages(speed: SpeedTap, pairOf: (machine: Machine, payee: AccountId) => Pair): void {
  speed.observe({
    onMessage: (line, way, message) => {
      const { machine, peer } = line
      if (way === 'out' || peer === undefined) return
      if (message.type === 'present' || message.type === 'acknowledge') {
        if (message.windowBytes === 0) pairOf(machine, peer).isAhead = true
      } else if (message.type === 'terms') {
        const posted = message.ledgers.find(({ account }) => account === peer)?.postedPrice ?? 0n
        const pair = pairOf(machine, peer)
        if (posted > pair.postedPrice) pair.postedPrice = posted
      } else if (message.type === 'walk-in-award' || message.type === 'auction-award') {
        const pair = pairOf(machine, peer)
        if (message.price > pair.highestPrice) pair.highestPrice = message.price
        // What is lost undrawn is owed for, though nothing came.
        if (!pair.bytes.has(line)) pair.bytes.set(line, 0)
      }
    },
  })
}

function faultOf({ wallet }: Machine, request: SigningRequest, pairOf: (payee: AccountId) => Pair): string | undefined {
  if (wallet === undefined) return 'signs without a wallet'
  if (request.type === 'ledger-operation') {
    const { id, type } = request.operation
    const isKept = hasRecord(wallet, payerOperations, id) || hasRecord(wallet, payeeOperations, id)
    return isKept ? undefined : `signs ${type} before it is on the disk`
  }
  if (request.type !== 'voucher') return undefined
  const { lane, cumulativeAmount } = request.voucher
  const record = payerLaneOf(wallet, lane)
  if (record?.signed !== cumulativeAmount) return `signs ${cumulativeAmount}, and has ${record?.signed} on its disk`
  const deposit = wallet.ledger.lanes.get(lane)?.deposit ?? 0n
  if (cumulativeAmount > deposit) return `signs ${cumulativeAmount} on a lane of ${deposit}`
  const pair = pairOf(record.payee)
  const before = pair.signed.get(lane) ?? 0n
  if (cumulativeAmount < before) return `signs ${cumulativeAmount} after ${before}`
  pair.signed.set(lane, cumulativeAmount)
  let sum = 0n
  for (const [of, amount] of pair.signed) {
    const end = wallet.ledger.lanes.get(of)
    // What was not taken of a lane that is closed is owed again.
    sum += end?.state.type === 'closed' ? end.claimed : amount
  }
  const aheadPrice = pair.highestPrice > pair.postedPrice ? pair.highestPrice : pair.postedPrice
  const ahead = pair.isAhead ? ((aheadPrice * aheadBytes) >> 20n) + 1n : 0n
  const owed = owedOf(pair)
  return sum <= owed + ahead ? undefined : `signed ${sum}, owes ${owed}, and ${ahead} ahead`
}
