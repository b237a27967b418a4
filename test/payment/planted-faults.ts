// Faults planted in the product to test the tests: what is replaced in which file, and which play must complain of it.
// A fault is put in as the source is loaded; nothing in the product knows of it.

export interface PlantedPaymentFault {
  readonly what: string
  /** In src/payment. */
  readonly file: string
  /** Occurs once in the file. */
  readonly find: string
  readonly replace: string
  /** A play of lane-plays.ts. */
  readonly play: string
  /** What is complained of. */
  readonly complaint: RegExp
}

export const plantedPaymentFaults: readonly PlantedPaymentFault[] = [
  {
    what: 'a voucher is signed before its amount is on the disk',
    file: 'payer-vouchers.ts',
    find: `this.errands.commit(changes, { type: 'sign-voucher', lane: record.lane })`,
    replace: `this.sign(record.lane); this.errands.commit(changes, { type: 'kept' })`,
    play: 'plain',
    complaint: /the amount is on the disk before it is signed/,
  },
  {
    what: 'an operation is signed before it is on the disk',
    file: 'rail-operations.ts',
    find: `newUnderWay(operation, 'persisting')`,
    replace: `newUnderWay(operation, 'due')`,
    play: 'plain',
    complaint: /is on the disk before it is signed/,
  },
  {
    what: 'a voucher counts before it is on the disk',
    file: 'payee.ts',
    find: `        this.dirty.add(entry)`,
    replace: `        this.dirty.add(entry); this.count([{ entry, amount: voucher.cumulativeAmount }], nowMs)`,
    play: 'slowDisk',
    complaint: /is unpaid, over/,
  },
  {
    what: 'the window is twice as large',
    file: 'payee-tabs.ts',
    find: `priceOf(this.windowBytes(tab, ledgerMs, nowMs), price)`,
    replace: `priceOf(2 * this.windowBytes(tab, ledgerMs, nowMs), price)`,
    play: 'neverPays',
    complaint: /is unpaid, over/,
  },
  {
    what: 'another signature for the same amount is taken for the same voucher',
    file: 'payee-lane.ts',
    find: `newest?.cumulativeAmount === cumulativeAmount && equalBytes(newest.signature, signature)`,
    replace: `newest?.cumulativeAmount === cumulativeAmount`,
    play: 'equalDifferent',
    complaint: /'same' == 'alarm'|Expected values/,
  },
  {
    what: 'who signed a voucher is not looked at',
    file: 'payee-lane.ts',
    find: `if (!equalBytes(signer.value, accountAddress(payer))) return`,
    replace: `if (signer.value.length === 0) return`,
    play: 'foreignVoucher',
    complaint: /Expected values/,
  },
  {
    what: 'the watcher forgets its lanes at a restart',
    file: 'payee-lanes.ts',
    find: `for (const record of records.lanes) this.insert(newPayeeEntry(record, nowMs))`,
    replace: ``,
    play: 'restartOfWatcher',
    complaint: /cashed after the restart/,
  },
  {
    what: 'an operation is forgotten at a restart',
    file: 'rail-operations.ts',
    find: `    this.underWay.set(operation.id, newUnderWay(operation, 'due'))`,
    replace: ``,
    play: 'crashes',
    complaint: /every lane ends|Expected values/,
  },
  {
    what: 'an operation that was answered is settled apart from what follows from it',
    file: 'payee-lanes.ts',
    find: `    const changes = [this.operations.settled(operation)]`,
    replace: `    const changes: StoreChange[] = []; this.commit([this.operations.settled(operation)])`,
    play: 'crashesAtTheEnd',
    complaint: /what was lost is on record/,
  },
  {
    what: 'a lane is topped up past the budget',
    file: 'purses.ts',
    find: `const amount = remaining < wanted ? remaining : wanted`,
    replace: `const amount = wanted`,
    play: 'smallBudget',
    complaint: /is out of a budget of/,
  },
  {
    what: 'lanes that are being opened are not counted',
    file: 'purses.ts',
    find: `if (lane.budget === name) left`,
    replace: `if (lane.budget === name && lane.state.type !== 'opening') left`,
    play: 'opensAtOnce',
    complaint: /over the budget/,
  },
  {
    what: 'a payer that comes from a backup signs on',
    file: 'payer.ts',
    find: `      this.ending.freeze(entry, 'restored', voucher.cumulativeAmount)`,
    replace: ``,
    play: 'backups',
    complaint: /never lower than before/,
  },
  {
    what: 'bytes are paid for that are not verified',
    file: 'payer-vouchers.ts',
    find: `if (windowBytes > 0 || isFinished(tab)) return meter.owed()`,
    replace: `if (windowBytes > 0 || isFinished(tab)) return meter.owedAt(meter.bytes + 1)`,
    play: 'plain',
    complaint: /the payer signed|paid to the unit/,
  },
  {
    what: 'a wish to close is not answered',
    file: 'payee-lanes.ts',
    find: `if (record.state.type === 'closing' || (entry.isFinished && !entry.isDirty)) {`,
    replace: `if (entry.isFinished && !entry.isDirty) {`,
    play: 'closing',
    complaint: /cashed by half of the window/,
  },
  {
    what: 'what is too late is decided by our own count of the time',
    file: 'payee-lanes.ts',
    find: `this.contact.hasReached(untilMs, nowMs)`,
    replace: `(this.contact.timeAt(nowMs) ?? 0) >= untilMs`,
    play: 'ledgerStoodStill',
    complaint: /what is good by the ledger's time/,
  },
  {
    what: 'a doubtful answer of the rail is taken for a no',
    file: 'rail-operations.ts',
    find: `  'ledger-conflict',`,
    replace: `  'ledger-conflict', 'ledger-unreachable',`,
    play: 'lostAnswers',
    complaint: /is out of a budget of/,
  },
]
