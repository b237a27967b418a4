// Who buys and sells in tests of the command line: each with a data folder, wallet and state of its own, on one ledger that
// is served by a process of its own; both accounts of a payment are never in one process.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { JsonProcess } from '../foreign/json-process.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { type LedgerLine, Owner } from './ledger-owner.ts'
import { swarmbid } from './run-swarmbid.ts'

export const unit = 10n ** 18n
/** What a ledger of play money gives to each account. */
export const granted = 10_000n * unit

export interface SpeedParty {
  readonly account: string
  readonly side: 'paying' | 'earning'
  readonly bytes: number
  readonly paid: string
}

export interface SpeedLine {
  readonly type?: string
  readonly port?: number
  readonly doneBytes?: number
  readonly uploadedBytes?: number
  readonly event?: string
  readonly verdict?: string
  readonly sellers?: number
  readonly leastPrice?: string | null
  readonly boughtBytes?: number
  readonly freeBytes?: number
  readonly locked?: string
  readonly earned?: string
  readonly parties?: readonly SpeedParty[]
  readonly speed?: {
    readonly boughtBytes: number
    readonly spent: string
    readonly locked: string
    readonly earned: string
    readonly stays: readonly { readonly side: SpeedParty['side'] }[]
    readonly peers: readonly { readonly side: SpeedParty['side']; readonly state: string; readonly paid: string }[]
  }
}

export type Role = 'ledger' | 'seller' | 'payer'

/** Where each is, and how others reach it. */
export interface SpeedPlace {
  wrapper(role: Role): readonly string[]
  readonly ledgerBinds: readonly string[]
  /** The beginning of the ledger's address, as this one reaches it. */
  readonly ledgerNet: Readonly<Record<'seller' | 'payer', string>>
  /** Of its peers' connections. */
  readonly address: Readonly<Record<'seller' | 'payer', string>>
}

const loopback: SpeedPlace = {
  wrapper: () => [],
  ledgerBinds: [],
  ledgerNet: { seller: '127.', payer: '127.' },
  address: { seller: '127.0.0.1', payer: '127.0.0.1' },
}

export class SpeedPerson extends Owner {
  address = ''
  readonly home: string
  /** Where its peers find it. */
  readonly host: string

  constructor(home: string, host: string, wrapper: readonly string[]) {
    super(join(home, 'data'), wrapper)
    this.home = home
    this.host = host
  }

  async enter(operator: Owner, joinLine: string): Promise<void> {
    const [made] = await this.said('wallet', 'create')
    this.address = (made as { accounts?: readonly { evmAddress: string }[] }).accounts?.[0]?.evmAddress ?? ''
    await this.told('join', joinLine)
    await operator.told('mint', this.address)
  }

  seed(t: TestContext, torrent: string, content: string, ...rest: readonly string[]): JsonProcess<SpeedLine> {
    const state = ['--state', join(this.home, 'state'), '--bind', this.host]
    return this.start<SpeedLine>(t, 'seed', torrent, content, '--earn', ...state, ...rest)
  }

  download(t: TestContext, torrent: string, ...rest: readonly string[]): JsonProcess<SpeedLine> {
    const places = ['--dir', join(this.home, 'down'), '--state', join(this.home, 'state'), '--bind', this.host]
    return this.start<SpeedLine>(t, 'download', torrent, ...places, ...rest)
  }

  async balance(operator: Owner): Promise<{ readonly available: bigint; readonly locked: bigint }> {
    const { available = '', locked = '' } = (await operator.told('balance', this.address)) as LedgerLine & {
      readonly locked?: string
    }
    return { available: BigInt(available), locked: BigInt(locked) }
  }
}

export interface SpeedStage {
  readonly folder: string
  readonly operator: Owner
  readonly ledger: JsonProcess<LedgerLine>
  readonly torrent: string
  /** The folder that the content lies in, and its name. */
  readonly content: string
  readonly name: string
  readonly totalBytes: number
  /** `name` where there are several of a role. */
  person(role: 'seller' | 'payer', name?: string): Promise<SpeedPerson>
}

/** A ledger that is served, and content with its torrent. */
export async function speedStage(
  t: TestContext,
  totalBytes: number,
  place: SpeedPlace = loopback,
): Promise<SpeedStage> {
  const folder = temporaryFolder(t)
  const operator = new Owner(join(folder, 'operator'), place.wrapper('ledger'))
  const binds = place.ledgerBinds.flatMap((address) => ['--bind', address])
  const ledger = operator.serve(t, 'serve', '--port', '0', ...binds)
  const content = join(folder, 'content')
  const name = 'talk.ogg'
  mkdirSync(content)
  const bytes = new Uint8Array(totalBytes)
  simulatedRandom(9).fill(bytes)
  writeFileSync(join(content, name), bytes)
  const torrent = join(folder, 'talk.torrent')
  const { exitCode, stderr } = await swarmbid(['create', join(content, name), '-o', torrent, '-q'])
  assert.equal(exitCode, 0, stderr)
  const { joinLines = [] } = await ledger.line('listening')
  return {
    folder,
    operator,
    ledger,
    torrent,
    content,
    name,
    totalBytes,
    async person(role, name = role) {
      const person = new SpeedPerson(join(folder, name), place.address[role], place.wrapper(role))
      mkdirSync(person.home)
      const line = joinLines.find((each) => each.includes(`//${place.ledgerNet[role]}`))
      assert.ok(line !== undefined, joinLines.join(' '))
      await person.enter(operator, line)
      return person
    },
  }
}

export function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** What the last invoice of a process says of one side, in all. */
export function invoiced(child: JsonProcess<SpeedLine>, side: SpeedParty['side']): { paid: bigint; bytes: number } {
  const parties = child.lines.findLast(({ type }) => type === 'invoice')?.parties ?? []
  const own = parties.filter((party) => party.side === side)
  return {
    paid: own.reduce((sum, { paid }) => sum + BigInt(paid), 0n),
    bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}
