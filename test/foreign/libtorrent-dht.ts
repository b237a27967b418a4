// libtorrent as a node of the DHT on loopback, driven by lines: what our node is tested against.
// Guarantees: it begins with nobody but whom it is told, and holds nobody to rules that addresses of one machine break;
// the process is ended by its id.
import assert from 'node:assert/strict'
import { type JsonProcess, startJsonProcess } from './json-process.ts'

const python = '/usr/bin/python3'

const program = `
import hashlib, json, os, sys, threading, time
import libtorrent as lt

def say(**line):
    print(json.dumps(line), flush=True)

session = lt.session({
    'listen_interfaces': '127.0.0.1:0', 'enable_dht': True, 'dht_bootstrap_nodes': '',
    'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'dht_restrict_routing_ips': False, 'dht_restrict_search_ips': False, 'dht_enforce_node_id': False,
    'dht_ignore_dark_internet': False, 'dht_prefer_verified_node_ids': False, 'dht_upload_rate_limit': 10000000,
    'dht_block_ratelimit': 100000,
    'alert_mask': lt.alert.category_t.dht_notification | lt.alert.category_t.dht_operation_notification,
})
while session.listen_port() == 0:
    time.sleep(0.01)
say(type='listening', port=session.listen_port())

def expanded(seed):
    digest = bytearray(hashlib.sha512(seed).digest())
    digest[0] &= 248
    digest[31] = digest[31] & 63 | 64
    return bytes(digest)

torrents = {}
def perform(words):
    what, rest = words[0], words[1:]
    if what == 'node':
        session.add_dht_node(('127.0.0.1', int(rest[0])))
    elif what == 'announce':
        # dht_announce cannot be called from Python: its flags are not there. A torrent announces itself.
        if rest[0] not in torrents:
            wanted = lt.parse_magnet_uri('magnet:?xt=urn:btih:' + rest[0])
            wanted.save_path = '/nonexistent'
            wanted.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
            torrents[rest[0]] = session.add_torrent(wanted)
        torrents[rest[0]].force_dht_announce()
    elif what == 'get-peers':
        session.dht_get_peers(lt.sha1_hash(bytes.fromhex(rest[0])))
    elif what == 'put':
        say(type='target', target=str(session.dht_put_immutable_item(rest[0])))
    elif what == 'put-mutable':
        seed, public, text, salt = rest
        session.dht_put_mutable_item(expanded(bytes.fromhex(seed)), bytes.fromhex(public), text.encode(), salt.encode())
    elif what == 'get':
        session.dht_get_immutable_item(lt.sha1_hash(bytes.fromhex(rest[0])))
    elif what == 'get-mutable':
        session.dht_get_mutable_item(bytes.fromhex(rest[0]), rest[1].encode())

def read():
    for line in sys.stdin:
        perform(line.split())
    os._exit(0)
threading.Thread(target=read, daemon=True).start()

while True:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        kind = type(alert).__name__
        if kind == 'dht_get_peers_reply_alert':
            say(type='peers', ports=[port for address, port in alert.peers()])
        elif kind in ('dht_immutable_item_alert', 'dht_mutable_item_alert'):
            say(type='item', message=alert.message())
        elif kind == 'dht_put_alert':
            say(type='put', message=alert.message())
        elif kind == 'dht_reply_alert':
            say(type='reply', message=alert.message())
`

interface LibtorrentDhtLine {
  readonly type: 'listening' | 'target' | 'peers' | 'item' | 'put' | 'reply'
  readonly port?: number
  readonly target?: string
  readonly ports?: readonly number[]
  readonly message?: string
}

export interface LibtorrentDht extends JsonProcess<LibtorrentDhtLine> {
  readonly port: number
  /** A line of words; see the program. */
  perform(...words: readonly (string | number)[]): void
}

export async function startLibtorrentDht(): Promise<LibtorrentDht> {
  const started = startJsonProcess<LibtorrentDhtLine>(python, ['-c', program], { name: 'libtorrent DHT' })
  const { port } = await started.line('listening')
  assert.ok(port !== undefined)
  return { ...started, port, perform: (...words) => void started.process.stdin?.write(`${words.join(' ')}\n`) }
}
