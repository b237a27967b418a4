// `swarmbid earn`: has the program look for torrents worth seeding until it is interrupted, and shows what it does.
// Owns nothing: run-earn.ts does the work.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type EarnRequest, runEarn } from '../daemon/run-earn.ts'
import { defaultStateFolder } from '../daemon/state-folder.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { newEarnDisplay } from './earn-display.ts'
import { exitCodes } from './exit-code.ts'
import { speedRequest } from './speed-options.ts'
import { requestOf, type TransferOptions } from './transfer-options.ts'

export interface EarnCommandOptions
  extends Omit<TransferOptions, 'trackers' | 'state' | 'earn' | 'whileEarning' | 'seedRatio' | 'seedTime'> {
  readonly catalog: readonly string[]
  readonly dir?: string
  readonly disk: number
  readonly most: number
  readonly cost?: string
  readonly keepCost?: string
  readonly pay?: string
}

const statusEveryMs = 1_000

export async function runEarnCommand(options: EarnCommandOptions, context: CommandContext): CommandResult {
  const { catalog: catalogs, disk: diskBytes, most, cost, keepCost, pay } = options
  const path = options.dir ?? join(defaultStateFolder(process.platform, process.env, homedir()), 'earn')
  const speed = await speedRequest({ ...options, earn: true, pays: pay }, context)
  if (speed === undefined) return exitCodes.usage
  const transfer = requestOf(
    { mode: 'download', sources: [], path, staysSeeding: true },
    { ...options, trackers: true },
    speed,
    statusEveryMs,
  )
  const request: EarnRequest = { transfer, speed, catalogs, diskBytes, most, trafficCost: cost, keepingCost: keepCost }
  const { output, signal } = context
  const form = options.json === true ? 'json' : options.quiet === true ? 'none' : 'people'
  await runEarn(request, newEarnDisplay(output, form), signal)
  output.endStatus()
  return exitCodes.ok
}
