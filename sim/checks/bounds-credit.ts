// What a seller serves ahead of payment to accounts that never paid it anything is, for those of one network together and for
// all there are, no more than the pools of newcomer credit and what flows back into them with time: so defaulting again
// and again under new accounts earns nothing worth having. A program that begins anew begins with full pools.

import type { AccountId } from '../../src/ports/ledger.ts'
import { networkOf } from '../../src/session/network-of.ts'
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'

interface Credit {
  readonly sinceMs: number
  /** Of those that never paid, by network; and of each of them. */
  readonly byNetwork: Map<string, number>
  readonly byAccount: Map<AccountId, { readonly network: string; bytes: number }>
  readonly paid: Set<AccountId>
  bytes: number
}

const mebibyte = 1_048_576
const networkBytes = 16 * mebibyte
const totalBytes = 64 * mebibyte
const bytesPerMs = mebibyte / 60_000

export const boundsCredit: CheckMaker = {
  name: 'bounds-credit',
  make: ({ world, speed, violate }) => {
    const credits = new Map<Machine, Credit>()
    const creditOf = (machine: Machine): Credit => {
      const known = credits.get(machine)
      if (known !== undefined) return known
      const sinceMs = world.clock.nowMs()
      const made = { sinceMs, byNetwork: new Map(), byAccount: new Map(), paid: new Set<AccountId>(), bytes: 0 }
      credits.set(machine, made)
      return made
    }
    speed.observe({
      onMessage: ({ machine, peer }, way, message) => {
        if (way === 'in' || message.type !== 'acknowledge' || message.cumulativeAmount === 0n || peer === undefined)
          return
        const credit = creditOf(machine)
        const { network, bytes } = credit.byAccount.get(peer) ?? { network: '', bytes: 0 }
        credit.paid.add(peer)
        credit.byAccount.delete(peer)
        credit.bytes -= bytes
        credit.byNetwork.set(network, (credit.byNetwork.get(network) ?? 0) - bytes)
      },
      onPaidBlock: ({ machine, peer, connection }, way, { lengthBytes }) => {
        if (way === 'in' || peer === undefined) return
        const credit = creditOf(machine)
        if (credit.paid.has(peer)) return
        const network = networkOf(connection.remote)
        const account = credit.byAccount.get(peer) ?? { network, bytes: 0 }
        credit.byAccount.set(peer, account)
        account.bytes += lengthBytes
        credit.bytes += lengthBytes
        const ofNetwork = (credit.byNetwork.get(network) ?? 0) + lengthBytes
        credit.byNetwork.set(network, ofNetwork)
        const refilled = Math.ceil((world.clock.nowMs() - credit.sinceMs) * bytesPerMs)
        if (ofNetwork > networkBytes + refilled) violate(machine, `lends ${ofNetwork} bytes to one network`)
        else if (credit.bytes > totalBytes + refilled) violate(machine, `lends ${credit.bytes} bytes to newcomers`)
      },
    })
    return { onDown: (machine) => void credits.delete(machine) }
  },
}
