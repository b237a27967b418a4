// The whole corpus of sound and hostile torrents through `info --json` in one run: each gets the verdict its table
// says, the command goes on after every refusal, and nothing is written.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { nameCases } from '../formats/metainfo/corpus-names.ts'
import { version1Cases } from '../formats/metainfo/corpus-version-1.ts'
import { version2Cases } from '../formats/metainfo/corpus-version-2.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { jsonLines, swarmbid } from './run-swarmbid.ts'

const cases = [...nameCases, ...version1Cases, ...version2Cases]

test('info refuses every hostile torrent by its code and accepts every sound one', async (t) => {
  const folder = temporaryFolder(t)
  const torrents = join(folder, 'torrents')
  const working = join(folder, 'working')
  mkdirSync(torrents)
  mkdirSync(working)
  const paths = cases.map(({ bytes }, index) => {
    const path = join(torrents, `${index}.torrent`)
    writeFileSync(path, bytes)
    return path
  })
  const { exitCode, stdout } = await swarmbid(['info', '--json', ...paths], { cwd: working })
  assert.equal(exitCode, 1)
  const lines = jsonLines(stdout)
  assert.deepEqual(
    lines.map(({ file }) => file),
    paths,
  )
  for (const [index, { name, expected }] of cases.entries()) {
    const verdict = lines[index]?.error?.code ?? 'accepted'
    assert.equal(verdict, typeof expected === 'string' ? expected : 'accepted', name)
  }
  assert.equal(readdirSync(torrents).length, cases.length)
  assert.deepEqual(readdirSync(working), [])
})
