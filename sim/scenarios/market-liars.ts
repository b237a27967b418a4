// Honest peers that bid and sell among such as cheat in the markets: who shows two lists, awards at another price or asks for
// a job twice is found out, the proof is kept and it is banned; who leaves bidders out hears no bid; who does not open
// what it sealed is out of rounds for an hour.
import { fromUtf8, toUtf8Lossy } from '../../src/base/bytes.ts'
import { HostilePeer } from '../hostile/hostile-peer.ts'
import { accountOfLiar, marketLies } from '../hostile/market-lies.ts'
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Machine } from '../world/machine.ts'

const budgetTokens = 60
const shares = 1
/** As what it is found out. */
const frauds: Readonly<Record<string, string>> = {
  'two-lists': 'two-lists',
  overprices: 'wrong-outcome',
  'two-jobs': 'two-lists',
}

export const marketLiars: Scenario = {
  name: 'market-liars',
  about:
    'some cheat in auctions and jobs: they are found out, proofs are kept, who does not reveal is left out; all finish',
  peers: 4,
  contentBytes: 10_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_800_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const { ledger } = market
    const liars = marketLies(ledger).map((behaviour) => new HostilePeer(stage, behaviour))
    const found = new Map<string, Set<string>>()
    const finders = new Set<Machine>()
    stage.world.watchers.push({
      onChange: (machine, change) => {
        if (change.type !== 'speed' || change.event.type !== 'fraud') return
        const { account, kind } = change.event
        found.set(account, (found.get(account) ?? new Set()).add(kind))
        finders.add(machine)
      },
    })
    const limits = { maxSlots: 4 }
    const seed = await stage.seed({ ...market.earning({ shares }), uploadBytesPerSecond: 100_000, add: { limits } })
    const leechers = await stage.leechers(stage.peers, () => ({
      ...market.dealing(budgetTokens),
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 60_000,
    }))
    for (const { machine } of [seed, ...leechers]) for (const liar of liars) liar.visit(machine.address)
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        // One alone has nobody to compare with.
        if (stage.peers < 4) return
        for (const liar of liars) {
          const { name } = liar.behaviour
          const fraud = frauds[name]
          // Whether there is a round to leave somebody out of, or to keep a bid sealed in, is up to the others.
          if (fraud === undefined) continue
          stage.expect(liar.hasAttacked, `${name} did no harm`)
          const account = accountOfLiar(ledger, liar)
          stage.expect(found.get(account)?.has(fraud) === true, `${name} was not found out`)
          const banning = [seed, ...leechers].filter(({ machine }) =>
            machine.session.snapshot().bannedAddresses.includes(liar.address),
          )
          stage.expect(banning.length > 0, `nobody banned ${name}`)
        }
        for (const machine of finders)
          stage.expect(keysOf(machine, 'speed-proofs').length > 0, 'kept no proof', machine)
        const excluded = [seed, ...leechers].some(({ machine }) =>
          keysOf(machine, 'speed-bidders').some((key) => key.includes('/excluded ')),
        )
        const hasWithheld = liars.some(
          ({ behaviour, hasAttacked }) => behaviour.name === 'withholds-reveals' && hasAttacked,
        )
        stage.expect(excluded || !hasWithheld, 'nobody was left out of rounds')
        await market.expectSettled(leechers, 1_800_000)
        await stage.expectContent()
      },
    }
  },
}

const everything = { from: fromUtf8(''), to: fromUtf8('\u{10ffff}'), maxCount: 1_000, order: 'ascending' } as const

function keysOf({ wallet }: Machine, table: string): string[] {
  return wallet?.disk.entries(table, everything).map(({ key }) => toUtf8Lossy(key)) ?? []
}
