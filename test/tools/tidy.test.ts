// Each house rule fires on a planted violation, on its line, and is silent on code that is as it should be.
// Words that the rules look for are written in two parts here, or this file would be a violation itself.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listSources, rules, tidy } from '../../tools/tidy.ts'

const header = '// What it is.\n// What it guarantees.\n'

interface Planted {
  readonly rule: string
  readonly path: string
  /** After a header of two lines, unless the header is what is wrong. */
  readonly body: string
  readonly line: number
  readonly hasHeader?: false
}

const core = 'src/swarm/picker.ts'
const testPath = 'test/swarm/picker.test.ts'
const planted: readonly Planted[] = [
  { rule: 'fileName', path: 'src/swarm/PiecePicker.ts', body: '', line: 1 },
  { rule: 'fileName', path: 'src/swarm/piece_picker.ts', body: '', line: 1 },
  ...['utils', 'helpers', 'manager', 'common', 'misc', 'index', 'types'].flatMap((name) => [
    { rule: 'fileName', path: `src/swarm/${name}.ts`, body: '', line: 1 },
    { rule: 'fileName', path: `src/${name}/picker.ts`, body: '', line: 1 },
    { rule: 'fileName', path: `test/swarm/${name}.test.ts`, body: '', line: 1 },
  ]),
  { rule: 'length', path: core, body: 'export {}\n'.repeat(799), line: 800 },
  { rule: 'header', path: core, body: 'export {}\n', line: 1, hasHeader: false },
  {
    rule: 'header',
    path: core,
    body: '// One line is too little to say what it guarantees.\n',
    line: 1,
    hasHeader: false,
  },
  { rule: 'header', path: core, body: '// Long-winded.\n'.repeat(7), line: 1, hasHeader: false },
  { rule: 'header', path: core, body: '/* Another kind of comment. */\n', line: 1, hasHeader: false },
  { rule: 'header', path: testPath, body: 'export {}\n', line: 1, hasHeader: false },
  ...[
    'Date.now()',
    'new Date()',
    'process.env',
    'console.log(1)',
    'setTimeout(go, 1)',
    'setInterval(go, 1)',
    'setImmediate(go)',
    'queueMicrotask(go)',
    'performance.now()',
    'crypto.randomUUID()',
    'fetch(address)',
    'Math.random()',
    "Buffer.from('a')",
    "require('node:fs')",
    '[1].map(console.log)',
    '{ process }',
    'clock ?? Date',
    'globalThis.setTimeout(go, 1)',
  ].map((expression) => ({ rule: 'purity', path: core, body: `\nexport const x = ${expression}\n`, line: 4 })),
  { rule: 'purity', path: 'sim/world/world.ts', body: '\nexport const x = Date.now()\n', line: 4 },
  ...['Number(amount)', "parseFloat('1')", "parseInt('1')", '0.5', '1e-3', 'Number.parseFloat(a)', '+a'].flatMap(
    (expression) =>
      ['src/payment/lane.ts', 'src/ledger/journal.ts', 'src/base/token-amount.ts'].map((path) => ({
        rule: 'money',
        path,
        body: `export const x = ${expression}\n`,
        line: 3,
      })),
  ),
  ...['TO-DO', 'FIX-ME', 'XX-X', 'HAC-K'].map((word) => ({
    rule: 'unfinished',
    path: core,
    body: `export {} // ${word.replace('-', '')}: later\n`,
    line: 3,
  })),
  ...['ignore', 'expect-error', 'nocheck'].map((word) => ({
    rule: 'unfinished',
    path: core,
    body: `\n\n// @ts-${word}\n`,
    line: 5,
  })),
  ...['test', 'it', 'describe', 'suite'].map((name) => ({
    rule: 'unfinished',
    path: testPath,
    body: `${name}.only('alone', () => {})\n`,
    line: 3,
  })),
  { rule: 'skippedTests', path: testPath, body: "test.skip('never', () => {})\n", line: 3 },
  { rule: 'skippedTests', path: testPath, body: "test.todo('some day', () => {})\n", line: 3 },
  { rule: 'skippedTests', path: testPath, body: "test('off', { skip: true }, () => {})\n", line: 3 },
  { rule: 'skippedTests', path: testPath, body: "test('now and then', (t) => t.skip())\n", line: 3 },
]

