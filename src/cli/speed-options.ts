// Options of `download` and `seed` about paying and earning, from the command line to a request.
// Guarantees: an option that would do nothing is refused; the owner is asked before anything is opened, and at the terminal
// alone, and never for what is on by itself.
import { SwarmbidError } from '../base/errors.ts'
import { dataFolder } from '../daemon/data-folder.ts'
import { earningDefault } from '../daemon/earning-default.ts'
import type { BudgetQuestion } from '../daemon/open-speed.ts'
import type { SpeedRequest } from '../daemon/transfer-request.ts'
import { budgetLines } from './ask-owner.ts'
import type { CommandContext } from './command-context.ts'
import type { Terminal } from './terminal.ts'
import type { WalletOptions } from './wallet-setting.ts'

export interface SpeedOptions extends WalletOptions {
  /** False: --no-earn; undefined: neither. */
  readonly earn?: boolean
  readonly price?: string
  readonly whileEarning?: string
  readonly keepSeeded?: number
  readonly seeders?: number
  readonly ledger?: string
  readonly walletAccount?: number
  readonly privateToo?: boolean
  readonly downloadLimit?: number
}

/** Names of options that mean nothing alone. */
const dependent = {
  ledger: '--ledger',
  walletAccount: '--wallet-account',
  data: '--data',
  passphraseFile: '--passphrase-file',
  privateToo: '--private-too',
} as const

function refuseIdle(
  options: SpeedOptions & { readonly deadlineSeconds?: number | undefined },
  isEither: boolean,
  isQuote: boolean,
  isPaying: boolean,
): void {
  const { deadlineSeconds } = options
  const idle = Object.entries(dependent).find(([name]) => options[name as keyof typeof dependent] !== undefined)
  if (idle !== undefined && !isEither)
    throw new SwarmbidError('usage', `${idle[1]} says nothing without --pay or --earn`)
  for (const [name, value] of [
    ['--price', options.price],
    ['--while-earning', options.whileEarning],
  ]) {
    if (value !== undefined && options.earn !== true)
      throw new SwarmbidError('usage', `${name} says nothing without --earn`)
  }
  if (isQuote && !isPaying) throw new SwarmbidError('usage', '--quote needs --pay, the most to pay')
  if (deadlineSeconds !== undefined && (!isPaying || isQuote)) {
    throw new SwarmbidError('usage', '--deadline says something with --pay alone')
  }
  if (options.keepSeeded !== undefined && (!isPaying || isQuote)) {
    throw new SwarmbidError('usage', '--keep-seeded says something with --pay alone')
  }
  if (options.seeders !== undefined && options.keepSeeded === undefined) {
    throw new SwarmbidError('usage', '--seeders says nothing without --keep-seeded')
  }
  if (isQuote && options.earn === true) throw new SwarmbidError('usage', '--quote or --earn, not both')
}

async function mayExceed(terminal: Terminal, question: BudgetQuestion): Promise<boolean> {
  terminal.show(budgetLines(question))
  return (await terminal.ask('Pay as much? Type yes, or anything else for no')).trim().toLowerCase() === 'yes'
}

/** Options that say how to earn say that it is meant. */
function meansEarning({ earn, price, whileEarning }: SpeedOptions, mayByItself: boolean): boolean {
  return earn ?? (mayByItself && (price !== undefined || whileEarning !== undefined))
}

async function earnsByItself(options: RequestOptions, { output }: CommandContext): Promise<boolean> {
  const isGiven = options.passphraseFile !== undefined || (process.env['SWARMBID_PASSPHRASE'] ?? '') !== ''
  // Who pays opens the wallet anyway.
  const isKnown = isGiven || options.pays !== undefined
  const state = await earningDefault(dataFolder(options.data), isKnown)
  if (state === 'locked' && options.json !== true) {
    output.note(output.noteStyle.plain('Nothing is sold, as the wallet is locked; --earn asks for its passphrase.'))
  }
  return state === 'on'
}

/** `mayEarn`: where nobody said otherwise, earning is on by itself. */
interface RequestOptions extends SpeedOptions {
  readonly pays?: string | undefined
  readonly isQuote?: boolean
  readonly deadlineSeconds?: number | undefined
  readonly mayEarn?: boolean
}

/** Undefined: nothing is to be paid or earned. Errors: usage. */
export async function speedRequest(given: RequestOptions, context: CommandContext): Promise<SpeedRequest | undefined> {
  const { pays, isQuote = false, deadlineSeconds, price = 'auto', ledger, walletAccount, downloadLimit } = given
  const mayByItself = given.mayEarn === true && given.earn === undefined && !isQuote
  const options = { ...given, earn: meansEarning(given, mayByItself) }
  refuseIdle(
    { ...options, deadlineSeconds },
    options.earn || pays !== undefined || mayByItself,
    isQuote,
    pays !== undefined,
  )
  const isByDefault = mayByItself && !options.earn
  const earns = options.earn || (isByDefault && (await earnsByItself(options, context)))
  if (!earns && pays === undefined) return undefined
  const [{ walletSetting }, { knownPassphrase }] = await Promise.all([
    import('./wallet-setting.ts'),
    import('./passphrase.ts'),
  ])
  const setting = walletSetting(options, context)
  const { host, passphrase, terminal } = setting
  return {
    dataFolder: setting.dataFolder,
    ledger,
    account: walletAccount ?? 0,
    host,
    passphrase: () => knownPassphrase(passphrase, terminal, context.signal),
    mayExceed: terminal.isInteractive ? (question) => mayExceed(terminal, question) : undefined,
    note: (text) => setting.note(text),
    ...(pays === undefined ? {} : { pays }),
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
    isQuote,
    ...(earns ? { earns: price === 'auto' ? ('auto' as const) : { perGiB: price } } : {}),
    ...(options.whileEarning === undefined ? {} : { whileEarning: options.whileEarning }),
    ...(options.keepSeeded === undefined
      ? {}
      : { staying: { seconds: options.keepSeeded, seeders: options.seeders ?? 1 } }),
    inPrivateTorrents: options.privateToo === true,
    downloadLimit: downloadLimit ?? Number.POSITIVE_INFINITY,
    isByDefault: isByDefault && pays === undefined,
  }
}
