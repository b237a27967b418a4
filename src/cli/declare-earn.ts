// The command that earns by itself, as the command line sees it: names, options, help.
// Its code is loaded when it runs.
import { type Command, Option } from 'commander'
import type { RunCommand } from './command-context.ts'
import { parseAccountNumber } from './declare-paying.ts'
import {
  collect,
  collectNode,
  collectTier,
  parseCount,
  parsePortOption,
  parsePrice,
  parseRate,
  parseSize,
} from './option-values.ts'

const usualDiskBytes = 20 * 1024 ** 3
const usualCount = 50

export function addEarn(program: Command, run: RunCommand): void {
  program
    .command('earn')
    .summary('look for torrents worth seeding, and seed them')
    .description(
      'Fetches of catalogues what is wanted by many and had by few, sells upload of it to peers that pay, keeps what brings ' +
        'more than it costs and deletes the rest again, until it is interrupted. What it fetched itself alone is ever deleted.',
    )
    .requiredOption(
      '-c, --catalog <place>',
      'a folder of torrent files, or a file or web address with a magnet link, info hash or web address of a torrent file a line, or a feed; may be given again',
      collect,
    )
    .option('-d, --dir <dir>', "a folder for this alone (default: `earn` in the system's place for state)")
    .option('--disk <size>', 'of the disk at most, such as 100GiB (default: 20GiB)', parseSize, usualDiskBytes)
    .option('--most <count>', 'torrents at a time (default: 50)', parseCount, usualCount)
    .option('--cost <amount>', 'what a GiB sent or received costs you, such as 5TEST (default: nothing)')
    .option('--keep-cost <amount>', 'what a GiB on the disk costs you a day (default: 10 of the token)')
    .option('--pay <amount>', 'pay for downloads, where that is expected to come in again, this much at most')
    .option('--price <amount>', 'for a GiB, such as 1000TEST, or auto, which follows demand (default)', parsePrice)
    .option('--download-limit <rate>', 'bytes a second, such as 1.5MiB; 0: no limit (default)', parseRate)
    .option('--upload-limit <rate>', 'bytes a second, such as 500KiB; 0: no limit (default)', parseRate)
    .option('--port <port>', 'where peers reach us, TCP and UDP; 0: any free port (default)', parsePortOption)
    .option('--bind <address>', 'an address or interface to use alone')
    .option('--max-peers <count>', 'connections of each torrent (default: 100)', parseCount)
    .option('--upload-slots <count>', 'peers uploaded to at once, of each torrent (default: 8)', parseCount)
    .addOption(
      new Option('--encryption <policy>', 'of connections to peers; allow (default) and prefer do with either').choices(
        ['allow', 'prefer', 'require', 'off'],
      ),
    )
    .option('-t, --tracker <url>', 'a further tracker of all; again for another tier, commas within one', collectTier)
    .addOption(new Option('--no-dht', 'look for no peers in the DHT, and be no node of it'))
    .addOption(new Option('--no-peer-exchange', 'tell peers of no others, and believe none that they tell of'))
    .option('--local-discovery', 'look for peers in the local network (default, unless bound to loopback)')
    .addOption(new Option('--no-local-discovery', 'look for none there'))
    .option('--dht-bootstrap <host:port>', 'a DHT node to begin with; may be given again', collectNode)
    .option('--ledger <name>', 'this ledger alone (default: all that are trusted)')
    .option('--wallet-account <number>', 'which account (default: 0)', parseAccountNumber)
    .option('--data <dir>', 'the folder of wallet and ledgers (default: as for `wallet`)')
    .option('--passphrase-file <file>', 'a file with the passphrase of the wallet; - is standard input')
    .option('--private-too', 'private torrents as well; their trackers may not like it')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON, one object a line')
    .action((options) => run(async (context) => (await import('./earn-command.ts')).runEarnCommand(options, context)))
}
