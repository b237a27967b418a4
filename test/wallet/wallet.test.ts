// A wallet in memory: what it knows locked, and that nothing secret stays behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { zeroAmount } from '../../src/base/token-amount.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import type { KeyFile } from '../../src/wallet/key-file.ts'
import { sealWallet, type VaultPorts } from '../../src/wallet/key-vault.ts'
import { SpendingBook } from '../../src/wallet/spending-book.ts'
import { firstPolicy } from '../../src/wallet/spending-policy.ts'
import { newWallet } from '../../src/wallet/wallet.ts'
import { lightCost, ports, seededFill } from './key-files.ts'
import { MemoryDisk } from './memory-store.ts'
import { passphrase, rail } from './wallet-harness.ts'

/** Ports that remember what secret went through them. */
function watched(): { readonly ports: VaultPorts; readonly bytes: Uint8Array[]; readonly open: Set<SigningKey> } {
  const bytes: Uint8Array[] = []
  const open = new Set<SigningKey>()
  const keep = <T extends Uint8Array>(secret: T): T => {
    bytes.push(secret)
    return secret
  }
  const { cipher, openKey } = ports
  return {
    bytes,
    open,
    ports: {
      cipher: {
        scrypt: async (given, ...rest) => keep(await cipher.scrypt(keep(given), ...rest)),
        pbkdf2: async (given, ...rest) => keep(await cipher.pbkdf2(keep(given), ...rest)),
        aes128Ctr: (...given) => keep(cipher.aes128Ctr(...given)),
      },
      openKey(secret) {
        const key = openKey(keep(secret))
        if (!key.ok) return key
        const tracked: SigningKey = {
          ...key.value,
          forget() {
            open.delete(tracked)
            key.value.forget()
          },
        }
        open.add(tracked)
        return { ...key, value: tracked }
      },
    },
  }
}

function sealed(): Promise<KeyFile> {
  const accounts = [0, 1, 2].map((index) => ({ coin: 60, index }) as const)
  const secret = { type: 'phrase', entropy: new Uint8Array(16).fill(3), accounts } as const
  return sealWallet(secret, passphrase, lightCost, seededFill('wallet'), ports)
}

function walletOf(file: KeyFile, vault: VaultPorts) {
  const book = new SpendingBook(new MemoryDisk().open(), () => 0, firstPolicy)
  const fees = { transfer: zeroAmount, open: zeroAmount, withdrawal: zeroAmount }
  return newWallet({ file, ports: vault, book, rails: new Map([[rail, { symbol: 'TEST', fees }]]) })
}

test('locked, it knows its accounts and no more; its functions give nothing secret', async () => {
  const wallet = walletOf(await sealed(), ports)
  assert.equal(wallet.isLocked(), true)
  assert.deepEqual(
    wallet.accounts.map(({ path }) => path?.index),
    [0, 1, 2],
  )
  const accounts = new Set([0, 1, 2].map((account) => wallet.signer(account, rail).account))
  assert.equal(accounts.size, 3)
  assert.deepEqual(Object.keys(wallet).sort(), ['accounts', 'isLocked', 'lock', 'signer', 'unlock'])
  assert.deepEqual(Object.keys(wallet.signer(0, rail)).sort(), ['account', 'sign'])
})

test('what was derived and deciphered to unlock it is overwritten at once, keys when it is locked', async () => {
  const { ports: vault, bytes, open } = watched()
  const wallet = walletOf(await sealed(), vault)
  assert.ok(!(await wallet.unlock('another passphrase')).ok)
  assert.equal(open.size, 0)
  unwrap(await wallet.unlock(passphrase))
  assert.equal(open.size, 3)
  unwrap(await wallet.unlock(passphrase))
  assert.equal(open.size, 3, 'unlocked again, the first keys are gone')
  assert.ok(bytes.length > 10)
  for (const [at, secret] of bytes.entries())
    assert.ok(
      secret.every((byte) => byte === 0),
      `secret ${at} of ${bytes.length}`,
    )
  wallet.lock()
  assert.deepEqual([open.size, wallet.isLocked()], [0, true])
})

test('sealing leaves nothing behind but what the caller gave', async () => {
  const { ports: vault, bytes, open } = watched()
  const entropy = new Uint8Array(16).fill(3)
  const secret = { type: 'phrase', entropy, accounts: [{ coin: 195, index: 0 }] } as const
  const file = await sealWallet(secret, passphrase, lightCost, seededFill('x'), vault)
  const sealedBytes = new Set([file.key.ciphertext, file.phrase?.entropy.ciphertext])
  for (const left of bytes.filter((each) => !sealedBytes.has(each))) assert.ok(left.every((byte) => byte === 0))
  assert.equal(open.size, 0)
  assert.ok(entropy.every((byte) => byte === 3))
})
