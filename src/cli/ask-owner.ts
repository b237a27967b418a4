// Asks the owner at the terminal before something is paid that is over a limit.
// Guarantees: what is asked says how much, to whom and over which limit, exactly; anything but `yes` means no; where
// there is no terminal there is nobody to ask, and the wallet refuses with spending-limit.
import { formatTokenAmount, tokenAmount } from '../base/token-amount.ts'
import type { BudgetQuestion } from '../daemon/open-speed.ts'
import type { Owner, SpendingQuestion } from '../daemon/open-wallet.ts'
import { formatAddress } from '../formats/money/account-id.ts'
import type { Terminal } from './terminal.ts'

type Exceeded = SpendingQuestion['exceeded'][number]

const limitNames: Readonly<Record<Exceeded['limit'], string>> = {
  transfer: 'of one payment',
  day: 'of a day',
  torrent: 'of the torrent',
  app: 'of the app, a day',
  peer: 'of what is locked for one payee',
  lanes: 'of open lanes',
}

function exceededLine(symbol: SpendingQuestion['symbol'], { limit, allowed, wanted }: Exceeded): string {
  const text = (value: bigint) => (limit === 'lanes' ? String(value) : formatTokenAmount(tokenAmount(value), symbol))
  return `  over the limit ${limitNames[limit]}: it would be ${text(wanted)}, allowed are ${text(allowed)}`
}

function questionLines({ account, request, symbol, amount, payee, exceeded }: SpendingQuestion): readonly string[] {
  const what = request.type === 'voucher' ? 'voucher, so much in all' : request.operation.type
  const { purpose = {} } = request
  return [
    '',
    `${formatTokenAmount(amount, symbol)} (${what}) from ${formatAddress(account)}`,
    ...(payee === undefined ? [] : [`  to ${formatAddress(payee)}`]),
    ...(purpose.torrent === undefined ? [] : [`  for the torrent ${purpose.torrent}`]),
    ...(purpose.app === undefined ? [] : [`  for the app ${purpose.app}`]),
    ...exceeded.map((limit) => exceededLine(symbol, limit)),
  ]
}

/** Before a download may pay more than the limits allow. */
export function budgetLines({ symbol, amount, exceeded }: BudgetQuestion): readonly string[] {
  const title = `Up to ${formatTokenAmount(amount, symbol)} for what is downloaded`
  return ['', title, ...exceeded.map((limit) => exceededLine(symbol, limit))]
}

/** Undefined: nobody is there. */
export function terminalOwner(terminal: Terminal): Owner | undefined {
  if (!terminal.isInteractive) return undefined
  return {
    async confirm(question) {
      terminal.show(questionLines(question))
      return (await terminal.ask('Pay it? Type yes, or anything else for no')).trim().toLowerCase() === 'yes'
    },
  }
}
