// Where a session listens and through which address it leaves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, success } from '../../src/base/errors.ts'
import type { Interfaces } from '../../src/ports/interfaces.ts'
import type { Streams } from '../../src/ports/streams.ts'
import { isOwnEndpoint, listenAddresses, listenOnAll, localAddress } from '../../src/session/listening.ts'

const interfaces: Interfaces = {
  list: () => [
    { interfaceName: 'lo', family: 4, address: '127.0.0.1', prefixLength: 8, isLoopback: true },
    { interfaceName: 'wg0', family: 4, address: '10.9.0.2', prefixLength: 24, isLoopback: false },
    { interfaceName: 'eth0', family: 6, address: '2001:db8::7', prefixLength: 64, isLoopback: false },
  ],
  onChange: () => () => undefined,
}

/** Listens on addresses that are not `missing`, unless the port is taken there. */
function fakeStreams(missing: readonly string[], taken: ReadonlySet<string>, closed: string[] = []): Streams {
  let nextPort = 100
  return {
    listen: async (address, port) => {
      if (missing.includes(address)) return failure('address-unavailable', address)
      const got = port === 0 ? nextPort++ : port
      if (taken.has(`${address} ${got}`)) return failure('address-in-use', address)
      const family = address.includes(':') ? 6 : 4
      return success({
        endpoint: { family, address, port: got },
        close: async () => void closed.push(`${address} ${got}`),
      })
    },
    dial: () => {
      throw new Error('not dialled here')
    },
  }
}

const both = [
  { family: 4, address: '0.0.0.0' },
  { family: 6, address: '::' },
] as const

test('all addresses get one port: a drawn one that is taken for one of them is drawn anew', async () => {
  const closed: string[] = []
  const result = await listenOnAll(fakeStreams([], new Set([':: 100']), closed), both, 0, () => undefined)
  assert.ok(result.ok)
  assert.deepEqual(
    result.value.map(({ endpoint }) => endpoint.port),
    [101, 101],
  )
  assert.deepEqual(closed, ['0.0.0.0 100'])
})

test('an address the machine lacks is left out; none at all, or a port that was asked for and is taken, is an error', async () => {
  const one = await listenOnAll(fakeStreams(['::'], new Set()), both, 7000, () => undefined)
  assert.equal(one.ok && one.value.length, 1)
  const none = await listenOnAll(fakeStreams(['::', '0.0.0.0'], new Set()), both, 7000, () => undefined)
  assert.equal(!none.ok && none.code, 'address-unavailable')
  const taken = await listenOnAll(fakeStreams([], new Set([':: 7000'])), both, 7000, () => undefined)
  assert.equal(!taken.ok && taken.code, 'address-in-use')
})

test('bound to an interface, families it lacks have no way out at all', () => {
  assert.deepEqual(localAddress('wg0', interfaces, 4), { type: 'bound', address: '10.9.0.2' })
  assert.deepEqual(localAddress('wg0', interfaces, 6), { type: 'none' })
  assert.deepEqual(localAddress('gone', interfaces, 4), { type: 'none' })
  assert.deepEqual(localAddress('2001:db8::7', interfaces, 6), { type: 'bound', address: '2001:db8::7' })
  assert.deepEqual(localAddress(undefined, interfaces, 6), { type: 'any' })
  assert.deepEqual(listenAddresses(['0.0.0.0', '::'], 'wg0', interfaces), [{ family: 4, address: '10.9.0.2' }])
})

test('its own endpoints are known by every address of the machine', () => {
  const listening = [{ endpoint: { family: 4, address: '0.0.0.0', port: 7000 }, close: async () => undefined } as const]
  assert.equal(isOwnEndpoint({ family: 4, address: '10.9.0.2', port: 7000 }, listening, interfaces), true)
  assert.equal(isOwnEndpoint({ family: 4, address: '10.9.0.2', port: 7001 }, listening, interfaces), false)
  assert.equal(isOwnEndpoint({ family: 4, address: '10.9.0.3', port: 7000 }, listening, interfaces), false)
})
