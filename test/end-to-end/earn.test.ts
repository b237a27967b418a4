// `earn` as a process of its own: it finds a torrent in a catalogue that is worth seeding, fetches it, sells it to somebody who
// pays, and goes on where it was after it was killed. Ledger, tracker, seed and payer are processes of their own.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'
import { mainPath, swarmbid } from './run-swarmbid.ts'
import { digestOf, granted, invoiced, type SpeedLine, type SpeedPerson, speedStage } from './speed-people.ts'

const mebibyte = 1_048_576
const totalBytes = 8 * mebibyte

interface EarnLine extends SpeedLine {
  readonly usedBytes?: number
  readonly offers?: number
  readonly torrent?: { readonly id: string; readonly name: string }
  readonly torrents?: readonly { readonly id: string; readonly phase: string; readonly earned: string }[]
}

function earn(t: TestContext, person: SpeedPerson, catalog: string, ...rest: readonly string[]): JsonProcess<EarnLine> {
  const place = ['--dir', join(person.home, 'earn'), '--bind', person.host, '--disk', '100MiB']
  return person.start<EarnLine>(t, 'earn', '--catalog', catalog, ...place, ...rest)
}

/** Without a wallet. */
function plain(t: TestContext, ...line: readonly string[]): JsonProcess<SpeedLine> {
  const options = { name: line[0] ?? '' }
  const child = startJsonProcess<SpeedLine>(process.execPath, [mainPath, ...line, '--json'], options)
  t.after(() => child.end('SIGKILL'))
  return child
}

describe('earn', () => {
  test('fetches of a catalogue what is wanted, earns with it, and keeps it over a kill; a dead torrent it leaves', async (t) => {
    const stage = await speedStage(t, totalBytes)
    const [earner, payer] = await Promise.all([stage.person('seller', 'earner'), stage.person('payer')])
    await payer.maySpend('100 TEST')
    const tracker = plain(t, 'tracker', '--bind', '127.0.0.1', '--port', '0')
    const { port: trackerPort } = await tracker.line('listening')
    const url = `http://127.0.0.1:${trackerPort}/announce`
    const catalog = join(stage.folder, 'catalog')
    mkdirSync(catalog)
    const torrent = join(catalog, 'talk.torrent')
    const made = await swarmbid(['create', join(stage.content, stage.name), '-o', torrent, '-q', '--tracker', url])
    assert.equal(made.exitCode, 0, made.stderr)
    writeFileSync(join(stage.folder, 'dead.bin'), 'nobody has this any more')
    await swarmbid([
      'create',
      join(stage.folder, 'dead.bin'),
      '-o',
      join(catalog, 'dead.torrent'),
      '-q',
      '--tracker',
      url,
    ])

    const placed = (name: string) => ['--state', join(stage.folder, name), '--bind', '127.0.0.1']
    const seed = plain(t, 'seed', torrent, stage.content, ...placed('seed-state'), '--upload-limit', '400KiB')
    await seed.line('listening')
    // Somebody who wants it, slowly: that is all that is known of what it may bring.
    const wanting = ['--dir', join(stage.folder, 'wanting'), '--download-limit', '20KiB', ...placed('wanting-state')]
    const leecher = plain(t, 'download', torrent, ...wanting)
    await leecher.line('progress', 60_000, ({ doneBytes = 0 }) => doneBytes > 0)

    const selling = ['--price', '1024TEST', '--upload-limit', '2MiB']
    let earning = earn(t, earner, catalog, ...selling)
    const { port } = await earning.line('listening')
    const fetching = await earning.line('fetching', 60_000)
    assert.equal(fetching.torrent?.name, stage.name)
    await earning.line('kept', 90_000)
    const file = join(earner.home, 'earn', fetching.torrent.id, stage.name)
    assert.equal(digestOf(file), digestOf(join(stage.content, stage.name)))
    const download = payer.download(t, torrent, '--pay', '50TEST', '--peer', `${earner.host}:${port}`)
    assert.equal(await download.exit(120_000), 0, download.said())
    const paid = invoiced(download, 'paying')
    assert.ok(paid.bytes > 0, download.said())
    await earning.line('status', 30_000, ({ earned = '0' }) => BigInt(earned) === paid.paid)
    await earning.end('SIGKILL')

    earning = earn(t, earner, catalog, ...selling)
    const status = await earning.line('status', 60_000, ({ torrents = [] }) => torrents[0]?.phase === 'kept')
    assert.deepEqual([status.usedBytes, status.torrents?.length], [totalBytes, 1])
    assert.equal(await earning.end('SIGINT'), 130, earning.errors())
    assert.ok(existsSync(file) && readFileSync(torrent).length > 0)
    const { available } = await earner.balance(stage.operator)
    assert.equal(available - granted, paid.paid, earning.said())
    const [sold] = await earner.said('speed', 'history', '--by', 'torrent')
    t.diagnostic(`history: ${JSON.stringify(sold)}; paid ${paid.paid}`)
  })

  test('refuses what it cannot do with a code: no catalogue, none that can be read, a folder that is in use', async (t) => {
    const stage = await speedStage(t, 100)
    const earner = await stage.person('seller')
    const without = await earner.run('earn', '--dir', join(earner.home, 'earn'))
    assert.equal(without.exitCode, 2, without.stderr)
    const missing = await earner.run(
      'earn',
      '--catalog',
      join(stage.folder, 'none'),
      '--dir',
      join(earner.home, 'earn'),
      '--bind',
      '127.0.0.1',
    )
    assert.equal(missing.exitCode, 1, missing.stderr)
    assert.match(missing.stderr, /catalog-malformed/)
    await earner.said('wallet', 'earning', 'off')
    const off = await earner.run('earn', '--catalog', stage.folder, '--dir', join(earner.home, 'earn'))
    assert.equal(off.exitCode, 1)
    assert.match(off.stderr, /earning-off/)
  })
})
