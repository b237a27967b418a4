// The commands about what was paid and earned, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import { type Command, Option } from 'commander'
import type { RunCommand } from './command-context.ts'
import { addCommandGroup, addData, addJson, addLedgerName } from './command-group.ts'
import { parseCount } from './option-values.ts'

const description =
  'Says what `download --pay` and `seed --earn` paid and earned, and with whom, from the records of this machine. Not while ' +
  'one of them runs: its own display says more.'

export function addSpeed(program: Command, run: RunCommand): void {
  const add = addCommandGroup(program, { name: 'speed', summary: 'show what was paid and earned', description })
  const command = (name: string, summary: string) => addLedgerName(addJson(addData(add(name, summary))))
  const using = () => import('./speed-command.ts')

  command('status', 'show switches, lanes, vouchers in hand, and who did not pay').action((options) =>
    run(async (context) => (await using()).runSpeedStatus(options, context)),
  )
  command('history', 'show what was paid and earned')
    .addOption(new Option('--by <what>', 'a line for each').choices(['day', 'torrent', 'peer']).default('day'))
    .action((options) => run(async (context) => (await using()).runSpeedHistory(options, context)))
  command('explain', 'show why shares cost what they did, and receipts for what was paid, the latest last')
    .argument('[about]', "a torrent's id or an address, or the beginning of one")
    .option('--last <count>', 'so many at most (default: 20)', parseCount)
    .action((about: string | undefined, options) =>
      run(async (context) => (await using()).runExplain(about, options, context)),
    )
}
