// The commands of the wallet that show what it has and change what it may.
// Guarantees: none prints a secret.
import { resolve } from 'node:path'
import { SwarmbidError } from '../base/errors.ts'
import { parseTokenAmount, type TokenAmount, type TokenSymbol } from '../base/token-amount.ts'
import {
  addAccount,
  changePassphrase,
  changePolicy,
  checkWallet,
  exportBackup,
  readPolicy,
  readWallet,
  walletPath,
} from '../daemon/wallet-folder.ts'
import { accountViews, addressCode, limitsJson, limitTexts } from '../daemon/wallet-view.ts'
import { writeCode } from '../daemon/write-code.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import { knownPassphrase, newPassphrase } from './passphrase.ts'
import { showAccounts, type WalletOptions, type WalletSetting, walletSetting } from './wallet-setting.ts'

const symbols: readonly TokenSymbol[] = ['BTT', 'TEST']

export async function runShowWallet(options: WalletOptions, context: CommandContext): CommandResult {
  const setting = walletSetting(options, context)
  const { dataFolder, output } = setting
  const file = await readWallet(dataFolder)
  const policy = await readPolicy(dataFolder)
  const hasPhrase = file.phrase !== undefined
  if (setting.isJson) {
    output.json({ file: walletPath(dataFolder), hasPhrase, accounts: accountViews(file), ...limitsJson(policy) })
    return exitCodes.ok
  }
  await showAccounts(setting)
  const { field } = newFields(output)
  output.line(output.style.strong('wallet'))
  field('file', walletPath(dataFolder))
  field('phrase', hasPhrase ? undefined : 'none: it came from a key file')
  field('spending', policy.spending)
  field('earning', policy.earning)
  return exitCodes.ok
}

export async function runAccounts(options: WalletOptions, context: CommandContext): CommandResult {
  await showAccounts(walletSetting(options, context))
  return exitCodes.ok
}

export async function runAddAccount(
  options: WalletOptions & { readonly coin: 'evm' | 'tron' },
  context: CommandContext,
): CommandResult {
  const setting = walletSetting(options, context)
  const passphrase = await knownPassphrase(setting.passphrase, setting.terminal, context.signal)
  await addAccount(setting.dataFolder, options.coin === 'tron' ? 195 : 60, passphrase, setting.host)
  await showAccounts(setting)
  return exitCodes.ok
}

export interface AddressOptions extends WalletOptions {
  readonly tron?: boolean
  readonly qr?: boolean
  readonly invert?: boolean
  readonly svg?: string
}

export async function runAddress(number: number, options: AddressOptions, context: CommandContext): CommandResult {
  const { dataFolder, output, isJson } = walletSetting(options, context)
  const account = accountViews(await readWallet(dataFolder))[number]
  if (account === undefined) throw new SwarmbidError('usage', `there is no account ${number}`)
  const address = options.tron === true ? account.tronAddress : account.evmAddress
  const code = addressCode(address, options.invert === true)
  if (options.svg !== undefined) writeCode(resolve(options.svg), code.svg)
  if (isJson) {
    output.json({ number, address, uri: code.uri })
    return exitCodes.ok
  }
  output.line(address)
  if (options.qr === true) for (const line of code.lines) output.line(line)
  return exitCodes.ok
}

export async function runExportBackup(
  path: string,
  options: WalletOptions & { readonly account?: number },
  context: CommandContext,
): CommandResult {
  const setting = walletSetting(options, context)
  const { dataFolder, host, output } = setting
  const target = resolve(path)
  await readWallet(dataFolder)
  const passphrase = await knownPassphrase(setting.passphrase, setting.terminal, context.signal)
  await exportBackup(dataFolder, target, options.account, passphrase, host)
  if (setting.isJson) output.json({ file: target, account: options.account ?? null })
  else output.line(`${output.style.good('written')} ${output.style.plain(target)}`)
  return exitCodes.ok
}

export async function runCheckWallet(options: WalletOptions, context: CommandContext): CommandResult {
  const setting = walletSetting(options, context)
  const { dataFolder, host, output } = setting
  await readWallet(dataFolder)
  const passphrase = await knownPassphrase(setting.passphrase, setting.terminal, context.signal)
  await checkWallet(dataFolder, passphrase, host)
  if (setting.isJson) output.json({ ok: true })
  else output.line(`${output.style.good('ok')} the passphrase opens the wallet, and it has the accounts it names`)
  return exitCodes.ok
}

