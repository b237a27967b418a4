// Runs of a lane world that several tests play: faults drawn from the seed, a crash at a given step, liars; and the end
// of each, where every unit must be accounted for.
import assert from 'node:assert/strict'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { payeeLanes, payerLanes } from '../../src/payment/lane-records.ts'
import { type GenesisChange, unit } from '../ledger/ledger-harness.ts'
import { allChecks, durableOf, HeldCheck } from './lane-checks.ts'
import { type Role, roles } from './lane-party.ts'
import { LaneWorld, plainOptions, type WorldOptions } from './lane-world.ts'
import type { StoreContents } from './memory-store.ts'

/** Lanes that live for two minutes and are closed in five seconds. */
export const shortWindows: GenesisChange = (genesis) => ({ ...genesis, challengeMs: 5000 })

const granted = 10_000n * unit
const minuteMs = 60_000
const hourMs = 3_600_000

export function newWorld(seed: number, change: Partial<WorldOptions> = {}): LaneWorld {
  return new LaneWorld({ ...plainOptions(seed), ...change }, allChecks())
}

/** Keeps both up and connected, and plays until the job is done. */
export function download(world: LaneWorld, withinMs: number): void {
  const endMs = world.nowMs + withinMs
  const isDone = () => world.verifiedBytes >= world.options.jobBytes
  while (!isDone() && world.nowMs < endMs) {
    for (const role of roles) if (world.parties[role].machine === undefined) world.start(role)
    world.connect()
    const life = `${world.parties.payer.life} ${world.parties.payee.life}`
    world.play(
      Math.min(endMs, world.nowMs + 5000),
      () => isDone() || life !== `${world.parties.payer.life} ${world.parties.payee.life}`,
    )
  }
}

/** Says goodbye, and lets time pass until no lane is left. */
export function finish(world: LaneWorld): void {
  world.isLedgerDown = false
  for (const role of roles) {
    world.parties[role].isCutOff = false
    if (world.parties[role].machine === undefined) world.start(role)
  }
  world.connect()
  world.play(world.nowMs + 5000)
  world.give('payer', { type: 'finish', payee: world.account('payee') })
  world.play(world.nowMs + 2 * minuteMs)
  world.disconnect()
  const untilMs = world.nowMs + Math.max(hourMs, 40 * world.terms.challengeMs)
  while (world.nowMs < untilMs && !isOver(world)) {
    for (const role of roles) if (world.parties[role].machine === undefined) world.start(role)
    const hasDied = () => roles.some((role) => world.parties[role].machine === undefined)
    world.play(untilMs, () => isOver(world) || hasDied())
  }
  assert.ok(isOver(world), 'every lane ends')
  world.play(world.nowMs + minuteMs)
}

function isOver(world: LaneWorld): boolean {
  const { rail } = world.terms
  const { payer, payee } = world.parties
  const kept = payer.store.read(payerLanes, rail).length + payee.store.read(payeeLanes, rail).length
  return world.lanesOnLedger().length === 0 && kept === 0
}

/** Every unit: what the one spent the other got, and what was in hand was cashed or is recorded as lost. */
export function checkAccounts(world: LaneWorld): void {
  const gained = world.available('payee') - granted
  assert.equal(granted - world.available('payer'), gained, 'what one paid the other got')
  assert.equal(world.ledger.state.account(world.account('payer')).locked, 0n)
  assert.equal(durableOf(world), gained)
  let claimed = 0n
  for (const lane of world.laneHistory.values()) claimed += lane.claimed
  assert.equal(claimed, gained)
  for (const check of world.checks) if (check instanceof HeldCheck) check.check(world)
}

export function noticesOf(world: LaneWorld, role: Role, type: string): readonly { readonly type: string }[] {
  return world.parties[role].notices.filter((notice) => notice.type === type)
}

/** Nothing goes wrong: everything is paid, to the unit, and nobody has anything to complain of. */
export function playPlain(seed: number, change: Partial<WorldOptions> = {}): LaneWorld {
  const world = newWorld(seed, change)
  download(world, 10 * minuteMs)
  assert.equal(world.verifiedBytes, world.options.jobBytes, 'it ends')
  finish(world)
  checkAccounts(world)
  assert.equal(world.available('payee') - granted, world.verifiedScaled >> 20n, 'paid to the unit')
  for (const role of roles) {
    for (const type of ['default', 'lost', 'voucher-alarm', 'lane-frozen', 'forged-voucher', 'halted']) {
      assert.deepEqual(noticesOf(world, role, type), [], type)
    }
  }
  return world
}

/** One party dies when so many answers and messages have been handled, and comes back, with its disk or an old one. */
export function playCrash(seed: number, role: Role, atStep: number, fromBackup: boolean): LaneWorld {
  const world = newWorld(seed, { jobBytes: 3 * 1_048_576 })
  let backup: StoreContents | undefined
  const backupAt = Math.floor(atStep / 2)
  world.onStep = () => {
    if (world.steps === backupAt) backup = world.parties[role].store.backup()
    if (world.steps !== atStep) return
    world.kill(role)
    if (fromBackup && backup !== undefined) world.restore(role, backup)
  }
  download(world, 10 * minuteMs)
  finish(world)
  checkAccounts(world)
  return world
}

/** Everything at once, as the seed has it. */
export function playFaults(seed: number): LaneWorld {
  const options = plainOptions(seed)
  const world = newWorld(seed, {
    lostPercent: seed % 3 === 0 ? 0 : 10,
    twicePercent: 10,
    budget: tokenAmount((options.pricePerMiB * BigInt(8 + (seed % 5) * 6)) as bigint),
    pricePerMiB: tokenAmount(10n ** 18n / 3n + BigInt(seed)),
    diskMs: seed % 4 === 0 ? 400 : 5,
    ...(seed % 3 === 1 ? { genesis: shortWindows } : {}),
    claimAt: tokenAmount(seed % 2 === 0 ? 3n * unit : 10n ** 30n),
  })
  const { draw } = world
  const endMs = world.nowMs + 3 * minuteMs
  while (world.nowMs < endMs && world.verifiedBytes < world.options.jobBytes) {
    for (const role of roles) if (world.parties[role].machine === undefined) world.start(role)
    world.connect()
    world.play(world.nowMs + draw(6000))
    const role = roles[draw(2)] as Role
    switch (draw(7)) {
      case 0:
        world.kill(role)
        break
      case 1:
        world.disconnect()
        break
      case 2:
        world.isLedgerDown = !world.isLedgerDown
        break
      case 3:
        world.parties[role].isCutOff = !world.parties[role].isCutOff
        break
      case 4:
        if (world.isConnected) {
          world.price(
            world.countedServed + draw(500_000),
            tokenAmount(10n ** 18n / BigInt(2 + draw(4)) + BigInt(draw(1000))),
          )
        }
        break
      default:
        break
    }
  }
  finish(world)
  checkAccounts(world)
  return world
}
