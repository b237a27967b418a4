// Liars at either end of a lane: what they get out of it is bounded, and everything they tamper with is refused.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import type { PayeeMessage, PayerMessage } from '../../src/payment/lane-messages.ts'
import { priceOf } from '../../src/payment/price-meter.ts'
import type { LaneId, Signature, SignedVoucher } from '../../src/ports/ledger.ts'
import { drawn, unit } from '../ledger/ledger-harness.ts'
import { durableOf } from './lane-checks.ts'
import type { Role } from './lane-party.ts'
import { checkAccounts, download, finish, newWorld, noticesOf } from './lane-scenarios.ts'
import type { LaneWorld, WorldOptions } from './lane-world.ts'

const granted = 10_000n * unit
const mebibyte = 1_048_576

type Twist = NonNullable<WorldOptions['twist']>

/** What one side says instead of its vouchers, hellos and so on. */
function saying(from: Role, change: (message: PayerMessage | PayeeMessage, world: LaneWorld) => unknown): Twist {
  return (message, role, world) =>
    role === from ? (change(message, world) as PayerMessage | PayeeMessage | undefined) : message
}

function serveForMinutes(world: LaneWorld, minutes: number): void {
  download(world, minutes * 60_000)
}

/** Nothing more comes from the payer; the payee cashes what it has. */
function part(world: LaneWorld): void {
  world.disconnect()
  world.play(world.nowMs + 30 * 3_600_000)
  assert.equal(world.lanesOnLedger().length, 0)
}

function firstWindow(world: LaneWorld): bigint {
  return (world.options.pricePerMiB * BigInt(Math.max(mebibyte, 2 * world.options.pieceBytes))) >> 20n
}

