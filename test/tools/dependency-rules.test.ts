// The dependency rules fire on planted violations and refuse to pass without having seen the files.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const script = join(import.meta.dirname, '../../tools/dependency-rules.ts')

function check(files: Readonly<Record<string, string>>): { exitCode: number | null; output: string } {
  const root = mkdtempSync(join(tmpdir(), 'swarmbid-rules-'))
  try {
    execFileSync('git', ['init', '-q', root])
    writeFileSync(join(root, 'tsconfig.json'), '{ "compilerOptions": { "module": "nodenext" } }')
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    const result = spawnSync(process.execPath, [script, root], { encoding: 'utf8' })
    return { exitCode: result.status, output: result.stdout + result.stderr }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const value = 'export const value = 1\n'

test('imports downwards pass', () => {
  const { exitCode, output } = check({
    'src/base/a.ts': value,
    'src/formats/b.ts': "import { value } from '../base/a.ts'\nexport const b = value\n",
  })
  assert.equal(exitCode, 0, output)
})

test('each rule fires on a planted violation', () => {
  const { exitCode, output } = check({
    'src/base/up.ts': "import { value } from '../formats/value.ts'\nexport const up = value\n",
    'src/formats/value.ts': value,
    'src/storage/value.ts': value,
    'src/peer/sideways.ts': "import type { value } from '../storage/value.ts'\nexport type Sideways = typeof value\n",
    'src/peer/io.ts': "import { readFile } from 'node:fs/promises'\nexport const io = readFile\n",
    'src/base/hash.ts': "import { hostname } from 'node:os'\nexport const hash = hostname\n",
    'src/base/first.ts': "import { second } from './second.ts'\nexport const first = () => second\n",
    'src/base/second.ts': "import { first } from './first.ts'\nexport const second = () => first\n",
    'src/base/lost.ts': "import { gone } from './gone.ts'\nexport const lost = gone\n",
    'src/daemon/tool.ts': "import { value } from '../../tools/value.ts'\nexport const tool = value\n",
    'src/extra/value.ts': value,
    'tools/value.ts': value,
    'sim/command-line/threads.ts': "import { value } from '../../src/peer/value.ts'\nexport const threads = value\n",
    'src/peer/value.ts': value,
    'sim/driver.ts': "import { value } from '../src/peer/value.ts'\nexport const driver = value\n",
    'sim/world/io.ts': "import { readFile } from 'node:fs/promises'\nexport const io = readFile\n",
    'sim/world/told.ts': "import { threads } from '../command-line/threads.ts'\nexport const told = threads\n",
  })
  assert.equal(exitCode, 1)
  const expected = [
    'base-imports-only-what-lies-below: src/base/up.ts',
    'peer-imports-only-what-lies-below: src/peer/sideways.ts',
    'no-io-in-a-core: src/peer/io.ts',
    'hash-uses-only-crypto: src/base/hash.ts',
    'no-cycles: src/base/first.ts',
    'no-unresolved: src/base/lost.ts',
    'product-imports-no-tests-or-tools: src/daemon/tool.ts',
    'sim-command-line-plays-nothing-itself: sim/command-line/threads.ts',
    'sim-has-no-driver-of-its-own: sim/driver.ts',
    'sim-does-no-io: sim/world/io.ts',
    'sim-knows-no-command-line: sim/world/told.ts',
    'in no known layer: src/extra/value.ts',
  ]
  for (const line of expected) assert.ok(output.includes(line), `${line}\n--- not in\n${output}`)
})

test('seeing no imports at all is a failure', () => {
  const { exitCode, output } = check({ 'src/base/a.ts': value, 'src/base/b.ts': value, 'src/base/c.ts': value })
  assert.equal(exitCode, 1)
  assert.match(output, /rules are not being checked/)
})
