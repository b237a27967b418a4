// The simulator's command line as people use it: what it prints, writes, and ends with.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const script = join(import.meta.dirname, '../../sim/main.ts')

interface Ended {
  readonly exitCode: number | null
  readonly output: string
  readonly notes: string
}

/** `onNotes` is given everything on standard error so far. */
function sim(words: readonly string[], onNotes?: (notes: string, interrupt: () => void) => void): Promise<Ended> {
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, notes] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    notes += chunk.toString()
    onNotes?.(notes, () => void child.kill('SIGINT'))
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => resolve({ exitCode, output, notes }))
  })
}

const small = ['flash-crowd', '--peers', '2', '--size', '100kB']

test('a run ends with a table, and its files are written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'swarmbid-sim-'))
  try {
    const files = ['csv', 'svg', 'log'].map((ending) => join(folder, `run.${ending}`))
    const [csv = '', plot = '', log = ''] = files
    const { exitCode, output, notes } = await sim([...small, '--seed', '5', '--csv', csv, '--plot', plot, '--log', log])
    assert.equal(exitCode, 0, notes)
    assert.match(output, /^flash-crowd +5 +2 +100\.0 %/m)
    assert.match(output, /^digest [0-9a-f]{64}$/m)
    assert.match(output, /^1 run, 0 failed$/m)
    assert.match(readFileSync(csv, 'utf8'), /^flash-crowd,5,[0-9.]+,2,2,1\.000000,/m)
    assert.match(readFileSync(plot, 'utf8'), /^<svg /)
    assert.match(readFileSync(log, 'utf8'), / finished /)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('without a seed one is drawn and said', async () => {
  const { exitCode, output, notes } = await sim(small)
  assert.equal(exitCode, 0, notes)
  const [, seed] = /^seed (\d+)$/m.exec(notes) ?? []
  assert.ok(seed !== undefined && new RegExp(`^flash-crowd +${seed} `, 'm').test(output))
})

test('a broken promise ends with 1, the command that shows it again, and a smaller one', async () => {
  const { exitCode, output, notes } = await sim(['flash-crowd', '--seed', '5', '--peers', '8', '--limit', '1'])
  assert.equal(exitCode, 1)
  assert.match(notes, /^FAIL flash-crowd, seed 5$/m)
  assert.match(notes, /^ {2}again: npm run sim -- flash-crowd --seed 5 --peers 8 --limit 1$/m)
  const [, peers, size] =
    /^smaller: npm run sim -- flash-crowd --seed 5 --peers (\d+) --size (\d+) --limit 1$/m.exec(output) ?? []
  assert.ok(Number(peers) < 8 && Number(size) < 2_000_000, output)
})

test('programs get one object a run', async () => {
  const { exitCode, output, notes } = await sim([...small, '--seed', '5', '--seeds', '2', '--json'])
  assert.equal(exitCode, 0)
  assert.equal(notes, '')
  const runs = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    runs.map(({ job }) => job.seed),
    [5, 6],
  )
  for (const { violations, digest, finishMs } of runs) {
    assert.deepEqual(violations, [])
    assert.match(digest, /^[0-9a-f]{64}$/)
    assert.equal(finishMs.length, 2)
  }
})

test('scenarios are listed, and what is not understood ends with 2', async () => {
  const listed = await sim(['--list'])
  assert.equal(listed.exitCode, 0)
  assert.match(listed.output, /^flash-crowd +everybody comes at once/m)
  const unknown = await sim(['of-nobody'])
  assert.equal(unknown.exitCode, 2)
  assert.match(unknown.notes, /no scenario of-nobody; there are flash-crowd/)
  assert.equal((await sim(['flash-crowd', '--peers', 'many'])).exitCode, 2)
  assert.equal((await sim(['all', '--log', 'events.log', '--seeds', '2'])).exitCode, 2)
})

test('Ctrl-C ends it with 130, and what was done is told', async () => {
  const many = ['flash-crowd', '--seed', '1', '--seeds', '9999']
  let isTold = false
  const { exitCode, output } = await sim(many, (notes, interrupt) => {
    if (isTold || !/of 9,999 runs/.test(notes)) return
    isTold = true
    interrupt()
  })
  assert.equal(exitCode, 130)
  assert.match(output, /^\d+ runs?, 0 failed$/m)
})
