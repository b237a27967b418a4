// Hashing content that is there, in the page cache: `verify` from the start of its process to its exit, against
// libtorrent's forced recheck alone, in a process that is up and with the content added already, with one and with two
// hashing threads. So what differs besides the hashing is in libtorrent's favour.
import { inPlace, makeLargeContent } from './frame/place.ts'
import { pairRow, playRounds, present } from './frame/rounds.ts'
import { runProgram, runSwarmbid } from './frame/run-program.ts'
import { libtorrent, python } from './frame/sides.ts'
import type { Benchmark, BenchmarkOptions, Environment, Measurement } from './measure.ts'

const bars = new Map([
  [1, 0],
  [2, 1.3],
])

/** Prints how many seconds it took. */
const recheckProgram = `
import sys, time
import libtorrent as lt

session = lt.session({
    'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False,
    'enable_natpmp': False, 'hashing_threads': int(sys.argv[3]),
    'alert_mask': lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
})
wanted = lt.add_torrent_params()
wanted.ti = lt.torrent_info(sys.argv[1])
wanted.save_path = sys.argv[2]
wanted.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
wanted.flags |= lt.torrent_flags.seed_mode
torrent = session.add_torrent(wanted)

def await_checked():
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if type(alert).__name__ == 'torrent_checked_alert':
                return

# Adding it ends in one, too, which looks at nothing.
await_checked()
started = time.monotonic()
torrent.force_recheck()
await_checked()
seconds = time.monotonic() - started
if not torrent.status().is_seeding:
    sys.exit('it is not all there')
print(seconds)
`

function pieceLengthOf(options: BenchmarkOptions): string {
  return options.pieceLength ?? '1MiB'
}

async function run(options: BenchmarkOptions): Promise<readonly Measurement[]> {
  const { sizeMiB, pairs } = options
  return inPlace(sizeMiB, async (place) => {
    const { torrent, seedFolder } = makeLargeContent(place, sizeMiB, pieceLengthOf(options))
    const ourSeconds = () => runSwarmbid(['verify', torrent, seedFolder, '--quiet'], place.environment).seconds
    const theirSeconds = (threads: number) =>
      Number(runProgram(python, ['-c', recheckProgram, torrent, seedFolder, String(threads)]).stdout)
    const rivals = present([...bars], () => libtorrent)
    ourSeconds()
    const plays = [
      { name: 'ours', run: async () => ourSeconds() },
      ...rivals.map(({ item: [threads], title }) => ({ name: title, run: async () => theirSeconds(threads) })),
    ]
    const [ours = [], ...others] = await playRounds(plays, pairs)
    return rivals.map(({ item: [threads, bar], title }, index) => {
      const name = `${sizeMiB} MiB in pieces of ${pieceLengthOf(options)}`
      const row = { name, unit: 'MiB/s', bar, figure: (seconds: number) => sizeMiB / seconds }
      return pairRow(row, `${title}, hashing threads: ${threads}`, ours, others[index] ?? [])
    })
  })
}

async function runOurs(options: BenchmarkOptions, environment: Environment): Promise<void> {
  await inPlace(options.sizeMiB, async (place) => {
    const { torrent, seedFolder } = makeLargeContent(place, options.sizeMiB, pieceLengthOf(options))
    for (const added of [{}, environment]) {
      runSwarmbid(['verify', torrent, seedFolder, '--quiet'], { ...place.environment, ...added })
    }
  })
}

export const benchmark: Benchmark = {
  name: 'recheck',
  summary: 'one large file in the page cache hashed anew, against libtorrent with one and with two hashing threads',
  run,
  runOurs,
}
