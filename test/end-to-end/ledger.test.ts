// Ledgers as their owners use them, each in a process of its own: made, served, joined by a line, paid on, exported,
// verified and left. Both accounts are never in one process.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'
import { selfSignedCertificate } from '../host/certificate.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { mainPath, type Outcome, swarmbid } from './run-swarmbid.ts'

interface LedgerLine {
  readonly type?: string
  readonly rail?: string
  readonly name?: string
  readonly account?: string
  readonly available?: string
  readonly id?: string
  readonly line?: string | number
  readonly joinLines?: readonly string[]
  readonly port?: number
  readonly urls?: readonly string[]
  readonly height?: number | null
  readonly isServed?: boolean
  readonly isHeadSigned?: boolean
}

const unit = 10n ** 18n

class Owner {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  ledger(...rest: readonly string[]): Promise<Outcome> {
    return swarmbid(['ledger', ...rest, '--json', '--data', this.folder])
  }

  /** The last line it says; it must go well. */
  async told(...rest: readonly string[]): Promise<LedgerLine> {
    const { exitCode, stdout, stderr } = await this.ledger(...rest)
    assert.equal(exitCode, 0, `${rest.join(' ')}: ${stderr}`)
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as LedgerLine
  }

  async refused(code: string, ...rest: readonly string[]): Promise<string> {
    const { exitCode, stderr } = await this.ledger(...rest)
    assert.equal(exitCode, code === 'usage' ? 2 : 1, `${rest.join(' ')}: ${stderr}`)
    const { error } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as {
      error: { code: string; message: string }
    }
    assert.equal(error.code, code, error.message)
    return error.message
  }

  serve(t: TestContext, ...rest: readonly string[]): JsonProcess<LedgerLine> {
    const child = startJsonProcess<LedgerLine>(
      process.execPath,
      [mainPath, 'ledger', ...rest, '--json', '--data', this.folder],
      { name: 'ledger serve' },
    )
    t.after(() => child.end('SIGKILL'))
    return child
  }

  async available(...rest: readonly string[]): Promise<bigint> {
    return BigInt((await this.told('balance', ...rest)).available ?? '')
  }
}

function owners(t: TestContext, count: number): Owner[] {
  const folder = temporaryFolder(t)
  return Array.from({ length: count }, (_, index) => new Owner(join(folder, `owner ${index}`)))
}

