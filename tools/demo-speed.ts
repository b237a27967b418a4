// The second part of the demo: seeders sell their upload at prices of their own, some downloaders pay, others don't, and a
// foreign client knows nothing of it; a ledger of play money is served by a process of its own, and everybody has a wallet
// of theirs. At the end accounts are settled, and every unit is where the invoices say.
import { join } from 'node:path'
import { formatRounded, formatTokenAmount, type TokenAmount } from '../src/base/token-amount.ts'
import { formatBytes, formatPercent, formatRate } from '../src/cli/display-text.ts'
import { priceText } from '../src/cli/speed-lines.ts'
import type { ForeignPeer } from '../test/foreign/foreign-program.ts'
import type { JsonProcess } from '../test/foreign/json-process.ts'
import { libtorrent } from '../test/foreign/libtorrent-program.ts'
import { webtorrent } from '../test/foreign/webtorrent.ts'
import {
  areAllGone,
  type ContentFile,
  expectSameContent,
  expectThat,
  folder,
  heading,
  type Line,
  makeContent,
  start,
  swarmbid,
  told,
} from './demo-stage.ts'
import { showTable, type TableRow } from './demo-table.ts'

interface SpeedPeer {
  readonly side: 'paying' | 'earning'
  readonly state: string
  readonly price: string | null
}

interface SpeedParty {
  readonly side: SpeedPeer['side']
  readonly bytes: number
  readonly paid: string
}

interface SpeedLine extends Line {
  readonly joinLines?: readonly string[]
  readonly speed?: {
    readonly postedPrice: string | null
    readonly sharesSold: number
    readonly shares: number
    readonly spent: string
    readonly locked: string
    readonly peers: readonly SpeedPeer[]
    readonly parties: readonly SpeedParty[]
  }
  readonly parties?: readonly SpeedParty[]
  readonly boughtBytes?: number
  readonly freeBytes?: number
}

type Role = 'seller' | 'payer' | 'free'

interface Plan {
  readonly name: string
  readonly role: Role
  /** Of a seller what a GiB costs, of a payer the most to pay. */
  readonly amount?: string
}

interface Person extends Plan {
  readonly environment: Readonly<Record<string, string>>
  readonly place: string
  address: string
  child: JsonProcess<SpeedLine> | undefined
  /** Since all sellers were there. */
  doneSeconds: number
}

const contentName = 'concert'
const contentFiles: readonly ContentFile[] = [
  ['first half.flac', 55],
  ['second half.flac', 44],
  ['programme.pdf', 1],
]
const totalMiB = 48
const plans: readonly Plan[] = [
  { name: 'seller 1', role: 'seller', amount: '500TEST' },
  { name: 'seller 2', role: 'seller', amount: '1000TEST' },
  { name: 'seller 3', role: 'seller', amount: '2000TEST' },
  { name: 'payer 1', role: 'payer', amount: '300TEST' },
  { name: 'payer 2', role: 'payer', amount: '180TEST' },
  { name: 'payer 3', role: 'payer', amount: '60TEST' },
  { name: 'free 1', role: 'free' },
  { name: 'free 2', role: 'free' },
  { name: 'free 3', role: 'free' },
  { name: 'free 4', role: 'free' },
  { name: 'free 5', role: 'free' },
]
/** Two are for sale, one goes by turn and one by luck. */
const sellerSlots = '4'
const sellerUpload = '3MiB'
/** As of a line at home. */
const leecherUploadBytes = 393_216
const grant = 10_000n * 10n ** 18n
const endTimeoutMs = 150_000
const symbol = 'TEST'
const form = {
  nameColumns: 9,
  columns: [
    ['down', 11],
    ['up', 11],
    ['price', 15],
    ['money', 13],
  ],
} as const

function personOf(plan: Plan): Person {
  const place = join(folder, 'speed', plan.name)
  const environment = { SWARMBID_DATA: join(place, 'data'), SWARMBID_PASSPHRASE: 'correct horse battery' }
  return { ...plan, place, environment, address: '', child: undefined, doneSeconds: 0 }
}

function amountOf(text: string | null | undefined): TokenAmount {
  return BigInt(text ?? '0') as TokenAmount
}

/** A wallet, a ledger that it trusts, and for who pays the owner's leave to do so. */
async function equip(person: Person, joinLine: string): Promise<void> {
  const { environment, role } = person
  interface Made {
    readonly accounts: readonly { readonly evmAddress: string }[]
  }
  const { accounts } = await told<Made>(environment, 'wallet', 'create')
  person.address = accounts[0]?.evmAddress ?? ''
  await told(environment, 'ledger', 'join', joinLine)
  if (role !== 'payer') return
  await told(environment, 'wallet', 'spending', 'on')
  const limits = ['--per-day', '500', '--per-payment', 'none', '--per-payee', '100%']
  await told(environment, 'wallet', 'limits', '--token', symbol, ...limits)
}

