// The clock, randomness, names and network addresses of the machine.
import assert from 'node:assert/strict'
import type { NetworkInterfaceInfo } from 'node:os'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { canonicalAddress, canonicalEndpoint } from '../../src/host/network-failure.ts'
import { systemClock } from '../../src/host/system-clock.ts'
import { systemInterfaces } from '../../src/host/system-interfaces.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import { type Lookup, systemResolver } from '../../src/host/system-resolver.ts'
import { clockConformance } from '../conformance/clock-conformance.ts'
import { randomConformance } from '../conformance/random-conformance.ts'
import { resolverConformance } from '../conformance/resolver-conformance.ts'
import { until } from './event-loop.ts'

clockConformance('the machine', () => ({ clock: systemClock(), until }))
randomConformance('the system', systemRandom)
resolverConformance('the system', () => ({
  resolver: systemResolver(),
  knownName: 'localhost',
  knownAddress: '127.0.0.1',
}))

const never = new AbortController().signal

describe('system resolver', () => {
  const answering =
    (...addresses: string[]): Lookup =>
    (_name, _options, callback) =>
      setImmediate(
        callback,
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )

  test('order is kept, repeats are dropped, and there are at most 16', async () => {
    const addresses = Array.from({ length: 40 }, (_, index) => `192.0.2.${index >> 1}`)
    const found = unwrap(await systemResolver({ lookup: answering('::2', ...addresses) }).resolve('a', 'any', never))
    assert.deepEqual(
      found.map(({ address }) => address),
      ['::2', ...Array.from({ length: 15 }, (_, index) => `192.0.2.${index}`)],
    )
  })

  test('an IPv4 address in IPv6 clothes is one of IPv4', async () => {
    const resolver = systemResolver({ lookup: answering('::ffff:127.0.0.1') })
    assert.deepEqual(unwrap(await resolver.resolve('a', 'any', never)), [{ family: 4, address: '127.0.0.1' }])
    const six = await resolver.resolve('a', 6, never)
    assert.equal(six.ok ? '' : six.code, 'name-unknown')
    assert.deepEqual(unwrap(await resolver.resolve('::ffff:7f00:1', 'any', never)), [
      { family: 4, address: '127.0.0.1' },
    ])
  })

  test('an answer that does not come is a timeout; late ones are dropped', async () => {
    let answer: () => void = () => undefined
    const lookup: Lookup = (_name, _options, callback) => {
      answer = () => callback(null, [{ address: '192.0.2.1', family: 4 }])
    }
    const result = await systemResolver({ timeoutMs: 5, lookup }).resolve('a', 'any', never)
    assert.equal(result.ok ? '' : result.code, 'timed-out')
    answer()
  })
})

describe('system interfaces', () => {
  const entry = (address: string, cidr: string, internal = false): NetworkInterfaceInfo =>
    ({
      address,
      cidr,
      internal,
      mac: '',
      netmask: '',
      family: address.includes(':') ? 'IPv6' : 'IPv4',
      scopeid: 0,
    }) as NetworkInterfaceInfo

  test('the loopback address is among those of this machine', () => {
    const found = systemInterfaces().list()
    const loopback = found.find(({ address }) => address === '127.0.0.1')
    assert.equal(loopback?.isLoopback, true)
    assert.equal(loopback?.prefixLength, 8)
    assert.equal(loopback?.family, 4)
  })

  test('addresses are canonical, without zone, in a steady order', () => {
    const read = () => ({
      wg0: [entry('FE80:0:0::1', 'FE80::1/64'), entry('10.0.0.2', '10.0.0.2/24')],
      lo: [entry('127.0.0.1', '127.0.0.1/8', true)],
    })
    assert.deepEqual(systemInterfaces({ read }).list(), [
      { family: 4, address: '127.0.0.1', interfaceName: 'lo', prefixLength: 8, isLoopback: true },
      { family: 4, address: '10.0.0.2', interfaceName: 'wg0', prefixLength: 24, isLoopback: false },
      { family: 6, address: 'fe80::1', interfaceName: 'wg0', prefixLength: 64, isLoopback: false },
    ])
  })

  test('listeners hear of changes, once each, until they leave', async () => {
    let address = '10.0.0.1'
    let looks = 0
    const read = () => {
      looks++
      return { eth0: [entry(address, `${address}/8`)] }
    }
    const interfaces = systemInterfaces({ read, lookEveryMs: 1 })
    const heard = [0, 0]
    const leave = [0, 1].map((index) => interfaces.onChange(() => (heard[index] = (heard[index] ?? 0) + 1)))
    await until(() => looks > 3)
    assert.deepEqual(heard, [0, 0])
    address = '10.0.0.2'
    await until(() => heard[0] === 1 && heard[1] === 1)
    leave[0]?.()
    address = '10.0.0.3'
    await until(() => heard[1] === 2)
    leave[1]?.()
    assert.deepEqual(heard, [1, 2])
    const after = looks
    interfaces.list()
    assert.equal(looks, after + 1)
  })

  test('where the question is forbidden nothing is known', () => {
    const read = () => {
      throw new Error('EPERM')
    }
    assert.deepEqual(systemInterfaces({ read }).list(), [])
  })
})

test('addresses of sockets become canonical', () => {
  assert.deepEqual(canonicalAddress('fe80::1%eth0'), { family: 6, address: 'fe80::1' })
  assert.deepEqual(canonicalAddress('::ffff:192.0.2.1'), { family: 4, address: '192.0.2.1' })
  assert.deepEqual(canonicalAddress('::1.2.3.4'), { family: 6, address: '::102:304' })
  assert.equal(canonicalAddress('example.org'), undefined)
  assert.equal(canonicalEndpoint(undefined, 1), undefined)
  assert.equal(canonicalEndpoint('192.0.2.1', undefined), undefined)
})
