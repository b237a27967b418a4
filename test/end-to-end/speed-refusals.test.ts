// `download --pay` and `seed --earn` where the owner has not allowed it, has no wallet, or says something that could mean two
// things: refused before anything is downloaded, with a code that says why.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { Owner } from './ledger-owner.ts'
import { swarmbid } from './run-swarmbid.ts'

/** Somebody with content and its torrent, without a wallet. */
async function somebody(t: TestContext) {
  const folder = temporaryFolder(t)
  const content = join(folder, 'content')
  mkdirSync(content)
  writeFileSync(join(content, 'a.bin'), new Uint8Array(100_000).fill(7))
  const torrent = join(folder, 'content.torrent')
  assert.equal((await swarmbid(['create', content, '-o', torrent, '-q'])).exitCode, 0)
  const owner = new Owner(join(folder, 'owner'))
  const isolated = ['--bind', '127.0.0.1', '--state', join(folder, 'state')]
  const pay = ['download', torrent, '--dir', join(folder, 'down'), '--peer', '127.0.0.1:9', ...isolated]
  const earn = ['seed', torrent, folder, ...isolated, '--earn']
  return { owner, pay, earn }
}

describe('Speed on the command line', () => {
  test('without wallet, ledger, switch or limit nothing is paid or sold, and it is said what is missing', async (t) => {
    const { owner, pay, earn } = await somebody(t)
    const missing = await owner.refusedAll('wallet-missing', ...pay, '--pay', '5TEST')
    assert.match(missing, /swarmbid wallet create/)
    await owner.makeWallet()
    await owner.refusedAll('spending-off', ...pay, '--pay', '5TEST')
    await owner.refusedAll('ledger-missing', ...earn)
    await owner.said('wallet', 'earning', 'off')
    await owner.refusedAll('earning-off', ...earn)
    await owner.said('wallet', 'earning', 'on')
    await owner.said('wallet', 'spending', 'on')
    await owner.told('init')
    const limited = await owner.refusedAll('spending-limit', ...pay, '--pay', '5TEST')
    assert.match(limited, /wallet limits --token TEST/)
    await owner.maySpend('50 TEST')
    for (const [code, amount] of [
      ['amount-other-token', '5 BTT'],
      ['amount-invalid', '1,000 TEST'],
      ['amount-invalid', '0 TEST'],
      ['amount-invalid', '.5TEST'],
    ] as const) {
      await owner.refusedAll(code, ...pay, '--pay', amount)
    }
    await owner.refusedAll('amount-invalid', ...earn, '--price', '1.TEST')
    await owner.refusedAll('amount-invalid', ...earn, '--while-earning', '0TEST')
    await owner.refusedAll('amount-other-token', ...earn, '--price', '5TEST', '--while-earning', '2BTT')
    await owner.refusedAll('ledger-missing', ...earn, '--ledger', 'nowhere')
    await owner.refusedAll('usage', ...pay, '--pay', '5TEST', '--wallet-account', '3')
  })

  test('an option that would do nothing is refused', async (t) => {
    const { owner, pay, earn } = await somebody(t)
    const plain = (line: readonly string[]) => swarmbid([...line, '--json'])
    for (const line of [
      [...pay, '--quote'],
      [...pay, '--deadline', '10m'],
      [...pay, '--price', '5TEST'],
      [...pay, '--ledger', 'own'],
      [...pay, '--pay', '5TEST', '--while-earning', '2TEST'],
      [...earn, '--while-earning', 'much'],
      [...pay, '--wallet-account', '1'],
      [...pay, '--private-too'],
      [...pay, '--data', owner.folder],
      [...pay, '--pay', '5TEST', '--quote', '--earn'],
      [...earn, '--price', 'cheap'],
    ]) {
      const { exitCode, stderr } = await plain(line)
      assert.equal(exitCode, 2, `${line.slice(-2).join(' ')}: ${stderr}`)
    }
  })

  test('while one process has the payments another is told so', async (t) => {
    const { owner, pay, earn } = await somebody(t)
    await owner.makeWallet()
    await owner.told('init')
    await owner.maySpend('50 TEST')
    const seed = owner.start(t, ...earn, '--price', '500TEST')
    await seed.line('listening')
    for (const line of [
      ['speed', 'status'],
      [...pay, '--pay', '5TEST', '--state', join(owner.folder, 'other')],
    ]) {
      const { exitCode, stderr } = await owner.run(...line, '--json')
      assert.equal(exitCode, 1)
      assert.match(stderr, /wallet-busy|store-locked/)
    }
    assert.equal(await seed.end('SIGINT'), 130, seed.errors())
    const [status] = await owner.said('speed', 'status')
    assert.equal(status?.type, 'status')
    assert.deepEqual((await owner.run('speed', 'history', '--json')).stdout, '')
  })
})
