// Runs the tests: unit and property tests in a process for each core, whole swarms in the simulator, end-to-end tests in a
// process a file. Guarantees: fails when a group has no test file; all groups run even when the first fails; what failed is
// told once more at the end.
// Usage: npm test [-- --unit | --simulation | --end-to-end] [--quiet] [PATTERN]; npm run test:long raises the counts.
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reporterOptions, runTestShares } from './test-shares.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const options = process.argv.slice(2)
const isLong = options.includes('--long')
const longer = isLong ? 20 : 1
const isQuiet = options.includes('--quiet')
const pattern = options.find((option) => !option.startsWith('-')) ?? ''
const wantsAll = !['--unit', '--simulation', '--end-to-end'].some((option) => options.includes(option))
const env: NodeJS.ProcessEnv = {
  // Many processes and threads load the same modules; Node keeps what it compiled by what the source is.
  NODE_COMPILE_CACHE: join(root, 'node_modules', '.compile-cache'),
  ...process.env,
  ...(isLong ? { SWARMBID_TEST_LONG: '1' } : {}),
}
const unitTimeoutMs = 60_000
const endToEnd = 'test/end-to-end/'
/** A file of each process that ran tests. */
const failureFolder = mkdtempSync(join(tmpdir(), 'swarmbid-failures-'))

function filesOf(name: string, includes: (path: string) => boolean): readonly string[] {
  const files = globSync('test/**/*.test.ts', { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => includes(path) && path.includes(pattern))
    .sort()
  if (files.length === 0) console.error(`no test file${pattern === '' ? '' : ` matches ${pattern}`} in ${name}`)
  return files
}

function timeout(timeoutMs: number): string {
  return `--test-timeout=${timeoutMs * longer}`
}

async function runUnit(): Promise<boolean> {
  const files = filesOf('unit', (path) => !path.startsWith(endToEnd))
  if (files.length === 0) return pattern !== ''
  const nodeOptions = ['--test-isolation=none', timeout(unitTimeoutMs)]
  return runTestShares(files, { root, env, isQuiet, nodeOptions, failureFolder, silentMs: 2 * unitTimeoutMs * longer })
}

function runEndToEnd(): boolean {
  const files = filesOf('end-to-end', (path) => path.startsWith(endToEnd))
  if (files.length === 0) return pattern !== ''
  const reporters = reporterOptions(
    isQuiet ? 'dot' : process.stdout.isTTY ? 'spec' : 'tap',
    failureFolder,
    'end-to-end',
  )
  const nodeOptions = ['--test', '--test-isolation=process', ...reporters, timeout(300_000)]
  const result = spawnSync(process.execPath, [...nodeOptions, ...files], { cwd: root, stdio: 'inherit', env })
  return result.status === 0
}

/**
 * Seeds that are the same in every run, the scenarios taking turns; some played twice, whose events must be the same to
 * the byte; those that take long as they are; and what of the product all scenarios together reach. A pattern is of files, so it wants none of this.
 */
function runSimulation(): boolean {
  const programs = [
    ['sim/main.ts', 'all', '--seed', '1', '--runs', isLong ? '10000' : '200'],
    ['sim/main.ts', 'large', '--seed', '1', '--seeds', isLong ? '20' : '1'],
    ['sim/main.ts', 'all', '--seed', '1001', '--seeds', isLong ? '20' : '1', '--twice'],
    ['tools/simulation-coverage.ts'],
  ]
  const failed = programs.filter((program) => {
    return spawnSync(process.execPath, program, { cwd: root, stdio: 'inherit' }).status !== 0
  })
  for (const [index, program] of failed.entries()) {
    writeFileSync(join(failureFolder, `simulation-${index}`), `✖ node ${program.join(' ')}\n`)
  }
  return failed.length === 0
}

const steps: readonly { readonly option: string; readonly run: () => boolean | Promise<boolean> }[] = [
  { option: '--unit', run: runUnit },
  { option: '--end-to-end', run: runEndToEnd },
  ...(wantsAll && pattern !== '' ? [] : [{ option: '--simulation', run: runSimulation }]),
]
const outcomes: boolean[] = []
for (const { option, run } of steps) if (wantsAll || options.includes(option)) outcomes.push(await run())
const told = readdirSync(failureFolder).map((name) => readFileSync(join(failureFolder, name), 'utf8'))
rmSync(failureFolder, { recursive: true })
if (told.join('') !== '') console.error(`\nwhat failed:\n${told.join('')}`)
process.exitCode = outcomes.every(Boolean) ? 0 : 1