export async function runChangePassphrase(
  options: WalletOptions & { readonly newPassphraseFile?: string },
  context: CommandContext,
): CommandResult {
  const setting = walletSetting(options, context)
  const { dataFolder, host, terminal, output } = setting
  await readWallet(dataFolder)
  const passphrase = await knownPassphrase(setting.passphrase, terminal, context.signal)
  await checkWallet(dataFolder, passphrase, host)
  const next = await newPassphrase(
    {
      file: options.newPassphraseFile,
      environmentName: 'SWARMBID_NEW_PASSPHRASE',
      fileOption: '--new-passphrase-file',
    },
    terminal,
    context.signal,
  )
  await changePassphrase(dataFolder, passphrase, next, host)
  if (setting.isJson) output.json({ ok: true })
  setting.note('The passphrase is changed. Backups keep the old one.')
  return exitCodes.ok
}

export interface LimitOptions extends WalletOptions {
  readonly token?: TokenSymbol
  readonly perPayment?: string
  readonly perDay?: string
  readonly perTorrent?: string
  readonly perApp?: string
  /** Thousandths. */
  readonly perPayee?: number
  readonly lanes?: number
}

/** What one option says of a limit: leave it, lift it, or set it. */
type Wanted = TokenAmount | 'none' | undefined

interface NamedLimit {
  readonly wanted: Wanted
  readonly symbol?: TokenSymbol
}

function wantedLimit(text: string | undefined, option: string, token: TokenSymbol | undefined): NamedLimit {
  if (text === undefined || text === 'none') return { wanted: text }
  const parsed = parseTokenAmount(text, token)
  if (!parsed.ok) throw new SwarmbidError('usage', `${option}: ${parsed.detail}`)
  return { wanted: parsed.value.amount, symbol: parsed.value.symbol }
}

/** The token that all amounts are of. */
function commonToken(named: readonly (TokenSymbol | undefined)[], token: TokenSymbol | undefined): TokenSymbol {
  const tokens = new Set([token, ...named].filter((symbol) => symbol !== undefined))
  const [only] = tokens
  if (only === undefined) throw new SwarmbidError('usage', 'say of which token: --token BTT or --token TEST')
  if (tokens.size > 1) throw new SwarmbidError('usage', 'amounts of two tokens; set the limits of one at a time')
  return only
}

export async function runLimits(options: LimitOptions, context: CommandContext): CommandResult {
  const setting = walletSetting(options, context)
  const { token, perPayee, lanes } = options
  const named = {
    transfer: wantedLimit(options.perPayment, '--per-payment', token),
    day: wantedLimit(options.perDay, '--per-day', token),
    torrent: wantedLimit(options.perTorrent, '--per-torrent', token),
    app: wantedLimit(options.perApp, '--per-app', token),
  }
  const set = Object.entries(named).filter(([, { wanted }]) => wanted !== undefined)
  if (set.length > 0 || perPayee !== undefined || lanes !== undefined) {
    const symbol = commonToken(
      set.map(([, { symbol: own }]) => own),
      token,
    )
    const amounts = set.map(([key, { wanted }]) => [key, wanted === 'none' ? undefined : wanted])
    await changePolicy(
      setting.dataFolder,
      (policy) => ({
        ...policy,
        limits: {
          ...policy.limits,
          [symbol]: {
            ...policy.limits[symbol],
            ...Object.fromEntries(amounts),
            ...(perPayee === undefined ? {} : { peerPermille: perPayee }),
            ...(lanes === undefined ? {} : { lanes }),
          },
        },
      }),
      setting.host,
    )
  }
  return showLimits(setting, token)
}

async function showLimits({ dataFolder, output, isJson }: WalletSetting, token?: TokenSymbol): CommandResult {
  await readWallet(dataFolder)
  const policy = await readPolicy(dataFolder)
  if (isJson) {
    output.json(limitsJson(policy))
    return exitCodes.ok
  }
  const { field } = newFields(output)
  field('spending', policy.spending)
  field('earning', policy.earning)
  for (const symbol of token === undefined ? symbols : [token]) {
    output.line(output.style.strong(`unasked, in ${symbol}`))
    for (const [label, text] of Object.entries(limitTexts(policy, symbol))) field(label, text)
  }
  return exitCodes.ok
}

export async function runSwitch(
  name: 'spending' | 'earning',
  state: 'on' | 'off' | undefined,
  options: WalletOptions,
  context: CommandContext,
): CommandResult {
  const { dataFolder, host, output, isJson } = walletSetting(options, context)
  await readWallet(dataFolder)
  const policy =
    state === undefined
      ? await readPolicy(dataFolder)
      : await changePolicy(dataFolder, (before) => ({ ...before, [name]: state }), host)
  if (isJson) output.json({ [name]: policy[name] })
  else output.line(`${name} is ${policy[name]}`)
  return exitCodes.ok
}
