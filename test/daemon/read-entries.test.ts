// Entries of a ledger of somebody else: believed as far as they verify up to an end that its operator signed.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { planLoad } from '../../bench/frame/ledger-load.ts'
import { unwrap } from '../../src/base/errors.ts'
import { openOwnLedger } from '../../src/daemon/open-ledger.ts'
import { readOperatorKey } from '../../src/daemon/operator-key.ts'
import { readEntries } from '../../src/daemon/read-entries.ts'
import { exportGenesis, exportHead, exportLine } from '../../src/rails/journal-export.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'

const never = new AbortController().signal

/** A ledger with three entries, its export as lines, and whoever uses it where the text given is served. */
async function ledgerAt(t: TestContext) {
  const folder = join(temporaryFolder(t), 'ledger')
  const ledger = unwrap(await openOwnLedger({ folder, makes: true }))
  t.after(() => ledger.close())
  const grants = planLoad(ledger.facts).grants(unwrap(readOperatorKey(join(folder, 'operator.key'))))
  for (const grant of grants.slice(0, 3)) unwrap(await ledger.carryOut(grant))
  const own = { facts: ledger.facts, own: ledger }
  const entries = unwrap(await ledger.lines(1, 10)).map(exportLine)
  const lines = [exportGenesis(ledger.facts.bytes), ...entries, exportHead(ledger.signedHead())]
  let text = ''
  const server = createServer((_, response) => response.end(text))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const joined = { facts: ledger.facts, address: { url } }
  const readServed = async (served: readonly string[]) => {
    text = served.join('')
    const heights: number[] = []
    const read = await readEntries(joined, ({ height }) => heights.push(height), never)
    return { heights, verdict: read.ok ? 'right' : read.code }
  }
  return { own, lines, readServed }
}

describe('entries of a ledger', () => {
  test('are the same from the inside and from what it gives away', async (t) => {
    const { own, lines, readServed } = await ledgerAt(t)
    const heights: number[] = []
    assert.equal(unwrap(await readEntries(own, ({ height }) => heights.push(height), never)), 3)
    assert.deepEqual(heights, [1, 2, 3])
    assert.deepEqual(await readServed(lines), { heights, verdict: 'right' })
  })

  test('of a liar are not believed: changed, left out, cut off, of another ledger', async (t) => {
    const { lines, readServed } = await ledgerAt(t)
    const other = await ledgerAt(t)
    const changed = (lines[2] ?? '').replace(/.{40}\n$/, `${'A'.repeat(40)}\n`)
    for (const lie of [
      lines.with(2, changed),
      lines.toSpliced(2, 1),
      lines.slice(0, -1),
      lines.toSpliced(3, 1),
      other.lines,
      ['nothing of a ledger\n'],
      [],
    ]) {
      assert.equal((await readServed(lie)).verdict, 'ledger-untrue')
    }
  })
})
