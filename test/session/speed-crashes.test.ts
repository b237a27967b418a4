// A paid download whose payer or payee dies at each thing it awaits of disk and wallet: nobody has more to lose than a
// window, nothing is signed twice, and everything comes to its end. SWARMBID_TEST_LONG: at every single one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { present } from '../../src/base/assert.ts'
import { failure } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { Payee } from '../../src/payment/payee.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  claimedOf,
  costOf,
  isQuiet,
  payerAt,
  sellerOf,
  slowly,
  token,
  walletOf,
  watchExposure,
} from './speed-world.ts'

const { SWARMBID_TEST_LONG } = process.env
const isLong = SWARMBID_TEST_LONG !== undefined
/** Of the steps of a whole download, so many are died at. */
const tried = 4
const mebibyte = 1_048_576
const tick = 262_144
const budget = { most: tokenAmount(50n * token) }

const gone = failure('file-unwritable', 'no power')

type Role = 'payer' | 'payee'

interface Death {
  readonly role: Role
  readonly atStep: number
  readonly isPowerLoss: boolean
}

interface Play {
  readonly steps: Readonly<Record<Role, number>>
  readonly deaths: number
}

async function play(death?: Death): Promise<Play> {
  const exposure = watchExposure()
  const { countServed } = Payee.prototype
  let servedBytes = 0
  Payee.prototype.countServed = function (tab, bytes, nowMs) {
    servedBytes += bytes
    countServed.call(this, tab, bytes, nowMs)
  }
  const steps = { payer: 0, payee: 0 }
  let deaths = 0
  let dead: Machine | undefined
  try {
    const world = newWorld(3)
    const ledger = world.ledger()
    const content = makeContent({ lengths: [6_000_000], pieceLengthBytes: 65_536 })
    const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
    const payer = payerAt(world, ledger, '10.0.0.2')
    await payer.start()
    const highest = new Map<string, bigint>()
    const watch = (role: Role, machine: Machine) => {
      const step = () => {
        if (++steps[role] !== death?.atStep || death.role !== role) return false
        deaths++
        machine.kill(death.isPowerLoss)
        dead = machine
        return true
      }
      const wallet = walletOf(machine)
      wallet.refusing = (request) => {
        if (request.type === 'voucher') {
          const { lane, cumulativeAmount } = request.voucher
          assert.ok(cumulativeAmount >= (highest.get(lane) ?? 0n), 'never signs lower')
          highest.set(lane, cumulativeAmount)
        }
        step()
        return undefined
      }
      // Without power it did not come to be written; else it did, and nobody heard of it.
      wallet.disk.failing = () => (step() && death?.isPowerLoss ? { type: 'refused', failure: gone } : undefined)
    }
    watch('payer', payer)
    watch('payee', seller)
    const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
    const isDone = () => dead === undefined && payer.torrent(id).isFinished && ledger.lanes.size > 0 && isQuiet(ledger)
    for (;;) {
      await world.until('finished and settled, or dead', () => dead !== undefined || isDone(), 3_600_000)
      if (dead === undefined) break
      const machine = present(dead, 'a machine')
      dead = undefined
      await world.clock.run(3_000)
      await machine.start()
    }
    await world.clock.run(5_000)
    assertConserved(ledger, [seller, payer])
    const claimed = claimedOf(ledger)
    // Rounded down at each connection.
    assert.ok(claimed <= costOf(servedBytes) + costOf(tick), `${claimed} for ${servedBytes} bytes`)
    const lost = costOf(servedBytes) - claimed
    assert.ok(lost <= costOf(mebibyte) * BigInt(deaths) + 8n, `${lost} lost of ${servedBytes} bytes`)
  } finally {
    exposure.end()
  }
  return { steps, deaths }
}

for (const role of ['payer', 'payee'] as const) {
  test(`the ${role} dies at each thing it awaits: at most a window is lost, nothing is paid twice`, async () => {
    const { steps } = await play()
    assert.ok(steps[role] > 10, `${steps[role]} steps`)
    for (let atStep = 1; atStep <= steps[role]; atStep += isLong ? 1 : Math.ceil(steps[role] / tried)) {
      for (const isPowerLoss of isLong ? [false, true] : [atStep % 2 === 0]) {
        const { deaths } = await play({ role, atStep, isPowerLoss })
        assert.equal(deaths, 1, `step ${atStep}`)
      }
    }
  })
}