/** What was served and is on no disk of the payee as paid. */
function unpaid(world: LaneWorld): bigint {
  return (world.servedScaled >> 20n) - durableOf(world)
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** As a payee sees them that is told of each piece. */
function conditionsOf({ options: { pieceBytes, bytesPerSecond, jobBytes }, verifiedBytes }: LaneWorld) {
  const remainingBytes = jobBytes - verifiedBytes
  return { pieceBytes, hasWholePieceHashes: true, bytesPerSecond, roundTripMs: 100, remainingBytes }
}

describe('a lying payer', () => {
  test('that never pays gets one window, and is remembered', () => {
    const world = newWorld(1, {
      twist: saying('payer', (message) => (message.type === 'voucher' ? undefined : message)),
    })
    serveForMinutes(world, 5)
    const served = world.servedScaled >> 20n
    assert.ok(served > 0n && served <= firstWindow(world), `${served} was had for nothing`)
    assert.equal(noticesOf(world, 'payee', 'default').length, 1)
    world.kill('payee')
    world.start('payee')
    serveForMinutes(world, 5)
    assert.equal(world.servedScaled >> 20n, served, 'and gets no more after a restart')
    part(world)
    assert.equal(world.available('payee'), granted)
  })

  test('that withholds the last payment of a job lacks as much as it got for nothing, or got a first window (P10)', () => {
    for (const paysUntil of [60, 90, 105, 112, 115, 117, 118]) {
      let isWithholding = false
      const twist = saying('payer', (message) => (message.type === 'voucher' && isWithholding ? undefined : message))
      const world = newWorld(6, { twist, jobBytes: 120 * mebibyte, bytesPerSecond: 8 * mebibyte, diskMs: 400 })
      let mostUnpaid = 0n
      let toldBytes = 0
      world.onStep = () => {
        if (!isWithholding) mostUnpaid = max(mostUnpaid, unpaid(world))
        if (world.verifiedBytes > toldBytes) {
          toldBytes = world.verifiedBytes
          world.give('payee', { type: 'conditions', payer: world.account('payer'), conditions: conditionsOf(world) })
        }
        isWithholding = world.verifiedBytes >= paysUntil * mebibyte
      }
      serveForMinutes(world, 5)
      const first = firstWindow(world)
      const lacking = priceOf(world.options.jobBytes - world.verifiedBytes, world.options.pricePerMiB)
      assert.ok(mostUnpaid > first, `${mostUnpaid} was trusted before`)
      assert.ok(unpaid(world) > 0n && unpaid(world) <= max(first, lacking), `${unpaid(world)} was had for nothing`)
      assert.ok(lacking > 0n, 'and the end of the job is not among it')
    }
  })

  test('that denies what it owes on each new connection gets two windows, however often it comes', () => {
    const twist = saying('payer', (message) => {
      if (message.type === 'voucher') return undefined
      return message.type === 'hello' ? { ...message, unpaid: 0n, lanes: message.lanes.map(nothingSigned) } : message
    })
    const world = newWorld(2, { twist })
    for (let connection = 0; connection < 30; connection++) {
      world.connect()
      world.play(world.nowMs + 3000)
      world.disconnect()
    }
    const served = world.servedScaled >> 20n
    assert.ok(served > firstWindow(world) && served <= 2n * firstWindow(world), `${served} was had for nothing`)
    assert.ok(noticesOf(world, 'payee', 'default').length >= 1)
  })

  test('that takes what it owed with it gets no credit from a full pool again at once, under any account', () => {
    const world = newWorld(3, {
      pool: { totalBytes: mebibyte },
      twist: saying('payer', (message) => (message.type === 'voucher' ? undefined : message)),
    })
    serveForMinutes(world, 1)
    assert.ok(world.servedScaled >> 20n <= firstWindow(world))
  })

  const tampers: Record<string, (voucher: SignedVoucher) => SignedVoucher> = {
    'another lane': (voucher) => ({ ...voucher, lane: drawn('another') as string as LaneId }),
    'a larger amount': (voucher) => ({ ...voucher, cumulativeAmount: tokenAmount(voucher.cumulativeAmount + 1n) }),
    'a smaller amount': (voucher) => ({ ...voucher, cumulativeAmount: tokenAmount(voucher.cumulativeAmount - 1n) }),
    'another r': (voucher) => ({ ...voucher, signature: flipped(voucher.signature, 31) }),
    'another s': (voucher) => ({ ...voucher, signature: flipped(voucher.signature, 63) }),
    'another v': (voucher) => ({ ...voucher, signature: flipped(voucher.signature, 64) }),
  }
  for (const [name, tamper] of Object.entries(tampers)) {
    test(`gets nothing for a voucher with ${name} (P1)`, () => {
      const world = newWorld(4, {
        twist: saying('payer', (message) =>
          message.type === 'voucher' ? { ...message, voucher: tamper(message.voucher) } : message,
        ),
      })
      serveForMinutes(world, 1)
      assert.ok(world.servedScaled >> 20n <= firstWindow(world))
      assert.deepEqual(
        world.payee?.records.map(({ newest }) => newest),
        [undefined],
      )
    })
  }

  test('that says old vouchers again sets off an alarm, and the newest one stays', () => {
    let first: PayerMessage | undefined
    let said = 0
    const twist = saying('payer', (message) => {
      if (message.type !== 'voucher') return message
      first ??= message
      return said++ % 2 === 0 ? message : first
    })
    const world = newWorld(5, { twist, jobBytes: 8 * mebibyte })
    download(world, 120_000)
    assert.ok(noticesOf(world, 'payee', 'voucher-alarm').length > 0)
    finish(world)
    checkAccounts(world)
    assert.equal(world.lossesOf(), 0n)
  })

  test('that asks to close with an old state is answered with the newest one (P5)', () => {
    const world = newWorld(6)
    world.connect()
    world.play(world.nowMs + 10_000)
    const [lane] = world.lanesOnLedger()
    assert.ok(lane !== undefined)
    world.submit(world.ledger.sign(1, { type: 'request-close', id: world.ledger.nextId(), lane: lane.id }))
    world.submit(
      world.ledger.sign(3, { type: 'claim', id: world.ledger.nextId(), vouchers: [oldVoucher(world, lane.id)] }),
    )
    world.play(world.nowMs + world.terms.challengeMs / 2)
    finish(world)
    checkAccounts(world)
    assert.equal(world.lossesOf(), 0n)
    assert.ok(world.available('payee') - granted > 5n * unit)
  })
})

describe('an honest payer', () => {
  test('that is given no credit has the file nearly as soon, whatever the length of pieces', () => {
    for (const pieceBytes of [262_144, mebibyte, 4 * mebibyte, 16 * mebibyte]) {
      const world = newWorld(5, {
        pool: { totalBytes: 0 },
        pieceBytes,
        jobBytes: 10 * pieceBytes,
        bytesPerSecond: 8 * mebibyte,
      })
      const startMs = world.nowMs
      download(world, 60_000)
      assert.equal(world.verifiedBytes, world.options.jobBytes, `pieces of ${pieceBytes}`)
      assert.ok(world.prepaidConnections.size > 0)
      assert.ok(world.nowMs - startMs < 1_500 + (2_000 * world.options.jobBytes) / world.options.bytesPerSecond)
    }
  })
})

describe('a lying payee', () => {
  test('that wants to be paid ahead and sends nothing gets two pieces a connection, and the payer says so', () => {
    const twist = saying('payee', (message) => ('windowBytes' in message ? { ...message, windowBytes: 0 } : message))
    const world = newWorld(11, { twist, servesNothing: true })
    world.connect()
    world.play(world.nowMs + 60_000)
    const ahead = priceOf(2 * world.options.pieceBytes, world.options.pricePerMiB)
    assert.equal(signedBy(world), ahead)
    world.disconnect()
    world.connect()
    world.play(world.nowMs + 1000)
    assert.equal(noticesOf(world, 'payer', 'ahead-lost').length, 1)
    assert.equal(signedBy(world), 2n * ahead)
  })

  test('that shows a voucher nobody signed freezes nothing and gets no more', () => {
    const twist = saying('payee', (message, { terms, ledger }) => {
      if (message.type !== 'present') return message
      const lanes = message.lanes.map(({ lane }) => ({ lane, voucher: ledger.voucher(lane, 3, 10n * unit) }))
      assert.ok(terms.challengeMs > 0)
      return { ...message, lanes }
    })
    const world = newWorld(12, { twist, jobBytes: 8 * mebibyte })
    download(world, 60_000)
    assert.ok(noticesOf(world, 'payer', 'forged-voucher').length > 0)
    assert.equal(noticesOf(world, 'payer', 'lane-frozen').length, 0)
    assert.equal(signedBy(world), 0n, 'not a lane on which it is known what was signed')
  })

  test('that says it has less than it was given is given the same again', () => {
    const twist = saying('payee', (message) => {
      if (message.type === 'acknowledge') return { ...message, cumulativeAmount: 1n }
      return message.type === 'present' ? { ...message, lanes: message.lanes.map(({ lane }) => ({ lane })) } : message
    })
    const world = newWorld(13, { twist, jobBytes: 8 * mebibyte })
    download(world, 120_000)
    assert.equal(world.verifiedBytes, world.options.jobBytes)
    finish(world)
    checkAccounts(world)
    assert.equal(world.available('payee') - granted, world.verifiedScaled >> 20n)
  })

  test('that acknowledges more than there is, or names windows that are none, changes nothing', () => {
    const twist = saying('payee', (message) => {
      if (message.type === 'acknowledge') return { ...message, cumulativeAmount: 10n ** 30n, windowBytes: Number.NaN }
      return message.type === 'present' ? { ...message, windowBytes: -1 } : message
    })
    const world = newWorld(14, { twist, jobBytes: 4 * mebibyte })
    download(world, 60_000)
    world.play(world.nowMs + 5000)
    assert.equal(signedBy(world), world.verifiedScaled >> 20n)
  })

  test('that closes the lane under way gets what was signed, and another is opened', () => {
    const world = newWorld(15, { jobBytes: 16 * mebibyte })
    world.connect()
    world.play(world.nowMs + 8000)
    const [lane] = world.payee?.records ?? []
    assert.ok(lane !== undefined)
    world.give('payee', { type: 'close-lane', lane: lane.lane })
    download(world, 120_000)
    assert.equal(world.verifiedBytes, world.options.jobBytes)
    assert.equal(world.laneHistory.size, 2)
    finish(world)
    checkAccounts(world)
  })
})

function nothingSigned<T>(mark: T): T & { signed: TokenAmount } {
  return { ...mark, signed: tokenAmount(0n) }
}

function flipped(signature: Signature, at: number): Signature {
  const bytes = signature.slice()
  bytes[at] = (bytes[at] as number) ^ 1
  return bytes as Signature
}

function oldVoucher(world: LaneWorld, lane: LaneId): SignedVoucher {
  return world.ledger.voucher(lane, 1, unit)
}

function signedBy(world: LaneWorld): bigint {
  return (world.payer?.records ?? []).reduce((sum, { signed }) => sum + signed, 0n)
}
