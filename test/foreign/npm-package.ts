// The foreign programs from npm: a package of their own (test/foreign/npm), so that the product's install has none.
// Guarantees: undefined where they are not installed; how to install them stands in one place.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const npmOrigin = 'npm ci --ignore-scripts in test/foreign/npm'

/** Of a file in a package, to be imported by a foreign process. */
export function npmUrl(path: string): string {
  return new URL(`npm/node_modules/${path}`, import.meta.url).href
}

/** Of the package installed. */
export function npmVersion(name: string): string | undefined {
  try {
    const text = readFileSync(fileURLToPath(npmUrl(`${name}/package.json`)), 'utf8')
    return (JSON.parse(text) as { readonly version: string }).version
  } catch {
    return undefined
  }
}
