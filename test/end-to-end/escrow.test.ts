// Escrows as their parties use them, each in a process of its own: funded for terms, released in parts, disputed with a
// bundle of evidence that cannot be exchanged for another, decided by the arbiter, given back, timed out.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fromHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { ledgerDomain } from '../../src/formats/money/account-id.ts'
import { signedVoucherCodec } from '../../src/formats/money/voucher-codec.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import type { LaneId } from '../../src/ports/ledger.ts'
import { type Owner, owners } from './ledger-owner.ts'

const unit = 10n ** 18n

function file(owner: Owner, name: string, text: string): string {
  const path = join(owner.folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** A voucher as a peer would have it, of a lane that does not matter here. */
function voucherFile(owner: Owner, genesisHash: string): string {
  const key = unwrap(secp256k1.openKey(sha256(new TextEncoder().encode('a payer'))))
  const voucher = { lane: '11'.repeat(32) as LaneId, cumulativeAmount: tokenAmount(5n) }
  const signature = key.sign(voucherDigest(voucher, ledgerDomain(unwrap(fromHex(genesisHash)))))
  return file(owner, 'voucher.json', JSON.stringify(signedVoucherCodec.toJson({ ...voucher, signature })))
}

interface Said {
  readonly id?: string
  readonly hash?: string
  readonly state?: string
  readonly held?: string
  readonly released?: string
  readonly problems?: readonly string[]
}

describe('escrows on the command line', { concurrency: true }, () => {
  test('funded, released in part, disputed with evidence, decided; what came back counts no more', async (t) => {
    const [operator, payer, payee] = owners(t, 3) as [Owner, Owner, Owner]
    const { genesisHash = '' } = (await operator.told('init', '--grant', '100 TEST')) as { genesisHash?: string }
    const server = operator.serve(t, 'serve', '--port', '0')
    const [line = ''] = (await server.line('listening')).joinLines ?? []
    for (const owner of [payer, payee]) await owner.told('join', line)
    await payer.makeWallet()
    await payer.maySpend('12 TEST')
    const key = file(payee, 'account.key', `${'2'.repeat(64)}\n`)
    const arbiterKey = file(payee, 'arbiter.key', `${'3'.repeat(64)}\n`)
    const [payerAccount, payeeAccount, arbiter] = [
      (await payer.told('balance')).account ?? '',
      (await payee.told('balance', '--account-key', key)).account ?? '',
      (await payee.told('balance', '--account-key', arbiterKey)).account ?? '',
    ]
    await operator.told('mint', payerAccount)
    const terms = file(payer, 'terms.txt', 'ten for a service\n')
    const escrow = async (owner: Owner, ...rest: readonly string[]) =>
      (await owner.said('escrow', ...rest)).at(-1) as Said
    const fund = ['fund', payeeAccount, '10 TEST', '--terms', terms, '--arbiter', arbiter]
    await payer.refusedAll('usage', 'escrow', ...fund)
    const { id = '', hash: termsHash } = await escrow(payer, ...fund, '--timeout', '14d')
    assert.equal(termsHash, Buffer.from(sha256(readFileSync(terms))).toString('hex'))
    await payee.refusedAll('ledger-refused', 'escrow', 'release', id, '1 TEST', '--account-key', key)
    await escrow(payer, 'release', id, '4 TEST')
    await payer.refusedAll('spending-limit', 'ledger', 'transfer', payeeAccount, '3 TEST')
    const bundle = join(payee.folder, 'bundle')
    const parts = ['--terms', terms, '--voucher', voucherFile(payee, genesisHash), '--statement', arbiterKey]
    await payee.refusedAll('statement-malformed', 'escrow', 'bundle', id, bundle, '--award', terms)
    const made = await escrow(payee, 'bundle', id, bundle, ...parts)
    const forged = file(payee, 'forged', '')
    const bytes = readFileSync(bundle)
    writeFileSync(
      forged,
      bytes.map((byte, index) => (index === bytes.indexOf('ten for') ? byte ^ 1 : byte)),
    )
    await payee.refusedAll('statement-malformed', 'escrow', 'dispute', id, forged, '--account-key', key)
    assert.equal((await escrow(payee, 'dispute', id, bundle, '--account-key', key)).hash, made.hash)
    assert.deepEqual((await escrow(payer, 'check', bundle)).problems, [])
    const checked = await payer.run('escrow', 'check', forged)
    assert.equal(checked.exitCode, 1)
    assert.match(checked.stdout, /the dispute names other evidence/)
    const [listed] = (await payer.said('escrow', 'list')) as readonly Said[]
    assert.deepEqual(
      [listed?.id, listed?.state, listed?.held, listed?.released],
      [id, 'disputed', String(6n * unit), String(4n * unit)],
    )
    await escrow(payee, 'resolve', id, '3 TEST', '--ruling', terms, '--account-key', arbiterKey)
    assert.equal(await payee.available('--account-key', key), 7n * unit)
    assert.equal(await payer.available(), 93n * unit)
    assert.match((await payer.run('escrow', 'show', id)).stdout, /escrow, ended/)
    // Of twelve a day seven are gone: three came back.
    assert.equal((await payer.said('wallet', 'history')).at(-1)?.isReconciled, true)
    await payer.refused('spending-limit', 'transfer', payeeAccount, '5.1 TEST')
    await payer.told('transfer', payeeAccount, '5 TEST')
  })

  test('the payee gives it back, and what nobody touches comes back after the timeout by itself', async (t) => {
    const [operator] = owners(t, 1) as [Owner]
    await operator.told('init', '--grant', '100 TEST')
    const server = operator.serve(t, 'serve', '--port', '0')
    await server.line('listening')
    const terms = file(operator, 'terms.txt', 'terms')
    const [by, key] = [1, 2].map((digit) => file(operator, `${digit}.key`, `${String(digit).repeat(64)}\n`)) as [
      string,
      string,
    ]
    const [payer, payee] = [
      (await operator.told('balance', '--account-key', by)).account ?? '',
      (await operator.told('balance', '--account-key', key)).account ?? '',
    ]
    await operator.told('mint', payer)
    const fund = async (...timeout: readonly string[]) => {
      const line = ['escrow', 'fund', payee, '10 TEST', '--terms', terms, '--account-key', by, ...timeout]
      return (await operator.said(...line)).at(-1)?.id ?? ''
    }
    const given = await fund('--timeout', '1h')
    await operator.refusedAll('ledger-refused', 'escrow', 'refund', given, '--account-key', by)
    await operator.said('escrow', 'refund', given, '--account-key', key)
    assert.equal(await operator.available('--account-key', by), 100n * unit)
    const left = await fund('--timeout', '1s')
    for (let tries = 0; (await operator.available('--account-key', by)) < 100n * unit; tries++) {
      assert.ok(tries < 40, 'it comes back')
      await delay(100)
    }
    assert.equal(((await operator.said('escrow', 'show', left)).at(-1) as Said).state, 'ended')
    await operator.refusedAll('ledger-refused', 'escrow', 'release', left, '1 TEST', '--account-key', by)
    // Asked for again, with all that was meant, it is the same one.
    const atMs = Date.now() + 3_600_000
    const id = '7'.repeat(64)
    const again = ['--timeout-at', String(atMs), '--id', id]
    assert.equal(await fund(...again), id)
    assert.equal(await fund(...again), id)
    assert.equal(await operator.available('--account-key', by), 90n * unit)
    assert.equal(await server.end('SIGINT'), 130)
  })
})
