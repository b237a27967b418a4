// The question before a payment over a limit: what it says, and what counts as yes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InfoHashV1 } from '../../src/base/ids.ts'
import { terminalOwner } from '../../src/cli/ask-owner.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { formatAddress } from '../../src/formats/money/account-id.ts'
import { stranger, tokens, WalletHarness } from '../wallet/wallet-harness.ts'

function fakeTerminal(answers: string[]): { readonly terminal: Terminal; readonly shown: string[] } {
  const shown: string[] = []
  const ask = async () => answers.shift() ?? ''
  return { shown, terminal: { isInteractive: true, askHidden: ask, ask, show: (lines) => void shown.push(...lines) } }
}

const torrent = 'ab'.repeat(20) as InfoHashV1

test('it says how much, to whom, for what and over which limits, in amounts that can be read back', async () => {
  const { terminal, shown } = fakeTerminal(['yes'])
  const wallet = new WalletHarness({ transfer: tokens(5), day: tokens(8), lanes: 0 })
  wallet.owner = terminalOwner(terminal)
  await wallet.restart()
  assert.match(await wallet.openLane(9, stranger(1), { torrent, app: 'player' }), /^[0-9a-f]{64}$/)
  assert.deepEqual(shown, [
    '',
    `9 TEST (open-lane) from ${formatAddress(wallet.account)}`,
    `  to ${formatAddress(stranger(1))}`,
    `  for the torrent ${torrent}`,
    '  for the app player',
    '  over the limit of one payment: it would be 9 TEST, allowed are 5 TEST',
    '  over the limit of a day: it would be 9 TEST, allowed are 8 TEST',
    '  over the limit of what is locked for one payee: it would be 9 TEST, allowed are 8 TEST',
    '  over the limit of open lanes: it would be 1, allowed are 0',
  ])
})

test('nothing but yes is yes', async () => {
  for (const [answer, outcome] of [
    ['yes', 'signed'],
    [' YES ', 'signed'],
    ['y', 'spending-refused'],
    ['', 'spending-refused'],
    ['no', 'spending-refused'],
    ['yes please', 'spending-refused'],
  ] as const) {
    const wallet = new WalletHarness({ transfer: tokens(5) })
    wallet.owner = terminalOwner(fakeTerminal([answer]).terminal)
    await wallet.restart()
    assert.equal(await wallet.transfer(6), outcome, answer)
  }
})

test('without a terminal there is nobody to ask', () => {
  const { terminal } = fakeTerminal([])
  assert.equal(terminalOwner({ ...terminal, isInteractive: false }), undefined)
})
