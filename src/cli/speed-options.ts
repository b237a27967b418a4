// Options of `download` and `seed` about paying and earning, from the command line to a request.
// Guarantees: an option that would do nothing is refused; the owner is asked before anything is opened, and at the terminal
// alone.
import { SwarmbidError } from '../base/errors.ts'
import type { BudgetQuestion } from '../daemon/open-speed.ts'
import type { SpeedRequest } from '../daemon/transfer-request.ts'
import { budgetLines } from './ask-owner.ts'
import type { CommandContext } from './command-context.ts'
import type { Terminal } from './terminal.ts'
import type { WalletOptions } from './wallet-setting.ts'

export interface SpeedOptions extends WalletOptions {
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

/** Undefined: nothing is to be paid or earned. Errors: usage. */
export async function speedRequest(
  options: SpeedOptions & {
    readonly pays?: string | undefined
    readonly isQuote?: boolean
    readonly deadlineSeconds?: number | undefined
  },
  context: CommandContext,
): Promise<SpeedRequest | undefined> {
  const { pays, isQuote = false, deadlineSeconds, earn, price = 'auto', ledger, walletAccount, downloadLimit } = options
  const isEither = pays !== undefined || earn === true
  refuseIdle({ ...options, deadlineSeconds }, isEither, isQuote, pays !== undefined)
  if (!isEither) return undefined
  const [{ walletSetting }, { knownPassphrase }] = await Promise.all([
    import('./wallet-setting.ts'),
    import('./passphrase.ts'),
  ])
  const setting = walletSetting(options, context)
  const { dataFolder, host, passphrase, terminal } = setting
  return {
    dataFolder,
    ledger,
    account: walletAccount ?? 0,
    host,
    passphrase: () => knownPassphrase(passphrase, terminal, context.signal),
    mayExceed: terminal.isInteractive ? (question) => mayExceed(terminal, question) : undefined,
    note: (text) => setting.note(text),
    ...(pays === undefined ? {} : { pays }),
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
    isQuote,
    ...(earn === true ? { earns: price === 'auto' ? ('auto' as const) : { perGiB: price } } : {}),
    ...(options.whileEarning === undefined ? {} : { whileEarning: options.whileEarning }),
    ...(options.keepSeeded === undefined
      ? {}
      : { staying: { seconds: options.keepSeeded, seeders: options.seeders ?? 1 } }),
    inPrivateTorrents: options.privateToo === true,
    downloadLimit: downloadLimit ?? Number.POSITIVE_INFINITY,
  }
}
