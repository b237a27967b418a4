// The ledger of this machine: made with no set-up, the same one when it is opened again, its key for its owner alone, and
// one process at a time.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { openOwnLedger } from '../../src/daemon/open-ledger.ts'
import { makeOperatorKey, readOperatorKey } from '../../src/daemon/operator-key.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'

async function codeOf(opening: ReturnType<typeof openOwnLedger>): Promise<string> {
  const opened = await opening
  return opened.ok ? 'opened' : opened.code
}

describe('the ledger of this machine', () => {
  test('is made where there is none, of play money, and is the same one when opened again', async (t) => {
    const folder = join(temporaryFolder(t), 'mine')
    assert.equal(await codeOf(openOwnLedger({ folder, makes: false })), 'ledger-missing')
    const ledger = unwrap(await openOwnLedger({ folder, makes: true }))
    assert.equal(ledger.symbol, 'TEST')
    assert.equal(ledger.facts.genesis.name, 'mine')
    assert.equal(await codeOf(openOwnLedger({ folder, makes: false })), 'store-locked')
    unwrap(await ledger.close())
    const again = unwrap(await openOwnLedger({ folder, makes: false }))
    assert.equal(again.rail, ledger.rail)
    unwrap(await again.close())
  })

  test('without its key it is not opened, nor with another one; with one that others may read neither', async (t) => {
    const folder = join(temporaryFolder(t), 'mine')
    const path = join(folder, 'operator.key')
    unwrap(await unwrap(await openOwnLedger({ folder, makes: true })).close())
    if (process.platform !== 'win32') {
      assert.equal(statSync(path).mode & 0o777, 0o600)
      chmodSync(path, 0o640)
      assert.equal(await codeOf(openOwnLedger({ folder, makes: true })), 'file-unreadable')
      chmodSync(path, 0o600)
    }
    const text = readFileSync(path)
    rmSync(path)
    assert.equal(await codeOf(openOwnLedger({ folder, makes: true })), 'file-not-found')
    assert.equal(existsSync(path), false, 'no other key is made in its place')
    unwrap(makeOperatorKey(path, systemRandom()))
    assert.equal(await codeOf(openOwnLedger({ folder, makes: true })), 'signature-invalid')
    writeFileSync(path, 'nonsense')
    assert.equal(await codeOf(openOwnLedger({ folder, makes: true })), 'signature-invalid')
    writeFileSync(path, text)
    unwrap(await unwrap(await openOwnLedger({ folder, makes: true })).close())
  })

  test('a key that was made before the genesis is used for it; a genesis that is none is not made', async (t) => {
    const folder = join(temporaryFolder(t), 'mine')
    const codes = await codeOf(
      openOwnLedger({ folder, makes: true, change: (genesis) => ({ ...genesis, symbol: 'BTT' }) }),
    )
    assert.equal(codes, 'statement-malformed')
    const key = unwrap(readOperatorKey(join(folder, 'operator.key')))
    const ledger = unwrap(await openOwnLedger({ folder, makes: true }))
    assert.equal(ledger.facts.genesis.operator, Buffer.from(key.address).toString('hex'))
    unwrap(await ledger.close())
  })
})
