// The commands of escrows, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import type { Command } from 'commander'
import type { RunCommand } from './command-context.ts'
import { addCommandGroup, addData, addJson, addLedgerName } from './command-group.ts'
import { addPayingOptions } from './declare-paying.ts'
import { collect, parseDuration, parseMoment } from './option-values.ts'

const description =
  'Keeps tokens for a payee until the payer releases them, the payee gives them back, the timeout is over, or an arbiter ' +
  'who was named at the start decides.'

export function addEscrow(program: Command, run: RunCommand): void {
  const add = addCommandGroup(program, {
    name: 'escrow',
    summary: 'keep tokens for somebody until a service is done',
    description,
  })
  const command = (name: string, summary: string) =>
    addPayingOptions(addLedgerName(addJson(addData(add(name, summary)))))
  const again = (added: Command) =>
    added.option('--id <id>', 'of an operation whose fate is not known: it is done once')
  const using = () => import('./escrow-command.ts')

  again(command('fund', 'lock an amount for a payee'))
    .argument('<payee>', 'an address or account id')
    .argument('<amount>', 'such as "12.5 TEST"')
    .requiredOption('--terms <file>', 'what was agreed; its SHA-256 is kept with the escrow')
    .option('--arbiter <account>', 'who decides if it is disputed; without one the timeout does')
    .option('--timeout <time>', 'such as 14d; from then on the rest may go back', parseDuration)
    .option('--timeout-at <moment>', "the same as a moment of the ledger's time", parseMoment)
    .action((payee: string, amount: string, options) =>
      run(async (context) => (await using()).runFundEscrow(payee, amount, options, context)),
    )
  again(command('release', 'pay the payee, all or a part; by the payer'))
    .argument('<id>', 'of the escrow')
    .argument('<amount>', 'such as "2 TEST", or `all`')
    .action((id: string, amount: string, options) =>
      run(async (context) => (await using()).runReleaseEscrow(id, amount, options, context)),
    )
  again(command('refund', 'give the rest back to the payer; by the payee, or by anyone after the timeout'))
    .argument('<id>', 'of the escrow')
    .action((id: string, options) => run(async (context) => (await using()).runRefundEscrow(id, options, context)))
  again(command('dispute', 'have the arbiter decide; by payer or payee, before the timeout'))
    .argument('<id>', 'of the escrow')
    .argument('<bundle>', 'the evidence, as `escrow bundle` writes it; give the same file to the arbiter')
    .action((id: string, bundle: string, options) =>
      run(async (context) => (await using()).runDisputeEscrow(id, bundle, options, context)),
    )
  again(command('resolve', 'divide what is left of a disputed escrow; by its arbiter'))
    .argument('<id>', 'of the escrow')
    .argument('<to-payee>', 'such as "2 TEST", `all` or `none`; the rest goes back to the payer')
    .requiredOption('--ruling <file>', 'why; its SHA-256 is kept')
    .action((id: string, toPayee: string, options) =>
      run(async (context) => (await using()).runResolveEscrow(id, toPayee, options, context)),
    )
  command('list', 'list the escrows that your account pays, is paid by or decides on')
    .option('--all', 'all of the ledger')
    .action((options) => run(async (context) => (await using()).runListEscrows(options, context)))
  command('show', 'show an escrow')
    .argument('<id>', 'of the escrow')
    .action((id: string, options) => run(async (context) => (await using()).runShowEscrow(id, options, context)))
  command('bundle', 'put evidence for an arbiter into one file')
    .argument('<id>', 'of the escrow')
    .argument('<file>', 'the new file')
    .option('--terms <file>', 'what was agreed', collect)
    .option('--request <file>', 'what was asked for; may be given again, as all of these', collect)
    .option('--award <file>', 'what was awarded', collect)
    .option('--opening <file>', 'an opening of a bid', collect)
    .option('--voucher <file>', 'a signed voucher, JSON', collect)
    .option('--hashes <file>', 'hashes of the content', collect)
    .option('--statement <file>', 'anything else that was said', collect)
    .action((id: string, file: string, options) =>
      run(async (context) => (await using()).runBundleEvidence(id, file, options, context)),
    )
  command('check', 'check a bundle of evidence against the escrow and the dispute that it is of')
    .argument('<bundle>', 'the file')
    .action((file: string, options) => run(async (context) => (await using()).runCheckEvidence(file, options, context)))
}
