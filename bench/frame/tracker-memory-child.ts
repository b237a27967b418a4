// A tracker with so many torrents of some peers each; says what the process takes, and how long the slowest of the announces
// took that filled it, and of the sweeps.
// Usage: node tracker-memory-child.ts TORRENTS PEERS
import { sha1 } from '../../src/base/hash.ts'
import { emptyAnnounceFields } from '../../src/formats/tracker/udp-request.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import { Source } from '../../src/tracker/sources.ts'
import { TrackerServer } from '../../src/tracker/tracker-server.ts'
import { memoryOf } from './process-cost.ts'

const [torrents = 0, peers = 0] = process.argv.slice(2).map(Number)
const server = new TrackerServer({ random: systemRandom() })
const fields = { ...emptyAnnounceFields(), port: 6_881 }
const source = new Source()
const reply = new Uint8Array(1_400)
const bytes = new Uint8Array(40)
const name = new Uint8Array(4)
let slowestMs = 0
let nowMs = 0
for (let peer = 0; peer < peers; peer++) {
  for (let torrent = 0; torrent < torrents; torrent++) {
    new DataView(name.buffer).setUint32(0, torrent)
    bytes.set(sha1(name))
    const number = (torrent * 31 + peer * 7_919) & 0xffffff
    source.set({ family: 4, address: `11.${number >> 16}.${(number >> 8) & 255}.${number & 255}` })
    nowMs += 0.1
    const startedMs = performance.now()
    server.announcePacked(bytes, 0, fields, source, reply, 20, nowMs)
    slowestMs = Math.max(slowestMs, performance.now() - startedMs)
  }
}
const held = server.swarms.pools[4].size
console.log(
  JSON.stringify({ type: 'filled', torrents: server.swarmCount, peers: held, mib: memoryOf(process.pid), slowestMs }),
)
process.stdin.resume()