describe('ledgers on the command line', { concurrency: true }, () => {
  test('one is made, served, joined and paid on, by three owners in processes of their own', async (t) => {
    const [operator, payer, payee] = owners(t, 3) as [Owner, Owner, Owner]
    await payer.refused('ledger-missing', 'balance')
    const { rail = '' } = await operator.told('init', '--name', 'village', '--grant', '100 TEST')
    await operator.refused('file-exists', 'init')
    const server = operator.serve(t, 'share', '--port', '0', '--bind', '127.0.0.1')
    const { joinLines = [], urls = [] } = await server.line('listening')
    const [line = ''] = joinLines
    await operator.refused('store-locked', 'serve', '--port', '0')
    await payer.refused('ledger-untrue', 'join', line.replace(/[0-9a-f]{8}$/, '00000000'))
    await payer.refused('account-invalid', 'join', line.slice(0, -3))
    for (const owner of [payer, payee]) assert.equal((await owner.told('join', line)).rail, rail)
    const accounts = []
    for (const owner of [payer, payee]) accounts.push((await owner.told('balance')).account ?? '')
    const [payerAccount = '', payeeAccount = ''] = accounts
    assert.notEqual(payerAccount, payeeAccount)
    // By the operator's other process, as the ledger is being served.
    assert.equal((await operator.told('status')).isServed, true)
    await operator.told('mint', payerAccount)
    await operator.refused('ledger-refused', 'mint', payerAccount)
    const { id = '' } = await payer.told('transfer', payeeAccount, '12.5 TEST')
    assert.deepEqual(await payer.told('transfer', payeeAccount, '12.5TEST', '--id', id), {
      ...(await payer.told('transfer', payeeAccount, '12.5', '--id', id)),
    })
    await payer.refused('ledger-conflict', 'transfer', payeeAccount, '12 TEST', '--id', id)
    await payer.refused('funds-insufficient', 'transfer', payeeAccount, '1000 TEST')
    await payer.refused('amount-other-token', 'transfer', payeeAccount, '1 BTT')
    await payer.refused('amount-invalid', 'transfer', payeeAccount, '1e3 TEST')
    await payer.refused('account-invalid', 'transfer', `${payeeAccount.slice(0, -1)}`, '1 TEST')
    assert.equal(await payer.available(), (875n * unit) / 10n)
    assert.equal(await payee.available(), (125n * unit) / 10n)
    assert.equal(await payee.available(payerAccount), (875n * unit) / 10n)
    // Anyone verifies it, from its address or from a file.
    const verified = await payee.told('verify', urls[0] ?? '')
    assert.deepEqual([verified.rail, verified.height, verified.isHeadSigned], [rail, 2, true])
    const exported = join(operator.folder, 'export.txt')
    await payee.told('export', exported)
    await payee.refused('file-exists', 'export', exported)
    assert.equal((await operator.told('verify', exported)).height, 2)
    const lines = readFileSync(exported, 'utf8').split('\n')
    const entry = Buffer.from((lines[2] ?? '').slice('entry '.length), 'base64')
    entry[250] = (entry[250] ?? 0) ^ 1
    writeFileSync(exported, lines.with(2, `entry ${entry.toString('base64')}`).join('\n'))
    assert.match(await payer.refused('ledger-damaged', 'verify', exported), /^line 3, entry 2: /)
    assert.equal(await server.end('SIGINT'), 130, server.errors())
    await payer.refused('ledger-unreachable', 'verify', urls[0] ?? '')
    assert.equal((await operator.told('status')).height, 2)
    assert.equal((await payer.told('leave', 'village')).rail, rail)
    await payer.refused('ledger-missing', 'balance')
  })

  test('over TLS with a certificate of its own; the line says which, and a ledger that moved is joined again', async (t) => {
    const [operator, other] = owners(t, 2) as [Owner, Owner]
    const { certificate, key } = selfSignedCertificate('127.0.0.1')
    await operator.told('init')
    const [certificatePath, keyPath] = [join(operator.folder, 'certificate.pem'), join(operator.folder, 'key.pem')]
    writeFileSync(certificatePath, certificate)
    writeFileSync(keyPath, key)
    await operator.refused('usage', 'serve', '--certificate', certificatePath)
    await operator.refused('certificate-invalid', 'serve', '--certificate', keyPath, '--key', keyPath)
    const serve = ['serve', '--port', '0', '--certificate', certificatePath, '--key', keyPath]
    const server = operator.serve(t, ...serve)
    const { joinLines = [] } = await server.line('listening')
    const [line = ''] = joinLines
    assert.match(line, /\?tls=[0-9a-f]{64}$/)
    await other.told('join', line)
    assert.equal(await other.available(), 0n)
    await other.refused('ledger-unreachable', 'join', line.replace(/[0-9a-f]{8}$/, '00000000'))
    assert.equal(await server.end('SIGTERM'), 143)
    const again = operator.serve(t, ...serve)
    const moved = (await again.line('listening')).joinLines?.[0] ?? ''
    await other.told('join', moved)
    const { stdout } = await other.ledger('status')
    assert.equal(stdout.trimEnd().split('\n').length, 1, 'it is the same ledger')
    assert.equal(await other.available(), 0n)
    await again.end('SIGINT')
  })

  test('people are told in words, and help names every command', async (t) => {
    const [owner] = owners(t, 1) as [Owner]
    const run = (...rest: readonly string[]) => swarmbid(['ledger', ...rest, '--data', owner.folder])
    assert.match((await run('status')).stdout, /no ledger of your own yet/)
    assert.match((await run('init', '--name', 'mine')).stdout, /made a ledger\n {2}name +mine\n/)
    assert.match((await run('balance')).stdout, /^0 TEST\n/)
    const names = [
      'init',
      'status',
      'serve',
      'share',
      'join',
      'leave',
      'verify',
      'export',
      'balance',
      'transfer',
      'mint',
    ]
    const { stdout: help } = await swarmbid(['ledger', '--help'])
    for (const name of names) assert.match(help, new RegExp(`\\n {2}${name} `))
    assert.match(
      (await swarmbid(['ledger', 'transfer', '--help'])).stdout,
      /^Usage: swarmbid ledger transfer .*amount>/,
    )
    assert.equal((await swarmbid(['ledger', 'nonsense'])).exitCode, 2)
  })
})
