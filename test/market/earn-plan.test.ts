// Earn mode fetches what is wanted most, keeps what earns, drops what does not, and stays within what the owner allows.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type TokenAmount, tokenAmount, zeroAmount } from '../../src/base/token-amount.ts'
import {
  type EarnCandidate,
  type EarnLimits,
  type Experience,
  expectedPerHour,
  experienceAt,
  isProven,
  noExperience,
} from '../../src/market/earn-estimate.ts'
import { type EarnPlan, planEarning } from '../../src/market/earn-plan.ts'

const unit = 10n ** 18n
const gibibyte = 2 ** 30
const hourMs = 3_600_000
const nowMs = 100 * hourMs

const limits: EarnLimits = {
  diskBytes: 40 * gibibyte,
  most: 10,
  trafficPerGiB: zeroAmount,
  keepingPerGiBDay: tokenAmount(24n * unit),
  spareBytesPerSecond: Number.POSITIVE_INFINITY,
  trialMs: hourMs / 2,
  halfLifeMs: 6 * hourMs,
}

function of(id: string, changes: Partial<EarnCandidate> = {}): EarnCandidate {
  return {
    id,
    sizeBytes: gibibyte,
    phase: 'offered',
    demand: { seeders: 1, leechers: 4 },
    pricePerMiB: tokenAmount(unit),
    experience: noExperience,
    payers: 0,
    paidUntilMs: 0,
    sinceMs: 0,
    ...changes,
  }
}

function did(earnedTokens: number, hours: number): Experience {
  return { ...noExperience, earned: tokenAmount(BigInt(earnedTokens) * unit), seededMs: hours * hourMs, atMs: nowMs }
}

const earning = { phase: 'kept', experience: did(1_000, 5) } as const
const idle = { phase: 'kept', experience: did(0, 20), demand: { seeders: 3, leechers: 0 } } as const

function fetched(plan: EarnPlan): readonly string[] {
  return plan.toFetch.map(({ id }) => id)
}

function dropped(plan: EarnPlan): readonly string[] {
  return plan.toDrop.map(({ id, why }) => `${id} ${why}`)
}

describe('what earn mode fetches', () => {
  test('the most wanted for those who have it first, three at a time', () => {
    const offers = [
      of('a', { demand: { seeders: 9, leechers: 10 } }),
      of('b', { demand: { seeders: 1, leechers: 12 } }),
      of('c', { demand: { seeders: 3, leechers: 10 } }),
      of('d', { demand: { seeders: 1, leechers: 10 } }),
    ]
    assert.deepEqual(fetched(planEarning(offers, limits, nowMs)), ['b', 'd', 'c'])
    const busy = [of('x', { phase: 'fetching', sinceMs: nowMs }), of('y', { phase: 'fetching', sinceMs: nowMs })]
    assert.deepEqual(fetched(planEarning([...busy, ...offers], limits, nowMs)), ['b'])
  })

  test('nothing that nobody wants, nor what costs more than it is expected to bring, rests, or is larger than the disk, or nobody has', () => {
    const nothing = [
      of('dead', { demand: { seeders: 5, leechers: 0 } }),
      of('resting', { sinceMs: nowMs + 1 }),
      of('huge', { sizeBytes: 41 * gibibyte }),
      of('unknown size', { sizeBytes: 0 }),
      of('seedless', { demand: { seeders: 0, leechers: 10 } }),
    ]
    assert.deepEqual(fetched(planEarning(nothing, limits, nowMs)), [])
    const dear = { ...limits, keepingPerGiBDay: tokenAmount(24n * 1_000n * unit) }
    assert.deepEqual(fetched(planEarning([of('a')], dear, nowMs)), [])
    const slow = { ...limits, trafficPerGiB: tokenAmount(2_000n * unit) }
    assert.deepEqual(fetched(planEarning([of('a')], slow, nowMs)), [])
    const busy = { ...limits, spareBytesPerSecond: 0 }
    assert.deepEqual(fetched(planEarning([of('a')], busy, nowMs)), [])
  })

  test('of what has not earned yet only so much as a quarter of the disk holds, or one', () => {
    const four = { ...limits, diskBytes: 4 * gibibyte }
    assert.deepEqual(fetched(planEarning([of('a'), of('b')], four, nowMs)), ['a'])
    const three = { ...limits, diskBytes: 3 * gibibyte }
    assert.deepEqual(fetched(planEarning([of('a'), of('b')], three, nowMs)), ['a'])
    const known = of('c', { experience: did(500, 2) })
    assert.deepEqual(fetched(planEarning([of('a'), of('b'), known], three, nowMs)).toSorted(), ['a', 'c'])
  })

  test('paying for it at most half of what a day is expected to bring beyond its costs', () => {
    const [first] = planEarning([of('a')], limits, nowMs).toFetch
    // Two for each seeder, one in eight of them pays a token for each MiB, and keeping it costs one an hour.
    assert.equal(first?.mayPay, (24n * (256n - 1n) * unit) / 2n)
  })

  test('not again what was tried in vain a while ago, but in the end', () => {
    const plan = (ago: number) => {
      const experience = { ...did(0, 400), atMs: nowMs - ago * hourMs }
      return fetched(planEarning([of('a', { experience })], limits, nowMs))
    }
    assert.deepEqual(plan(0), [])
    assert.deepEqual(plan(24), ['a'])
  })
})

