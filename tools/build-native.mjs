// Compiles native/bulk-hash.c, the optional accelerator of hashing, where there is a C compiler for it.
// Guarantees: never fails the caller: without a compiler, or on other processors, Node's own hashing is used and one
// line says so. Plain JavaScript: it runs before a current Node is known.
// Usage: node tools/build-native.mjs
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = join(root, 'native', 'build', `bulk-hash-${process.platform}-${process.arch}.node`)

function note(reason) {
  process.stderr.write(`swarmbid: hashing is not accelerated: ${reason}\n`)
}

function build() {
  rmSync(target, { force: true })
  if (process.arch !== 'x64') return
  if (process.platform !== 'linux' && process.platform !== 'darwin') return
  mkdirSync(dirname(target), { recursive: true })
  const fresh = `${target}.${process.pid}.tmp`
  const options = ['-O3', '-std=c11', '-Wall', '-Wextra', '-shared', '-fPIC', '-fvisibility=hidden', '-DNAPI_VERSION=8']
  if (process.platform === 'darwin') options.push('-undefined', 'dynamic_lookup')
  const paths = ['-I', join(root, 'node_modules', 'node-api-headers', 'include'), '-o', fresh]
  const compiler = process.env.CC || 'cc'
  const result = spawnSync(compiler, [...options, ...paths, join(root, 'native', 'bulk-hash.c')], { encoding: 'utf8' })
  if (result.status === 0) {
    renameSync(fresh, target)
    return
  }
  rmSync(fresh, { force: true })
  if (result.error !== undefined) note(`no C compiler (${compiler}); with one, run node tools/build-native.mjs`)
  else note(`${compiler} failed:\n${result.stderr}`)
}

build()
