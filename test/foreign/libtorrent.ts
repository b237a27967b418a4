// libtorrent as a peer on loopback, a Python process for each: what tests and benchmarks run against.
// Guarantees: nothing but what is asked for (no DHT, exchange, mapping or local discovery), a free port, and the
// process is ended by its id. Says by lines of JSON what happens; see LibtorrentLine.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { type JsonProcess, startJsonProcess } from './json-process.ts'

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env
const python = '/usr/bin/python3'

const program = `
import json, os, signal, sys, threading, time
import libtorrent as lt

options = json.loads(sys.argv[1])

def say(**line):
    print(json.dumps(line), flush=True)

# Not all there are: thousands of alerts a second cost what is measured, and crashed 2.0.8 in pop_alerts now and then.
categories = lt.alert.category_t
session = lt.session({
    'listen_interfaces': '127.0.0.1:0' if options['family'] == 4 else '[::1]:0',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'in_enc_policy': 2, 'out_enc_policy': 2,
    'allow_multiple_connections_per_ip': True,
    'alert_mask': categories.error_notification | categories.peer_notification | categories.status_notification
        | categories.storage_notification | categories.connect_notification,
    **options['settings'],
})
if options['source'].startswith('magnet:'):
    wanted = lt.parse_magnet_uri(options['source'])
else:
    wanted = lt.add_torrent_params()
    wanted.ti = lt.torrent_info(options['source'])
wanted.save_path = options['folder']
wanted.upload_limit = options['uploadLimit']
wanted.download_limit = options['downloadLimit']
wanted.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
if options['isSeed']:
    wanted.flags |= lt.torrent_flags.seed_mode
if options['isSuperSeed']:
    wanted.flags |= lt.torrent_flags.super_seeding
torrent = session.add_torrent(wanted)
while session.listen_port() == 0:
    time.sleep(0.01)
say(type='listening', port=session.listen_port())
if options['isSeed']:
    while not torrent.status().is_seeding:
        time.sleep(0.01)

# Lines "host port" on standard input are peers to connect to; its end is the end of this program.
def read_peers():
    for line in sys.stdin:
        host, port = line.split()
        torrent.connect_peer((host, int(port)))
    os._exit(0)
threading.Thread(target=read_peers, daemon=True).start()

started, is_done, last = None, options['isSeed'], 0
last_said = 0
transfer_seconds = None
while True:
    session.wait_for_alert(200)
    for alert in session.pop_alerts():
        now = time.monotonic()
        kind = type(alert).__name__
        if kind == 'peer_connect_alert' or kind == 'incoming_connection_alert':
            started = started or now
            say(type='connected')
        elif kind == 'torrent_finished_alert' and not is_done:
            is_done = True
            transfer_seconds = now - (started or now)
            # Finished is when the last piece is verified; it may not be in its file yet.
            torrent.flush_cache()
        elif kind == 'cache_flushed_alert' and transfer_seconds is not None:
            status = torrent.status()
            say(type='done', transferSeconds=transfer_seconds, doneBytes=status.total_wanted_done)
            transfer_seconds = None
        elif kind == 'hash_failed_alert':
            say(type='hash-failed', piece=alert.piece_index)
        elif kind in ('peer_disconnected_alert', 'peer_error_alert', 'peer_ban_alert', 'torrent_error_alert', 'file_error_alert'):
            say(type='problem', kind=kind, message=alert.message())
    if options['isVerbose'] and time.monotonic() - last_said > 0.5:
        last_said = time.monotonic()
        status = torrent.status()
        say(type='status', state=str(status.state), progress=status.progress, peers=status.num_peers)
`

export interface LibtorrentOptions {
  /** Path of a torrent file, or a magnet link. */
  readonly source: string
  /** Where the content is or will be. */
  readonly folder: string
  /** Has everything, and does not look first. */
  readonly isSeed: boolean
  readonly isSuperSeed?: boolean
  readonly family?: 4 | 6
  /** Bytes a second of the torrent; limits of the settings pack do not count for peers on loopback. */
  readonly uploadLimit?: number
  readonly downloadLimit?: number
  /** Of libtorrent's settings pack. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  readonly isVerbose?: boolean
  /** What it is run in, such as a network namespace. */
  readonly wrapper?: readonly string[]
}

interface LibtorrentLine {
  readonly type: 'listening' | 'connected' | 'done' | 'hash-failed' | 'problem' | 'status'
  readonly port?: number
  /** From the first connection to the last piece written. */
  readonly transferSeconds?: number
  readonly doneBytes?: number
  readonly message?: string
}

export interface Libtorrent extends JsonProcess<LibtorrentLine> {
  readonly port: number
  connect(host: string, port: number): void
}

/** Skips the test where libtorrent is missing, which is a failure where it is required (CI). */
export function isLibtorrentMissing(t: TestContext): boolean {
  if (spawnSync(python, ['-c', 'import libtorrent']).status === 0) return false
  assert.notEqual(foreignRequired, '1', 'python3-libtorrent is missing')
  t.skip('needs python3-libtorrent')
  return true
}

export async function startLibtorrent(options: LibtorrentOptions): Promise<Libtorrent> {
  const { wrapper = [], ...wanted } = options
  const settings = {
    isSuperSeed: false,
    uploadLimit: -1,
    downloadLimit: -1,
    family: 4,
    settings: {},
    isVerbose: false,
    ...wanted,
  }
  const [command = python, ...before] = [...wrapper, python]
  const started = startJsonProcess<LibtorrentLine>(
    command,
    [...before, '-X', 'faulthandler', '-c', program, JSON.stringify(settings)],
    {
      name: 'libtorrent',
    },
  )
  const { port } = await started.line('listening')
  assert.ok(port !== undefined)
  return {
    ...started,
    port,
    connect: (host, peerPort) => void started.process.stdin?.write(`${host} ${peerPort}\n`),
  }
}