describe('what earn mode drops', () => {
  test('what is expected to bring less than keeping it costs, after its trial', () => {
    assert.deepEqual(dropped(planEarning([of('a', idle)], limits, nowMs)), ['a costs-more'])
    assert.deepEqual(dropped(planEarning([of('a', { ...idle, sinceMs: nowMs - 60_000 })], limits, nowMs)), [])
    assert.deepEqual(dropped(planEarning([of('a', earning)], limits, nowMs)), [])
  })

  test('nothing that somebody pays for now, or pays to stay', () => {
    assert.deepEqual(dropped(planEarning([of('a', { ...idle, payers: 1 })], limits, nowMs)), [])
    assert.deepEqual(dropped(planEarning([of('a', { ...idle, paidUntilMs: nowMs + 1 })], limits, nowMs)), [])
  })

  test('a download that brought nothing for ten minutes', () => {
    const at = (ago: number) => [of('a', { phase: 'fetching', sinceMs: nowMs - ago })]
    assert.deepEqual(dropped(planEarning(at(hourMs / 6), limits, nowMs)), ['a stalled'])
    assert.deepEqual(dropped(planEarning(at(hourMs / 6 - 1), limits, nowMs)), [])
  })

  test('the worst for one that is far better, which is fetched once its place is free', () => {
    const disk = { ...limits, diskBytes: 2 * gibibyte }
    const better = of('better', { experience: did(9_000, 2) })
    const here = [of('good', earning), of('worse', { ...earning, experience: did(400, 5) })]
    const plan = planEarning([...here, better], disk, nowMs)
    assert.deepEqual([fetched(plan), dropped(plan), plan.toKeep], [[], ['worse outbid'], ['good']])
    const leaving = [of('good', earning), of('worse', { ...earning, phase: 'dropping' })]
    assert.deepEqual(fetched(planEarning([...leaving, better, of('small')], disk, nowMs)), [])
    assert.deepEqual(fetched(planEarning([of('good', earning), better], disk, nowMs)), ['better'])
  })

  test('nothing for one that is a little better, nor for one that is as good by then', () => {
    const disk = { ...limits, diskBytes: gibibyte }
    const here = of('here', { ...earning, experience: did(1_000, 5) })
    const little = of('little', { experience: did(1_300, 5) })
    assert.deepEqual(dropped(planEarning([here, little], disk, nowMs)), [])
    const far = of('far', { experience: did(2_000, 5) })
    assert.deepEqual(dropped(planEarning([here, far], disk, nowMs)), ['here outbid'])
    // And back again it does not go.
    const back = planEarning(
      [
        { ...far, phase: 'kept' },
        { ...here, phase: 'offered' },
      ],
      disk,
      nowMs,
    )
    assert.deepEqual(dropped(back), [])
  })

  test('who was tried in vain for who was not tried yet', () => {
    const disk = { ...limits, diskBytes: 4 * gibibyte }
    const tried = of('tried', { phase: 'kept', demand: { seeders: 2, leechers: 4 }, experience: did(0, 1) })
    const plan = planEarning([of('good', earning), tried, of('new')], disk, nowMs)
    assert.deepEqual([fetched(plan), dropped(plan)], [[], ['tried outbid']])
  })
})

describe('liars in earn mode', () => {
  test('a tracker that claims any number of leechers makes a torrent worth no more than sixteen for each seeder', () => {
    const at = (leechers: number) => expectedPerHour(of('a', { demand: { seeders: 0, leechers } }), limits, nowMs)
    assert.equal(at(Number.MAX_SAFE_INTEGER), at(16))
    assert.ok(at(15) < at(16))
  })

  test('what a tracker claims gets a torrent its trial, and a true one its place after it', () => {
    const disk = { ...limits, diskBytes: gibibyte }
    const liar = (hours: number) =>
      of('liar', { phase: 'kept', demand: { seeders: 0, leechers: 10 ** 9 }, experience: did(0, hours) })
    const honest = of('honest', { demand: { seeders: 1, leechers: 8 } })
    assert.deepEqual(dropped(planEarning([liar(1), honest], disk, nowMs)), [])
    assert.deepEqual(dropped(planEarning([liar(3), honest], disk, nowMs)), ['liar outbid'])
  })
})

