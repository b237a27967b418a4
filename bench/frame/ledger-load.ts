// Load for a ledger: accounts with keys, grants that let them in, transfers between them, all signed beforehand so that
// signing is not measured. The same name draws the same operations.
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import type { LedgerFacts } from '../../src/ledger/genesis.ts'
import type { AccountId, Hash256, LedgerOperation, OperationId, SignedOperation } from '../../src/ports/ledger.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'

const payerCount = 64
const payeeCount = 2_000
const text = new TextEncoder()

function drawn(name: string): Hash256 {
  return toHex(sha256(text.encode(name))) as Hash256
}

export interface LoadPlan {
  grants(operator: SigningKey): SignedOperation[]
  operations(count: number, name: string): SignedOperation[]
}

export function planLoad(facts: LedgerFacts): LoadPlan {
  const keys = Array.from({ length: payerCount }, (_, index) =>
    unwrap(secp256k1.openKey(sha256(text.encode(`load key ${index}`)))),
  )
  const payees = Array.from({ length: payeeCount }, (_, index) =>
    accountId(facts.rail, sha256(text.encode(`load payee ${index}`)).slice(0, 20)),
  )
  const sign = (key: SigningKey, operation: LedgerOperation): SignedOperation => {
    const account = accountId(facts.rail, key.address)
    return { account, operation, signature: key.sign(operationDigest(operation, account, facts.domain)) }
  }
  return {
    grants: (operator) =>
      keys.map(({ address }, index) =>
        sign(operator, {
          type: 'grant',
          id: drawn(`load grant ${index}`) as string as OperationId,
          to: accountId(facts.rail, address),
          invite: drawn(`load invite ${index}`),
        }),
      ),
    operations: (count, name) =>
      Array.from({ length: count }, (_, index) =>
        sign(keys[index % payerCount] as SigningKey, {
          type: 'transfer',
          id: drawn(`load ${name} ${index}`) as string as OperationId,
          to: payees[(index * 7919) % payeeCount] as AccountId,
          amount: tokenAmount(BigInt(index + 1)),
        }),
      ),
  }
}
