// A voucher as a line of text to hand over: `swarmbid-voucher:LEDGER:BASE64URL`, the ledger by the 32 digits of its id.
// Guarantees: a line has one meaning, and reading any text never throws. What it is worth the payee finds out.
import { failure, type Result, success } from '../base/errors.ts'
import { signedVoucherCodec } from '../formats/money/voucher-codec.ts'
import type { RailId, SignedVoucher } from '../ports/ledger.ts'

export interface VoucherLine {
  readonly rail: RailId
  readonly voucher: SignedVoucher
}

const pattern = /^swarmbid-voucher:([0-9a-f]{32}):([A-Za-z0-9_-]{1,1024})$/

export function formatVoucherLine({ rail, voucher }: VoucherLine): string {
  const text = Buffer.from(signedVoucherCodec.encode(voucher)).toString('base64url')
  return `swarmbid-voucher:${rail.slice(rail.indexOf(':') + 1)}:${text}`
}

/** Errors: statement-malformed. */
export function parseVoucherLine(text: string): Result<VoucherLine> {
  const [, id = '', encoded = ''] = pattern.exec(text.trim()) ?? []
  if (id === '') return failure('statement-malformed', 'not a voucher: expected swarmbid-voucher:LEDGER:TEXT')
  const rail = `swarmbid:${id}` as RailId
  const voucher = signedVoucherCodec.decode(new Uint8Array(Buffer.from(encoded, 'base64url')), rail)
  return voucher.ok ? success({ rail, voucher: voucher.value }) : voucher
}
