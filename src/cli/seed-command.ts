// `swarmbid seed`: content that is here, verified and then served until a goal is reached or it is interrupted.
// Owns nothing: run-transfers.ts does the work.
import { SwarmbidError } from '../base/errors.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { speedRequest } from './speed-options.ts'
import { runTransferTask, type TransferOptions } from './transfer-options.ts'

export interface SeedOptions extends TransferOptions {
  readonly partial?: boolean
  readonly superSeed?: boolean
  readonly pay?: string
}

/** The last of several names is the content or the folder it is in, unless it is another torrent. */
export function splitSeedArguments(names: readonly string[]): { sources: readonly string[]; path: string } {
  const last = names.at(-1) ?? ''
  const hasPath = names.length > 1 && last !== '-' && !/\.torrent$/i.test(last)
  return hasPath ? { sources: names.slice(0, -1), path: last } : { sources: names, path: '.' }
}

export async function runSeed(names: readonly string[], options: SeedOptions, context: CommandContext): CommandResult {
  if (options.pay !== undefined && options.keepSeeded === undefined) {
    throw new SwarmbidError('usage', 'a seed pays for nothing but staying: --pay needs --keep-seeded')
  }
  return runTransferTask(
    {
      mode: 'seed',
      ...splitSeedArguments(names),
      staysSeeding: [options.seedRatio, options.seedTime, options.whileEarning].every((goal) => goal === undefined),
      allowsPartial: options.partial === true,
      isSuperSeeding: options.superSeed === true,
    },
    options,
    context,
    await speedRequest({ ...options, pays: options.pay, mayEarn: true }, context),
  )
}
