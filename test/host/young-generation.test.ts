// Memory for young objects stays as it is; in a process of its own, as it is one for all that run here.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const module = fileURLToPath(new URL('../../src/host/young-generation.ts', import.meta.url))

/** MiB for young objects before and after much outlived collections. */
function grown(isKept: boolean): { readonly before: number; readonly after: number } {
  const script = `import(${JSON.stringify(module)}).then(async ({ keepYoungGeneration }) => {
    const { getHeapSpaceStatistics } = await import('node:v8')
    const size = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size / 2 ** 20
    const before = size()
    if (${isKept}) keepYoungGeneration()
    const objects = []
    for (let count = 0; count < 400_000; count++) objects.push({ count })
    console.log(JSON.stringify({ before, after: size(), length: objects.length }))
  })`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

test('what V8 takes for young objects grows with what outlives collections, and does not once it is kept', () => {
  const usual = grown(false)
  const kept = grown(true)
  // Some MiB more are V8's own moment: threads that collect beside the program, and where live objects are copied to.
  assert.ok(
    usual.after >= 4 * kept.after,
    `${usual.before} to ${usual.after} MiB; kept: ${kept.before} to ${kept.after}`,
  )
})
