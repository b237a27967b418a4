// `swarmbid lane` as its users have it: a payer and a payee with wallets of their own and a ledger that is served, each in
// processes of their own; vouchers go from one to the other as text. Both accounts are never in one process.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { mainPath, type Outcome, swarmbid } from './run-swarmbid.ts'

interface LaneLine {
  readonly type?: string
  readonly lane?: string
  readonly line?: string
  readonly amount?: string
  readonly voucher?: string
  readonly claimed?: string
  readonly deposit?: string
  readonly state?: string
  readonly available?: string
  readonly locked?: string
  readonly joinLines?: readonly string[]
  readonly accounts?: readonly { readonly evmAddress: string }[]
  readonly onLedger?: { readonly state: string; readonly claimed: string; readonly deposit: string } | null
}

const unit = 10n ** 18n
const passphrase = 'correct horse battery'

class Owner {
  readonly folder: string

  constructor(folder: string) {
    mkdirSync(folder)
    this.folder = folder
    writeFileSync(join(folder, 'passphrase'), passphrase)
  }

  run(...rest: readonly string[]): Promise<Outcome> {
    return this.runPlainly(...rest, '--json')
  }

  /** As people see it. */
  runPlainly(...rest: readonly string[]): Promise<Outcome> {
    const environment = { SWARMBID_DATA: join(this.folder, 'data'), SWARMBID_PASSPHRASE: passphrase }
    return swarmbid(rest, { environment, cwd: this.folder })
  }

  async told(...rest: readonly string[]): Promise<LaneLine> {
    const { exitCode, stdout, stderr } = await this.run(...rest)
    assert.equal(exitCode, 0, `${rest.join(' ')}: ${stderr}`)
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) || '{}') as LaneLine
  }

  async refused(code: string, ...rest: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.run(...rest)
    const { error } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as { error: { code: string } }
    assert.deepEqual([error.code, exitCode], [code, code === 'usage' ? 2 : 1], `${rest.join(' ')}: ${stderr}`)
  }

  start(t: TestContext, ...rest: readonly string[]): JsonProcess<LaneLine> {
    const { SWARMBID_DATA: _, ...inherited } = process.env
    const environment = { ...inherited, SWARMBID_DATA: join(this.folder, 'data'), SWARMBID_PASSPHRASE: passphrase }
    const child = startJsonProcess<LaneLine>(process.execPath, [mainPath, ...rest, '--json'], {
      name: rest.join(' '),
      environment,
    })
    t.after(() => child.end('SIGKILL'))
    return child
  }

  async makeWallet(): Promise<string> {
    const { accounts = [] } = await this.told('wallet', 'create', '--passphrase-file', 'passphrase')
    return accounts[0]?.evmAddress ?? ''
  }
}

describe('lanes on the command line', () => {
  test('a lane is opened, paid on by text, cashed, topped up and closed, by owners in processes of their own', async (t) => {
    const folder = temporaryFolder(t)
    const [operator, payer, payee] = ['operator', 'payer', 'payee'].map((name) => new Owner(join(folder, name))) as [
      Owner,
      Owner,
      Owner,
    ]
    await operator.told('ledger', 'init', '--name', 'village', '--grant', '100 TEST')
    const server = operator.start(t, 'ledger', 'serve', '--port', '0')
    const { joinLines: [line = ''] = [] } = await server.line('listening')
    const [payerAddress, payeeAddress] = [await payer.makeWallet(), await payee.makeWallet()]
    for (const owner of [payer, payee]) await owner.told('ledger', 'join', line)
    await operator.told('ledger', 'mint', payerAddress)

    await payer.refused('spending-off', 'lane', 'open', payeeAddress, '10 TEST')
    await payer.told('wallet', 'spending', 'on')
    await payer.refused('spending-limit', 'lane', 'open', payeeAddress, '10 TEST')
    const limits = ['--per-day', '50', '--per-payment', 'none', '--per-payee', '100%']
    await payer.told('wallet', 'limits', '--token', 'TEST', ...limits)
    await payer.refused('amount-other-token', 'lane', 'open', payeeAddress, '10 BTT')
    const { lane = '', state } = await payer.told('lane', 'open', payeeAddress, '10 TEST')
    assert.equal(state, 'open')
    await payer.refused('usage', 'lane', 'pay', 'xyz', '1 TEST')
    await payer.refused('voucher-invalid', 'lane', 'pay', lane, '10.1 TEST')
    const first = await payer.told('lane', 'pay', lane.slice(0, 8), '2.5 TEST')
    const second = await payer.told('lane', 'pay', lane, '--total', '3 TEST')
    await payer.refused('voucher-invalid', 'lane', 'pay', lane, '--total', '2 TEST')
    assert.deepEqual(await payer.told('lane', 'pay', lane), second, 'the last one again is the same')
    assert.deepEqual([first.amount, second.amount], [String((25n * unit) / 10n), String(3n * unit)])

    await payee.refused('statement-malformed', 'lane', 'take', (second.line ?? '').slice(0, -3))
    await payer.refused('voucher-invalid', 'lane', 'take', second.line ?? '')
    assert.equal((await payee.told('lane', 'take', second.line ?? '')).voucher, second.amount)
    await payee.refused('voucher-invalid', 'lane', 'take', first.line ?? '')
    assert.equal((await payee.told('lane', 'claim')).amount, second.amount)
    const added = await payer.told('lane', 'top-up', lane, '5 TEST')
    assert.equal(added.state, 'open')
    const third = await payer.told('lane', 'pay', lane, '9 TEST')
    await payee.told('lane', 'take', third.line ?? '')
    const shown = await payee.told('lane', 'show', lane)
    assert.deepEqual(
      [shown.deposit, shown.claimed, shown.voucher, shown.onLedger?.state],
      [15n * unit, 3n * unit, 12n * unit, 'open'].map(String),
    )

    const watcher = payee.start(t, 'lane', 'watch')
    await watcher.line('watching')
    await payee.refused('wallet-busy', 'lane', 'list')
    assert.equal((await payer.told('lane', 'close', lane)).state, 'closing')
    assert.equal((await watcher.line('cashed')).amount, String(9n * unit))
    assert.equal(await watcher.end('SIGINT'), 130, watcher.errors())
    // The payer hears of the end and gives what came back to its limits.
    const ending = payer.start(t, 'lane', 'watch')
    await ending.line('lane-ended')
    assert.equal(await ending.end('SIGTERM'), 143)
    assert.equal((await payer.run('lane', 'list')).stdout, '')
    const { onLedger } = await payer.told('lane', 'show', lane)
    assert.deepEqual(
      [onLedger?.state, onLedger?.claimed, onLedger?.deposit],
      ['closed', ...[12n * unit, 15n * unit].map(String)],
    )
    const story = (await payer.runPlainly('lane', 'show', lane)).stdout
    assert.match(story, /ended, .* UTC\n.*paid +12 TEST\n.*returned +3 TEST\n.*by +its payee, entry \d+/)
    await payer.refused('lane-closed', 'lane', 'show', lane.slice(0, 8))
    await payer.refused('lane-closed', 'lane', 'show', '0'.repeat(64))
    await payer.refused('lane-closed', 'lane', 'pay', lane, '1 TEST')
    const mine = await payer.told('ledger', 'balance', payerAddress)
    assert.deepEqual([mine.available, mine.locked], [String(88n * unit), '0'])
    assert.equal((await payee.told('ledger', 'balance', payeeAddress)).available, String(12n * unit))
    assert.equal(
      (await payer.told('lane', 'open', payeeAddress, '38 TEST')).state,
      'open',
      'what came back may be spent',
    )
  })
})
