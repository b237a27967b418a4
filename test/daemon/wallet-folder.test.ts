// The wallet's files: making, restoring, changing, backing up; two processes; a death between any two steps.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SwarmbidError } from '../../src/base/errors.ts'
import { zeroAmount } from '../../src/base/token-amount.ts'
import { openSystemWallet } from '../../src/daemon/open-wallet.ts'
import {
  addAccount,
  changePassphrase,
  changePolicy,
  checkWallet,
  exportBackup,
  importKey,
  lockWallet,
  makeWallet,
  newPhrase,
  readPolicy,
  readWallet,
  restoreBackup,
  revealPhrase,
  systemWalletHost,
  type WalletHost,
  walletPath,
} from '../../src/daemon/wallet-folder.ts'
import { accountViews } from '../../src/daemon/wallet-view.ts'
import { type PrivateFileCalls, systemPrivateFileCalls } from '../../src/host/private-file.ts'
import { codeOf } from '../host/error-code.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { lightCost, publishedAddress, publishedFiles, publishedPassphrase } from '../wallet/key-files.ts'
import { MemoryDisk } from '../wallet/memory-store.ts'
import { domain, rail, stranger, tokens } from '../wallet/wallet-harness.ts'

const phrase = `${'test '.repeat(11)}junk`
const address = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
const passphrase = 'correct horse battery'
const next = 'another one instead'
const host: WalletHost = { ...systemWalletHost(), cost: lightCost }
const firstAccount = [{ coin: 60, index: 0 }] as const

function make(folder: string, with_: WalletHost = host) {
  return makeWallet(folder, phrase, firstAccount, passphrase, with_)
}

test('a wallet is made of its words, opens with its passphrase, and has them', async (t) => {
  const folder = join(temporaryFolder(t), 'deep', 'data')
  assert.equal(await codeOf(readWallet(folder)), 'wallet-missing')
  const made = await make(folder)
  assert.deepEqual(await readWallet(folder), made)
  assert.equal(accountViews(made)[0]?.evmAddress, address)
  assert.equal(await revealPhrase(folder, passphrase, host), phrase)
  assert.equal(await codeOf(revealPhrase(folder, next, host)), 'passphrase-wrong')
  assert.deepEqual(readdirSync(join(folder, 'wallet')), ['wallet.json'])
  if (process.platform !== 'win32') assert.equal(statSync(walletPath(folder)).mode & 0o777, 0o600)
})

test('new words are drawn at random, 12 or 24', () => {
  const phrases = new Set(Array.from({ length: 10 }, () => newPhrase(24, host)))
  assert.equal(phrases.size, 10)
  assert.equal(newPhrase(12, host).split(' ').length, 12)
})

test('a wallet is never overwritten, however one is made', async (t) => {
  const folder = temporaryFolder(t)
  await make(folder)
  const before = readFileSync(walletPath(folder))
  const backup = join(folder, 'backup.json')
  await exportBackup(folder, backup, undefined, passphrase, host)
  assert.equal(await codeOf(make(folder)), 'wallet-exists')
  assert.equal(await codeOf(restoreBackup(folder, backup, passphrase, host)), 'wallet-exists')
  writeFileSync(walletPath(folder), 'damaged')
  assert.equal(await codeOf(make(folder)), 'wallet-exists', 'not even a damaged one')
  assert.equal(await codeOf(readWallet(folder)), 'wallet-damaged')
  writeFileSync(walletPath(folder), before)
  await checkWallet(folder, passphrase, host)
})

