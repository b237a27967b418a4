// Runs the tests: unit and property tests in one process (fast), whole swarms in the simulator, end-to-end tests in a
// process a file. Guarantees: fails when a group has no test file; all groups run even when the first fails.
// Usage: npm test [-- --unit | --simulation | --end-to-end] [--quiet] [PATTERN]; npm run test:long raises the counts.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const options = process.argv.slice(2)
const isLong = options.includes('--long')
const pattern = options.find((option) => !option.startsWith('-')) ?? ''
const wantsAll = !['--unit', '--simulation', '--end-to-end'].some((option) => options.includes(option))

interface Group {
  readonly option: string
  readonly isolation: 'none' | 'process'
  readonly timeoutMs: number
  includes(path: string): boolean
}

const groups: readonly Group[] = [
  { option: '--unit', isolation: 'none', timeoutMs: 60_000, includes: (path) => !path.startsWith('test/end-to-end/') },
  {
    option: '--end-to-end',
    isolation: 'process',
    timeoutMs: 300_000,
    includes: (path) => path.startsWith('test/end-to-end/'),
  },
]

function runGroup(group: Group): boolean {
  const files = globSync('test/**/*.test.ts', { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => group.includes(path) && path.includes(pattern))
    .sort()
  if (files.length === 0) {
    console.error(`no test file${pattern === '' ? '' : ` matches ${pattern}`} in ${group.option.slice(2)}`)
    return pattern !== ''
  }
  const reporter = options.includes('--quiet') ? 'dot' : process.stdout.isTTY ? 'spec' : 'tap'
  const nodeOptions = [
    '--test',
    `--test-isolation=${group.isolation}`,
    `--test-reporter=${reporter}`,
    `--test-timeout=${group.timeoutMs * (isLong ? 20 : 1)}`,
  ]
  const result = spawnSync(process.execPath, [...nodeOptions, ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...(isLong ? { SWARMBID_TEST_LONG: '1' } : {}) },
  })
  return result.status === 0
}

/**
 * Seeds that are the same in every run, the scenarios taking turns; some played twice, whose events must be the same to
 * the byte; and what of the product all scenarios together reach. A pattern is of files, so it wants none of this.
 */
function runSimulation(): boolean {
  const programs = [
    ['sim/main.ts', 'all', '--seed', '1', '--runs', isLong ? '10000' : '200'],
    ['sim/main.ts', 'all', '--seed', '1001', '--seeds', isLong ? '20' : '1', '--twice'],
    ['tools/simulation-coverage.ts'],
  ]
  const statuses = programs.map((program) => {
    return spawnSync(process.execPath, program, { cwd: root, stdio: 'inherit' }).status
  })
  return statuses.every((status) => status === 0)
}

const steps = [
  ...groups.map((group) => ({ option: group.option, run: () => runGroup(group) })),
  ...(wantsAll && pattern !== '' ? [] : [{ option: '--simulation', run: runSimulation }]),
]
const outcomes = steps.filter(({ option }) => wantsAll || options.includes(option)).map(({ run }) => run())
process.exitCode = outcomes.every(Boolean) ? 0 : 1
