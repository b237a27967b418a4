// The ledgers that an owner trusts: joined, found, left; one that is proved to have told two stories is used no more.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { parseJoinLine } from '../../src/daemon/join-line.ts'
import { leaveLedger, ledgerStatus } from '../../src/daemon/ledger-jobs.ts'
import { keepContradiction, provedUntrue, readLedgers, writeLedgers } from '../../src/daemon/ledger-list.ts'
import { useLedger } from '../../src/daemon/use-ledger.ts'
import { genesisCodec, ledgerFacts, testGenesis } from '../../src/ledger/genesis.ts'
import { headReceipt } from '../../src/ledger/receipts.ts'
import type { Hash256, Signature } from '../../src/ports/ledger.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { addressOf, drawn } from '../ledger/ledger-harness.ts'

function joined(name: string) {
  const genesis = testGenesis(name, toHex(addressOf(0)), 1_700_000_000_000, drawn(name) as Hash256)
  const facts = unwrap(ledgerFacts(genesisCodec.encode(genesis)))
  const line = unwrap(parseJoinLine(`swarmbid-ledger://127.0.0.1:1/${toHex(facts.hash)}`))
  return { line, facts }
}

async function codeOf<T extends { close(): Promise<void> }>(opening: Promise<Result<T>>): Promise<string> {
  const opened = await opening
  if (opened.ok) await opened.value.close()
  return opened.ok ? 'used' : opened.code
}

function stories(text: string) {
  const hash = sha256(new TextEncoder().encode(text))
  return {
    receipt: headReceipt({ height: 7, hash, timeMs: 0, root: hash }, 1),
    signature: new Uint8Array(65) as Signature,
  }
}

describe('the ledgers that were joined', () => {
  test('are used by name or id; what is not on the list is not, nor what may be several', async (t) => {
    const folder = temporaryFolder(t)
    const [village, town] = [joined('village'), joined('town')]
    assert.equal(await codeOf(useLedger(folder, 'village')), 'ledger-missing')
    unwrap(writeLedgers(folder, [village]))
    assert.equal(await codeOf(useLedger(folder)), 'used', 'the only one')
    unwrap(writeLedgers(folder, [village, town]))
    assert.equal(await codeOf(useLedger(folder)), 'ledger-ambiguous')
    for (const name of ['village', toHex(village.facts.hash), village.facts.rail, toHex(town.facts.hash).slice(0, 8)]) {
      assert.equal(await codeOf(useLedger(folder, name)), 'used', name)
    }
    assert.equal(await codeOf(useLedger(folder, joined('city').facts.rail)), 'ledger-missing')
    unwrap(leaveLedger(folder, 'village'))
    assert.deepEqual(
      unwrap(readLedgers(folder)).map(({ facts }) => facts.genesis.name),
      ['town'],
    )
    assert.equal(await codeOf(useLedger(folder, 'village')), 'ledger-missing')
    writeFileSync(join(folder, 'ledgers.json'), '{}')
    assert.equal(await codeOf(useLedger(folder, 'town')), 'ledger-list-damaged')
  })

  test('one that told two stories is refused as long as the proof is there, and the owner sees it; others go on', async (t) => {
    const folder = temporaryFolder(t)
    const [liar, town] = [joined('liar'), joined('town')]
    unwrap(writeLedgers(folder, [liar, town]))
    const contradiction = { detail: 'two entries of height 7', first: stories('one'), second: stories('other') }
    const proof = keepContradiction(folder, liar.facts, contradiction)
    assert.equal(provedUntrue(folder, liar.facts), proof)
    assert.equal(await codeOf(useLedger(folder, 'liar')), 'ledger-untrue')
    assert.equal(await codeOf(useLedger(folder, 'town')), 'used')
    const { joined: shown } = unwrap(await ledgerStatus(folder))
    assert.deepEqual(
      shown.map((each) => each.provedUntrue),
      [proof, undefined],
    )
    rmSync(proof)
    assert.equal(await codeOf(useLedger(folder, 'liar')), 'used')
  })
})