test('the passphrase is changed for the same keys; the old one opens no more, backups keep it', async (t) => {
  const folder = temporaryFolder(t)
  const before = accountViews(await make(folder))
  const backup = join(folder, 'backup.json')
  await exportBackup(folder, backup, undefined, passphrase, host)
  assert.equal(await codeOf(changePassphrase(folder, next, next, host)), 'passphrase-wrong')
  assert.equal(await codeOf(changePassphrase(folder, passphrase, 'short', host)), 'passphrase-unfit')
  await checkWallet(folder, passphrase, host)
  await changePassphrase(folder, passphrase, next, host)
  assert.equal(await codeOf(checkWallet(folder, passphrase, host)), 'passphrase-wrong')
  await checkWallet(folder, next, host)
  assert.deepEqual(accountViews(await readWallet(folder)), before)
  const restored = temporaryFolder(t)
  assert.equal(await codeOf(restoreBackup(restored, backup, next, host)), 'passphrase-wrong')
  assert.equal(await codeOf(readWallet(restored)), 'wallet-missing', 'nothing is left of it')
  await restoreBackup(restored, backup, passphrase, host)
  assert.deepEqual(accountViews(await readWallet(restored)), before)
  assert.equal(await revealPhrase(restored, passphrase, host), phrase)
})

test('a plain key becomes a wallet of its own, under a passphrase; what is no key, or may be read by others, does not', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'account.key')
  const write = (text: string, mode = 0o600) => {
    rmSync(path, { force: true })
    writeFileSync(path, text, { mode })
  }
  const imported = (word = passphrase) => importKey(folder, path, word, host)
  assert.equal(await codeOf(imported()), 'file-not-found')
  for (const text of ['', 'ab'.repeat(31), `0x${'ab'.repeat(32)}`, 'AB'.repeat(32), '0'.repeat(64), 'f'.repeat(64)]) {
    write(text)
    assert.equal(await codeOf(imported()), 'signature-invalid', text)
  }
  const key = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
  if (process.platform !== 'win32') {
    write(key, 0o644)
    assert.equal(await codeOf(imported()), 'file-unreadable')
  }
  write(`${key}\n`)
  assert.equal(await codeOf(imported('short')), 'passphrase-unfit')
  assert.equal(await codeOf(readWallet(folder)), 'wallet-missing', 'nothing was made of any of them')
  const made = await imported()
  assert.deepEqual([accountViews(made)[0]?.evmAddress, made.phrase], [address, undefined])
  assert.ok(!readFileSync(walletPath(folder), 'latin1').includes(key))
  await checkWallet(folder, passphrase, host)
  assert.equal(await codeOf(checkWallet(folder, next, host)), 'passphrase-wrong')
  assert.equal(await codeOf(revealPhrase(folder, passphrase, host)), 'phrase-invalid')
  assert.equal(await codeOf(addAccount(folder, 60, passphrase, host)), 'phrase-invalid')
  assert.equal(await codeOf(imported()), 'wallet-exists')
  const backup = join(folder, 'backup.json')
  await exportBackup(folder, backup, undefined, passphrase, host)
  const other = temporaryFolder(t)
  assert.deepEqual(accountViews(await restoreBackup(other, backup, passphrase, host)), accountViews(made))
})

test('accounts are added for both kinds of wallets, and come back with a backup', async (t) => {
  const folder = temporaryFolder(t)
  await make(folder)
  await addAccount(folder, 60, passphrase, host)
  await addAccount(folder, 195, passphrase, host)
  const views = accountViews(await addAccount(folder, 60, passphrase, host))
  assert.deepEqual(
    views.map(({ path }) => path),
    ["m/44'/60'/0'/0/0", "m/44'/60'/0'/0/1", "m/44'/195'/0'/0/0", "m/44'/60'/0'/0/2"],
  )
  assert.equal(views[1]?.evmAddress, '0x70997970C51812dc3A010C7d01b50e0d17dc79C8')
  assert.equal(await codeOf(addAccount(folder, 60, next, host)), 'passphrase-wrong')
  const backup = join(folder, 'backup.json')
  await exportBackup(folder, backup, undefined, passphrase, host)
  const restored = temporaryFolder(t)
  await restoreBackup(restored, backup, passphrase, host)
  assert.deepEqual(accountViews(await readWallet(restored)), views)
})

