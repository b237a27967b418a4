// Finds the fuzz targets: every file of the fuzz folder but the two of the harness there exports one.
// Guarantees: sorted by name; a file without a target, or with one of another name, is an error, not a gap.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { FuzzTarget } from '../fuzz-target.ts'

export const fuzzFolder = dirname(dirname(fileURLToPath(import.meta.url)))
const harnessFiles = new Set(['run.ts', 'fuzz-target.ts'])

function corpusOf(name: string): Uint8Array[] {
  const folder = join(fuzzFolder, 'corpus', name)
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).sort()
  return files.map((file) => new Uint8Array(readFileSync(join(folder, file))))
}

async function loadTarget(file: string): Promise<FuzzTarget> {
  const name = file.replace(/\.ts$/, '')
  const module: { target?: FuzzTarget } = await import(pathToFileURL(join(fuzzFolder, file)).href)
  const { target } = module
  if (target?.name !== name) throw new Error(`fuzz/${file} exports no target called ${name}`)
  const seeds = [...target.seeds, ...corpusOf(name)]
  if (seeds.length === 0) throw new Error(`fuzz/${file} has no seeds`)
  return { ...target, seeds, run: (input) => target.run(input) }
}

/** All targets with their corpora, or those named. */
export async function discoverTargets(names: readonly string[] = []): Promise<FuzzTarget[]> {
  const files = readdirSync(fuzzFolder).filter((file) => file.endsWith('.ts') && !harnessFiles.has(file))
  const known = files.map((file) => file.replace(/\.ts$/, ''))
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no fuzz target ${unknown.join(', ')}; there are ${known.join(', ')}`)
  const wanted = names.length === 0 ? known : known.filter((name) => names.includes(name))
  return Promise.all(wanted.sort().map((name) => loadTarget(`${name}.ts`)))
}
