// Sealed rounds are held as docs/speed-markets.md has it: one call and one list an epoch, and no epoch again, whatever dies;
// nobody is called that kept its bid sealed within the hour; the outcome follows from what was opened; and no bidder opens
// its bid to a list that it is not in. The outcome is computed from the rules here, not by the product.
import type { AccountId } from '../../src/ports/ledger.ts'
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'
import type { Dealt, SpeedLine } from './speed-tap.ts'

type Told<Type> = Extract<Dealt, { readonly type: Type }>
type Call = Told<'auction-call'>
type List = Told<'auction-list'>
type Award = Told<'auction-award'>

/** What a machine's wallet said as a seller, whatever torrent it was for. */
interface Seller {
  readonly calls: Map<number, Call>
  readonly lists: Map<number, List>
  /** By program and content. */
  readonly sealedUntilMs: Map<string, number>
}

const hourMs = 3_600_000

export const keepsRounds: CheckMaker = {
  name: 'keeps-rounds',
  make: ({ world, speed, violate }) => {
    const sellers = new Map<Machine, Seller>()
    const sellerOf = (machine: Machine): Seller => {
      const known = sellers.get(machine)
      if (known !== undefined) return known
      const made = { calls: new Map(), lists: new Map(), sealedUntilMs: new Map() }
      sellers.set(machine, made)
      return made
    }
    const faultOfCall = (line: SpeedLine, call: Call): string | undefined => {
      const seller = sellerOf(line.machine)
      const known = seller.calls.get(call.epoch)
      seller.calls.set(call.epoch, call)
      if (known !== undefined && textOf(known) !== textOf(call)) return `called epoch ${call.epoch} twice`
      const nowMs = world.clock.nowMs()
      const barred = call.seats.find(({ account }) => (seller.sealedUntilMs.get(placeOf(line, account)) ?? 0) > nowMs)
      return barred === undefined ? undefined : `calls ${barred.account}, which kept its bid sealed`
    }
    const faultOfList = ({ machine }: SpeedLine, list: List): string | undefined => {
      const { lists } = sellerOf(machine)
      const known = lists.get(list.epoch)
      lists.set(list.epoch, list)
      return known === undefined || textOf(known) === textOf(list) ? undefined : `shows two lists of ${list.epoch}`
    }
    const faultOfAward = (line: SpeedLine, award: Award): string | undefined => {
      const seller = sellerOf(line.machine)
      const call = seller.calls.get(award.epoch)
      const list = seller.lists.get(award.epoch)
      if (call === undefined || list === undefined || line.peer === undefined) return 'awards a share of no round'
      const opened = new Set(award.openings.map(({ account }) => account))
      for (const { account } of list.commitments) {
        const place = placeOf(line, account)
        if (!opened.has(account) && !seller.sealedUntilMs.has(place))
          seller.sealedUntilMs.set(place, world.clock.nowMs() + hourMs)
      }
      return faultOfOutcome(line.peer, call, list, award)
    }
    const shown = new Map<SpeedLine, List>()
    speed.observe({
      onMessage: (line, way, message) => {
        let fault: string | undefined
        if (way === 'in') {
          if (message.type === 'auction-list') shown.set(line, message)
        } else if (message.type === 'auction-call') fault = faultOfCall(line, message)
        else if (message.type === 'auction-list') fault = faultOfList(line, message)
        else if (message.type === 'auction-award') fault = faultOfAward(line, message)
        else if (message.type === 'auction-reveal') {
          const own = line.machine.wallet?.account
          const list = shown.get(line)
          const isListed = list?.epoch === message.epoch && list.commitments.some(({ account }) => account === own)
          if (!isListed) fault = `opens its bid of epoch ${message.epoch} to a list that it is not in`
        }
        if (fault !== undefined) violate(line.machine, fault)
      },
      onClosed: (line) => void shown.delete(line),
    })
    return {
      // It may not have been on the disk yet.
      onDown: (machine, isOrderly) => {
        if (!isOrderly) sellers.get(machine)?.sealedUntilMs.clear()
      },
    }
  },
}

/** An auction is of one torrent. */
function placeOf({ connection }: SpeedLine, account: AccountId): string {
  return `${connection.content?.info.infoHashV1 ?? connection.content?.info.infoHashV2} ${account}`
}

function textOf(message: Dealt): string {
  return JSON.stringify(message, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

/** The best win, and pay what the best that won nothing would have cost them; the posted price, where one is not opened. */
function faultOfOutcome(to: AccountId, call: Call, list: List, award: Award): string | undefined {
  const weights = new Map(call.seats.map(({ account, weight }) => [account, BigInt(weight)]))
  const ranked = award.openings
    .filter(({ account, bid }) => bid >= call.postedPrice && !award.dropped.includes(account))
    .map(({ account, bid }) => ({ account, score: bid * (weights.get(account) ?? 0n) }))
    .sort((a, b) => (a.score > b.score ? -1 : a.score < b.score ? 1 : 0))
  const own = ranked.find(({ account }) => account === to)
  const worst = ranked[call.shares - 1]?.score ?? 0n
  if (award.share === 0) return own !== undefined && own.score > worst ? `${to} won, and is awarded nothing` : undefined
  if (own === undefined || own.score < worst) return `${to} did not win, and is awarded a share`
  const isMissing = award.openings.length < list.commitments.length
  const cut = isMissing ? 0n : (ranked[call.shares]?.score ?? 0n)
  const weight = weights.get(to) ?? 1n
  const price = (cut + weight - 1n) / weight
  const due = price > call.postedPrice ? price : call.postedPrice
  return award.price === due ? undefined : `${to} is to pay ${award.price}, not ${due}`
}
