// What people and programs are shown of a wallet: its accounts in both forms, codes to scan, switches and limits.
// Guarantees: made from what the wallet knows while it is locked, so no secret can be in it. Pure.
import { formatBaseUnits, formatTokenAmount, type TokenAmount, type TokenSymbol } from '../base/token-amount.ts'
import { formatEvmAddress } from '../formats/money/evm-address.ts'
import { formatTronAddress } from '../formats/money/tron-address.ts'
import { formatPath } from '../wallet/derivation.ts'
import type { KeyFile } from '../wallet/key-file.ts'
import { addressUri, svgCode, terminalCode } from '../wallet/qr-code.ts'
import type { SpendingPolicy, TokenLimits } from '../wallet/spending-policy.ts'
import { namedAccounts } from '../wallet/wallet.ts'

export interface AccountView {
  readonly number: number
  /** Where it follows from the phrase; null of a key file of another wallet. */
  readonly path: string | null
  readonly evmAddress: string
  readonly tronAddress: string
}

export function accountViews(file: KeyFile): readonly AccountView[] {
  return namedAccounts(file).map(({ address, path }, number) => ({
    number,
    path: path === undefined ? null : formatPath(path),
    evmAddress: formatEvmAddress(address),
    tronAddress: formatTronAddress(address),
  }))
}

export interface AddressCode {
  /** What the code says. */
  readonly uri: string
  readonly lines: readonly string[]
  readonly svg: string
}

/** `isInverted`: for terminals that are light. */
export function addressCode(address: string, isInverted: boolean): AddressCode {
  const uri = addressUri(address)
  return { uri, lines: terminalCode(uri, isInverted), svg: svgCode(uri) }
}

/** Amounts of one token as people write them, `none` where there is no limit. */
export function limitTexts(policy: SpendingPolicy, symbol: TokenSymbol): Readonly<Record<string, string>> {
  const { transfer, day, torrent, app, peerPermille, lanes } = policy.limits[symbol]
  const text = (amount: TokenAmount | undefined) => (amount === undefined ? 'none' : formatTokenAmount(amount, symbol))
  return {
    'per payment': text(transfer),
    'per day': text(day),
    'per torrent': text(torrent),
    'per app': app === undefined ? 'none' : `${text(app)} a day`,
    'per payee': `${peerPermille / 10} % of a day`,
    'open lanes': String(lanes),
  }
}

/** For JSON: amounts in base units, null where there is no limit. */
export function limitsJson(policy: SpendingPolicy): object {
  const units = (amount: TokenAmount | undefined) => (amount === undefined ? null : formatBaseUnits(amount))
  const of = ({ transfer, day, torrent, app, peerPermille, lanes }: TokenLimits) => ({
    perPayment: units(transfer),
    perDay: units(day),
    perTorrent: units(torrent),
    perApp: units(app),
    perPayeePermille: peerPermille,
    lanes,
  })
  const { spending, earning, limits } = policy
  return { spending, earning, limits: { BTT: of(limits.BTT), TEST: of(limits.TEST) } }
}
