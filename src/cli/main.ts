// Entry of the command line. Answers `--version` before anything else is loaded; the rest comes when needed.
// The process ends by itself once its output is written, with the exit code of the command.
import { exitCodes } from './exit-code.ts'
import { programVersion } from './version.ts'

const commandLine = process.argv.slice(2)
if (commandLine.length === 1 && (commandLine[0] === '--version' || commandLine[0] === '-V')) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'EOF') return
    process.stderr.write(`swarmbid: standard output: ${error.message} (file-unwritable)\n`)
    process.exitCode = exitCodes.failed
  })
  process.stdout.write(`${programVersion()}\n`)
} else {
  const { runCommandLine } = await import('./run-command-line.ts')
  await runCommandLine(commandLine)
}
