// The version of this program, from package.json: two folders up, from source and from a build alike.
// Imports nothing of ours, because `--version` must cost no more than starting Node.
import { readFileSync } from 'node:fs'

export function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
