// The commands of the DHT as the command line sees them: names, options, help.
// Their code is loaded when they run.
import type { Command } from 'commander'
import type { RunCommand } from './command-context.ts'
import { addCommandGroup, addJson } from './command-group.ts'
import { collect, collectNode, parsePortOption, parseRate } from './option-values.ts'

function addOptions(command: Command, usualPort: string): Command {
  return command
    .option('--port <port>', `UDP port; 0: any free one (default: ${usualPort})`, parsePortOption)
    .option('--bind <address>', 'use this address (default: all); again for a node id each (BEP 45)', collect)
    .option(
      '--bootstrap <host:port>',
      'a node to begin with (default: the well-known ones); may be given again',
      collectNode,
    )
    .option('--state <dir>', "where to remember nodes (default: the system's place for it)")
}

export function addDht(program: Command, run: RunCommand): void {
  const add = addCommandGroup(program, {
    name: 'dht',
    summary: 'run a node of the DHT, or ask it something',
    description: 'Runs a node of the DHT (BEP 5), or asks it for peers and items by hand.',
  })
  const command = (name: string, summary: string, usualPort = 'any free one') =>
    addJson(addOptions(add(name, summary), usualPort))
  const load = () => import('./dht-command.ts')

  command('run', 'run a node until interrupted', '6881')
    .option('--read-only', 'answer nobody (BEP 43)')
    .option(
      '--answer-limit <rate>',
      'bytes a second of answers to all, such as 1MiB; 0: no limit (default: 8000)',
      parseRate,
    )
    .action((options) => run(async (context) => (await load()).runDhtNode(options, context)))
  command('get-peers', 'look for peers')
    .argument('<hash>', 'an info hash or magnet link')
    .action((hash: string, options) => run(async (context) => (await load()).runDhtGetPeers(hash, options, context)))
  command('announce', 'say that a peer is here')
    .argument('<hash>', 'an info hash or magnet link')
    .requiredOption('--peer-port <port>', 'where the peer listens', parsePortOption)
    .option('--seed', 'the peer has everything (BEP 33)')
    .action((hash: string, options) => run(async (context) => (await load()).runDhtAnnounce(hash, options, context)))
  command('get', 'find an item (BEP 44, 46)')
    .argument('<target>', 'of the item, or its public key, or a `magnet:?xs=urn:btpk:` link')
    .option('--salt <text>', 'which item of a public key')
    .action((target: string, options) => run(async (context) => (await load()).runDhtGet(target, options, context)))
  command('put', 'store text, for two hours unless put again (BEP 44)')
    .argument('<value>', 'the text')
    .option('--key <file>', 'as an item that can change, signed with the key in this file, which is made if missing')
    .option('--salt <text>', 'which item of the key')
    .option('--bencoded', 'the value is bencode already')
    .option('--torrent', 'the value is an info hash or link: the item leads to that torrent, and can lead on (BEP 46)')
    .action((value: string, options) => run(async (context) => (await load()).runDhtPut(value, options, context)))
  command('status', 'show our address and id as others see them').action((options) =>
    run(async (context) => (await load()).runDhtStatus(options, context)),
  )
}
