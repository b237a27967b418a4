// `swarmbid ledger serve, share, verify, export`: those that run on, or through a whole journal.
// Guarantees: serving says where it listens once it does, and ends in order when it is interrupted; a journal that does
// not hold gives exit code 1 and the first line and entry that are wrong; an export is there whole or not at all.
import { SwarmbidError, unwrap } from '../base/errors.ts'
import { dataFolder } from '../daemon/data-folder.ts'
import { exportLedger } from '../daemon/ledger-jobs.ts'
import { type ServeOwnLedgerOptions, serveOwnLedger } from '../daemon/serve-own-ledger.ts'
import { fetchExport, readExport, verifyExport } from '../daemon/verify-ledger.ts'
import { reserveExport } from '../daemon/write-export.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { formatCount } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { type LedgerOptions, ledgerJson } from './ledger-command.ts'

export interface ServeOptions extends LedgerOptions {
  readonly port?: number
  readonly bind?: readonly string[]
  readonly host?: string
  readonly certificate?: string
  readonly key?: string
}

const usualPort = 6970
const allAddresses = ['0.0.0.0']

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

function tlsOf({ certificate, key }: ServeOptions): Pick<ServeOwnLedgerOptions, 'tls'> {
  if (certificate === undefined && key === undefined) return {}
  if (certificate === undefined || key === undefined) {
    throw new SwarmbidError('usage', '--certificate and --key go together')
  }
  return { tls: { certificate, key } }
}

async function serve(
  options: ServeOptions,
  bind: readonly string[] | undefined,
  isShared: boolean,
  { output, signal }: CommandContext,
): CommandResult {
  const served = unwrap(
    await serveOwnLedger({
      dataFolder: dataFolder(options.data),
      port: options.port ?? usualPort,
      ...(bind === undefined ? {} : { addresses: bind }),
      ...(options.host === undefined ? {} : { publicHost: options.host }),
      ...tlsOf(options),
    }),
  )
  const { server, joinLines, ledger } = served
  const { style } = output
  if (options.json === true) {
    const { genesis, rail } = ledger.facts
    output.json({ type: 'listening', rail, name: genesis.name, port: server.port, urls: server.urls, joinLines })
  } else {
    for (const url of server.urls) output.line(`${style.good('listening')} ${style.plain(url)}`)
    if (isShared) output.note('Give this line to those who are to join:')
    for (const line of joinLines) output.line(style.plain(line))
    if (isShared && options.certificate === undefined) {
      output.note(
        output.noteStyle.faint('Without --certificate what is said can be read on the way, though not changed.'),
      )
    }
  }
  const failed = await Promise.race([aborted(signal), ledger.failed])
  const closed = await served.close()
  unwrap(failed ?? closed)
  return exitCodes.ok
}

export function runServe(options: ServeOptions, context: CommandContext): CommandResult {
  return serve(options, options.bind, false, context)
}

export function runShare(options: ServeOptions, context: CommandContext): CommandResult {
  return serve(options, options.bind ?? allAddresses, true, context)
}

export async function runVerify(
  source: string,
  options: LedgerOptions,
  { output, signal }: CommandContext,
): CommandResult {
  const isAddress = /^(https?|wss?):\/\//.test(source)
  const chunks = isAddress ? unwrap(await fetchExport({ url: source })) : readExport(source)
  const onHeight = (height: number) => output.status(`${formatCount(height)} entries`)
  const verdict = unwrap(await verifyExport(chunks, onHeight, signal))
  output.endStatus()
  if ('lineNumber' in verdict) {
    const { lineNumber, fault, detail } = verdict
    const place = fault === undefined ? `line ${lineNumber}` : `line ${lineNumber}, entry ${fault.height}`
    if (options.json === true) {
      output.json({ type: 'fault', line: lineNumber, height: fault?.height ?? null, part: fault?.part ?? null, detail })
    }
    throw new SwarmbidError('ledger-damaged', `${place}: ${detail}`)
  }
  const { facts, height, timeMs, isHeadSigned } = verdict
  const { rail, genesis } = facts
  if (options.json === true) output.json({ type: 'verified', rail, name: genesis.name, height, timeMs, isHeadSigned })
  else {
    const { style } = output
    output.line(
      `${style.good('right')} ${style.plain(genesis.name)} ${style.faint(rail)}, ${formatCount(height)} entries`,
    )
    if (!isHeadSigned) output.note('Its end is not signed by the operator: later entries may have been left out.')
  }
  return exitCodes.ok
}

export async function runExport(
  file: string,
  options: LedgerOptions & { readonly ledger?: string },
  { output, signal }: CommandContext,
): CommandResult {
  const target = reserveExport(file)
  try {
    const choice = { dataFolder: dataFolder(options.data), wanted: options.ledger }
    const ledger = unwrap(await exportLedger(choice, (text) => target.write(text), signal))
    target.commit()
    if (file !== '-' && options.json === true) output.json({ type: 'exported', file, ...ledgerJson(ledger) })
    else if (file !== '-') output.line(`${output.style.good('wrote')} ${output.style.plain(file)}`)
  } finally {
    target.discard()
  }
  return exitCodes.ok
}
