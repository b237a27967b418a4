// Who seeds with a wallet and a ledger at hand sells without saying so, is never asked for it, and seeds all the same where
// that cannot be.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { swarmbid } from './run-swarmbid.ts'
import { type SpeedLine, type SpeedPerson, speedStage } from './speed-people.ts'

/** Whether its progress tells of prices, once it serves. */
async function isSelling(child: ReturnType<SpeedPerson['start']>): Promise<boolean> {
  await child.line('listening', 60_000)
  const progress = (await child.line('progress', 60_000)) as SpeedLine
  return progress.speed !== undefined
}

describe('earning by default', () => {
  test('seeding sells where a wallet and a ledger are, but not where earning is off or the wallet busy, and spending has no part in it', async (t) => {
    const stage = await speedStage(t, 100_000)
    const seller = await stage.person('seller')
    const seed = (state: string) => {
      const place = ['--state', join(seller.home, state), '--bind', seller.host]
      return seller.start(t, 'seed', stage.torrent, stage.content, ...place)
    }
    await seller.said('wallet', 'spending', 'off')
    const first = seed('first')
    assert.equal(await isSelling(first), true, first.said())
    const second = seed('second')
    assert.equal(await isSelling(second), false, second.said())
    assert.equal(await second.end('SIGINT'), 130, second.errors())
    assert.equal(await first.end('SIGINT'), 130, first.errors())
    await seller.said('wallet', 'earning', 'off')
    await seller.said('wallet', 'spending', 'on')
    const third = seed('third')
    assert.equal(await isSelling(third), false, third.said())
    assert.equal(await third.end('SIGINT'), 130, third.errors())
  })

  test('without a wallet nothing is asked or said, and --no-earn is meant', async (t) => {
    const stage = await speedStage(t, 100_000)
    const nobody = join(stage.folder, 'nobody')
    const environment = { SWARMBID_DATA: nobody }
    const place = ['--state', join(stage.folder, 'state'), '--bind', '127.0.0.1', '--seed-time', '0s']
    for (const options of [[], ['--no-earn']]) {
      const { exitCode, stderr } = await swarmbid(['seed', stage.torrent, stage.content, ...place, ...options, '-q'], {
        environment,
      })
      assert.deepEqual([exitCode, stderr], [0, ''])
    }
    const idle = ['seed', stage.torrent, stage.content, ...place, '--no-earn', '--price', 'auto']
    assert.equal((await swarmbid(idle, { environment })).exitCode, 2)
  })

  test('a wallet that nobody opened is told of, and left closed', async (t) => {
    const stage = await speedStage(t, 100_000)
    const seller = await stage.person('seller')
    const place = ['--state', join(seller.home, 'state'), '--bind', seller.host, '--seed-time', '0s']
    const environment = { SWARMBID_DATA: seller.folder }
    const { exitCode, stderr } = await swarmbid(['seed', stage.torrent, stage.content, ...place], { environment })
    assert.equal(exitCode, 0, stderr)
    assert.match(stderr, /the wallet is locked/)
  })
})
