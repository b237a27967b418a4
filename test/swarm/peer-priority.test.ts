// Peer priorities are those BEP 40 publishes, and the same at both ends.
import { equal, notEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { peerPriority } from '../../src/swarm/peer-priority.ts'

function at(address: string, port = 6881): Endpoint {
  return { family: address.includes(':') ? 6 : 4, address, port }
}

test('the published vectors come out', () => {
  equal(peerPriority(at('123.213.32.10'), at('98.76.54.32')), 0xec2d7224)
  equal(peerPriority(at('123.213.32.10'), at('123.213.32.234')), 0x99568189)
})

test('only in one network of 16 bits do the lower ones count, all of them in one of 24', () => {
  const own = at('10.20.30.40')
  equal(peerPriority(own, at('11.20.0.0')), peerPriority(own, at('11.20.170.170')))
  notEqual(peerPriority(own, at('10.20.0.0')), peerPriority(own, at('10.20.170.0')))
  equal(peerPriority(own, at('10.20.31.0')), peerPriority(own, at('10.20.31.170')))
  notEqual(peerPriority(own, at('10.20.30.0')), peerPriority(own, at('10.20.30.170')))
})

test('IPv6 goes by networks of 48 and 56 bits in the same way', () => {
  const own = at('2001:db8:1:100::1')
  equal(peerPriority(own, at('2001:db8:2:aaaa::1')), peerPriority(own, at('2001:db8:2::1')))
  notEqual(peerPriority(own, at('2001:db8:1:aa00::1')), peerPriority(own, at('2001:db8:1:0::1')))
  equal(peerPriority(own, at('2001:db8:1:2aa::1')), peerPriority(own, at('2001:db8:1:200::1')))
  notEqual(peerPriority(own, at('2001:db8:1:1aa::1')), peerPriority(own, at('2001:db8:1:100:0::2')))
})

test('ports decide between peers of one address', () => {
  notEqual(peerPriority(at('192.0.2.1', 1), at('192.0.2.1', 2)), peerPriority(at('192.0.2.1', 1), at('192.0.2.1', 3)))
})

test('both ends compute the same', () => {
  const endpoint = fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 })).map(([address, port]) => at(address, port))
  fc.assert(fc.property(endpoint, endpoint, (a, b) => peerPriority(a, b) === peerPriority(b, a)))
})
