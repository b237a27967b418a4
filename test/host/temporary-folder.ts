// A folder of files for one test, gone when the test has ended.
// The test owns it; contents depend on arguments alone, so that every run sees the same bytes.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** Who ends what was started: a test, or whatever else calls `after` back. */
export type Scope = Pick<TestContext, 'after'>

export function temporaryFolder(t: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'swarmbid-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files given by path below the folder. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    const filePath = join(folder, path)
    mkdirSync(dirname(filePath), { recursive: true })
    writeFileSync(filePath, content)
  }
}

/** Bytes that are the same for the same arguments and look random. */
export function fillerBytes(lengthBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  let state = Math.imul(seed + 1, 2_654_435_761) | 1
  for (let index = 0; index < lengthBytes; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state
  }
  return bytes
}
