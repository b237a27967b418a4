// House rules that no linter knows, as a check over the syntax trees of all TypeScript files.
// Guarantees: each rule is a pure function of one file; a run that sees fewer files than git knows fails.
// Usage: node tools/bootstrap.mjs tools/tidy.ts
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export interface SourceText {
  /** Relative to the checkout, with forward slashes. */
  readonly path: string
  readonly text: string
}

interface Finding {
  readonly line: number
  readonly message: string
}

interface Parsed extends SourceText {
  readonly tree: ts.SourceFile
}

type Rule = (file: Parsed) => Finding[]

const maxLines = 800
const maxHeaderLines = 6
const vagueNames = new Set(['utils', 'util', 'helpers', 'helper', 'manager', 'common', 'misc', 'index', 'types'])
/** Folders that touch the outside world and so may use timers, the clock, randomness and the process. */
const impureFolders = ['src/host/', 'src/rails/', 'src/api/', 'src/daemon/', 'src/cli/']
const moneyFolders = [
  'src/formats/money/',
  'src/payment/',
  'src/ledger/',
  'src/market/',
  'src/rails/',
  'src/wallet/',
].concat('src/base/token-amount')
const impureGlobals = new Set([
  'Date',
  'process',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'performance',
  'crypto',
  'fetch',
  'Worker',
  'require',
])

/** Entry points lie directly in src/. */
function isPure(path: string): boolean {
  if (path.startsWith('sim/')) return path !== 'sim/main.ts' && !path.startsWith('sim/command-line/')
  return /^src\/.+\//.test(path) && !impureFolders.some((folder) => path.startsWith(folder))
}

function lineOf(file: Parsed, position: number): number {
  return file.tree.getLineAndCharacterOfPosition(position).line + 1
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, (child) => visit(child, see))
}

