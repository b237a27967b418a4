// The direction of dependencies (ARCHITECTURE.md) as rules, checked over all sources. A folder may import itself
// and what its row names; siblings of one layer never import each other, they meet in session.
// Guarantees: fails unless every source file git knows was seen, so it cannot pass by seeing none.
// Usage: node tools/bootstrap.mjs tools/dependency-rules.ts [ROOT]
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cruise, type ICruiseOptions, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser'
import { listSources } from './tidy.ts'

const layer1 = ['base', 'ports', 'formats']
const machines = ['peer', 'dht', 'tracker', 'utp', 'reach', 'storage', 'market', 'payment', 'ledger']
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ports: ['base'],
  formats: ['base', 'ports'],
  ...Object.fromEntries(machines.map((name) => [name, layer1])),
  swarm: [...layer1, 'peer', 'storage'],
  rails: [...layer1, 'payment', 'ledger'],
  // History is the sum of a ledger's entries.
  wallet: [...layer1, 'ledger'],
  session: [...layer1, ...machines, 'swarm', 'wallet'],
  // The hashing threads run storage's pure loops over pieces.
  host: [...layer1, 'storage'],
  api: [...layer1, ...machines, 'swarm', 'rails', 'wallet', 'session'],
  // Not peer and swarm: session is their one driver, for the daemon and the simulator alike.
  daemon: [...layer1, ...machines.filter((name) => name !== 'peer'), 'rails', 'wallet', 'session', 'api', 'host'],
  cli: ['base', 'formats', 'api', 'daemon'],
}
const mayTouchNode = 'host|rails|api|daemon|cli'
const simCommandLine = '^sim/(main\\.ts$|command-line/)'

const direction: IForbiddenRuleType[] = Object.entries(mayImport).map(([folder, allowed]) => ({
  name: `${folder}-imports-only-what-lies-below`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
}))

const forbidden: IForbiddenRuleType[] = [
  ...direction,
  { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
  {
    name: 'no-io-in-a-core',
    severity: 'error',
    from: { path: '^src/', pathNot: `^src/((${mayTouchNode})/|base/hash\\.ts$|[a-z-]+\\.ts$)` },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'hash-uses-only-crypto',
    severity: 'error',
    from: { path: '^src/base/hash\\.ts$' },
    to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
  },
  {
    name: 'no-packages-in-base-ports-formats',
    severity: 'error',
    from: { path: `^src/(${layer1.join('|')})/` },
    to: { path: 'node_modules' },
  },
  {
    name: 'product-imports-no-tests-or-tools',
    severity: 'error',
    from: { path: '^src/' },
    to: { path: '^(test|tools|bench|fuzz|sim)/' },
  },
  {
    name: 'sim-has-no-driver-of-its-own',
    severity: 'error',
    from: { path: '^sim/', pathNot: simCommandLine },
    // Simulated ledgers are the product's books; what is kept of lanes is read by checks; liars seal bids as all do.
    to: {
      path: '^src/',
      pathNot: `^src/(${[...layer1, 'tracker', 'dht', 'storage', 'ledger', 'market', 'payment', 'session'].join('|')})/`,
    },
  },
  {
    name: 'sim-does-no-io',
    severity: 'error',
    from: { path: '^sim/', pathNot: simCommandLine },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'sim-knows-no-command-line',
    severity: 'error',
    from: { path: '^sim/', pathNot: simCommandLine },
    to: { path: simCommandLine },
  },
  {
    name: 'sim-command-line-plays-nothing-itself',
    severity: 'error',
    from: { path: simCommandLine },
    to: { path: '^src/', pathNot: '^src/(base|cli)/' },
  },
  {
    name: 'product-needs-no-dev-dependency',
    severity: 'error',
    from: { path: '^src/' },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'] },
  },
]

const options: ICruiseOptions = {
  doNotFollow: { path: 'node_modules' },
  tsPreCompilationDeps: true,
  tsConfig: { fileName: 'tsconfig.json' },
  enhancedResolveOptions: {
    extensions: ['.ts', '.mjs', '.js'],
    exportsFields: ['exports'],
    conditionNames: ['import', 'node', 'default'],
  },
}

const root = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)
const wanted = listSources(root).filter((path) => /^(src|tools|test|bench|fuzz|sim)\//.test(path))
const { output } = await cruise(wanted, { ...options, ruleSet: { forbidden }, validate: true })
const { modules, summary } = output as ICruiseResult
const seen = new Set(modules.map((module) => module.source))
const known = new RegExp(`^src/((${Object.keys(mayImport).join('|')})/|[a-z-]+\\.ts$)`)
const homeless = wanted.filter((path) => path.startsWith('src/') && !known.test(path))
const unseen = wanted.filter((path) => !seen.has(path))
const edges = modules.reduce((sum, module) => sum + module.dependencies.length, 0)

for (const violation of summary.violations)
  console.error(`${violation.rule.name}: ${violation.from} -> ${violation.to}`)
for (const path of homeless) console.error(`in no known layer: ${path}`)
for (const path of unseen) console.error(`not seen: ${path}`)
const isBlind = wanted.length === 0 || edges < wanted.length / 2
if (isBlind) console.error(`only ${edges} imports seen in ${wanted.length} files: the rules are not being checked`)
console.log(`dependencies: ${seen.size} modules, ${edges} imports, ${summary.violations.length} violations`)
process.exitCode = summary.violations.length > 0 || homeless.length > 0 || unseen.length > 0 || isBlind ? 1 : 0
