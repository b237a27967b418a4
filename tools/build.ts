// Builds the package that is published: dist/ with plain JavaScript, types, and its own package.json, which
// leaves out what only a checkout needs (the bundled Node, development tools).
// Guarantees: starts from an empty dist/, and proves the result by running it.
// Usage: npm run build, then `npm pack ./dist`.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly type: string
  readonly engines: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const out = join(root, 'dist')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

rmSync(out, { recursive: true, force: true })
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})

const { name, version, description, license, type, engines, dependencies } = manifest
const published = { name, version, description, license, type, engines, bin: { swarmbid: 'lib/bin.js' }, dependencies }
writeFileSync(join(out, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`)
for (const document of ['README.md', 'CHANGELOG.md', 'LICENSE']) copyFileSync(join(root, document), join(out, document))
const native = join(root, 'native', 'build')
if (existsSync(native)) cpSync(native, join(out, 'native', 'build'), { recursive: true })
chmodSync(join(out, 'lib/bin.js'), 0o755)

const printed = execFileSync(process.execPath, [join(out, 'lib/bin.js'), '--version'], { encoding: 'utf8' })
if (!printed.includes(version)) throw new Error(`the build says ${JSON.stringify(printed)}, not version ${version}`)
console.log(`built dist/ (${name} ${version})`)
