// The commands that work on files here, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import { type Command, Option } from 'commander'
import type { RunCommand } from './command-context.ts'
import { collect, collectNode, collectTier, parsePieceLength, parseThreads } from './option-values.ts'

const jsonOption = 'print JSON, one object a line'
const threadsOption = 'threads that hash (default: as many as the machine runs at once)'

export function addInfo(program: Command, run: RunCommand): void {
  program
    .command('info')
    .summary('show what torrent files hold')
    .description('Shows what torrent files hold. `-` reads one from standard input.')
    .argument('<file...>', 'torrent files')
    .option('--all', 'list every file, however many there are')
    .option('--json', jsonOption)
    .action((files: string[], options: { all?: boolean; json?: boolean }) =>
      run(async (context) => (await import('./info-command.ts')).runInfo(files, options, context)),
    )
}

export function addMagnet(program: Command, run: RunCommand): void {
  program
    .command('magnet')
    .summary('print the magnet link of a torrent file, or explain a link')
    .description('Prints the magnet link of each torrent file or info hash, and shows what each magnet link says.')
    .argument('<file-or-link...>', 'torrent files, magnet links, info hashes')
    .option('--json', jsonOption)
    .action((inputs: string[], options: { json?: boolean }) =>
      run(async (context) => (await import('./magnet-command.ts')).runMagnet(inputs, options, context)),
    )
}

export function addCreate(program: Command, run: RunCommand): void {
  program
    .command('create')
    .summary('make a torrent file of a file or folder')
    .description('Makes a torrent file of a file, or of a folder with everything in it.')
    .argument('<path>', 'the file or folder')
    .option('-o, --output <file>', 'the torrent file to write (default: NAME.torrent in the current folder)')
    .option('-f, --force', 'overwrite the output if it exists')
    .addOption(
      new Option('--format <format>', 'v1 (BEP 3), v2 (BEP 52), or both in one')
        .choices(['v1', 'v2', 'hybrid'])
        .default('hybrid'),
    )
    .option('-l, --piece-length <size>', 'a power of two from 16KiB to 512MiB (default: by content)', parsePieceLength)
    .option('-t, --tracker <url>', 'a tracker; again for another tier, commas within one', collectTier)
    .option('-w, --web-seed <url>', 'a web server with the content (BEP 19); may be given again', collect)
    .option('--node <host:port>', 'a DHT node to start from (BEP 5); may be given again', collectNode)
    .option('-p, --private', 'peers only from the trackers (BEP 27)')
    .option('-c, --comment <text>', 'a comment')
    .option('--source <text>', 'a source tag; changes the info hash')
    .option('-n, --name <name>', "the torrent's name (default: that of PATH)")
    .option('--created-by <text>', 'what made it (default: swarmbid/VERSION)')
    .option('--no-created-by', 'do not say what made it')
    .option('--no-date', 'no creation date: the same content gives the same bytes')
    .addOption(
      new Option('--symlinks <policy>', 'symbolic links: refuse them, skip, follow, or keep them as links (BEP 47)')
        .choices(['refuse', 'skip', 'follow', 'keep'])
        .default('refuse'),
    )
    .option('--skip-hidden', 'leave out names that begin with a dot')
    .option('--threads <count>', threadsOption, parseThreads)
    .option('-q, --quiet', 'no progress')
    .option('--json', jsonOption)
    .action((path: string, options) =>
      run(async (context) => (await import('./create-command.ts')).runCreate(path, options, context)),
    )
}

export function addVerify(program: Command, run: RunCommand): void {
  program
    .command('verify')
    .summary('compare files on disk with a torrent')
    .description('Compares files on disk with a torrent and names every piece and file that is not right.')
    .argument('<torrent>', 'the torrent file')
    .argument('[path]', 'the content, or the folder it is in', '.')
    .option('--all', 'name every bad piece and file, however many there are')
    .option('--threads <count>', threadsOption, parseThreads)
    .option('-q, --quiet', 'no progress')
    .option('--json', jsonOption)
    .action((torrent: string, path: string, options) =>
      run(async (context) => (await import('./verify-command.ts')).runVerify(torrent, path, options, context)),
    )
}
