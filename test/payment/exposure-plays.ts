// Runs for property 11: short, with a fault every second or so, and in half of them a liar. Everything follows from the
// seed; lane-checks.ts counts at every step.
import { tokenAmount } from '../../src/base/token-amount.ts'
import { unit } from '../ledger/ledger-harness.ts'
import { HeldCheck } from './lane-checks.ts'
import { type Role, roles } from './lane-party.ts'
import { newWorld, shortWindows } from './lane-scenarios.ts'
import type { LaneWorld, WorldOptions } from './lane-world.ts'

const mebibyte = 1_048_576
const playedMs = 20_000

type Liar = Pick<WorldOptions, 'twist' | 'servesNothing'>

/** By name: what one of both does who wants more than it is due. */
const liars: Readonly<Record<string, (seed: number) => Liar>> = {
  'never pays': () => ({ twist: (message) => (message.type === 'voucher' ? undefined : message) }),

  'pays for a while'(seed) {
    let left = 1 + (seed % 13)
    return { twist: (message) => (message.type === 'voucher' && left-- <= 0 ? undefined : message) }
  },

  'denies what it owes': () => ({
    twist(message, from) {
      if (message.type === 'voucher') return
      return from === 'payer' && message.type === 'hello' ? { ...message, unpaid: tokenAmount(0n) } : message
    },
  }),

  'is paid ahead and serves nothing': () => ({
    servesNothing: true,
    twist: (message, from) => (from === 'payee' && 'windowBytes' in message ? { ...message, windowBytes: 0 } : message),
  }),

  'wants to be paid ahead of each tick': () => ({
    twist: (message, from) => (from === 'payee' && 'windowBytes' in message ? { ...message, windowBytes: 0 } : message),
  }),

  'acknowledges nothing': () => ({ twist: (message) => (message.type === 'acknowledge' ? undefined : message) }),
}

const names = Object.keys(liars)

/** Undefined: both are honest. */
export function liarsOf(seed: number): string | undefined {
  return seed % 2 === 0 ? names[(seed / 2) % names.length] : undefined
}

export interface ExposurePlay {
  readonly world: LaneWorld
  /** The provider went ahead of payment by nine tenths of a first window at some time: the bound was in question. */
  readonly isWindowFull: boolean
}

/** A transfer of some MiB, with what may happen to it within twenty seconds. */
export function playExposure(seed: number): ExposurePlay {
  const liar = liarsOf(seed)
  const world = newWorld(seed, {
    jobBytes: (seed % 16 === 3 ? 24 : 3) * mebibyte,
    bytesPerSecond: 2 * mebibyte,
    pieceBytes: seed % 8 === 5 ? 2 * mebibyte : 262_144,
    lostPercent: seed % 3 === 0 ? 0 : 10,
    twicePercent: 10,
    pricePerMiB: tokenAmount(unit / 3n + BigInt(seed)),
    diskMs: seed % 4 === 1 ? 400 : 5,
    ...(seed % 7 === 1 ? { genesis: shortWindows } : {}),
    claimAt: tokenAmount(seed % 5 === 0 ? unit / 2n : 10n ** 30n),
    ...(liar === undefined ? {} : liars[liar]?.(seed)),
  })
  const window = (world.options.pricePerMiB * BigInt(Math.max(mebibyte, 2 * world.options.pieceBytes))) >> 20n
  const held = world.checks.find((check) => check instanceof HeldCheck)
  let isWindowFull = false
  let settled = 0n
  let connection = 0
  world.checks.push({
    step() {
      const unpaid = (world.servedScaled >> 20n) - (held?.sum ?? 0n)
      if (world.connection !== connection) settled = unpaid
      connection = world.connection
      if (10n * (unpaid - settled) >= 9n * window) isWindowFull = true
    },
  })
  const endMs = world.nowMs + playedMs
  while (world.nowMs < endMs && world.verifiedBytes < world.options.jobBytes) {
    for (const role of roles) if (world.parties[role].machine === undefined) world.start(role)
    world.connect()
    world.play(world.nowMs + world.draw(2000))
    harm(world)
  }
  return { world, isWindowFull }
}

function harm(world: LaneWorld): void {
  const { draw } = world
  const role = roles[draw(2)] as Role
  const harms = [
    () => world.kill(role),
    () => world.disconnect(),
    () => {
      world.isLedgerDown = !world.isLedgerDown
    },
    () => {
      world.parties[role].isCutOff = !world.parties[role].isCutOff
    },
    () => {
      if (world.isConnected) world.price(world.countedServed + draw(500_000), tokenAmount(unit / BigInt(2 + draw(4))))
    },
  ]
  harms[draw(harms.length + 1)]?.()
}