describe('what a torrent did', () => {
  test('counts half after a half-life, however often it is looked at, and a clock that goes back changes nothing', () => {
    const before = did(1_024, 2)
    const { halfLifeMs } = limits
    const at = experienceAt(before, nowMs + halfLifeMs, halfLifeMs)
    assert.deepEqual([at.earned, at.seededMs], [512n * unit, hourMs])
    let often = before
    for (let step = 1; step <= 60; step++) often = experienceAt(often, nowMs + (step * halfLifeMs) / 60, halfLifeMs)
    const difference = often.earned > at.earned ? often.earned - at.earned : at.earned - often.earned
    assert.ok(difference < unit / 1_000_000n, `${often.earned}`)
    assert.ok(Math.abs(often.seededMs - at.seededMs) <= 60)
    assert.deepEqual(experienceAt(before, nowMs - 1, halfLifeMs), before)
  })
})

interface Hap {
  readonly demand: readonly number[]
  readonly paying: readonly boolean[]
  readonly minutes: number
  readonly goes: boolean
}

const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 })
const haps = fc.array(
  fc.record({
    demand: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 8, maxLength: 8 }),
    paying: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    minutes: fc.integer({ min: 1, max: 90 }),
    goes: fc.boolean(),
  }),
  { maxLength: 60 },
)

describe('earn mode, whatever comes', () => {
  test('never passes the limits at any step, never drops what is paid for, and says what becomes of each torrent once', () => {
    fc.assert(
      fc.property(
        sizes,
        haps,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        (all, story, disk, most) => {
          const own = { ...limits, diskBytes: disk * gibibyte, most }
          let atMs = nowMs
          let torrents = all.map((size, index) => of(`t${index}`, { sizeBytes: size * gibibyte }))
          for (const hap of story) {
            atMs += hap.minutes * 60_000
            torrents = torrents.map((one, index) => step(one, index, hap, atMs))
            const plan = planEarning(torrents, own, atMs)
            torrents = torrents.map((one) => obeyed(one, plan, atMs))
            const here = torrents.filter(({ phase }) => phase !== 'offered')
            const bytes = here.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
            assert.ok(bytes <= own.diskBytes && here.length <= most, `${bytes} bytes, ${here.length} torrents`)
            const said = [...fetched(plan), ...plan.toDrop.map(({ id }) => id), ...plan.toKeep]
            assert.equal(new Set(said).size, said.length)
            const gone = torrents.filter(({ id, payers }) => payers > 0 && plan.toDrop.some((one) => one.id === id))
            assert.deepEqual(gone, [])
            const exploring = here.filter(({ experience, phase }) => !isProven(experience) && phase !== 'dropping')
            const explored = exploring.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
            const isNew = exploring.some(({ id }) => fetched(plan).includes(id))
            assert.ok(!isNew || exploring.length === 1 || 4 * explored <= own.diskBytes, `${explored} bytes unproven`)
          }
        },
      ),
    )
  })
})

/** What a while did to a torrent. */
function step(one: EarnCandidate, index: number, hap: Hap, atMs: number): EarnCandidate {
  const demand = { seeders: index % 3, leechers: hap.demand[index] ?? 0 }
  const isPaid = hap.paying[index] === true && one.phase === 'kept'
  const faded = experienceAt(one.experience, atMs, limits.halfLifeMs)
  const earned = tokenAmount(faded.earned + (isPaid ? 100n * unit : 0n)) as TokenAmount
  const experience = { ...faded, earned, seededMs: faded.seededMs + (one.phase === 'kept' ? hap.minutes * 60_000 : 0) }
  const next = { ...one, demand, experience, payers: isPaid ? 1 : 0 }
  if (one.phase === 'fetching' && hap.goes) return { ...next, phase: 'kept', sinceMs: atMs }
  return one.phase === 'dropping' && hap.goes ? { ...next, phase: 'offered', sinceMs: atMs } : next
}

function obeyed(one: EarnCandidate, plan: EarnPlan, atMs: number): EarnCandidate {
  if (fetched(plan).includes(one.id)) return { ...one, phase: 'fetching', sinceMs: atMs }
  return plan.toDrop.some(({ id }) => id === one.id) ? { ...one, phase: 'dropping' } : one
}
