// The page for other implementors says what the code does: every type, and the example with its digests and signatures.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { toHex } from '../../../src/base/bytes.ts'
import { formatEvmAddress } from '../../../src/formats/money/evm-address.ts'
import { operationEncodedType } from '../../../src/formats/money/operation-digest.ts'
import { operationTable } from '../../../src/formats/money/operation-schema.ts'
import { receiptEncodedType } from '../../../src/formats/money/receipt.ts'
import { domainSeparator } from '../../../src/formats/money/typed-data.ts'
import type { LedgerOperation } from '../../../src/ports/ledger.ts'
import { secret, signer, statementVectors } from './statement-vectors.ts'

const page = readFileSync(new URL('../../../docs/protocol/statements.md', import.meta.url), 'utf8')
const shown = new Set(page.split('\n').filter((line) => /^[A-Z][A-Za-z0-9]+\(.*\)$/.test(line)))

test('it has every type, and none besides', () => {
  const operations = Object.keys(operationTable).map((type) => operationEncodedType(type as LedgerOperation['type']))
  const receipts = (['operation', 'balance', 'lane', 'head'] as const).map(receiptEncodedType)
  // Their digests are compared with viem's under the types that stand in the generator of the vectors.
  const writtenOut = [
    'EIP712Domain(string name,string version,bytes32 salt)',
    'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)',
    'Voucher(bytes32 lane,uint256 cumulativeAmount)',
    'LaneWaiver(bytes32 lane,uint256 finalAmount)',
    'SpeedMessage(string rail,string kind,bytes32 infoHash,bytes body)',
  ]
  const types = [...operations, ...receipts].flatMap((text) => text.split(/(?<=\))/))
  assert.deepEqual([...shown].sort(), [...new Set([...types, ...writtenOut])].sort())
})

test('its example is that of the vectors', () => {
  const ofKind = (kind: string) =>
    statementVectors.find(({ primaryType, domain, digest }) => {
      return primaryType === kind && domain.type === 'genesis' && page.includes(toHex(digest))
    })
  for (const kind of ['Voucher', 'Transfer']) {
    const vector = ofKind(kind)
    assert.ok(vector !== undefined, kind)
    assert.ok(page.includes(`\`0x${toHex(vector.signature)}\``), kind)
    assert.ok(page.includes(`\`0x${toHex(domainSeparator(vector.domain))}\``))
    assert.ok(page.includes(`\`${vector.rail}\``))
  }
  assert.ok(page.includes(`\`0x${toHex(secret)}\``))
  assert.ok(page.includes(`\`${formatEvmAddress(signer)}\``))
})
