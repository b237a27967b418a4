// Runs the tests: unit and property tests in one process (fast), end-to-end tests in a process a file.
// Guarantees: fails when a group has no test file; both groups run even when the first fails.
// Usage: npm test [-- --unit | --end-to-end] [--quiet] [PATTERN]; npm run test:long raises the counts.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const options = process.argv.slice(2)
const isLong = options.includes('--long')
const pattern = options.find((option) => !option.startsWith('-')) ?? ''
const wantsAll = !options.includes('--unit') && !options.includes('--end-to-end')

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

const outcomes = groups.filter(({ option }) => wantsAll || options.includes(option)).map(runGroup)
process.exitCode = outcomes.every(Boolean) ? 0 : 1
