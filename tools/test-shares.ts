// Runs test files in as many processes as there are cores (two to four), each of which takes the next share when it is
// through with one. Guarantees: every file runs once, in shares that depend on the list of files only; what a share says
// comes out in one piece; counts are added up at the end; one that fails, dies or has no tests fails all.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

interface TestSharesOptions {
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  readonly nodeOptions: readonly string[]
  /** Each process leaves what failed in it in a file there. */
  readonly failureFolder: string
  /** More than a test may take: a process silent for so long has left something open after a failure. */
  readonly silentMs: number
  /** Only failures and the counts. */
  readonly isQuiet: boolean
}

/** Whole swarms: a file of them takes as long as a folder of others. A share each, and first. */
const isDear = (path: string) => path.startsWith('test/sim/')
const otherShares = 8
const counted = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo'] as const

type Counts = Record<(typeof counted)[number], number>

interface ShareOutcome {
  readonly hasPassed: boolean
  readonly output: string
}

/** The shares in the order in which they are taken; the others are dealt out, so that no folder is together. */
export function sharesOf(files: readonly string[]): readonly (readonly string[])[] {
  const others = files.filter((path) => !isDear(path))
  const dealt = Array.from({ length: otherShares }, (_, share) =>
    others.filter((_, nth) => nth % otherShares === share),
  )
  return [...files.filter(isDear).map((path) => [path]), ...dealt.filter(({ length }) => length > 0)]
}

/** Where the spec reporter tells once more, and only, what failed. */
const failures = '✖ failing tests:'

/** One line of the counts that both of Node's reporters end with. */
const countLine = /^(?:#|ℹ) (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)\n/gm

/** Takes the counts out of what a share said, and adds them; undefined: it died before it had any. */
function takeCounts(output: string, counts: Counts): string | undefined {
  let seen = 0
  const rest = output.replace(countLine, (_, name: string, value: string) => {
    seen++
    if (name !== 'duration_ms') counts[name as keyof Counts] += Number(value)
    return ''
  })
  return seen === 0 ? undefined : rest
}

/** One document of several: one head, no plans but the last, numbers that go on. */
function joinTap(output: string, before: number): string {
  let number = before
  return output
    .replaceAll(/^(?:TAP version 13|1\.\.\d+)\n/gm, '')
    .replaceAll(/^(ok|not ok) \d+/gm, (_, verdict: string) => `${verdict} ${++number}`)
}

/** Node's options for one that tells everything, and one that writes what failed to a file. */
export function reporterOptions(reporter: string, folder: string, name: string): readonly string[] {
  return [
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${new URL('failure-reporter.ts', import.meta.url).href}`,
    `--test-reporter-destination=${join(folder, name)}`,
  ]
}

export async function runTestShares(files: readonly string[], options: TestSharesOptions): Promise<boolean> {
  const startedMs = performance.now()
  const isSpec = options.isQuiet || process.stdout.isTTY
  const waiting = [...sharesOf(files)]
  const counts = Object.fromEntries(counted.map((name) => [name, 0])) as Counts
  let number = 0
  let hasPassed = true
  if (!isSpec) console.log('TAP version 13')

  const worker = async () => {
    for (let share = waiting.shift(); share !== undefined; share = waiting.shift()) {
      const outcome = await runShare(share, isSpec ? 'spec' : 'tap', options)
      const before = counts.tests
      const rest = takeCounts(outcome.output, counts)
      if (!outcome.hasPassed || rest === undefined || counts.tests === before) {
        hasPassed = false
        if (rest === undefined) tell(`a process died with these tests: ${share.join(' ')}`, options)
      }
      const said = rest ?? outcome.output
      if (options.isQuiet)
        process.stdout.write(outcome.hasPassed ? '.' : said.slice(Math.max(0, said.indexOf(failures))))
      else if (isSpec) process.stdout.write(said)
      else {
        process.stdout.write(joinTap(said, number))
        number += said.match(/^(?:not )?ok \d/gm)?.length ?? 0
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(4, Math.max(2, availableParallelism())) }, worker))
  console.log(isSpec ? '' : `1..${number}`)
  for (const name of counted) console.log(`${isSpec ? 'ℹ' : '#'} ${name} ${counts[name]}`)
  console.log(`${isSpec ? 'ℹ' : '#'} duration_ms ${Math.round(performance.now() - startedMs)}`)
  return hasPassed
}

function tell(problem: string, { failureFolder }: TestSharesOptions): void {
  console.log(problem)
  writeFileSync(join(failureFolder, `share-${nextShare++}`), `✖ ${problem}\n`)
}

let nextShare = 0

function runShare(files: readonly string[], reporter: string, options: TestSharesOptions): Promise<ShareOutcome> {
  const { root: cwd, env } = options
  const reporters = reporterOptions(reporter, options.failureFolder, `share-${nextShare++}`)
  const childArguments = ['--test', ...reporters, ...options.nodeOptions, ...files]
  const child = spawn(process.execPath, childArguments, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const parts: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (part: string) => void parts.push(part))
  }
  let isStuck = false
  // It tells what it has when it is interrupted.
  const silence = setTimeout(() => {
    isStuck = true
    child.kill(child.killed ? 'SIGKILL' : 'SIGINT')
    silence.refresh()
  }, options.silentMs)
  for (const stream of [child.stdout, child.stderr]) stream.on('data', () => silence.refresh())
  return new Promise((resolve) => {
    child.once('error', (error) => void parts.push(`${error.message}\n`))
    child.once('close', (code) => {
      clearTimeout(silence)
      if (isStuck) tell(`a process did not end by itself with these tests: ${files.join(' ')}`, options)
      resolve({ hasPassed: code === 0 && !isStuck, output: parts.join('') })
    })
  })
}
