// A ledger on real sockets: what others may ask over WebSocket and HTTP, and what they may not: pages of other sites,
// frames too large, too many connections, faster than allowed. The journal that it gives away verifies, unless changed.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { planLoad } from '../../bench/frame/ledger-load.ts'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { openOwnLedger } from '../../src/daemon/open-ledger.ts'
import { readOperatorKey } from '../../src/daemon/operator-key.ts'
import { signedOperationCodec } from '../../src/formats/money/operation-codec.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { systemClock } from '../../src/host/system-clock.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import { ExportVerifier } from '../../src/rails/journal-export.ts'
import { clientOf, type LedgerServerOptions, serveLedger } from '../../src/rails/ledger-server.ts'
import { connectLedger } from '../../src/rails/ledger-socket.ts'
import { RemoteLedger } from '../../src/rails/remote-ledger.ts'
import { maxFrameBytes } from '../../src/rails/service-messages.ts'
import { selfSignedCertificate } from '../host/certificate.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { never } from './ledger-world.ts'

async function serve(t: TestContext, options: Partial<LedgerServerOptions> = {}) {
  const folder = join(temporaryFolder(t), 'ledger')
  const ledger = unwrap(await openOwnLedger({ folder, makes: true }))
  const server = unwrap(await serveLedger({ ledger, port: 0, ...options }))
  const plan = planLoad(ledger.facts)
  const operator = unwrap(readOperatorKey(join(folder, 'operator.key')))
  t.after(async () => {
    await server.close()
    await ledger.close()
  })
  for (const result of await Promise.all(plan.grants(operator).map((grant) => ledger.carryOut(grant)))) unwrap(result)
  const [url = ''] = server.urls
  return { ledger, server, plan, url }
}

function use(t: TestContext, served: Awaited<ReturnType<typeof serve>>, certificate?: string): RemoteLedger {
  const url = served.url.replace(/^http/, 'ws')
  const remote = new RemoteLedger({
    facts: served.ledger.facts,
    connect: connectLedger(certificate === undefined ? { url } : { url, certificate }),
    clock: systemClock(),
    random: systemRandom(),
    scheme: secp256k1.scheme,
    patienceMs: 5_000,
  })
  t.after(() => remote.close())
  return remote
}

