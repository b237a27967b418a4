// Fuzzes the decoders: npm run fuzz -- [--seconds N] [--seed N] [--input FILE] [TARGET...]
// Guarantees: exit 0 when every promise held, 1 when one broke (what broke it stays in fuzz/crashes/<target>/),
// 2 when the command line is wrong. The seed is printed, and the same seed gives the same inputs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { toHex } from '../src/base/bytes.ts'
import type { FuzzTarget } from './fuzz-target.ts'
import { type FuzzCrash, fuzzTarget } from './harness/campaign.ts'
import { discoverTargets, fuzzFolder } from './harness/discover.ts'

const usage = 'usage: npm run fuzz -- [--seconds N] [--seed N] [--input FILE] [TARGET...]'
const batchIterations = 500
const maxHexLength = 4_096

function wholeNumber(text: string, name: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not ${text}`)
  return value
}

function readCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      input: { type: 'string' },
    },
  })
  return {
    seconds: wholeNumber(values.seconds, 'seconds'),
    seed: wholeNumber(values.seed, 'seed'),
    inputFile: values.input,
    names: positionals,
  }
}

function reportCrash(target: FuzzTarget, seed: number, crash: FuzzCrash): void {
  const folder = join(fuzzFolder, 'crashes', target.name)
  mkdirSync(folder, { recursive: true })
  const stem = join(folder, `seed-${seed}-iteration-${crash.iteration}`)
  writeFileSync(`${stem}.full`, crash.input)
  writeFileSync(`${stem}.min`, crash.minimised)
  console.error(`FAIL ${target.name}: seed ${seed}, iteration ${crash.iteration}, ${crash.input.length} bytes`)
  console.error(crash.error)
  console.error(`smallest input: ${toHex(crash.minimised).slice(0, maxHexLength)}`)
  console.error(`again: npm run fuzz -- --input ${relative(process.cwd(), `${stem}.min`)} ${target.name}`)
}

function campaign(target: FuzzTarget, seed: number, seconds: number): boolean {
  const deadlineMs = performance.now() + seconds * 1000
  let iterations = 0
  do {
    const crash = fuzzTarget(target, seed, iterations, iterations + batchIterations)
    if (crash !== undefined) {
      reportCrash(target, seed, crash)
      return false
    }
    iterations += batchIterations
  } while (performance.now() < deadlineMs)
  console.log(`ok   ${target.name}: ${iterations} inputs, seed ${seed}`)
  return true
}

function replay(target: FuzzTarget, inputFile: string): boolean {
  try {
    target.run(new Uint8Array(readFileSync(inputFile)))
    console.log(`ok   ${target.name}: ${inputFile}`)
    return true
  } catch (error) {
    console.error(`FAIL ${target.name}: ${inputFile}`)
    console.error(error)
    return false
  }
}

try {
  const { seconds, seed, inputFile, names } = readCommandLine()
  const targets = await discoverTargets(names)
  const outcomes = targets.map((target) =>
    inputFile === undefined ? campaign(target, seed, seconds / targets.length) : replay(target, inputFile),
  )
  process.exitCode = outcomes.every(Boolean) ? 0 : 1
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
  process.exitCode = 2
}
