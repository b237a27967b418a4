// What peers do that mean harm in the markets of Speed: sellers whose rounds do not add up, bidders that do not open what
// they sealed, and both sides of jobs. Guarantees: whoever lies has one account, so that what it did can be held against it.
import { toHex } from '../../src/base/bytes.ts'
import { encodeExtensionHandshake } from '../../src/formats/peer/extension-handshake.ts'
import { speedExtension } from '../../src/formats/peer/speed-messages.ts'
import { sealBid } from '../../src/market/sealing.ts'
import type { AccountId, Hash256 } from '../../src/ports/ledger.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { tokens } from '../world/dealing.ts'
import { afterHandshake, type Behaviour } from './behaviour.ts'
import { CrookedAuction, type Crookedness } from './crooked-auction.ts'
import { CrookedProvider, CrookedRequester } from './crooked-jobs.ts'
import type { HostilePeer } from './hostile-peer.ts'
import * as messages from './messages.ts'
import { gives, type SellerActing, takes } from './speed-acting.ts'

const wakeMs = 250
const bidTokens = 5
const awayAfterMs = 40_000
/** Whoever buys tries the cheapest first. */
const lowTokens = 0.5
const nonceLength = 32

/** Sellers and bidders of auctions, and a requester of jobs. A peer each: they keep what they did. */
export function marketLies(ledger: SimulatedLedger): readonly Behaviour[] {
  return [
    auction(ledger, 'two-lists'),
    auction(ledger, 'leaves-out'),
    auction(ledger, 'overprices'),
    auction(ledger, 'ignores-reveals'),
    claimsLosses(ledger),
    servesSlowly(ledger, 'refuses-vouchers'),
    servesSlowly(ledger, 'mixes-garbage-in'),
    neverBinds,
    withholdsReveals(ledger),
    showsTwoJobs(ledger),
  ]
}

/** Sellers that are asked for jobs. */
export function jobLies(ledger: SimulatedLedger): readonly Behaviour[] {
  return (['brings-nothing', 'another-price'] as const).map((crookedness) => {
    const provider = new CrookedProvider(crookedness)
    const acting: SellerActing = {
      ledger,
      isKnown: true,
      serving: 'nothing',
      onMessage: (liar, message) => provider.told(liar, message),
    }
    return { name: crookedness, proof: 'none', begin: gives(acting) }
  })
}

/** Of a peer of marketLies or jobLies. */
export function accountOfLiar(ledger: SimulatedLedger, { ownId }: HostilePeer): AccountId {
  return ledger.accountOf(ledger.keys.key(ownId))
}

function auction(ledger: SimulatedLedger, crookedness: Crookedness): Behaviour {
  const held = new CrookedAuction(crookedness)
  return {
    name: crookedness,
    proof: 'none',
    begin: (line) => {
      gives({
        ledger,
        isKnown: true,
        serving: 'choking',
        postedTokens: crookedness === 'two-lists' || crookedness === 'overprices' ? lowTokens : 1,
        onMessage: (liar, message) => held.told(liar, message),
      })(line)
      line.every(wakeMs, () => held.wake(line.clock.nowMs()))
    },
  }
}

/** Each share that it sells was not drawn, it says at once. */
function claimsLosses(ledger: SimulatedLedger): Behaviour {
  return {
    name: 'claims-losses',
    proof: 'none',
    begin: gives({
      ledger,
      isKnown: true,
      serving: 'choking',
      postedTokens: lowTokens,
      onMessage: (liar, message) => {
        if (message.type !== 'want-share' || !message.isWanting) return
        liar.line.attack(messages.keepAlive)
        liar.state({ type: 'walk-in-award', epoch: 1, price: tokens(lowTokens), fromByte: 0 })
        liar.state({ type: 'share-lost', epoch: 1, owedBytes: 2 ** 40, fromByte: 0 })
      },
    }),
  }
}

/** For a share: `refuses-vouchers`: and says of each payment that it is worth nothing. `mixes-garbage-in`: what is wrong. */
function servesSlowly(ledger: SimulatedLedger, name: 'refuses-vouchers' | 'mixes-garbage-in'): Behaviour {
  const isGarbage = name === 'mixes-garbage-in'
  return {
    name,
    proof: 'none',
    begin: gives({
      ledger,
      isKnown: true,
      serving: 'slowly',
      isGarbage,
      postedTokens: lowTokens,
      onMessage: (liar, message) => {
        if (message.type === 'voucher' && !isGarbage) {
          const { lane } = message.voucher
          liar.tell({ type: 'refuse', of: 'voucher', reason: 'voucher-invalid', lane })
        } else if (message.type === 'want-share' && message.isWanting)
          liar.state({ type: 'walk-in-award', epoch: 1, price: tokens(lowTokens), fromByte: 0 })
      },
    }),
  }
}

/** Says that it speaks Speed, and nothing more of it. */
const neverBinds: Behaviour = {
  name: 'never-binds',
  proof: 'none',
  begin: afterHandshake((line) => {
    const extensions = new Map([[speedExtension, 7]])
    line.attack(messages.extended(0, encodeExtensionHandshake({ extensions })), messages.haveAll)
  }),
}

/** It comes again, and is known still. */
function withholdsReveals(ledger: SimulatedLedger): Behaviour {
  const begin = takes({
    ledger,
    isKnown: true,
    onMessage: (liar, message) => {
      const { account, peer, line } = liar
      if (peer === undefined) return
      if (message.type === 'auction-call') {
        const nonce = toHex(line.noise(nonceLength)) as Hash256
        const commitment = sealBid(peer, account, message.epoch, tokens(bidTokens), nonce)
        const backing = ledger.balanceReceipt(account)
        liar.state({ type: 'auction-commit', epoch: message.epoch, commitment, backing })
      } else if (message.type === 'auction-list') line.attack(messages.keepAlive)
    },
  })
  return {
    name: 'withholds-reveals',
    proof: 'none',
    begin: (line) => {
      begin(line)
      line.after(awayAfterMs, () => line.reset())
    },
  }
}

function showsTwoJobs(ledger: SimulatedLedger): Behaviour {
  const requester = new CrookedRequester()
  return {
    name: 'two-jobs',
    proof: 'none',
    begin: (line) => {
      takes({
        ledger,
        isKnown: true,
        onMessage: (liar, message) => requester.told(liar, message),
        onLane: (liar) => requester.joined(liar),
      })(line)
      line.every(wakeMs, () => requester.wake(line.clock.nowMs()))
    },
  }
}