function get(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body = '',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, method, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** The code with which a WebSocket ends, or the status with which it is refused. */
function endOf(url: string, send?: string | Uint8Array, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket`, { headers })
    socket.on('open', () => send !== undefined && socket.send(send))
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0)
      socket.terminate()
    })
    socket.on('error', () => undefined)
    socket.on('close', (code) => resolve(code))
  })
}

describe('a ledger that is served', () => {
  test('is used over a WebSocket by many at once', async (t) => {
    const served = await serve(t)
    const remotes = [use(t, served), use(t, served)]
    const operations = served.plan.operations(300, 'served')
    const results = await Promise.all(
      operations.map((signed, index) => (remotes[index % 2] as RemoteLedger).submit(signed, never)),
    )
    for (const result of results) unwrap(result)
    const again = await remotes[0]?.submit(operations[1] as (typeof operations)[0], never)
    assert.deepEqual(again, results[1])
    const { account } = operations[0] as (typeof operations)[0]
    assert.deepEqual(
      unwrap((await remotes[0]?.account(account, never)) as never),
      unwrap(await served.ledger.account(account, never)),
    )
    assert.equal(served.server.statistics().connections, 2)
  })

  test('over TLS it is the certificate that was agreed, or nobody is spoken to', async (t) => {
    const { certificate, key } = selfSignedCertificate('127.0.0.1')
    const served = await serve(t, { tls: { certificate, key } })
    assert.match(served.url, /^https:/)
    const fingerprint = new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase()
    const [signed] = served.plan.operations(1, 'tls')
    assert.ok(signed !== undefined)
    unwrap(await use(t, served, fingerprint).submit(signed, never))
    const stranger = use(t, served, '0'.repeat(64))
    const refused = await stranger.account(signed.account, AbortSignal.timeout(600))
    assert.equal(refused.ok, false)
    const unpinned = await use(t, served).account(signed.account, AbortSignal.timeout(600))
    assert.equal(unpinned.ok, false, 'no authority knows it')
  })

  test('pages of other sites get nothing, nor does a name that was bent to this machine', async (t) => {
    const { url } = await serve(t)
    assert.equal((await get(`${url}/head`)).status, 200)
    assert.equal((await get(`${url}/head`, { origin: 'https://example.org' })).status, 403)
    assert.equal((await get(`${url}/head`, { host: 'example.org' })).status, 403)
    assert.equal((await get(`${url}/head`, { host: 'localhost:1' })).status, 200)
    assert.equal(await endOf(url, undefined, { origin: 'https://example.org' }), 403)
    assert.equal(await endOf(url, undefined, { host: 'example.org' }), 403)
  })

  test('what is too large, of another kind or nonsense ends the connection', async (t) => {
    const { url } = await serve(t)
    assert.equal(await endOf(url, 'x'.repeat(maxFrameBytes + 1)), 1009)
    assert.equal(await endOf(url, new Uint8Array(5)), 1008)
    for (const text of [
      '{}',
      'null',
      '{"type":"head"}',
      '{"type":"submit","number":1,"operations":[]}',
      '[',
      '{"type":"head","number":-1}',
    ]) {
      assert.equal(await endOf(url, text), 1008, text)
    }
    assert.equal((await get(`${url}/operations`, {}, 'POST', 'x'.repeat(maxFrameBytes + 1))).status, 413)
    assert.equal((await get(`${url}/operations`, {}, 'POST', '[{}')).status, 400)
    assert.equal((await get(`${url}/nothing`)).status, 404)
  })

  test('too many connections of one address, and too many requests, are turned away', async (t) => {
    const { url, server } = await serve(t, { allowances: { ofAddress: { perSecond: 1, burst: 30 } } })
    const open = Array.from({ length: 70 }, () => {
      const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket`)
      t.after(() => socket.terminate())
      return new Promise<boolean>((resolve) => {
        socket.on('open', () => resolve(true))
        socket.on('error', () => resolve(false))
      })
    })
    const opened = (await Promise.all(open)).filter(Boolean).length
    assert.equal(opened, 64)
    assert.ok(server.statistics().turnedAway >= 6)
    const statuses = await Promise.all(Array.from({ length: 60 }, () => get(`${url}/`).then(({ status }) => status)))
    const refused = statuses.filter((status) => status === 429).length
    assert.ok(refused >= 25 && refused < 60, `${refused} refused`)
  })

  test('over HTTP: statistics, balances, operations, and sending some', async (t) => {
    const { url, plan, ledger } = await serve(t)
    const [signed] = plan.operations(1, 'http')
    assert.ok(signed !== undefined)
    const body = JSON.stringify([signedOperationCodec.toJson(signed)])
    const posted = await get(`${url}/operations`, { 'content-type': 'application/json' }, 'POST', body)
    assert.equal(posted.status, 200)
    const id = signed.operation.id
    const evidence = JSON.parse((await get(`${url}/operations/${id}`)).text) as { receipt: { receipt: { id: string } } }
    assert.equal(evidence.receipt.receipt.id, `0x${id}`)
    assert.equal((await get(`${url}/operations/${'0'.repeat(64)}`)).status, 404)
    assert.equal((await get(`${url}/lanes/${'0'.repeat(64)}`)).status, 404)
    const balance = JSON.parse((await get(`${url}/accounts/${signed.account}`)).text) as {
      receipt: { available: string }
    }
    assert.equal(balance.receipt.available, String(unwrap(await ledger.account(signed.account, never)).available))
    assert.equal((await get(`${url}/accounts/nonsense`)).status, 400)
    const { ledger: counts } = JSON.parse((await get(`${url}/statistics`)).text) as { ledger: { height: number } }
    assert.equal(counts.height, ledger.head.height)
    assert.equal(
      (JSON.parse((await get(`${url}/`)).text) as { genesisHash: string }).genesisHash,
      toHex(ledger.facts.hash),
    )
  })

  test('its journal verifies; with any line changed, left out or put elsewhere the first bad one is named', async (t) => {
    const { url, plan, ledger } = await serve(t)
    for (const result of await Promise.all(plan.operations(30, 'journal').map((each) => ledger.carryOut(each))))
      unwrap(result)
    const lines = (await get(`${url}/journal`)).text.trimEnd().split('\n')
    assert.equal(lines.length, 1 + ledger.head.height + 1)
    const verdict = (changed: readonly string[]) => {
      const verifier = new ExportVerifier(secp256k1.scheme)
      for (const line of changed) {
        const fault = verifier.push(line)
        if (fault !== undefined) return fault
      }
      return verifier.end()
    }
    const whole = verdict(lines)
    assert.ok('isHeadSigned' in whole && whole.isHeadSigned && whole.height === ledger.head.height)
    const at = 50
    const bad = (changed: readonly string[]) => {
      const found = verdict(changed)
      assert.ok('lineNumber' in found)
      return [found.lineNumber, found.fault?.height]
    }
    const line = lines[at] as string
    const flipped = Buffer.from(line.slice(6), 'base64')
    flipped[200] = (flipped[200] ?? 0) ^ 4
    assert.deepEqual(bad(lines.with(at, `entry ${flipped.toString('base64')}`)), [at + 1, at])
    assert.deepEqual(bad(lines.toSpliced(at, 1)), [at + 1, at])
    assert.deepEqual(bad(lines.with(at, lines[at + 1] as string)), [at + 1, at])
    assert.deepEqual(bad(lines.with(at, 'entry !')), [at + 1, undefined])
    assert.deepEqual(bad(lines.toSpliced(-2, 1))[0], lines.length - 1)
    assert.deepEqual(bad(lines.slice(1)), [1, undefined])
    assert.deepEqual(bad([]), [1, undefined])
  })
})

test('machines are told apart by address, half of it in IPv6', () => {
  assert.equal(clientOf('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(clientOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2')
  assert.equal(clientOf('2001:db8::1'), '2001:db8:0:0')
  assert.equal(clientOf('fe80::1%eth0'), 'fe80:0:0:0')
  assert.equal(clientOf('::1'), '0:0:0:0')
})
