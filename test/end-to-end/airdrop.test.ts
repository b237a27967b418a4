// Air-drops as they are used: proposed by one owner, approved by another who has the list, claimed by each receiver, every
// command a process of its own; and a thousand accounts at once against one ledger that is served.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { systemClock } from '../../src/host/system-clock.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import { grantTree } from '../../src/ledger/campaign-tree.ts'
import { ledgerFacts } from '../../src/ledger/genesis.ts'
import type { LedgerOperation, OperationId, SignedOperation } from '../../src/ports/ledger.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import { connectLedger } from '../../src/rails/ledger-socket.ts'
import { RemoteLedger } from '../../src/rails/remote-ledger.ts'
import { fromBase64 } from '../../src/rails/service-messages.ts'
import { type Owner, owners } from './ledger-owner.ts'

const unit = 10n ** 18n
const never = new AbortController().signal

function keyFile(owner: Owner, digit: number): string {
  const path = join(owner.folder, `${digit}.key`)
  writeFileSync(path, `${String(digit).repeat(64)}\n`, { mode: 0o600 })
  return path
}

function hexOf(name: string): string {
  return Buffer.from(sha256(new TextEncoder().encode(name))).toString('hex')
}

describe('air-drops on the command line', { concurrency: true }, () => {
  test('proposed, approved by whoever has the same list, claimed once each, ended; the rest comes back', async (t) => {
    const [operator] = owners(t, 1) as [Owner]
    await operator.told('init', '--grant', '100 TEST')
    const server = operator.serve(t, 'serve', '--port', '0')
    await server.line('listening')
    const keyOf = (digit: number): readonly string[] => ['--account-key', keyFile(operator, digit)]
    const [proposer, approver, first, second] = [keyOf(1), keyOf(2), keyOf(3), keyOf(4)] as const
    const accounts = []
    for (const key of [proposer, approver, first, second])
      accounts.push((await operator.told('balance', ...key)).account ?? '')
    await operator.told('mint', accounts[0] ?? '')
    const list = join(operator.folder, 'list.csv')
    writeFileSync(list, `account,amount\n${accounts[2]},10 TEST\n${accounts[3]},0.5\n`)
    const other = join(operator.folder, 'other.csv')
    writeFileSync(other, `${accounts[2]},10 TEST\n${accounts[3]},0.6 TEST\n`)
    const airdrop = async (...line: readonly string[]) => (await operator.said('airdrop', ...line)).at(-1)
    const create = ['create', list, '--approver', accounts[1] ?? '', '--gate', 'passkey', ...proposer]
    await operator.refusedAll('usage', 'airdrop', ...create)
    await operator.refusedAll('usage', 'airdrop', ...create, '--ends-in', '1h', '--gate', 'friends')
    await operator.refusedAll('funds-insufficient', 'airdrop', ...create, '--ends-in', '1h', '--pool', '10 TEST')
    const { id = '', root, grants } = (await airdrop(...create, '--ends-in', '1h', '--pool', '20 TEST')) ?? {}
    assert.equal(grants, 2)
    await operator.refusedAll('ledger-refused', 'airdrop', 'claim', id, list, ...first)
    await operator.refusedAll('ledger-refused', 'airdrop', 'approve', id, other, ...approver)
    await operator.refusedAll('ledger-refused', 'airdrop', 'approve', id, list, ...proposer)
    assert.equal((await airdrop('approve', id, list, ...approver))?.root, root)
    const proof = join(operator.folder, 'proof.json')
    assert.equal((await operator.run('airdrop', 'proof', list, '-o', proof, ...second)).exitCode, 0)
    await airdrop('claim', id, proof, ...approver)
    assert.equal(await operator.available(...second), unit / 2n)
    await operator.refusedAll('ledger-refused', 'airdrop', 'claim', id, list, ...second)
    await operator.refusedAll('account-invalid', 'airdrop', 'claim', id, list, ...approver)
    writeFileSync(proof, readFileSync(proof, 'utf8').replace('"index": 1', '"index": 0'))
    await operator.refusedAll('statement-malformed', 'airdrop', 'claim', id, proof, ...second)
    const shown = await airdrop('show', id)
    assert.deepEqual([shown?.claimed, shown?.held], [1, String((195n * unit) / 10n)])
    await operator.refusedAll('ledger-refused', 'airdrop', 'end', id, ...proposer)
    const brief = (await airdrop(...create, '--ends-in', '1s'))?.id ?? ''
    for (let tries = 0; (await operator.available(...proposer)) < 80n * unit; tries++) assert.ok(tries < 60, 'it ends')
    assert.equal((await airdrop('show', brief))?.state, 'ended')
    const withdrawn = await airdrop(...create, '--ends-in', '1h')
    assert.equal(await operator.available(...proposer), (695n * unit) / 10n)
    await operator.refusedAll('ledger-refused', 'airdrop', 'end', withdrawn?.id ?? '', ...approver)
    await airdrop('end', withdrawn?.id ?? '', ...proposer)
    assert.equal(await operator.available(...proposer), 80n * unit)
    assert.equal(await server.end('SIGINT'), 130)
  })

  test('a thousand accounts claim at once, each twice: exactly the pool is paid (P13), and the journal holds', async (t) => {
    const [operator] = owners(t, 1) as [Owner]
    await operator.told('init', '--grant', '2000 TEST')
    const server = operator.serve(t, 'serve', '--port', '0')
    const { urls = [] } = await server.line('listening')
    const answered = (await (await fetch(`${urls[0]}/genesis`)).json()) as { readonly genesis: string }
    const facts = unwrap(ledgerFacts(fromBase64(answered.genesis)))
    const remotes = Array.from(
      { length: 8 },
      () =>
        new RemoteLedger({
          facts,
          connect: connectLedger({ url: (urls[0] ?? '').replace(/^http/, 'ws') }),
          clock: systemClock(),
          random: systemRandom(),
          scheme: secp256k1.scheme,
        }),
    )
    t.after(() => {
      for (const remote of remotes) remote.close()
    })
    const keyOf = (name: string) => unwrap(secp256k1.openKey(sha256(new TextEncoder().encode(name))))
    const accountOf = (key: SigningKey) => accountId(facts.rail, key.address)
    const signed = (key: SigningKey, operation: LedgerOperation): SignedOperation => {
      const account = accountOf(key)
      return { account, operation, signature: key.sign(operationDigest(operation, account, facts.domain)) }
    }
    const [proposer, approver] = [keyOf('proposer'), keyOf('approver')]
    const claimants = Array.from({ length: 1_000 }, (_, index) => keyOf(`claimant ${index}`))
    const amountOf = (index: number) => tokenAmount(unit + BigInt(index))
    const tree = grantTree(claimants.map((key, index) => ({ to: accountOf(key), amount: amountOf(index) })))
    await operator.told('mint', accountOf(proposer))
    const campaign = hexOf('campaign') as OperationId
    const [remote] = remotes as [RemoteLedger]
    const propose: LedgerOperation = {
      type: 'campaign-propose',
      id: campaign,
      purpose: 'gift',
      approver: accountOf(approver),
      root: tree.root,
      grantCount: claimants.length,
      pool: tokenAmount(tree.total),
      endsAtMs: unwrap(await remote.timeMs(never)) + 3_600_000,
      gates: [],
    }
    unwrap(await remote.submit(signed(proposer, propose), never))
    const approve = {
      type: 'campaign-approve',
      id: hexOf('approve') as OperationId,
      campaign,
      root: tree.root,
    } as const
    unwrap(await remote.submit(signed(approver, approve), never))
    const claims = claimants.flatMap((key, index) =>
      ['first', 'second'].map((name) => {
        const id = hexOf(`${name} ${index}`) as OperationId
        const grant = { index, to: accountOf(key), amount: amountOf(index), proof: tree.proof(index) }
        return signed(key, { type: 'campaign-claim', id, campaign, ...grant })
      }),
    )
    const results = await Promise.all(
      claims.map((claim, place) => (remotes[place % remotes.length] as RemoteLedger).submit(claim, never)),
    )
    assert.equal(results.filter(({ ok }) => ok).length, claimants.length, 'each grant once')
    const codes = new Set(results.flatMap((result) => (result.ok ? [] : [result.code])))
    assert.deepEqual([...codes], ['ledger-refused'])
    let paid = 0n
    for (const [index, key] of claimants.entries()) {
      const { available } = unwrap(await remote.account(accountOf(key), never))
      assert.equal(available, amountOf(index))
      paid += available
    }
    assert.equal(paid, tree.total)
    const after = unwrap(await remote.account(accountOf(proposer), never))
    assert.deepEqual([after.available, after.locked], [2_000n * unit - tree.total, 0n])
    const verified = await operator.told('verify', urls[0] ?? '')
    assert.deepEqual([verified.height, verified.isHeadSigned], [1_003, true])
    assert.equal(await server.end('SIGINT'), 130)
  })
})
