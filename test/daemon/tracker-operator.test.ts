// What an operator of our tracker has: a private mode, lists that are read again, figures, and swarms that outlive a restart.
import assert from 'node:assert/strict'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { serveTracker, type TrackerService, type TrackerServiceOptions } from '../../src/daemon/serve-tracker.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'

const key = 'abcdefghijklmnop'
const infoHash = (letter: string) => letter.repeat(20)
const hashOf = (letter: string) => Buffer.from(infoHash(letter)).toString('hex')

async function start(t: TestContext, options: Partial<TrackerServiceOptions> = {}): Promise<TrackerService> {
  const service = unwrap(await serveTracker({ port: 0, addresses: ['127.0.0.1'], ...options }))
  t.after(() => service.close())
  return service
}

interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
}

function ask({ port }: TrackerService, path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('latin1')
      response.on('data', (part: string) => {
        body += part
      })
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

function announce(service: TrackerService, letter: string, prefix = '', port = 6_881): Promise<Reply> {
  const query = `info_hash=${infoHash(letter)}&peer_id=${'p'.repeat(20)}&port=${port}&left=5`
  return ask(service, `${prefix}/announce?${query}`)
}

describe('a private tracker', () => {
  test('serves those with a passkey, tells others why not, and reads its users again', async (t) => {
    const usersFile = join(temporaryFolder(t), 'users')
    writeFileSync(usersFile, `${key} Alice\n`)
    const service = await start(t, { usersFile })
    assert.match((await announce(service, 'a', `/${key}`)).body, /8:interval/)
    assert.match((await ask(service, `/${key}/scrape?info_hash=${infoHash('a')}`)).body, /10:incompletei1e/)
    for (const prefix of ['', '/abcdefghijklmnoq']) {
      assert.match((await announce(service, 'a', prefix)).body, /failure reason.*private/)
      assert.match((await ask(service, `${prefix}/scrape?info_hash=${infoHash('a')}`)).body, /failure reason.*private/)
    }
    writeFileSync(usersFile, 'bad line\n')
    const refused = await service.reload()
    assert.equal(!refused.ok && refused.code, 'tracker-list')
    assert.match((await announce(service, 'a', `/${key}`)).body, /8:interval/, 'the users are as they were')
    writeFileSync(usersFile, 'qrstuvwxyzabcdef\n')
    assert.ok((await service.reload()).ok)
    assert.match((await announce(service, 'a', `/${key}`)).body, /private/)
    assert.match((await announce(service, 'a', '/qrstuvwxyzabcdef')).body, /8:interval/)
  })
})

describe('lists of torrents', () => {
  test('decide what is served, also of what is here already', async (t) => {
    const folder = temporaryFolder(t)
    const [allowFile, denyFile] = [join(folder, 'allow'), join(folder, 'deny')]
    writeFileSync(allowFile, `${hashOf('a')}\n${hashOf('b')}\n`)
    writeFileSync(denyFile, hashOf('b'))
    const service = await start(t, { allowFile, denyFile })
    assert.match((await announce(service, 'a')).body, /8:interval/)
    for (const letter of ['b', 'c'])
      assert.match((await announce(service, letter)).body, /not served here8:retry in5:never/)
    writeFileSync(denyFile, hashOf('a'))
    assert.ok((await service.reload()).ok)
    assert.match((await announce(service, 'a')).body, /not served/)
    assert.match((await announce(service, 'b')).body, /8:interval/)
    assert.match((await ask(service, `/scrape?info_hash=${infoHash('a')}`)).body, /^d5:filesde/)
  })

  test('that are not there are an error at the start', async (t) => {
    const started = await serveTracker({ port: 0, allowFile: join(temporaryFolder(t), 'nothing') })
    assert.equal(!started.ok && started.code, 'file-not-found')
  })
})

describe('the figures', () => {
  test('are a page, JSON and metrics', async (t) => {
    const service = await start(t)
    await announce(service, 'a')
    const page = await ask(service, '/stats')
    assert.match(page.type, /^text\/html/)
    assert.match(page.body, /<td>Torrents that have a swarm here\.<\/td><td>1<\/td>/)
    assert.doesNotMatch(page.body, /<script/i)
    const json = JSON.parse((await ask(service, '/stats.json')).body)
    assert.deepEqual([json.torrents, json.peers, json.announces_total], [1, { ipv4: 1, ipv6: 0 }, 1])
    const metrics = (await ask(service, '/metrics')).body
    assert.match(metrics, /^# TYPE swarmbid_tracker_announces_total counter\nswarmbid_tracker_announces_total 1$/m)
    assert.match(metrics, /^swarmbid_tracker_peers\{family="ipv4"\} 1$/m)
    for (const line of metrics.trimEnd().split('\n')) {
      assert.match(line, /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z]+="[a-z0-9-]+"\})? \d+(?:\.\d+)?)$/)
    }
  })

  test('are for this machine alone, and not for a page of another site on it', async (t) => {
    const hidden = await start(t, { isBehindProxy: true })
    const forwarded = { 'x-forwarded-for': '10.9.9.9, 203.0.113.5' }
    for (const path of ['/stats', '/stats.json', '/metrics']) {
      assert.equal((await ask(hidden, path)).status, 200)
      assert.equal((await ask(hidden, path, forwarded)).status, 403)
      assert.equal((await ask(hidden, path, { host: 'evil.example' })).status, 403)
    }
    const open = await start(t, { isBehindProxy: true, arePagesOpen: true })
    assert.equal((await ask(open, '/stats', { ...forwarded, host: 'tracker.example' })).status, 200)
  })
})

