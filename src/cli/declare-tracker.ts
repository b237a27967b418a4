// The tracker as the command line sees it: names, options, help.
// Its code is loaded when it runs.
import type { Command } from 'commander'
import type { RunCommand } from './command-context.ts'
import { collect, parseDuration, parseLargeCount, parsePortOption } from './option-values.ts'

export function addTracker(program: Command, run: RunCommand): void {
  program
    .command('tracker')
    .summary('run a tracker')
    .description(
      'Runs a tracker over HTTP, UDP and WebSocket until interrupted. It remembers nothing beyond its end unless told to.',
    )
    .option('--port <port>', 'of HTTP and UDP; 0: any free one (default: 6969)', parsePortOption)
    .option('--bind <address>', 'listen on this address (default: this machine only); may be given again', collect)
    .option('--interval <time>', 'between announces of a peer, such as 30min', parseDuration)
    .option('--state <file>', 'keep the swarms in this file, every five minutes and at the end')
    .option('--users <file>', 'private: only these passkeys may announce, at /PASSKEY/announce; read again on SIGHUP')
    .option('--allow <file>', 'serve only the torrents of these info hashes; read again on SIGHUP')
    .option('--deny <file>', 'serve no torrent of these info hashes; read again on SIGHUP')
    .option('--redis <url>', 'share the swarms with other trackers through this Redis server')
    .option('--behind-proxy', 'believe X-Forwarded-For of a proxy on this machine')
    .option('--open-stats', 'show /stats, /stats.json and /metrics to everybody (default: this machine only)')
    .option('--max-torrents <count>', 'at most (default: 1500000)', parseLargeCount)
    .option('--max-torrents-per-address <count>', 'that one address brought in (default: 10000)', parseLargeCount)
    .option('--max-requests-per-address <count>', 'a second (default: 50)', parseLargeCount)
    .option('--json', 'print JSON, one object a line')
    .action((options) => run(async (context) => (await import('./tracker-command.ts')).runTracker(options, context)))
}
