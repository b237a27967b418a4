// Ledgers as their owners use them, each in a process of its own: made, served, joined by a line, paid on out of a wallet
// and within its limits, exported, verified and left. Both accounts are never in one process.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { selfSignedCertificate } from '../host/certificate.ts'
import { type Owner, owners } from './ledger-owner.ts'
import { swarmbid } from './run-swarmbid.ts'

const unit = 10n ** 18n

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
    await payer.refused('wallet-missing', 'balance')
    const accounts = []
    await Promise.all([payer.makeWallet(), payee.makeWallet()])
    for (const owner of [payer, payee]) accounts.push((await owner.told('balance')).account ?? '')
    const [payerAccount = '', payeeAccount = ''] = accounts
    assert.notEqual(payerAccount, payeeAccount)
    // By the operator's other process, as the ledger is being served.
    assert.equal((await operator.told('status')).isServed, true)
    await operator.told('mint', payerAccount)
    await operator.refused('ledger-refused', 'mint', payerAccount)
    await payer.refused('spending-off', 'transfer', payeeAccount, '12.5 TEST')
    await payer.maySpend('20 TEST')
    await payer.refused('spending-limit', 'transfer', payeeAccount, '20.5 TEST')
    const { id = '' } = await payer.told('transfer', payeeAccount, '12.5 TEST')
    assert.deepEqual(await payer.told('transfer', payeeAccount, '12.5TEST', '--id', id), {
      ...(await payer.told('transfer', payeeAccount, '12.5', '--id', id)),
    })
    await payer.refused('ledger-conflict', 'transfer', payeeAccount, '12 TEST', '--id', id)
    // What was refused does not count, and what is asked for again counts once.
    await payer.maySpend('1000 TEST')
    await payer.refused('funds-insufficient', 'transfer', payeeAccount, '900 TEST')
    await payer.refused('funds-insufficient', 'transfer', payeeAccount, '987.5 TEST')
    await payer.refused('spending-limit', 'transfer', payeeAccount, '987.6 TEST')
    await payer.refused('amount-other-token', 'transfer', payeeAccount, '1 BTT')
    await payer.refused('amount-invalid', 'transfer', payeeAccount, '1e3 TEST')
    await payer.refused('account-invalid', 'transfer', `${payeeAccount.slice(0, -1)}`, '1 TEST')
    assert.equal(await payer.available(), (875n * unit) / 10n)
    assert.equal(await payee.available(), (125n * unit) / 10n)
    assert.equal(await payee.available(payerAccount), (875n * unit) / 10n)
    const history = await payer.said('wallet', 'history')
    assert.deepEqual(
      history.map(({ type, operation, after }) => [type, operation, after?.available]),
      [
        ['entry', 'grant', String(100n * unit)],
        ['entry', 'transfer', String((875n * unit) / 10n)],
        ['sum', undefined, undefined],
      ],
    )
    assert.equal(history.at(-1)?.isReconciled, true)
    assert.match((await payee.run('wallet', 'history')).stdout, /it adds up/)
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
    await other.makeWallet()
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
    assert.match((await run('balance')).stderr, /`swarmbid wallet create` makes one/)
    const key = join(owner.folder, 'account.key')
    writeFileSync(key, `${'1'.repeat(64)}\n`, { mode: 0o600 })
    const plain = await run('balance')
    assert.match(plain.stdout, /^0 TEST\n/)
    assert.match(plain.stderr, /the plain key in .* is used, and no limits hold for it/)
    await owner.makeWallet()
    assert.match((await run('balance')).stderr, /The wallet is used. There is a plain key too/)
    assert.doesNotMatch((await run('balance')).stdout, new RegExp(/account +(\S+)/.exec(plain.stdout)?.[1] ?? '-'))
    assert.equal((await run('balance', '--account-key', key)).stdout, plain.stdout)
    assert.equal((await run('balance', '--account', '1')).exitCode, 2)
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
