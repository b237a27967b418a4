// Ctrl-C and termination: the first signal asks the command to stop and clean up, a later one ends the process.
// Guarantees: a Ctrl-C that arrives twice at once (from the terminal and from npm) counts once; a command that
// does not stop in time is ended. Owns the process's signal handlers.
import { exitCodes } from './exit-code.ts'

export interface Interruption {
  readonly signal: AbortSignal
  /** The exit code that the signal asks for, once there was one. */
  exitCode(): number | undefined
  /** From now on a hang-up (SIGHUP) does this instead of ending the command. */
  takeHangUp(act: () => void): void
}

const sameKeystrokeMs = 1_000
const graceMs = 5_000

export function watchInterruption(): Interruption {
  const controller = new AbortController()
  let code: number | undefined
  let firstMs = 0
  let hangUp = () => onSignal(exitCodes.hungUp)

  function onSignal(signalCode: number): void {
    const nowMs = performance.now()
    if (code !== undefined) {
      if (nowMs - firstMs >= sameKeystrokeMs) process.exit(code)
      return
    }
    code = signalCode
    firstMs = nowMs
    setTimeout(() => process.exit(signalCode), graceMs).unref()
    controller.abort()
  }

  process.on('SIGINT', () => onSignal(exitCodes.interrupted))
  process.on('SIGHUP', () => hangUp())
  process.on('SIGTERM', () => onSignal(exitCodes.terminated))
  return {
    signal: controller.signal,
    exitCode: () => code,
    takeHangUp(act) {
      hangUp = act
    },
  }
}
