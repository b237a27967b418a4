// The commands that talk to the network, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import { type Command, Option } from 'commander'
import type { RunCommand } from './command-context.ts'
import { parseAccountNumber } from './declare-paying.ts'
import {
  collect,
  collectChoices,
  collectNode,
  collectTier,
  parseCount,
  parseDuration,
  parseHourly,
  parsePortOption,
  parsePrice,
  parseRate,
  parseRatio,
} from './option-values.ts'

const jsonOption = 'print JSON, one object a line'

/** Options of both directions, after those that a command has of its own. */
function addTransferOptions(command: Command): Command {
  return command
    .option('--peer <host:port>', 'a peer to connect to; may be given again', collectNode)
    .option('--port <port>', 'where peers reach us, TCP and UDP; 0: any free port (default)', parsePortOption)
    .option('--bind <address>', 'an address or interface to use alone')
    .option('--download-limit <rate>', 'bytes a second, such as 1.5MiB; 0: no limit (default)', parseRate)
    .option('--upload-limit <rate>', 'bytes a second, such as 500KiB; 0: no limit (default)', parseRate)
    .option('--max-peers <count>', 'connections of each torrent (default: 100)', parseCount)
    .option('--upload-slots <count>', 'peers uploaded to at once, of each torrent (default: 8)', parseCount)
    .addOption(
      new Option('--encryption <policy>', 'of connections to peers; allow (default) and prefer do with either').choices(
        ['allow', 'prefer', 'require', 'off'],
      ),
    )
    .option('--seed-ratio <ratio>', 'when complete, seed until so much was uploaded for each byte of it', parseRatio)
    .option(
      '--seed-time <time>',
      'when complete, seed so long, such as 2h; the first goal reached counts',
      parseDuration,
    )
    .option('-t, --tracker <url>', 'a further tracker; again for another tier, commas within one', collectTier)
    .addOption(new Option('--no-trackers', 'leave out the trackers that the torrent names'))
    .addOption(new Option('--no-dht', 'look for no peers in the DHT, and be no node of it'))
    .addOption(new Option('--no-peer-exchange', 'tell peers of no others, and believe none that they tell of'))
    .option('--local-discovery', 'look for peers in the local network (default, unless bound to loopback)')
    .addOption(new Option('--no-local-discovery', 'look for none there'))
    .option('--dht-bootstrap <host:port>', 'a DHT node to begin with; may be given again', collectNode)
    .option('--state <dir>', "where to remember what is here (default: the system's place for it)")
    .option('--earn', 'sell upload to peers that pay (default while seeding, where a wallet is open and a ledger here)')
    .addOption(new Option('--no-earn', 'sell nothing'))
    .option(
      '--price <amount>',
      'with --earn: for a GiB, such as 1000TEST, or auto, which follows demand (default)',
      parsePrice,
    )
    .option(
      '--while-earning <amount>',
      'with --earn: when complete, seed while a torrent brings so much an hour, such as 2TEST',
      parseHourly,
    )
    .option(
      '--keep-seeded <time>',
      'with --pay: pay seeders to stay, for so long from now, out of what the download leaves',
      parseDuration,
    )
    .option('--seeders <number>', 'with --keep-seeded: how many (default: 1)', parseCount)
    .option('--ledger <name>', 'with --pay or --earn: this ledger alone (default: all that are trusted)')
    .option('--wallet-account <number>', 'with --pay or --earn: which account (default: 0)', parseAccountNumber)
    .option('--data <dir>', 'with --pay or --earn: the folder of wallet and ledgers (default: as for `wallet`)')
    .option('--passphrase-file <file>', 'a file with the passphrase of the wallet; - is standard input')
    .option('--private-too', 'pay and sell in private torrents as well; their trackers may not like it')
    .option('--check', 'hash what is on disk, whatever is remembered of it')
    .option('-q, --quiet', 'no progress')
    .option('--json', jsonOption)
}

export function addDownload(program: Command, run: RunCommand): void {
  const command = program
    .command('download')
    .summary('download torrents')
    .description(
      'Downloads what torrent files, magnet links, info hashes and web addresses of torrent files name. `-` reads a ' +
        'torrent file from standard input. Run again, it goes on where it was.',
    )
    .argument('<source...>', 'torrent files, magnet links, info hashes, web addresses')
    .option('-d, --dir <dir>', 'the folder to download to', '.')
    .option('--select <list>', 'files wanted: numbers as in `info` (0,2,4-6), paths, patterns (*.flac)', collectChoices)
    .option('-w, --web-seed <url>', 'a web server that has the files too; may be given again', collect)
    .option('--pay <amount>', 'the most to pay for it, such as 50TEST, in shares of equal size if there are several')
    .option(
      '--deadline <time>',
      'with --pay: to be there by then, such as 10m, bought of several at once',
      parseDuration,
    )
    .option('--quote', 'with --pay: look for some seconds, say what paying would cost and save, and end')
    .option('--sequential', 'in order, to be watched meanwhile')
    .option('--stay', 'go on seeding until interrupted')
    .option('--preallocate', 'take the space on disk at once')
  addTransferOptions(command).action((sources: string[], options) =>
    run(async (context) => (await import('./download-command.ts')).runDownload(sources, options, context)),
  )
}

export function addSeed(program: Command, run: RunCommand): void {
  const command = program
    .command('seed')
    .summary('serve content that is here')
    .description(
      'Verifies content and serves it until interrupted. PATH is the content or the folder it is in: the last name, ' +
        'if it is no .torrent; without it the current folder.',
    )
    .argument('<torrent...>', 'torrent files, then PATH')
    .usage('[options] <torrent...> [path]')
    .option('--pay <amount>', 'with --keep-seeded: the most to pay for it, such as 20TEST')
    .option('--partial', 'serve what is here of content that is not complete')
    .option('--super-seed', 'as the first seed, give each piece out as seldom as can be (BEP 16)')
  addTransferOptions(command).action((names: string[], options) =>
    run(async (context) => (await import('./seed-command.ts')).runSeed(names, options, context)),
  )
}
