// libtorrent announces to our tracker, over HTTP and UDP, IPv4 and IPv6, and is told of the peers that are there.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { serveTracker } from '../../src/daemon/serve-tracker.ts'
import { isLibtorrentMissing } from '../foreign/libtorrent.ts'

const python = '/usr/bin/python3'
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
const timeoutMs = 30_000

/** Two clients, one after the other, then the first one leaves; a line for each answer of the tracker. */
const program = `
import libtorrent as lt, sys, time
url, listen = sys.argv[1], sys.argv[2]

# With its mitigation on, libtorrent scrapes no tracker at a local address: the path is not /announce.
def client():
    session = lt.session({
        'listen_interfaces': listen + ':0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False,
        'enable_natpmp': False, 'ssrf_mitigation': False, 'alert_mask': lt.alert.category_t.all_categories,
    })
    wanted = lt.parse_magnet_uri('magnet:?xt=urn:btih:' + 'ab' * 20)
    wanted.trackers = [url]
    wanted.save_path = '/nonexistent'
    wanted.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return session, session.add_torrent(wanted)

def answer(session, wanted):
    until = time.time() + 20
    while time.time() < until:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, (lt.tracker_error_alert, lt.scrape_failed_alert)):
                raise SystemExit('error: ' + alert.message())
            if isinstance(alert, wanted):
                return alert
    raise SystemExit('no answer')

first, torrent = client()
print('first', answer(first, lt.tracker_reply_alert).num_peers, flush=True)
second, other = client()
print('second', answer(second, lt.tracker_reply_alert).num_peers, flush=True)
other.scrape_tracker()
print('scrape', answer(second, lt.scrape_reply_alert).incomplete, flush=True)
`

function run(url: string, listen: string): Promise<string> {
  const child = spawn(python, ['-c', program, url, listen], { timeout: timeoutMs, killSignal: 'SIGKILL' })
  let text = ''
  const collect = (part: Buffer) => {
    text += part.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve(text))
  })
}

describe('libtorrent and our tracker', () => {
  for (const scheme of ['http', 'udp']) {
    for (const address of ['127.0.0.1', '::1']) {
      test(`over ${scheme} at ${address}`, async (t) => {
        if (isLibtorrentMissing(t)) return
        if (address === '::1' && !hasIpv6) {
          t.skip('needs IPv6')
          return
        }
        const started = await serveTracker({ port: 0, addresses: [address] })
        assert.ok(started.ok)
        t.after(() => started.value.close())
        const url = started.value.urls.find((text) => text.startsWith(`${scheme}:`)) ?? assert.fail()
        const said = await run(url, address.includes(':') ? `[${address}]` : address)
        assert.equal(said, 'first 0\nsecond 1\nscrape 2\n')
      })
    }
  }
})
