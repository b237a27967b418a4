// Type checks the whole checkout, and with the same program finds promises nobody waits for: a statement whose
// value is a promise that is not kept, and a function returning one where the caller expects nothing.
// Guarantees: sees the types of every dependency, Node's own included. `void promise` says it is meant.
// Usage: node tools/bootstrap.mjs tools/type-check.ts
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

function isThenable(checker: ts.TypeChecker, type: ts.Type): boolean {
  const parts = type.isUnion() ? type.types : [type]
  return parts.some((part) => checker.getPropertyOfType(checker.getApparentType(part), 'then') !== undefined)
}

function returnTypes(checker: ts.TypeChecker, type: ts.Type): readonly ts.Type[] {
  return type.getCallSignatures().map((signature) => checker.getReturnTypeOfSignature(signature))
}

/** Whether a function argument returns a promise although every signature expected there returns nothing. */
function isUnawaitedCallback(checker: ts.TypeChecker, argument: ts.Expression): boolean {
  const isPromise = (type: ts.Type) => isThenable(checker, type)
  if (!returnTypes(checker, checker.getTypeAtLocation(argument)).some(isPromise)) return false
  const expected = checker.getContextualType(argument)
  const expectedReturns = expected === undefined ? [] : returnTypes(checker, checker.getNonNullableType(expected))
  return expectedReturns.length > 0 && expectedReturns.every((type) => (type.flags & ts.TypeFlags.Void) !== 0)
}

/** node:test keeps track of the tests declared at the top of a file; only those inside a test must be awaited. */
function isTestDeclaration(expression: ts.Expression): boolean {
  return (
    ts.isCallExpression(expression) &&
    ts.isIdentifier(expression.expression) &&
    /^(test|it|describe|suite)$/.test(expression.expression.text)
  )
}

/** What is assigned can still be waited for. */
function isAssignment(expression: ts.Expression): boolean {
  if (!ts.isBinaryExpression(expression)) return false
  const { kind } = expression.operatorToken
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment
}

function floatingPromises(checker: ts.TypeChecker, file: ts.SourceFile): string[] {
  const findings: string[] = []
  const report = (node: ts.Node, message: string) => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart())
    findings.push(`${relative(root, file.fileName)}:${line + 1} ${message}`)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isExpressionStatement(node) && !isTestDeclaration(node.expression) && !isAssignment(node.expression)) {
      if (isThenable(checker, checker.getTypeAtLocation(node.expression))) report(node, 'a promise nobody waits for')
    }
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      for (const argument of node.arguments ?? []) {
        if (isUnawaitedCallback(checker, argument))
          report(argument, 'returns a promise to a caller that expects nothing')
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return findings
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)
const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
const { fileNames, options, errors } = ts.parseJsonConfigFileContent(config, ts.sys, root)
const program = ts.createProgram(fileNames, options)
const diagnostics = [...errors, ...ts.getPreEmitDiagnostics(program)]
const host = { getCurrentDirectory: () => root, getCanonicalFileName: (name: string) => name, getNewLine: () => '\n' }
const own = program.getSourceFiles().filter((file) => fileNames.includes(file.fileName))
const floating = own.flatMap((file) => floatingPromises(program.getTypeChecker(), file))

process.stderr.write(ts.formatDiagnostics(diagnostics, host))
for (const finding of floating) console.error(finding)
console.log(`types: ${own.length} files, ${diagnostics.length} errors, ${floating.length} floating promises`)
process.exitCode = diagnostics.length > 0 || floating.length > 0 || own.length === 0 ? 1 : 0
