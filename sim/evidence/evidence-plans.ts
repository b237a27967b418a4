// The swarms that Speed is held against plain tit-for-tat in: who is there, with which links, and who does what.
// Values only; whoever changes them runs tools/evidence.ts, which writes docs/speed-evidence.md anew.

/**
 * What a peer is in the swarm with Speed; in the control all do what BEP 3 says, but riders.
 * `payer` has a budget and earns, `free` has none and earns, as everybody does who leaves it to the program; `legacy` has no
 * Speed; `rider` has none and gives nothing. `washer` paid itself from account to account before, and is a payer else;
 * `defaulter` has a budget, gives nothing, never signs a voucher, and is somebody else every minute.
 */
export type Kind =
  | 'payer'
  | 'free'
  | 'legacy'
  | 'rider'
  | 'hoarder'
  | 'squatter'
  | 'shill'
  | 'sybil'
  | 'washer'
  | 'defaulter'

/** What sellers of the content do, honest ones or not. */
type Selling =
  | 'honest'
  /** One share instead of four, for a fixed price that is eight times as high. */
  | 'withholding'
  /** Bans every peer that does not pay. */
  | 'banning'

/** What the design asks of a swarm. */
export type BarName = 'payers-gain' | 'payers-late' | 'unpaid-late' | 'equal' | 'equal-sellers' | 'riders' | 'stay'

export interface EvidencePlan {
  readonly name: string
  readonly about: string
  /** So many of each kind come, in an order that the seed draws. */
  readonly leechers: Partial<Readonly<Record<Kind, number>>>
  readonly seeds: number
  readonly selling: Selling
  readonly contentBytes: number
  readonly pieceLengthBytes: number
  readonly seedBytesPerSecond: number
  readonly uploadBytesPerSecond: number
  readonly downloadBytesPerSecond: number
  /** Of each torrent, and of those how many may be sold. */
  readonly slots: number
  readonly shares: number
  /** They come over so long, evenly drawn. */
  readonly arrivalSeconds: number
  /** Infinity: who is done seeds to the end. Else so long, and who earns by the product's rule (leaving.ts). */
  readonly staySeconds: number
  /** Tokens: what an hour of seeding is to bring who earns. */
  readonly seedingCostAnHour: number
  readonly budgetTokens: number
  /** Why a bar is missed, said where it is. */
  readonly reasons?: Partial<Readonly<Record<BarName, string>>>
}

const usual: Omit<EvidencePlan, 'name' | 'about' | 'leechers'> = {
  seeds: 2,
  selling: 'honest',
  contentBytes: 100_000_000,
  pieceLengthBytes: 524_288,
  seedBytesPerSecond: 1_000_000,
  uploadBytesPerSecond: 250_000,
  downloadBytesPerSecond: 2_500_000,
  slots: 8,
  shares: 4,
  arrivalSeconds: 20,
  staySeconds: Number.POSITIVE_INFINITY,
  seedingCostAnHour: 60,
  budgetTokens: 150,
}

export const evidencePlans: readonly EvidencePlan[] = [
  {
    ...usual,
    name: 'nobody pays',
    about: 'all would earn, and nobody buys',
    leechers: { free: 18, legacy: 6 },
  },
  {
    ...usual,
    name: 'a tenth pays',
    about: 'a tenth has a budget, a fourth no Speed',
    leechers: { payer: 3, free: 15, legacy: 6 },
  },
  {
    ...usual,
    name: 'half pays',
    about: 'half has a budget, a fourth no Speed',
    leechers: { payer: 12, free: 6, legacy: 6 },
  },
  {
    ...usual,
    name: 'free riders',
    about: 'a third pays, a third has no tokens, a third gives nothing',
    leechers: { payer: 8, free: 4, legacy: 4, rider: 8 },
  },
  {
    ...usual,
    name: 'free riders, and nobody stays',
    about:
      'the same over ten minutes; who is done goes after one, or, if it earns, once that brings less than a token a minute; one seed of 500 kB/s is there all the time',
    leechers: { payer: 12, free: 6, legacy: 6, rider: 12 },
    seeds: 1,
    seedBytesPerSecond: 500_000,
    arrivalSeconds: 600,
    staySeconds: 60,
  },
  {
    ...usual,
    name: 'paid seeding',
    about:
      'who is done goes after a minute, or, if it earns, once seeding on brings less than the token a minute it is to bring',
    leechers: { payer: 12, free: 12 },
    arrivalSeconds: 600,
    staySeconds: 60,
    reasons: {
      equal: `*Why those who do the same are not equal:* they come over ten minutes, and who comes late finds the seeds that stay
because they earn, where who came early found two. What each takes of its own time in the control is in the next line.`,
    },
  },
  {
    ...usual,
    name: 'shares withheld',
    about: 'the seeds sell one share instead of four, at eight times the price',
    leechers: { payer: 8, free: 16 },
    selling: 'withholding',
  },
  {
    ...usual,
    name: 'banning who does not pay',
    about: 'the seeds ban every peer that pays nothing',
    leechers: { payer: 8, free: 16 },
    selling: 'banning',
  },
  {
    ...usual,
    name: 'hoarding',
    about: 'one has sixty times the budget of the other payers',
    leechers: { hoarder: 1, payer: 7, free: 16 },
  },
  {
    ...usual,
    name: 'slot squatting',
    about: 'some buy shares and draw 5 KB/s',
    leechers: { squatter: 4, payer: 8, free: 12 },
  },
  {
    ...usual,
    name: 'shills',
    about: 'some bid for the seeds against the others, and have their money back from the seeds',
    leechers: { shill: 3, payer: 8, free: 13 },
  },
  {
    ...usual,
    name: 'Sybils',
    about: 'one owner has four peers of one network with a fourth of a budget each, that give nothing',
    leechers: { sybil: 4, payer: 8, free: 12 },
  },
  {
    ...usual,
    name: 'washing',
    about:
      'some paid themselves from account to account before, for a history: of nothing here do prices, weights or windows go by it',
    leechers: { washer: 4, payer: 8, free: 12 },
  },
  {
    ...usual,
    name: 'serial default',
    about: 'some of one network take shares, sign no voucher, and come again every minute under another account',
    leechers: { defaulter: 4, rider: 4, payer: 8, free: 12 },
  },
]
