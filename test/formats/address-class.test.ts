// The address-class policy: S15 (what URLs may lead to) and S20 (which peers are worth keeping).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type AddressClass,
  acceptsPeer,
  addressClass,
  type ContactQuestion,
  isLocalClass,
  mayContact,
} from '../../src/formats/address-class.ts'
import { formatAddress } from '../../src/formats/compact-endpoint.ts'

const examples: Readonly<Record<AddressClass, readonly string[]>> = {
  'global': [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:808:808::1',
  ],
  'loopback': ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'],
  'private': ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '::ffff:10.1.2.3', '64:ff9b::a00:1'],
  'link-local': ['169.254.169.254', 'fe80::1', 'febf::1', '::ffff:169.254.1.1'],
  'unique-local': ['fc00::1', 'fdff::1', 'fec0::1', '200::1', '3ff::1'],
  'carrier-grade-nat': ['100.64.0.1', '100.127.255.255'],
  'unspecified': ['0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0'],
  'multicast': ['224.0.0.1', '239.255.255.250', 'ff02::1', 'ff0e::1'],
  'broadcast': ['255.255.255.255'],
  'documentation': ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  'reserved': ['240.0.0.1', '198.18.0.1', '192.0.0.1', '::1.2.3.4', '100::1', '4000::1', '2001:10::1', 'text', ''],
}

describe('classes', () => {
  for (const [kind, addresses] of Object.entries(examples)) {
    test(kind, () => {
      for (const address of addresses) assert.equal(addressClass(address), kind, address)
    })
  }

  test('an IPv4 address inside an IPv6 one is what it is alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        const plain = addressClass(formatAddress(bytes, 0, 4))
        const inner = new Uint8Array(16)
        inner.set([0xff, 0xff], 10)
        inner.set(bytes, 12)
        assert.equal(addressClass(formatAddress(inner, 0, 6)), plain)
        const translated = new Uint8Array(16)
        translated.set([0, 0x64, 0xff, 0x9b])
        translated.set(bytes, 12)
        assert.equal(addressClass(formatAddress(translated, 0, 6)), plain)
      }),
    )
  })
})

describe('what a URL may lead to', () => {
  const local = Object.entries(examples).flatMap(([kind, list]) => (isLocalClass(kind as AddressClass) ? list : []))
  const ask = (question: Partial<ContactQuestion>) =>
    mayContact({
      address: '127.0.0.1',
      host: 'tracker.example',
      path: '/announce',
      query: '',
      source: 'torrent-tracker',
      allowsLocal: false,
      ...question,
    })

  test('global addresses always', () => {
    for (const address of examples.global) {
      for (const source of ['user', 'torrent-tracker', 'torrent-seed', 'redirect'] as const) {
        assert.ok(ask({ address, host: address, source, path: '/x', query: '?y' }), address)
      }
    }
  })

  test('local ones never by a name in a torrent, or by redirect', () => {
    for (const address of local) {
      assert.ok(!ask({ address }), address)
      assert.ok(!ask({ address, host: 'localhost' }), address)
      assert.ok(!ask({ address, host: '127.1' }), address)
      assert.ok(!ask({ address, source: 'redirect', host: address }), address)
      assert.ok(!ask({ address, source: 'torrent-seed' }), address)
    }
  })

  test('local ones where the user named the URL, or allows it', () => {
    for (const address of local) {
      assert.ok(ask({ address, source: 'user', path: '/anything', query: '?a=b' }), address)
      assert.ok(ask({ address, source: 'redirect', allowsLocal: true }), address)
    }
  })

  test("a torrent's literal local tracker only at /announce", () => {
    for (const address of local) {
      assert.ok(ask({ address, host: address }), address)
      assert.ok(ask({ address, host: address, query: '?passkey=1' }), address)
      for (const path of ['', '/', '/admin', '/announce.php', '/x/announce', '/announce/../admin', '/%61nnounce']) {
        assert.ok(!ask({ address, host: address, path }), path)
      }
    }
  })

  test("a torrent's literal local seed only without a query", () => {
    const host = '192.168.1.9'
    assert.ok(ask({ address: host, host, path: '/files/', source: 'torrent-seed' }))
    assert.ok(ask({ address: host, host, path: '/files/', query: '?', source: 'torrent-seed' }))
    assert.ok(!ask({ address: host, host, path: '/reboot', query: '?now=1', source: 'torrent-seed' }))
    assert.ok(!ask({ address: host, host, path: '/reboot', query: '??', source: 'torrent-seed' }))
  })

  test('what is nobody in particular never', () => {
    for (const address of [...examples.unspecified, ...examples.multicast, ...examples.broadcast]) {
      assert.ok(!ask({ address, host: address, source: 'user', allowsLocal: true }), address)
    }
    for (const address of [...examples.documentation, ...examples.reserved]) {
      assert.ok(!ask({ address, host: address, source: 'user' }), address)
    }
  })
})

describe('peers', () => {
  const peer = (address: string, port = 6881) => ({ family: address.includes(':') ? 6 : 4, address, port }) as const
  const from = (address: string) => ({ address })

  test('port 0, multicast, broadcast and nobody are dropped, whoever names them', () => {
    assert.ok(!acceptsPeer(peer('1.1.1.1', 0), 'user'))
    for (const address of [...examples.unspecified, ...examples.multicast, ...examples.broadcast]) {
      assert.ok(!acceptsPeer(peer(address), 'user'), address)
      assert.ok(!acceptsPeer(peer(address), from('127.0.0.1')), address)
    }
  })

  test('we ourselves are dropped', () => {
    const isSelf = ({ address, port }: { address: string; port: number }) => address === '1.1.1.1' && port === 6881
    assert.ok(!acceptsPeer(peer('1.1.1.1'), 'user', isSelf))
    assert.ok(acceptsPeer(peer('1.1.1.1', 6882), 'user', isSelf))
  })

  test('global ones are taken from anybody', () => {
    for (const address of examples.global) {
      assert.ok(acceptsPeer(peer(address), undefined))
      assert.ok(acceptsPeer(peer(address), from('8.8.8.8')))
    }
  })

  test('private ones are taken from private sources only, loopback from loopback only', () => {
    const privates = [...examples.private, ...examples['link-local'], ...examples['unique-local'], '100.64.0.1']
    for (const address of privates) {
      assert.ok(!acceptsPeer(peer(address), undefined), address)
      assert.ok(!acceptsPeer(peer(address), from('8.8.8.8')), address)
      assert.ok(acceptsPeer(peer(address), from('192.168.0.2')), address)
      assert.ok(acceptsPeer(peer(address), from('127.0.0.1')), address)
      assert.ok(acceptsPeer(peer(address), 'user'), address)
    }
    for (const address of examples.loopback) {
      assert.ok(!acceptsPeer(peer(address), from('192.168.0.2')), address)
      assert.ok(acceptsPeer(peer(address), from('::1')), address)
    }
  })

  test('addresses that belong to nobody come from the user or not at all', () => {
    for (const address of ['192.0.2.1', '240.0.0.1', '2001:db8::1']) {
      assert.ok(!acceptsPeer(peer(address), from('127.0.0.1')), address)
      assert.ok(!acceptsPeer(peer(address), undefined), address)
    }
  })
})