const good = [
  { path: core, body: 'export const order = (random: number) => Math.floor(random * 2)\n' },
  { path: core, body: 'export interface Clock {\n  fetch(): void\n  process: number\n}\n' },
  { path: core, body: 'export const copy = (job: { process: number }) => ({ console: job.process })\n' },
  { path: core, body: 'export type Moment = Date | Buffer\n' },
  { path: core, body: "export const text = 'Date.now() and Math.random() are named only'\n" },
  { path: core, body: '// More is said here.\n'.repeat(4) },
  { path: core, body: 'export {}\n'.repeat(798) },
  { path: core, body: 'export const half = 0.5\n' },
  { path: core, body: '// A method and a custodian, an only child.\nexport const only = 1\n' },
  { path: 'src/host/node-clock.ts', body: 'export const now = () => Date.now()\n' },
  { path: 'src/cli/main.ts', body: "console.log(process.argv, Buffer.from('a'), Math.random())\n" },
  { path: 'sim/command-line/threads.ts', body: 'export const now = () => performance.now()\n' },
  { path: 'tools/demo.ts', body: 'setTimeout(() => process.exit(0), 1)\n' },
  { path: 'src/base/bytes.ts', body: "export const b = Buffer.from('a')\n" },
  {
    path: 'src/ledger/journal.ts',
    body: 'export const amount = BigInt(10) * 5n + 0xen\nexport const width = 0x1e + 17\n',
  },
  { path: testPath, body: "test('with a reason', (t) => (isThere ? run() : t.skip('needs a program')))\n" },
]

function textOf({ body, hasHeader }: { readonly body: string; readonly hasHeader?: false }): string {
  return hasHeader === false ? body : header + body
}

test('each planted violation is found by its own rule, on its line', () => {
  for (const violation of planted) {
    const { rule, path, line } = violation
    const findings = tidy({ path, text: textOf(violation) })
    ok(
      findings.some((finding) => finding.startsWith(`${path}:${line} ${rule}: `)),
      `${rule} is silent on ${path}: ${violation.body.slice(0, 80)}\n${findings.join('\n')}`,
    )
  }
})

test('a violation is reported once and by no other rule', () => {
  for (const violation of planted) {
    const findings = tidy({ path: violation.path, text: textOf(violation) })
    equal(findings.length, 1, findings.join('\n'))
  }
})

test('no rule is without a planted violation', () => {
  deepEqual(Object.keys(rules).sort(), [...new Set(planted.map(({ rule }) => rule))].sort())
})

test('code as it should be gives no finding', () => {
  for (const { path, body } of good) deepEqual(tidy({ path, text: header + body }), [], body)
  deepEqual(tidy({ path: testPath, text: '// One line is enough for tests.\nexport {}\n' }), [])
})

test('findings say what to do about it', () => {
  const [finding] = tidy({ path: core, text: `${header}export const now = Date.now()\n` })
  match(finding ?? '', /through a port$/)
})

test('sources are what git tracks or would track, without what is deleted or ignored', () => {
  const root = mkdtempSync(join(tmpdir(), 'swarmbid-tidy-'))
  try {
    const git = (...command: string[]) => execFileSync('git', command, { cwd: root })
    git('init', '-q')
    mkdirSync(join(root, 'node_modules'))
    for (const path of ['tracked.ts', 'deleted.ts', 'new.ts', 'with space.ts', 'node_modules/foreign.ts', 'note.md']) {
      writeFileSync(join(root, path), '')
    }
    writeFileSync(join(root, '.gitignore'), 'node_modules/\n')
    git('add', 'tracked.ts', 'deleted.ts')
    rmSync(join(root, 'deleted.ts'))
    deepEqual(listSources(root).sort(), ['new.ts', 'tracked.ts', 'with space.ts'])
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
