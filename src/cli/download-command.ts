// `swarmbid download`: torrents from wherever they are named to a folder, until they are complete.
// Owns nothing: run-transfers.ts does the work.
import type { FileChoice } from '../daemon/select-files.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { speedRequest } from './speed-options.ts'
import { runTransferTask, type TransferOptions } from './transfer-options.ts'

export interface DownloadOptions extends TransferOptions {
  readonly dir: string
  readonly select?: readonly FileChoice[]
  readonly webSeed?: readonly string[]
  readonly sequential?: boolean
  readonly stay?: boolean
  readonly preallocate?: boolean
  readonly pay?: string
  readonly quote?: boolean
  readonly deadline?: number
}

export async function runDownload(
  sources: readonly string[],
  options: DownloadOptions,
  context: CommandContext,
): CommandResult {
  const { select, keepSeeded } = options
  const hasGoal = options.stay === true || [options.seedRatio, options.seedTime].some((goal) => goal !== undefined)
  return runTransferTask(
    {
      mode: 'download',
      sources,
      path: options.dir,
      ...(select === undefined ? {} : { selection: select }),
      webSeeds: options.webSeed ?? [],
      isSequential: options.sequential === true,
      staysSeeding: options.stay === true,
      preallocates: options.preallocate === true,
    },
    // Who pays others to stay is there itself meanwhile, to prove that they do.
    hasGoal || keepSeeded === undefined ? options : { ...options, seedTime: keepSeeded },
    context,
    await speedRequest(
      {
        ...options,
        pays: options.pay,
        isQuote: options.quote === true,
        deadlineSeconds: options.deadline,
        // Who stays for others to have it.
        mayEarn: hasGoal,
      },
      context,
    ),
  )
}