function startPerson({ name, role, amount, environment, place }: Person, torrent: string, seeds: string) {
  const common = ['--state', join(place, 'state'), '--bind', '127.0.0.1']
  if (role === 'seller') {
    const limits = ['--upload-limit', sellerUpload, '--upload-slots', sellerSlots]
    return start<SpeedLine>(
      name,
      ['seed', torrent, seeds, '--earn', '--price', `${amount}`, ...limits, ...common],
      environment,
    )
  }
  const pay = role === 'payer' ? ['--pay', `${amount}`] : []
  const line = [
    'download',
    torrent,
    '--dir',
    join(place, 'content'),
    '--upload-limit',
    String(leecherUploadBytes),
    ...pay,
    ...common,
  ]
  return start<SpeedLine>(name, line, environment)
}

/** What a seller asks, or a payer pays, for a GiB now. */
function priceOf({ role }: Person, speed: SpeedLine['speed']): string {
  if (speed === undefined) return ''
  const side = role === 'seller' ? 'earning' : 'paying'
  const held = speed.peers.filter((peer) => peer.side === side && peer.price !== null)
  const prices = held.map(({ price }) => amountOf(price)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const price = prices.at(-1) ?? (speed.postedPrice === null ? undefined : amountOf(speed.postedPrice))
  return price === undefined ? 'waiting' : priceText(price, symbol)
}

/** What it paid or earned, as it was told last. */
function moneyOf({ role, child }: Person): TokenAmount {
  const side = role === 'seller' ? 'earning' : 'paying'
  const last = child?.lines.findLast(({ parties, speed }) => (parties ?? speed?.parties) !== undefined)
  const parties = last?.parties ?? last?.speed?.parties ?? []
  const own = parties.filter((party) => party.side === side)
  return own.reduce((sum, { paid }) => sum + amountOf(paid), 0n) as TokenAmount
}

function rowOf(person: Person, totalBytes: number): TableRow {
  const { name, role, child } = person
  const last = child?.lines.findLast(({ type }) => type === 'progress')
  const isDone = role === 'seller' || child?.lines.some(({ type }) => type === 'done') === true
  const { downloadRate = 0, uploadRate = 0, doneBytes = 0, speed } = last ?? {}
  const share = isDone ? 1 : doneBytes / Math.max(1, totalBytes)
  const isOver = child?.lines.some(({ type }) => type === 'invoice') === true
  const down = formatRate(isDone ? 0 : downloadRate)
  const paid = role === 'free' ? '' : formatRounded(moneyOf(person), symbol, 2)
  const price = isOver ? '' : priceOf(person, speed)
  return {
    name,
    share,
    cells: [down, formatRate(isDone && role !== 'seller' ? 0 : uploadRate), price, paid],
    kept:
      role === 'seller'
        ? undefined
        : `${name} ${formatPercent(share)} at ${down}${paid === '' ? '' : `, paid ${paid}`}`,
  }
}

interface Foreigner {
  readonly name: string
  readonly peer: ForeignPeer
  readonly place: string
  doneMs: number | undefined
}

/** A client that knows nothing of Speed, if one is here. */
async function startForeigner(torrent: string): Promise<Foreigner | undefined> {
  const program = [libtorrent, webtorrent].find((each) => each.version() !== undefined)
  if (program === undefined) {
    console.log('No foreign client: neither libtorrent for Python (python3-libtorrent) nor WebTorrent is here.')
    return undefined
  }
  const place = join(folder, 'speed', program.name)
  const task = {
    role: 'leech',
    source: torrent,
    folder: place,
    home: join(place, 'home'),
    address: '127.0.0.1',
    uploadLimit: leecherUploadBytes,
  } as const
  return { name: program.name, peer: await program.start(task), place, doneMs: undefined }
}

async function untilDone(foreigner: Foreigner, startMs: number): Promise<void> {
  while (foreigner.doneMs === undefined) {
    if (performance.now() - startMs > endTimeoutMs)
      throw new Error(`${foreigner.name} is not done: ${foreigner.peer.said()}`)
    const { isComplete } = await foreigner.peer.progress()
    if (isComplete) foreigner.doneMs = performance.now() - startMs
    else await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function tellTimes(people: readonly Person[], foreigner: Foreigner | undefined): void {
  heading('Who was done when')
  const seconds = new Map<Role, number[]>([
    ['payer', []],
    ['free', []],
  ])
  for (const { name, role, child, doneSeconds: took } of people.filter((each) => each.role !== 'seller')) {
    seconds.get(role)?.push(took)
    const invoice = child?.lines.findLast(({ type }) => type === 'invoice')
    const bought = invoice === undefined ? '' : `, ${formatBytes(invoice.boughtBytes ?? 0)} of it bought`
    console.log(`${name.padEnd(9)} ${took.toFixed(1).padStart(6)} s${bought}`)
  }
  if (foreigner?.doneMs !== undefined) {
    console.log(
      `${foreigner.name.padEnd(9)} ${(foreigner.doneMs / 1_000).toFixed(1).padStart(6)} s, a client without Speed`,
    )
  }
  const [paid, free] = [median(seconds.get('payer') ?? []), median(seconds.get('free') ?? [])]
  const share = ((100 * paid) / Math.max(0.1, free)).toFixed(0)
  console.log(`Who paid was done in ${share} % of the time of who did not (medians).`)
}

interface Balance {
  readonly available: string
  readonly locked: string
}

/** Every account by what its owner says, and all of them together. */
async function settle(people: readonly Person[], operator: Readonly<Record<string, string>>): Promise<void> {
  heading('Settlement: what the ledger says, and what the invoices say')
  let [sum, paid, earned] = [0n, 0n, 0n]
  for (const person of people) {
    const { available, locked } = await told<Balance>(operator, 'ledger', 'balance', person.address)
    const money = moneyOf(person)
    const isSeller = person.role === 'seller'
    const expected = isSeller ? grant + money : grant - money
    sum += amountOf(available) + amountOf(locked)
    if (isSeller) earned += money
    else paid += money
    const change = `${isSeller ? 'earned' : 'paid'} ${formatTokenAmount(money, symbol)}`
    expectThat(
      amountOf(available) === expected && locked === '0',
      `${person.name} ${change} and has ${formatTokenAmount(amountOf(available), symbol)}, nothing locked`,
    )
  }
  expectThat(
    paid === earned && paid > 0n,
    `what was paid, ${formatTokenAmount(paid as TokenAmount, symbol)}, was earned to the unit`,
  )
  expectThat(sum === grant * BigInt(people.length), 'nothing came out of nothing, and nothing was lost')
}

interface Content {
  readonly torrent: string
  readonly seeds: string
  readonly totalBytes: number
}

/** Everybody at work, until all have it. The sellers come last, so that all begin at the same time. */
async function share(people: readonly Person[], { torrent, seeds, totalBytes }: Content) {
  const sellers = people.filter(({ role }) => role === 'seller')
  const leechers = people.filter(({ role }) => role !== 'seller')
  for (const person of leechers) person.child = startPerson(person, torrent, seeds)
  const foreigner = await startForeigner(torrent)
  for (const { child } of leechers) await child?.line('listening')
  for (const person of sellers) person.child = startPerson(person, torrent, seeds)
  const table = showTable(form, () => people.map((person) => rowOf(person, totalBytes)))
  try {
    for (const { child } of sellers) await child?.line('listening')
    const startMs = performance.now()
    const ends = leechers.map(async (person) => {
      await person.child?.line('done', endTimeoutMs)
      person.doneSeconds = (performance.now() - startMs) / 1_000
      await person.child?.exit()
    })
    await Promise.all([...ends, foreigner === undefined ? undefined : untilDone(foreigner, startMs)])
  } finally {
    table.end()
  }
  return foreigner
}

export async function playSpeed(): Promise<void> {
  const seeds = join(folder, 'speed', 'seeds')
  const torrent = join(folder, 'speed', `${contentName}.torrent`)
  heading('The same with money: files, a tracker, and a ledger of play money in a process of its own')
  const totalBytes = makeContent(join(seeds, contentName), contentFiles, totalMiB)
  const operator = { SWARMBID_DATA: join(folder, 'speed', 'operator') }
  const ledger = start<SpeedLine>('ledger', ['ledger', 'serve', '--port', '0'], operator)
  const tracker = start('tracker', ['tracker', '--port', '0', '--bind', '127.0.0.1', '--interval', '10s'])
  const { port } = await tracker.line('listening')
  swarmbid('create', join(seeds, contentName), '-o', torrent, '-t', `http://127.0.0.1:${port}/announce`, '-q')
  const { joinLines: [joinLine = ''] = [] } = await ledger.line('listening')
  console.log(joinLine)

  heading('Wallets, and 10,000 TEST for each who joins')
  const people = plans.map(personOf)
  const withMoney = people.filter(({ role }) => role !== 'free')
  await Promise.all(
    withMoney.map(async (person) => {
      await equip(person, joinLine)
      await told(operator, 'ledger', 'mint', person.address)
    }),
  )
  for (const { name, address } of withMoney) console.log(`${name.padEnd(9)} ${address}`)

  const sellers = people.filter(({ role }) => role === 'seller')
  const leechers = people.filter(({ role }) => role !== 'seller')
  heading(`${sellers.length} seeders sell two of ${sellerSlots} shares of ${sellerUpload}/s each`)
  const foreigner = await share(people, { torrent, seeds, totalBytes })
  tellTimes(people, foreigner)
  await foreigner?.peer.stop()
  await Promise.all(sellers.map(({ child }) => child?.end('SIGINT')))
  await settle(withMoney, operator)

  heading('The contents, and the journal of the ledger')
  const original = join(seeds, contentName)
  for (const { name, place } of leechers)
    expectSameContent(name, join(place, 'content', contentName), original, contentFiles)
  if (foreigner !== undefined) {
    expectSameContent(foreigner.name, join(foreigner.place, contentName), original, contentFiles)
  }
  expectThat((await ledger.end('SIGINT')) === 130, 'the ledger ends when it is told to')
  const journal = join(folder, 'speed', 'journal.txt')
  await told(operator, 'ledger', 'export', journal)
  await told({}, 'ledger', 'verify', journal)
  expectThat(true, 'its journal verifies: every hash, signature, rule and balance')
  expectThat((await tracker.end('SIGINT')) === 130 && areAllGone(), 'no process is left')
}