test('one account alone is exported as other wallets read it, and restored as a wallet without words', async (t) => {
  const folder = temporaryFolder(t)
  await make(folder)
  await addAccount(folder, 195, passphrase, host)
  const file = join(folder, 'one.json')
  await exportBackup(folder, file, 1, passphrase, host)
  assert.equal(JSON.parse(readFileSync(file, 'utf8'))['x-swarmbid'], undefined)
  assert.equal(await codeOf(exportBackup(folder, file, 1, passphrase, host)), 'file-exists')
  assert.equal(await codeOf(exportBackup(folder, join(folder, 'none'), 2, passphrase, host)), 'usage')
  const restored = temporaryFolder(t)
  await restoreBackup(restored, file, passphrase, host)
  const [view] = accountViews(await readWallet(restored))
  assert.equal(view?.tronAddress, accountViews(await readWallet(folder))[1]?.tronAddress)
  assert.equal(view?.path, null)
  assert.equal(await codeOf(revealPhrase(restored, passphrase, host)), 'phrase-invalid')
  assert.equal(await codeOf(addAccount(restored, 60, passphrase, host)), 'phrase-invalid')
  await changePassphrase(restored, passphrase, next, host)
  await checkWallet(restored, next, host)
})

test('a key file of another program becomes a wallet, its passphrase kept', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'theirs.json')
  writeFileSync(file, JSON.stringify(publishedFiles.pbkdf2))
  await restoreBackup(folder, file, publishedPassphrase, host)
  assert.equal(accountViews(await readWallet(folder))[0]?.evmAddress.toLowerCase(), `0x${publishedAddress}`)
  await checkWallet(folder, publishedPassphrase, host)
})

class Killed extends Error {}

/** A host whose process dies before its call of that number. */
function dyingAt(last: number): { readonly host: WalletHost; readonly calls: () => number } {
  let made = 0
  const guarded = Object.fromEntries(
    Object.entries(systemPrivateFileCalls).map(([name, call]) => [
      name,
      (...given: unknown[]) => {
        if (made >= last) throw new Killed(name)
        made++
        return (call as (...all: unknown[]) => unknown)(...given)
      },
    ]),
  ) as unknown as PrivateFileCalls
  return { host: { ...host, calls: guarded }, calls: () => made }
}

test('whenever the process dies while the passphrase changes, the old one opens the wallet or the new one', async (t) => {
  const folder = temporaryFolder(t)
  const master = temporaryFolder(t)
  await make(master)
  const opened: string[] = []
  for (let last = 0, isDone = false; !isDone; last++) {
    const data = join(folder, String(last))
    mkdirSync(join(data, 'wallet'), { recursive: true })
    copyFileSync(walletPath(master), walletPath(data))
    isDone = await changePassphrase(data, passphrase, next, dyingAt(last).host).then(
      () => true,
      (error: unknown) => !(error instanceof Killed),
    )
    const isOld = (await codeOf(checkWallet(data, passphrase, host))) === 'none'
    const isNew = (await codeOf(checkWallet(data, next, host))) === 'none'
    assert.notEqual(isOld, isNew, `after ${last} calls`)
    opened.push(isOld ? 'old' : 'new')
    await changePassphrase(data, isOld ? passphrase : next, 'and once more', host)
  }
  assert.deepEqual([...new Set(opened)], ['old', 'new'])
  assert.ok(opened.length >= 6)
})

test('whenever the process dies while a wallet is made, there is one or none, and the next try works', async (t) => {
  const folder = temporaryFolder(t)
  for (let last = 0, isDone = false; !isDone; last++) {
    const data = join(folder, String(last))
    isDone = await make(data, dyingAt(last).host).then(
      () => true,
      (error: unknown) => !(error instanceof Killed),
    )
    const again = await codeOf(make(data))
    assert.ok(again === 'wallet-exists' || (again === 'none' && !isDone))
    await checkWallet(data, passphrase, host)
  }
})

