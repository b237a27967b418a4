// The commands of air-drops, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import { type Command, Option } from 'commander'
import type { RunCommand } from './command-context.ts'
import { addCommandGroup, addData, addJson, addLedgerName } from './command-group.ts'
import { addPayingOptions } from './declare-paying.ts'
import { collect, parseDuration, parseMoment } from './option-values.ts'

const description =
  'Gives tokens to all accounts of a list: one account proposes it with a pool, another one approves the list, and each ' +
  'receiver claims its own grant, once. What is not claimed goes back at the end.'

export function addAirdrop(program: Command, run: RunCommand): void {
  const add = addCommandGroup(program, {
    name: 'airdrop',
    summary: 'give tokens to all accounts of a list',
    description,
  })
  const command = (name: string, summary: string) =>
    addPayingOptions(addLedgerName(addJson(addData(add(name, summary)))))
  const using = () => import('./airdrop-command.ts')

  command('create', 'propose an air-drop and lock its pool')
    .argument('<list>', 'a text file with a line `account,amount` for each grant')
    .requiredOption('--approver <account>', 'who has to approve the list: another account than your own')
    .option('--ends-in <time>', 'such as 30d; what is not claimed by then goes back', parseDuration)
    .option(
      '--ends-at <moment>',
      "the same as a moment of the ledger's time, such as 2030-01-31T12:00:00Z",
      parseMoment,
    )
    .addOption(new Option('--purpose <purpose>', 'what it is for').choices(['gift', 'seeding']).default('gift'))
    .option('--pool <amount>', 'more than the list needs (default: what it needs)')
    .option(
      '--gate <gate>',
      'whom the list is for: invite, passkey or balance:HEIGHT:AMOUNT; may be given again',
      collect,
    )
    .option('--id <id>', 'of a proposal whose fate is not known: it is done once')
    .action((list: string, options) => run(async (context) => (await using()).runCreateAirdrop(list, options, context)))
  command('approve', 'approve an air-drop, if it is of the list that you have')
    .argument('<id>', 'of the air-drop')
    .argument('<list>', 'the list')
    .action((id: string, list: string, options) =>
      run(async (context) => (await using()).runApproveAirdrop(id, list, options, context)),
    )
  command('claim', 'claim a grant')
    .argument('<id>', 'of the air-drop')
    .argument('<file>', 'the list, or the proof of the grant')
    .option('--for <account>', 'whose grant (default: your own); it is paid to that account')
    .action((id: string, file: string, options) =>
      run(async (context) => (await using()).runClaimGrant(id, file, options, context)),
    )
  command('proof', 'print the proof of one grant, to hand to its receiver')
    .argument('<list>', 'the list')
    .option('--for <account>', 'whose grant (default: your own)')
    .option('-o, --output <file>', 'write it to a new file')
    .action((list: string, options) => run(async (context) => (await using()).runProveGrant(list, options, context)))
  command('show', 'show an air-drop: its state, its pool and what was claimed')
    .argument('<id>', 'of the air-drop')
    .action((id: string, options) => run(async (context) => (await using()).runShowAirdrop(id, options, context)))
  command('end', 'end an air-drop and return the rest: after its end, or by its proposer before it is approved')
    .argument('<id>', 'of the air-drop')
    .action((id: string, options) => run(async (context) => (await using()).runEndAirdrop(id, options, context)))
}
