// What is signed where somebody is asked to sign: the digest of a request to a wallet, whatever it is of.
// Guarantees: one digest for each kind of request, the same in every wallet. Pure.
import type { AccountId } from '../../ports/ledger.ts'
import type { SigningRequest } from '../../ports/signer.ts'
import { operationDigest } from './operation-digest.ts'
import { speedMessageDigest } from './speed-message-digest.ts'
import { voucherDigest, waiverDigest } from './voucher-digest.ts'

/** 32 bytes, the caller's. `account`: who signs. */
export function signingDigest(request: SigningRequest, account: AccountId): Uint8Array {
  const { domain } = request
  switch (request.type) {
    case 'voucher':
      return voucherDigest(request.voucher, domain)
    case 'lane-waiver':
      return waiverDigest(request.waiver, domain)
    case 'ledger-operation':
      return operationDigest(request.operation, account, domain)
    case 'speed-message':
      return speedMessageDigest(request.message, domain)
  }
}
