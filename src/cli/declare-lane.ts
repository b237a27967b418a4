// The commands of lanes, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import type { Command } from 'commander'
import type { RunCommand } from './command-context.ts'
import { addCommandGroup, addData, addJson, addLedgerName, addPassphraseFile } from './command-group.ts'
import { parseAccountNumber } from './declare-paying.ts'
import { parseDuration } from './option-values.ts'

const description =
  'Pays an account by vouchers: a deposit is put into a lane once, vouchers for more and more of it are handed over, and ' +
  'the last one is cashed. Accounts, limits and signatures are those of the wallet.'

export function addLane(program: Command, run: RunCommand): void {
  const add = addCommandGroup(program, { name: 'lane', summary: 'pay by vouchers, and be paid', description })
  const command = (name: string, summary: string) => addLedgerName(addJson(addData(add(name, summary))))
  const signing = (added: Command) =>
    addPassphraseFile(
      added.option('--account <number>', 'which account of the wallet (default: 0)', parseAccountNumber),
    )
  const using = () => import('./lane-command.ts')
  const which = 'its id, or the beginning of it'

  signing(command('open', 'put a deposit into a new lane to an account'))
    .argument('<account>', 'an address or account id')
    .argument('<amount>', 'such as "12.5 TEST"')
    .option('--for <time>', 'until it expires, such as 12h (default: what is usual there)', parseDuration)
    .action((account: string, amount: string, options) =>
      run(async (context) => (await using()).runOpenLane(account, amount, options, context)),
    )
  signing(command('top-up', 'add to the deposit of a lane'))
    .argument('<lane>', which)
    .argument('<amount>', 'such as "12.5 TEST"')
    .action((id: string, amount: string, options) =>
      run(async (context) => (await using()).runTopUpLane(id, amount, options, context)),
    )
  signing(
    command('pay', 'sign a voucher for so much more, and print it to be handed over; without an amount the last one'),
  )
    .argument('<lane>', which)
    .argument('[amount]', 'so much more, such as "0.5 TEST"')
    .option('--total <amount>', 'so much in all instead')
    .action((id: string, amount: string | undefined, options) =>
      run(async (context) => (await using()).runPay(id, amount, options, context)),
    )
  signing(command('take', 'check a voucher that was handed over, and keep it'))
    .argument('<voucher>', 'the line that `pay` printed')
    .action((line: string, options) => run(async (context) => (await using()).runTake(line, options, context)))
  signing(command('claim', 'cash all vouchers in hand')).action((options) =>
    run(async (context) => (await using()).runClaim(options, context)),
  )
  signing(command('close', 'end a lane: as payee with what is in hand, as payer after the challenge window'))
    .argument('<lane>', which)
    .action((id: string, options) => run(async (context) => (await using()).runCloseLane(id, options, context)))
  command('list', 'show the lanes on record').action((options) =>
    run(async (context) => (await using()).runListLanes(options, context)),
  )
  command('show', 'show one lane, and what the ledger says of it; how it ended, if it has')
    .argument('<lane>', 'its id; of one that is on record here the beginning of it is enough')
    .action((id: string, options) => run(async (context) => (await using()).runShowLane(id, options, context)))
  signing(command('watch', 'cash in time and answer wishes to close, until interrupted')).action((options) =>
    run(async (context) => (await using()).runWatchLanes(options, context)),
  )
}
