// A payment is between two: a payer, a payee and a ledger, each in a process of its own, with the product's drivers,
// wallet and rail between them. All three are killed at moments drawn from a seed, and started again; thousands of
// vouchers later every unit is where it should be. The same across network namespaces, where the machine allows it.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { parseJoinLine } from '../../src/daemon/join-line.ts'
import { writeLedgers } from '../../src/daemon/ledger-list.ts'
import { mintTokens } from '../../src/daemon/ledger-payments.ts'
import { openOwnLedger } from '../../src/daemon/open-ledger.ts'
import { ownFolder, useLedger } from '../../src/daemon/use-ledger.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import type { JsonProcess } from '../foreign/json-process.ts'
import { startJsonProcess } from '../foreign/json-process.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { type LaneChildLine, startLaneChild } from './lane-process.ts'
import { networkNamespaces } from './network-namespaces.ts'
import { mainPath, swarmbid } from './run-swarmbid.ts'

const { SWARMBID_TEST_LONG: isLong, SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env
const kills = isLong === '1' ? 200 : 12
const leastVouchers = isLong === '1' ? 20_000 : 2_000
const unit = 10n ** 18n
const granted = 1_000n * unit
const pricePerMiB = unit
const chunkBytes = 16_384
const mebibyte = 1_048_576
const challengeMs = 30_000
const never = new AbortController().signal

type Role = 'payer' | 'payee' | 'ledger'
const roles: readonly Role[] = ['payer', 'payee', 'ledger']

/** Where each is, and how the others reach it. */
interface Place {
  readonly wrapper: Readonly<Record<Role, readonly string[]>>
  /** The ledger's address, for each who uses it. */
  readonly ledgerHost: Readonly<Record<'payer' | 'payee', string>>
  readonly ledgerBinds: readonly string[]
  readonly payeeHost: string
}

interface LedgerLine {
  readonly type?: string
  readonly port?: number
  readonly joinLines?: readonly string[]
}

const secrets = { payer: '11'.repeat(32), payee: '22'.repeat(32) } as const

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

class Payment {
  readonly folder: string
  readonly place: Place
  readonly children: {
    payer?: JsonProcess<LaneChildLine>
    payee?: JsonProcess<LaneChildLine>
    ledger?: JsonProcess<LedgerLine>
  } = {}
  /** Of lives that are over. */
  readonly said: LaneChildLine[] = []
  readonly accounts: Record<'payer' | 'payee', AccountId> = { payer: '' as AccountId, payee: '' as AccountId }
  private readonly t: TestContext
  private readonly ports = { ledger: 0, payee: 0 }

  constructor(t: TestContext, place: Place) {
    this.t = t
    this.place = place
    this.folder = temporaryFolder(t)
  }

  folderOf(role: Role): string {
    return join(this.folder, role)
  }

  /** Makes the ledger, lets both in and serves it. */
  async open(): Promise<void> {
    const dataFolder = this.folderOf('ledger')
    const made = unwrap(
      await openOwnLedger({
        folder: ownFolder(dataFolder),
        makes: true,
        change: (genesis) => ({
          ...genesis,
          challengeMs,
          minting: { type: 'invites', grant: granted as typeof genesis.limits.minDeposit },
        }),
      }),
    )
    const { facts } = made
    unwrap(await made.close())
    this.ports.ledger = await freePort()
    this.ports.payee = await freePort()
    for (const role of ['payer', 'payee'] as const) {
      const key = unwrap(secp256k1.openKey(Buffer.from(secrets[role], 'hex')))
      this.accounts[role] = accountId(facts.rail, key.address)
      unwrap(await mintTokens(dataFolder, this.accounts[role], never))
      const line = `swarmbid-ledger://${this.place.ledgerHost[role]}:${this.ports.ledger}/${toHex(facts.hash)}`
      unwrap(writeLedgers(this.folderOf(role), [{ line: unwrap(parseJoinLine(line)), facts }]))
    }
    for (const role of ['ledger', 'payee', 'payer'] as const) await this.start(role)
  }

  async start(role: Role): Promise<void> {
    const wrapper = this.place.wrapper[role]
    if (role === 'ledger') {
      const [command = process.execPath, ...before] = [...wrapper, process.execPath]
      const binds = this.place.ledgerBinds.flatMap((address) => ['--bind', address])
      const line = [
        'ledger',
        'serve',
        '--port',
        String(this.ports.ledger),
        ...binds,
        '--json',
        '--data',
        this.folderOf(role),
      ]
      const child = startJsonProcess<LedgerLine>(command, [...before, mainPath, ...line], { name: 'ledger' })
      this.t.after(() => child.end('SIGKILL'))
      this.children.ledger = child
      await child.line('listening')
      return
    }
    const other = this.accounts[role === 'payer' ? 'payee' : 'payer']
    const options = {
      role,
      dataFolder: this.folderOf(role),
      secret: secrets[role],
      other,
      host: this.place.payeeHost,
      port: this.ports.payee,
      chunkBytes,
      pricePerMiB: String(pricePerMiB),
    }
    this.children[role] = startLaneChild(this.t, options, wrapper)
  }

  async kill(role: Role): Promise<void> {
    const child = this.children[role]
    assert.ok(child !== undefined)
    assert.equal(await child.end('SIGKILL'), null, `${role} ran until it was killed: ${child.said()}`)
    if (role !== 'ledger') this.said.push(...(this.children[role]?.lines ?? []))
  }

  lines(): readonly LaneChildLine[] {
    return [...this.said, ...(this.children.payer?.lines ?? []), ...(this.children.payee?.lines ?? [])]
  }

  count(type: LaneChildLine['type']): number {
    return this.lines().filter((line) => line.type === type).length
  }

  get verifiedBytes(): number {
    return this.lines().reduce((sum, line) => sum + (line.type === 'verified' ? line.bytes : 0), 0)
  }

  /** Both have no lane on record any more. */
  isOver(): boolean {
    return (['payer', 'payee'] as const).every((role) => {
      const last = this.children[role]?.lines.findLast(({ type }) => type === 'lanes')
      return last?.type === 'lanes' && last.count === 0
    })
  }

  async until(what: string, isDone: () => boolean, withinMs: number): Promise<void> {
    for (let waitedMs = 0; !isDone(); waitedMs += 50) {
      const said = () =>
        [this.children.payer, this.children.payee]
          .map((child) => {
            const told = (child?.lines ?? []).filter(({ type }) => type === 'notice' || type === 'lanes')
            return `${this.count('voucher')} vouchers; ${JSON.stringify(told.slice(-12))} ${child?.errors()}`
          })
          .join('\n')
      assert.ok(waitedMs < withinMs, isDone() ? '' : `${what}\n${said()}`)
      for (const child of [this.children.payer, this.children.payee])
        assert.equal(child?.process.exitCode ?? null, null, `${what}\n${said()}`)
      await delay(50)
    }
  }
}

async function play(t: TestContext, place: Place, seed: number, killCount: number, vouchers: number): Promise<void> {
  const payment = new Payment(t, place)
  await payment.open()
  const random = simulatedRandom(seed)
  const deaths: Record<Role, number> = { payer: 0, payee: 0, ledger: 0 }
  await payment.until('the first voucher', () => payment.count('voucher') > 0, 60_000)
  for (let kill = 0; kill < killCount; kill++) {
    await delay(random.below(700))
    const role = roles[kill % roles.length] as Role
    await payment.kill(role)
    deaths[role]++
    await delay(random.below(200))
    await payment.start(role)
  }
  await payment.until(
    `${vouchers} vouchers`,
    () => payment.count('voucher') >= vouchers,
    Math.max(120_000, 60 * vouchers),
  )
  payment.children.payer?.process.stdin?.write('finish\n')
  await payment.until('every lane ends', () => payment.isOver(), 4 * challengeMs)

  assert.equal(await payment.children.ledger?.end('SIGINT'), 130)
  const used = unwrap(await useLedger(payment.folderOf('ledger')))
  const balanceOf = async (role: 'payer' | 'payee') => unwrap(await used.ledger.account(payment.accounts[role], never))
  const [payer, payee] = [await balanceOf('payer'), await balanceOf('payee')]
  await used.close()
  const gained = payee.available - granted
  const owed = (BigInt(payment.verifiedBytes) * pricePerMiB) / BigInt(mebibyte)
  t.diagnostic(`${payment.count('voucher')} vouchers, ${gained} base units for ${payment.verifiedBytes} bytes`)
  assert.equal(granted - payer.available, gained, 'what one paid the other got')
  assert.deepEqual([payer.locked, payee.locked], [0n, 0n])
  // The window is never over a mebibyte here: for each death of a party so much was verified and not paid, at most.
  const lives = BigInt(deaths.payer + deaths.payee + 1)
  const window = lives * pricePerMiB
  // And a tick was paid ahead, where the payee asked for that.
  const tick = window / 4n
  assert.ok(gained + window >= owed, `${gained} of ${owed}`)
  assert.ok(gained <= owed + tick, `${gained} of ${owed}`)
  const bad = payment
    .lines()
    .filter((line) => line.type === 'notice' && /halted|lost|alarm|forged|frozen/.test(line.name))
  assert.deepEqual(bad, [])

  const exported = join(payment.folder, 'export.txt')
  const dataFolder = payment.folderOf('ledger')
  assert.equal((await swarmbid(['ledger', 'export', exported, '--data', dataFolder])).exitCode, 0)
  const verified = await swarmbid(['ledger', 'verify', exported, '--json'])
  assert.equal(verified.exitCode, 0, verified.stderr)
}

const loopback: Place = {
  wrapper: { payer: [], payee: [], ledger: [] },
  ledgerHost: { payer: '127.0.0.1', payee: '127.0.0.1' },
  ledgerBinds: [],
  payeeHost: '127.0.0.1',
}

/** Three machines, each with a wire to both others; undefined: not here. */
function namespaces(t: TestContext): Place | undefined {
  const inside = networkNamespaces(t, roles, [
    ['ledger', 'payer', '10.231.1'],
    ['ledger', 'payee', '10.231.2'],
    ['payee', 'payer', '10.231.3'],
  ])
  if (inside === undefined) return undefined
  return {
    wrapper: { payer: inside('payer'), payee: inside('payee'), ledger: inside('ledger') },
    ledgerHost: { payer: '10.231.1.1', payee: '10.231.2.1' },
    ledgerBinds: ['0.0.0.0'],
    payeeHost: '10.231.3.1',
  }
}

describe('a payment between processes', () => {
  test(`${kills} kills of payer, payee and ledger, ${leastVouchers} vouchers: every unit is accounted for`, async (t) => {
    await play(t, loopback, 5, kills, leastVouchers)
  })

  test('the same across network namespaces', async (t) => {
    const place = namespaces(t)
    if (place === undefined) {
      assert.notEqual(foreignRequired, '1', 'network namespaces cannot be made here')
      return t.skip('needs the right to make network namespaces, with `ip`')
    }
    await play(t, place, 6, 3, 300)
  })
})
