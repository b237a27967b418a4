// A test of the tests: each fault planted in the payment of lanes is found by the play that is named for it. Modules are
// loaded once more for each fault, under an address of its own.
import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { after, test } from 'node:test'
import { plays } from './lane-plays.ts'
import { type PlantedPaymentFault, plantedPaymentFaults } from './planted-faults.ts'

const product = new URL('../../src/payment/', import.meta.url).href
const tests = new URL('./', import.meta.url).href
let planted: PlantedPaymentFault | undefined
let places = 0

const hooks = registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context)
    const mark = context.parentURL?.split('?')[1]
    const isOwn = resolved.url.startsWith(product) || resolved.url.startsWith(tests)
    return mark === undefined || !isOwn || resolved.url.includes('?')
      ? resolved
      : { ...resolved, url: `${resolved.url}?${mark}` }
  },
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (planted === undefined || !url.startsWith(`${product}${planted.file}?`)) return loaded
    const parts = Buffer.from((loaded.source ?? '') as Uint8Array | string)
      .toString('utf8')
      .split(planted.find)
    places = parts.length - 1
    return { ...loaded, source: parts.join(planted.replace) }
  },
})
after(() => hooks.deregister())

for (const [index, fault] of plantedPaymentFaults.entries()) {
  test(`the fault "${fault.what}" is found`, async () => {
    planted = fault
    places = 0
    const loaded = (await import(`./lane-plays.ts?fault-${index}`)) as { plays: typeof plays }
    planted = undefined
    assert.equal(places, 1, `${places} places for it in src/payment/${fault.file}`)
    assert.throws(
      () => loaded.plays[fault.play]?.(),
      (error: Error) => fault.complaint.test(`${error.message} ${(error.cause as Error | undefined)?.message ?? ''}`),
    )
  })
}

test('without a fault none of the plays complains', () => {
  const named = new Set(plantedPaymentFaults.map(({ play }) => play))
  assert.deepEqual([...named].sort(), Object.keys(plays).sort())
  for (const play of Object.values(plays)) play()
})
