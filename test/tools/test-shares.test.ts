// The runner of the unit tests: nothing is left out, and nothing that goes wrong in any of its processes passes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { sharesOf } from '../../tools/test-shares.ts'

test('every file is in exactly one share, and the shares are the same in every run', () => {
  const path = fc
    .tuple(fc.constantFrom('test/sim/', 'test/base/', 'test/'), fc.nat())
    .map(([folder, n]) => `${folder}${n}`)
  fc.assert(
    fc.property(fc.uniqueArray(path), (files) => {
      const shares = sharesOf(files)
      assert.deepEqual(shares.flat().sort(), [...files].sort())
      assert.deepEqual(sharesOf(files), shares)
      assert.ok(shares.every(({ length }) => length > 0))
    }),
  )
})

const passes = "import { test } from 'node:test'\ntest('passes', () => {})\n"
const fails = "import { test } from 'node:test'\ntest('fails', () => { throw new Error('as planned') })\n"
const dies = "import { test } from 'node:test'\ntest('dies', () => process.kill(process.pid, 'SIGKILL'))\n"
const stays =
  "import { test } from 'node:test'\ntest('stays', () => { setInterval(() => {}, 1_000); throw new Error('as planned') })\n"
const breaks = "import './is-not-there.ts'\n"

/** Runs files of such content as the unit tests are run. */
function run(
  sources: readonly string[],
  isQuiet: boolean,
  silentMs = 60_000,
): {
  readonly output: string
  /** Once more, of what failed alone. */
  readonly told: string
  readonly hasPassed: boolean
} {
  const root = mkdtempSync(join(tmpdir(), 'test-shares-'))
  try {
    const files = sources.map((source, index) => {
      writeFileSync(join(root, `${index}.test.mjs`), source)
      return `${index}.test.mjs`
    })
    const shares = new URL('../../tools/test-shares.ts', import.meta.url).href
    const options = { root, isQuiet, failureFolder: root, nodeOptions: ['--test-isolation=none'], silentMs }
    const program = `import { runTestShares } from ${JSON.stringify(shares)}
      const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
      const hasPassed = await runTestShares(${JSON.stringify(files)}, { ...${JSON.stringify(options)}, env })
      process.exitCode = hasPassed ? 0 : 1`
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    const told = readdirSync(root).filter((name) => name.startsWith('share-'))
    return {
      output: stdout,
      told: told.map((name) => readFileSync(join(root, name), 'utf8')).join(''),
      hasPassed: status === 0,
    }
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('counts are added up, and what passes is one TAP document', () => {
  const { output, told, hasPassed } = run([passes, passes, passes], false)
  assert.ok(hasPassed, output)
  assert.equal(told, '')
  assert.equal(output.match(/^# (?:tests|pass) 3$/gm)?.length, 2, output)
  assert.equal(output.match(/^TAP version 13$/gm)?.length, 1)
  assert.deepEqual(output.match(/^(?:ok \d|\d\.\.\d+)/gm), ['ok 1', 'ok 2', 'ok 3', '1..3'])
})

for (const [what, source] of Object.entries({ fails, dies, stays, breaks })) {
  test(`a test that ${what} fails the whole, and is told when all else is quiet`, () => {
    const { output, told, hasPassed } = run([passes, source, passes], true, source === stays ? 1_000 : undefined)
    assert.ok(!hasPassed, output)
    for (const text of [output, told]) assert.match(text, /as planned|these tests: 1\.test\.mjs|is-not-there/)
  })
}