/** Whether an identifier names a value in scope, not a property, a key or a type's member. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return parent.expression.getText() === 'globalThis'
  if (ts.isPropertyAssignment(parent) && parent.name === node) return false
  if (ts.isPropertySignature(parent) || ts.isMethodSignature(parent)) return false
  if (ts.isPropertyDeclaration(parent) || ts.isMethodDeclaration(parent)) return parent.name !== node
  return !ts.isTypeReferenceNode(parent)
}

const fileName: Rule = ({ path }) => {
  const stem = basename(path).replace(/(\.test)?\.ts$/, '')
  const findings: Finding[] = []
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) findings.push({ line: 1, message: 'the file name is not kebab-case' })
  if (vagueNames.has(stem))
    findings.push({ line: 1, message: `a file called ${stem} has no one subject: name it after its main noun or verb` })
  const folder = basename(dirname(path))
  if (vagueNames.has(folder)) findings.push({ line: 1, message: `a folder called ${folder} has no one subject` })
  return findings
}

const length: Rule = ({ text }) => {
  const lines = text.split('\n').length - 1
  return lines <= maxLines
    ? []
    : [{ line: maxLines, message: `${lines} lines, over ${maxLines}: it does more than one job` }]
}

const header: Rule = ({ path, text }) => {
  const lines = text.replace(/^#!.*\n/, '').split('\n')
  let count = 0
  while (lines[count]?.startsWith('//')) count++
  const isTest = path.endsWith('.test.ts')
  const least = isTest ? 1 : 2
  if (count < least || count > maxHeaderLines) {
    return [
      {
        line: 1,
        message: `opens with ${count} comment lines; wants ${least} to ${maxHeaderLines}: what it is, what it guarantees, who owns its state`,
      },
    ]
  }
  return []
}

const purity: Rule = (file) => {
  if (!isPure(file.path)) return []
  const findings: Finding[] = []
  visit(file.tree, (node) => {
    if (!ts.isIdentifier(node) || !isReference(node)) return
    const name = node.text
    const isRandom = name === 'Math' && ts.isPropertyAccessExpression(node.parent) && node.parent.name.text === 'random'
    const isBuffer = name === 'Buffer' && file.path !== 'src/base/bytes.ts'
    if (impureGlobals.has(name) || isRandom || isBuffer) {
      findings.push({
        line: lineOf(file, node.getStart()),
        message: `${isRandom ? 'Math.random' : name} in a core: take it as an argument or through a port`,
      })
    }
  })
  return findings
}

const money: Rule = (file) => {
  if (!moneyFolders.some((folder) => file.path.startsWith(folder))) return []
  const findings: Finding[] = []
  visit(file.tree, (node) => {
    const isFloatCall =
      ts.isCallExpression(node) && /^(Number|(Number\.)?parse(Float|Int))$/.test(node.expression.getText())
    const isUnaryPlus = ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.PlusToken
    const isFraction = ts.isNumericLiteral(node) && /[.e]/i.test(node.text) && !/^0x/i.test(node.getText())
    if (isFloatCall || isUnaryPlus || isFraction)
      findings.push({
        line: lineOf(file, node.getStart()),
        message: 'a float near money: amounts are bigint base units',
      })
  })
  return findings
}

const unfinished: Rule = (file) => {
  const findings: Finding[] = []
  for (const [index, line] of file.text.split('\n').entries()) {
    if (/\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/.test(line))
      findings.push({ line: index + 1, message: 'unfinished work: do it or file it' })
    if (/@ts-(ignore|expect-error|nocheck)|biome-ignore-all/.test(line) && file.path !== 'tools/tidy.ts') {
      findings.push({ line: index + 1, message: 'a check switched off' })
    }
  }
  visit(file.tree, (node) => {
    if (!ts.isPropertyAccessExpression(node) || node.name.text !== 'only') return
    if (/^(test|it|describe|suite)$/.test(node.expression.getText())) {
      findings.push({ line: lineOf(file, node.getStart()), message: 'a test run alone hides all the others' })
    }
  })
  return findings
}

const declaredTest = /^(test|it|describe|suite)$/

const skippedTests: Rule = (file) => {
  if (!file.path.startsWith('test/')) return []
  const findings: Finding[] = []
  visit(file.tree, (node) => {
    if (!ts.isCallExpression(node)) return
    const { expression } = node
    const isNeverRun =
      ts.isPropertyAccessExpression(expression) &&
      /^(skip|todo)$/.test(expression.name.text) &&
      (declaredTest.test(expression.expression.getText()) || node.arguments.length === 0)
    const hasSkipOption =
      declaredTest.test(expression.getText()) &&
      node.arguments.some(
        (argument) =>
          ts.isObjectLiteralExpression(argument) &&
          argument.properties.some(
            (property) =>
              ts.isPropertyAssignment(property) &&
              /^(skip|todo)$/.test(property.name.getText()) &&
              (property.initializer.kind === ts.SyntaxKind.TrueKeyword || ts.isStringLiteral(property.initializer)),
          ),
      )
    if (!isNeverRun && !hasSkipOption) return
    findings.push({
      line: lineOf(file, node.getStart()),
      message: 'a skip must be decided at run time and say what is missing',
    })
  })
  return findings
}

export const rules: Readonly<Record<string, Rule>> = {
  fileName,
  length,
  header,
  purity,
  money,
  unfinished,
  skippedTests,
}

/** All findings in one file as `path:line rule: message`, in order of rules. */
export function tidy(file: SourceText): string[] {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2024, true)
  const parsed: Parsed = { ...file, tree }
  return Object.entries(rules).flatMap(([name, rule]) =>
    rule(parsed).map(({ line, message }) => `${file.path}:${line} ${name}: ${message}`),
  )
}

/** Every TypeScript file git tracks or would track, relative to the checkout. */
export function listSources(root: string): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate', '*.ts'],
    { cwd: root },
  )
  const deleted = execFileSync('git', ['ls-files', '-z', '--deleted', '*.ts'], { cwd: root })
  const gone = new Set(deleted.toString().split('\0'))
  return listed
    .toString()
    .split('\0')
    .filter((path) => path !== '' && !gone.has(path))
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const paths = listSources(root)
  const findings = paths.flatMap((path) => tidy({ path, text: readFileSync(join(root, path), 'utf8') }))
  for (const finding of findings) console.error(finding)
  if (paths.length === 0) console.error('tidy saw no file at all')
  console.log(`tidy: ${paths.length} files, ${findings.length} findings`)
  process.exitCode = findings.length > 0 || paths.length === 0 ? 1 : 0
}