describe('behind a proxy', () => {
  test('peers are where the proxy says, only if the tracker was told to believe it', async (t) => {
    const query = `info_hash=${infoHash('a')}&peer_id=${'p'.repeat(20)}&port=9&left=5`
    const forwarded = { 'x-forwarded-for': '1.1.1.1, 2001:db8::7' }
    const external = async (service: TrackerService) =>
      /external ip(\d+):/.exec((await ask(service, `/announce?${query}`, forwarded)).body)?.[1]
    assert.equal(await external(await start(t, { isBehindProxy: true })), '16')
    assert.equal(await external(await start(t)), '4')
  })
})

describe('the state file', () => {
  test('brings swarms over a restart, is readable by its owner only, and leaves nothing else behind', async (t) => {
    const folder = temporaryFolder(t)
    const stateFile = join(folder, 'swarms')
    const first = unwrap(await serveTracker({ port: 0, addresses: ['127.0.0.1'], stateFile }))
    assert.equal(first.loadedPeers, 0)
    await announce(first, 'a', '', 1)
    await announce(first, 'a', '', 2)
    assert.ok((await first.close()).ok)
    assert.deepEqual(readdirSync(folder), ['swarms'])
    if (process.platform !== 'win32') assert.equal(statSync(stateFile).mode & 0o777, 0o600)
    const second = await start(t, { stateFile })
    assert.equal(second.loadedPeers, 2)
    assert.match((await ask(second, `/scrape?info_hash=${infoHash('a')}`)).body, /10:incompletei2e/)
  })

  test('that is damaged stops the start, and is left as it is', async (t) => {
    const stateFile = join(temporaryFolder(t), 'swarms')
    writeFileSync(stateFile, 'something else')
    const started = await serveTracker({ port: 0, addresses: ['127.0.0.1'], stateFile })
    assert.equal(!started.ok && started.code, 'tracker-state')
    assert.equal(statSync(stateFile).size, 14)
  })

  test('that cannot be written is an error at the end', async (t) => {
    const folder = temporaryFolder(t)
    const stateFile = join(folder, 'gone', 'swarms')
    const service = unwrap(await serveTracker({ port: 0, addresses: ['127.0.0.1'], stateFile }))
    const closed = await service.close()
    assert.equal(!closed.ok && closed.code, 'file-not-found')
  })
})
