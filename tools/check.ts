// The fast check before every commit: style, types, dependency rules, tidy, dead code, generated pages, unit tests.
// Guarantees: every step runs even when another fails; prints only what failed and one line a step.
// Usage: npm run check [-- --no-tests]; npm run fix also rewrites what can be rewritten.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Step {
  readonly name: string
  readonly command: readonly string[]
}

interface Outcome {
  readonly step: Step
  readonly exitCode: number
  readonly output: string
  readonly seconds: number
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))

function program(path: string): string {
  return join(root, 'node_modules', path)
}

const node = process.execPath
const allSteps: readonly Step[] = [
  { name: 'unit tests', command: [node, 'tools/test.ts', '--unit', '--quiet'] },
  { name: 'types', command: [node, 'tools/type-check.ts'] },
  { name: 'dependencies', command: [node, 'tools/dependency-rules.ts'] },
  { name: 'style and lint', command: [node, program('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'tidy', command: [node, 'tools/tidy.ts'] },
  { name: 'dead code', command: [node, program('knip/bin/knip.js'), '--no-progress'] },
  { name: 'error page', command: [node, 'tools/generate-error-docs.ts', '--check'] },
  { name: 'service page', command: [node, 'tools/generate-service-docs.ts', '--check'] },
  { name: 'speed page', command: [node, 'tools/generate-speed-docs.ts', '--check'] },
]

const steps = process.argv.includes('--no-tests') ? allSteps.filter(({ name }) => name !== 'unit tests') : allSteps

function run(step: Step): Promise<Outcome> {
  const started = performance.now()
  const [command = node, ...commandArguments] = step.command
  const child = spawn(command, commandArguments, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return new Promise((resolve) => {
    const end = (exitCode: number) => resolve({ step, exitCode, output, seconds: (performance.now() - started) / 1000 })
    child.once('error', (error) => {
      output += `${error.message}\n`
      end(70)
    })
    child.once('close', (code) => end(code ?? 70))
  })
}

async function runAll(): Promise<Outcome[]> {
  const waiting = [...steps]
  const outcomes: Outcome[] = []
  const worker = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const outcome = await run(step)
      outcomes.push(outcome)
      if (outcome.exitCode !== 0) process.stdout.write(`\n--- ${step.name}\n${outcome.output}\n`)
      console.log(`${outcome.exitCode === 0 ? 'ok  ' : 'FAIL'} ${step.name.padEnd(16)} ${outcome.seconds.toFixed(1)} s`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return outcomes
}

if (process.argv.includes('--fix')) {
  await run({ name: 'error page', command: [node, 'tools/generate-error-docs.ts'] })
  await run({ name: 'service page', command: [node, 'tools/generate-service-docs.ts'] })
  await run({ name: 'speed page', command: [node, 'tools/generate-speed-docs.ts'] })
  await run({ name: 'style', command: [node, program('@biomejs/biome/bin/biome'), 'check', '--write', '.'] })
}
const outcomes = await runAll()
process.exitCode = outcomes.some(({ exitCode }) => exitCode !== 0) ? 1 : 0
