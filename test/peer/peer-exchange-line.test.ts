// Peer exchange with one peer (BEP 11): who is told of when, and how much of what it says counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { unwrap } from '../../src/base/errors.ts'
import { endpointKey } from '../../src/formats/compact-endpoint.ts'
import {
  decodePeerExchange,
  type ExchangedPeer,
  encodePeerExchange,
  type PeerExchange,
} from '../../src/formats/peer/peer-exchange.ts'
import { PeerExchangeLine } from '../../src/peer/peer-exchange-line.ts'

const minute = 60_000

function peerOf(number: number): ExchangedPeer {
  return {
    endpoint: { family: 4, address: `60.0.${number >> 8}.${number & 255}`, port: 6_881 },
    prefersEncryption: false,
    isUploadOnly: false,
    supportsUtp: false,
    supportsHolepunch: false,
    isReachable: true,
  }
}

function peersOf(numbers: readonly number[]): Map<string, ExchangedPeer> {
  return new Map(numbers.map((number) => [endpointKey(peerOf(number).endpoint), peerOf(number)]))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function told(
  line: PeerExchangeLine,
  numbers: readonly number[],
  nowMs: number,
  mayHear: (endpoint: Endpoint) => boolean = () => true,
): PeerExchange | undefined {
  const message = line.compose(peersOf(numbers), mayHear, nowMs)
  return message === undefined ? undefined : unwrap(decodePeerExchange(message))
}

test('the first message goes at once, with 50 at most; the others wait for their minute', () => {
  const line = new PeerExchangeLine(0)
  assert.equal(told(line, range(0, 120), 0)?.added.length, 50)
  assert.equal(told(line, range(0, 120), minute - 1), undefined)
  assert.equal(line.nextMs, minute)
  assert.equal(told(line, range(0, 120), minute)?.added.length, 50)
  assert.equal(told(line, range(0, 120), 2 * minute)?.added.length, 20)
  assert.equal(told(line, range(0, 120), 3 * minute), undefined, 'nothing new is not said')
})

test('who has gone is dropped once, if the peer was told of it, and told of again when it is back', () => {
  const line = new PeerExchangeLine(0)
  assert.equal(told(line, [1, 2, 3], 0)?.added.length, 3)
  const second = told(line, [3, 4], minute)
  assert.deepEqual(
    second?.dropped.map(({ address }) => address),
    ['60.0.0.1', '60.0.0.2'],
  )
  assert.deepEqual(
    second.added.map(({ endpoint }) => endpoint.address),
    ['60.0.0.4'],
  )
  assert.equal(told(line, [3, 4], 2 * minute), undefined)
  assert.equal(told(line, [1, 3, 4], 3 * minute)?.added.length, 1)
})

test('a peer does not hear of whom it is not to know', () => {
  const line = new PeerExchangeLine(0)
  const added = told(line, [1, 2], 0, ({ address }) => address !== '60.0.0.1')?.added
  assert.deepEqual(
    added?.map(({ endpoint }) => endpoint.address),
    ['60.0.0.2'],
  )
})

test('of a message 50 peers count, and of messages one a minute; who floods is found out', () => {
  const line = new PeerExchangeLine(0)
  const message = encodePeerExchange({ added: range(0, 150).map(peerOf), dropped: [] })
  const counts = range(0, 5).map((second) => unwrap(line.take(message, second * 1_000)).length)
  assert.deepEqual(counts, [50, 50, 0, 0, 0])
  assert.equal(unwrap(line.take(message, minute)).length, 50)
  let failed: string | undefined
  for (let second = 0; second < 40; second++) {
    const taken = line.take(message, minute + second)
    if (!taken.ok) failed = taken.code
  }
  assert.equal(failed, 'peer-flood')
})

test('a peer that keeps to the minute is heard for ever', () => {
  const line = new PeerExchangeLine(0)
  const message = encodePeerExchange({ added: [peerOf(1)], dropped: [] })
  for (let round = 0; round < 500; round++) assert.equal(unwrap(line.take(message, round * minute)).length, 1)
})

test('what is no message of exchange ends it with its code', () => {
  const taken = new PeerExchangeLine(0).take(Uint8Array.of(0x64), 0)
  assert.equal(taken.ok ? '' : taken.code, 'peer-extension')
})

test('whoever comes and goes: what a peer was told adds up to whom we are connected to', () => {
  const rounds = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { maxLength: 120 }), { maxLength: 12 })
  fc.assert(
    fc.property(rounds, (states) => {
      const line = new PeerExchangeLine(0)
      const known = new Set<string>()
      const last = states.at(-1) ?? []
      const settled = [...states, ...range(0, 6).map(() => last)]
      for (const [round, numbers] of settled.entries()) {
        const message = told(line, numbers, round * minute)
        assert.ok((message?.added.length ?? 0) <= 50 && (message?.dropped.length ?? 0) <= 50)
        for (const endpoint of message?.dropped ?? []) assert.ok(known.delete(endpointKey(endpoint)))
        for (const { endpoint } of message?.added ?? []) {
          assert.ok(!known.has(endpointKey(endpoint)))
          known.add(endpointKey(endpoint))
        }
      }
      assert.deepEqual([...known].sort(), [...peersOf(last).keys()].sort())
    }),
    { numRuns: 200 },
  )
})
