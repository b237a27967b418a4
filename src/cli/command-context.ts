// What every command gets, and what every command gives back.
// Owned by run-command-line, for one run.
import type { Output } from './output.ts'

export interface CommandContext {
  readonly output: Output
  /** Aborted by Ctrl-C or termination. */
  readonly signal: AbortSignal
  /** From now on a hang-up (SIGHUP) does this instead of ending the command. */
  takeHangUp(act: () => void): void
}

/** The exit code; failures of the whole command are thrown as SwarmbidError. */
export type CommandResult = Promise<number>

/** Runs a command once the command line is understood. */
export type RunCommand = (command: (context: CommandContext) => CommandResult) => Promise<void>
