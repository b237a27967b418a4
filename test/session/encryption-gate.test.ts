// Which way peers are dialled under which policy, and that who comes by the thousand costs no more time than is set aside.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { EncryptionGate, openingWay, otherWay } from '../../src/session/encryption-gate.ts'
import type { EncryptionPolicy } from '../../src/session/session-config.ts'

test('policies say how to dial, and what to try with who does not answer', () => {
  const outcomes = (['allow', 'prefer', 'require', 'off'] as const satisfies readonly EncryptionPolicy[]).map(
    (policy) => [
      openingWay(policy, undefined),
      openingWay(policy, 'plaintext'),
      openingWay(policy, 'encrypted'),
      otherWay(policy, 'plaintext'),
      otherWay(policy, 'encrypted'),
      otherWay(policy, undefined),
    ],
  )
  deepEqual(outcomes, [
    ['plaintext', 'plaintext', 'encrypted', 'encrypted', 'plaintext', undefined],
    ['encrypted', 'plaintext', 'encrypted', 'encrypted', 'plaintext', undefined],
    ['encrypted', 'encrypted', 'encrypted', undefined, undefined, undefined],
    ['plaintext', 'plaintext', 'plaintext', undefined, undefined, undefined],
  ])
})

test('one global address has few at once, and one a second from then on; others are not held up by it', () => {
  const gate = new EncryptionGate()
  const count = (address: string, tries: number, nowMs: number): number =>
    Array.from({ length: tries }, () => gate.admits(address, nowMs)).filter(Boolean).length
  equal(count('60.0.0.1', 1_000, 0), 20)
  equal(count('60.0.0.2', 5, 0), 5)
  equal(count('60.0.0.1', 10, 1_000), 1)
  equal(count('60.0.0.1', 100, 3_600_000), 20)
})

test('all together have no more than a bounded share of the time, from however many addresses', () => {
  const gate = new EncryptionGate()
  let admitted = 0
  for (let tick = 0; tick < 100; tick++) {
    for (let number = 0; number < 100; number++) {
      if (gate.admits(`60.${tick}.${number}.1`, tick * 100)) admitted++
    }
  }
  // 10 s, and what may come at once; each costs about 0.2 ms.
  ok(admitted <= 300 + 10 * 150, `${admitted} in 10 s`)
  ok(admitted >= 10 * 150)
})

test('the local network is bounded by the sum alone', () => {
  const gate = new EncryptionGate()
  const admitted = Array.from({ length: 1_000 }, () => gate.admits('127.0.0.1', 0)).filter(Boolean).length
  equal(admitted, 300)
})