test('while one process uses the wallet no other changes it; a dead one holds nothing', async (t) => {
  const folder = temporaryFolder(t)
  await make(folder)
  const lock = await lockWallet(folder)
  for (const change of [
    () => changePassphrase(folder, passphrase, next, host),
    () => addAccount(folder, 60, passphrase, host),
    () => changePolicy(folder, (policy) => policy, host),
    () => lockWallet(folder),
  ]) {
    assert.equal(await codeOf(change()), 'wallet-busy')
  }
  await checkWallet(folder, passphrase, host)
  lock.release()
  writeFileSync(join(folder, 'wallet', 'wallet.lock'), '999999999 1\n')
  await addAccount(folder, 60, passphrase, host)
})

test('limits are kept in a file of their own; a damaged one allows nothing', async (t) => {
  const folder = temporaryFolder(t)
  assert.equal(await codeOf(changePolicy(folder, (policy) => policy, host)), 'wallet-missing')
  await make(folder)
  assert.equal((await readPolicy(folder)).spending, 'off')
  await changePolicy(folder, (policy) => ({ ...policy, spending: 'on' }), host)
  assert.equal((await readPolicy(folder)).spending, 'on')
  const path = join(folder, 'wallet', 'limits.json')
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
  for (const damaged of ['', '{}', readFileSync(path, 'utf8').replace('250', '2500'), ' '.repeat(20_000)]) {
    writeFileSync(path, damaged)
    assert.equal(await codeOf(readPolicy(folder)), 'wallet-damaged')
  }
})

test('the wallet of a running program signs within limits that it can be told anew, and lets go of it at the end', async (t) => {
  const folder = temporaryFolder(t)
  await make(folder)
  const fees = { transfer: zeroAmount, open: zeroAmount, withdrawal: zeroAmount }
  const request = {
    dataFolder: folder,
    store: new MemoryDisk().open(),
    rails: new Map([[rail, { symbol: 'TEST', fees } as const]]),
    clock: { wallMs: () => 1_700_000_000_000 },
    host,
  }
  const opened = await openSystemWallet(request)
  assert.equal(await codeOf(openSystemWallet(request)), 'wallet-busy')
  const { wallet } = opened
  assert.ok((await wallet.unlock(passphrase)).ok)
  const signer = wallet.signer(0, rail)
  const operation = { type: 'transfer', id: 'ab'.repeat(32) as never, to: stranger(1), amount: tokens(1) } as const
  const sign = async () => {
    const signed = await signer.sign({ type: 'ledger-operation', domain, operation }, new AbortController().signal)
    return signed.ok ? 'signed' : signed.code
  }
  assert.equal(await sign(), 'spending-off')
  const policy = await readPolicy(folder)
  const limits = { ...policy.limits, TEST: { peerPermille: 250, lanes: 1 } }
  await opened.setPolicy({ ...policy, spending: 'on', limits })
  assert.equal(await sign(), 'signed')
  assert.equal((await readPolicy(folder)).spending, 'on')
  opened.close()
  assert.equal(await sign(), 'wallet-locked')
  const again = await openSystemWallet(request)
  assert.equal(again.book.policy.spending, 'on')
  again.close()
})

test('no secret is in what is thrown', async (t) => {
  const folder = temporaryFolder(t)
  await make(folder)
  const secrets = [passphrase, next, 'junk', 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80']
  const phrases = [phrase.replace('test', 'toast'), phrase.replace('junk', 'test')]
  for (const work of [
    () => make(folder),
    () => checkWallet(folder, next, host),
    () => changePassphrase(folder, next, passphrase, host),
    () => makeWallet(folder, phrases[0] ?? '', firstAccount, passphrase, host),
    () => makeWallet(folder, phrases[1] ?? '', firstAccount, passphrase, host),
    () => makeWallet(folder, phrase, firstAccount, `${passphrase}\u0000`, host),
    () => exportBackup(folder, join(folder, 'none', 'x'), undefined, passphrase, host),
  ]) {
    const error = await work().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof SwarmbidError)
    const told = JSON.stringify({ ...error, message: error.message, stack: error.stack, cause: String(error.cause) })
    for (const secret of secrets) assert.ok(!told.includes(secret), secret)
  }
})
