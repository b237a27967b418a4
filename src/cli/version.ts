// The version of this program, from package.json: beside the source in a checkout, inside a published build.
// Imports nothing of ours, because `--version` must cost no more than starting Node.
import { existsSync, readFileSync } from 'node:fs'

export function programVersion(): string {
  const published = new URL('../package.json', import.meta.url)
  const place = existsSync(published) ? published : new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(place, 'utf8')) as { readonly version: string }).version
}
