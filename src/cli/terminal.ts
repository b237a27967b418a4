// Asking the person at the terminal: what is hidden, what is seen, what they must have read.
// Guarantees: questions and secrets go to the terminal alone, never to standard output; whoever presses Ctrl-C at a
// question is interrupted as anywhere else. Where input or output is no terminal nothing is asked.
import { password, text } from '@clack/prompts'
import { SwarmbidError } from '../base/errors.ts'

/** Undefined: it will do; else what is wrong with it. */
type Check = (answer: string) => string | undefined

export interface Terminal {
  /** Whether a person is there. */
  readonly isInteractive: boolean
  /** Not shown while it is typed. */
  askHidden(message: string, check?: Check): Promise<string>
  ask(message: string, check?: Check): Promise<string>
  /** To the terminal alone. */
  show(lines: readonly string[]): void
}

const sameOptions = { output: process.stderr, withGuide: false }

export function systemTerminal(signal: AbortSignal): Terminal {
  const isInteractive = process.stdin.isTTY === true && process.stderr.isTTY === true

  async function answered(asked: Promise<string | symbol>): Promise<string> {
    const answer = await asked
    if (typeof answer === 'string') return answer
    // The question took Ctrl-C as a key, so that the signal did not come.
    if (!signal.aborted) {
      // Nothing else keeps the process until the signal is there.
      const waiting = setInterval(() => undefined, 1_000)
      const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      process.kill(process.pid, 'SIGINT')
      await aborted
      clearInterval(waiting)
    }
    throw new SwarmbidError('interrupted', 'stopped at a question')
  }

  const options = (message: string, check: Check) => ({
    ...sameOptions,
    message,
    signal,
    validate: (answer: string | undefined) => check(answer ?? ''),
  })

  return {
    isInteractive,
    askHidden: (message, check = () => undefined) => answered(password(options(message, check))),
    ask: (message, check = () => undefined) => answered(text(options(message, check))),
    show(lines) {
      for (const line of lines) process.stderr.write(`${line}\n`)
    },
  }
}
