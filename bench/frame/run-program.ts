// A program run from start to exit, timed: what benchmarks of commands measure.
// Guarantees: a program that fails is a failure of the benchmark, with what it said.
import { spawnSync } from 'node:child_process'
import { mainPath } from '../../test/end-to-end/run-swarmbid.ts'
import type { Environment } from '../measure.ts'

export interface ProgramRun {
  readonly seconds: number
  readonly stdout: string
}

export function runProgram(
  command: string,
  commandArguments: readonly string[],
  environment: Environment = {},
): ProgramRun {
  const startedMs = performance.now()
  const { status, stdout, stderr, error } = spawnSync(command, commandArguments, {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
  })
  const seconds = (performance.now() - startedMs) / 1000
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr}`)
  return { seconds, stdout }
}

/** The product's command line. */
export function runSwarmbid(commandArguments: readonly string[], environment: Environment): ProgramRun {
  return runProgram(process.execPath, [mainPath, ...commandArguments], environment)
}
