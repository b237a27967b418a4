// What every implementation of the Resolver port promises, as tests over a name it knows. Guarantees: touches the port
// and nothing else, so that the system's resolver and a simulated one answer the same questions.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import type { Resolver } from '../../src/ports/resolver.ts'

export interface ResolverUnderTest {
  readonly resolver: Resolver
  /** Has the IPv4 address `knownAddress`, perhaps others too. */
  readonly knownName: string
  readonly knownAddress: string
}

const never = new AbortController().signal

export function resolverConformance(title: string, make: () => ResolverUnderTest): void {
  describe(`resolver: ${title}`, () => {
    test('a literal comes back as itself, in canonical text', async () => {
      const { resolver } = make()
      const cases = [
        ['192.0.2.1', 4, '192.0.2.1'],
        ['2001:DB8:0:0::1', 6, '2001:db8::1'],
        ['::1', 6, '::1'],
      ] as const
      for (const [name, family, address] of cases) {
        assert.deepEqual(unwrap(await resolver.resolve(name, 'any', never)), [{ family, address }])
        assert.deepEqual(unwrap(await resolver.resolve(name, family, never)), [{ family, address }])
        const other = await resolver.resolve(name, family === 4 ? 6 : 4, never)
        assert.equal(other.ok ? '' : other.code, 'name-unknown')
      }
    })

    test('a known name has its addresses, of the family asked for', async () => {
      const { resolver, knownName, knownAddress } = make()
      const all = unwrap(await resolver.resolve(knownName, 'any', never))
      const four = unwrap(await resolver.resolve(knownName, 4, never))
      assert.ok(all.some(({ address }) => address === knownAddress))
      assert.ok(four.some(({ address }) => address === knownAddress))
      assert.ok(four.every(({ family }) => family === 4))
      assert.equal(new Set(all.map(({ address }) => address)).size, all.length)
      assert.ok(all.length <= 16)
    })

    test('what is no name is unknown', async () => {
      const { resolver } = make()
      for (const name of ['', 'a b', 'a\0b', 'x'.repeat(300), 'no.such.name.invalid']) {
        const result = await resolver.resolve(name, 'any', never)
        assert.equal(result.ok ? '' : result.code, 'name-unknown', name.slice(0, 30))
      }
    })

    test('a question given up ends', async () => {
      const { resolver, knownName } = make()
      const before = await resolver.resolve(knownName, 'any', AbortSignal.abort())
      assert.equal(before.ok ? '' : before.code, 'interrupted')
      const controller = new AbortController()
      const asked = resolver.resolve(knownName, 'any', controller.signal)
      controller.abort()
      const during = await asked
      assert.equal(during.ok ? '' : during.code, 'interrupted')
    })
  })
}
