// Local discovery (BEP 14): when the local network hears of us, and how much of it we hear.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { unwrap } from '../../src/base/errors.ts'
import { decodeLocalAnnounce, encodeLocalAnnounce, type LocalAnnounce } from '../../src/formats/local-announce.ts'
import { LocalDiscovery, type LocalDiscoveryOutput } from '../../src/reach/local-discovery.ts'

const minute = 60_000
const hash = (number: number) => number.toString(16).padStart(40, '0')

function newMachine(seed = 1): LocalDiscovery {
  const machine = new LocalDiscovery(simulatedRandom(seed), 0)
  machine.setPort(6_881)
  return machine
}

function outputsOf(machine: LocalDiscovery): LocalDiscoveryOutput[] {
  const outputs: LocalDiscoveryOutput[] = []
  for (let output = machine.poll(); output !== undefined; output = machine.poll()) outputs.push(output)
  return outputs
}

/** What it announces until then, of one family, and when. */
function runUntil(machine: LocalDiscovery, endMs: number): { readonly atMs: number; readonly said: LocalAnnounce }[] {
  const announces: { atMs: number; said: LocalAnnounce }[] = []
  for (let atMs = machine.nextWakeMs(); atMs <= endMs; atMs = machine.nextWakeMs()) {
    machine.wake(atMs)
    for (const output of outputsOf(machine)) {
      if (output.type !== 'announce' || output.family !== 4) continue
      announces.push({ atMs, said: unwrap(decodeLocalAnnounce(output.bytes)) })
    }
  }
  return announces
}

test('a torrent is announced at once, and then every five minutes, to both groups', () => {
  const machine = newMachine()
  machine.add(hash(1), 0)
  const times = runUntil(machine, 60 * minute).map(({ atMs }) => atMs)
  assert.ok((times[0] ?? minute) < 2_000)
  assert.ok(times.length >= 11 && times.length <= 13)
  const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0))
  assert.ok(gaps.every((gap) => gap >= 5 * minute && gap <= 5.5 * minute))
  assert.ok(new Set(gaps).size > 1, 'not in step')
  machine.wake(machine.nextWakeMs())
  assert.deepEqual(
    outputsOf(machine).map((output) => (output.type === 'announce' ? output.family : 0)),
    [4, 6],
  )
})

test('many torrents share messages, one a minute, and each has its turn', () => {
  const machine = newMachine()
  for (let number = 0; number < 150; number++) machine.add(hash(number), 0)
  const announces = runUntil(machine, 20 * minute)
  const counts = new Map<string, number>()
  for (const [index, { atMs, said }] of announces.entries()) {
    assert.ok(index === 0 || atMs - (announces[index - 1]?.atMs ?? 0) >= minute)
    for (const infoHash of said.infoHashes) counts.set(infoHash, (counts.get(infoHash) ?? 0) + 1)
  }
  assert.equal(counts.size, 150)
  assert.ok([...counts.values()].every((count) => count >= 2))
})

test('without a port, and of torrents that are gone, nothing is announced', () => {
  const machine = newMachine()
  machine.add(hash(1), 0)
  machine.remove(hash(1))
  assert.equal(machine.nextWakeMs(), Number.POSITIVE_INFINITY)
  machine.add(hash(1), 0)
  machine.setPort(0)
  assert.equal(machine.nextWakeMs(), Number.POSITIVE_INFINITY)
})

test('who has a torrent of ours is told of, at the address it sent from; others and our own messages are not', () => {
  const [machine, other] = [newMachine(1), newMachine(2)]
  machine.add(hash(1), 0)
  other.add(hash(1), 0)
  other.add(hash(2), 0)
  const sender = { family: 4, address: '192.168.1.7' } as const
  other.wake(2_000)
  for (const output of outputsOf(other)) if (output.type === 'announce') machine.receive(output.bytes, sender, 2_000)
  const peer = { type: 'peer', infoHash: hash(1), endpoint: { ...sender, port: 6_881 } }
  assert.deepEqual(outputsOf(machine), [peer, peer])
  machine.wake(2_000)
  for (const output of outputsOf(machine)) if (output.type === 'announce') machine.receive(output.bytes, sender, 2_000)
  assert.deepEqual(outputsOf(machine), [])
  machine.receive(Uint8Array.of(1, 2, 3), sender, 2_000)
  assert.deepEqual(outputsOf(machine), [])
})

test('of a sender that floods little is read, and it silences nobody else', () => {
  const machine = newMachine()
  machine.add(hash(1), 0)
  const bytes = encodeLocalAnnounce({ port: 5, infoHashes: [hash(1)], cookie: 'x' }, 4)
  for (let count = 0; count < 1_000; count++) machine.receive(bytes, { family: 4, address: '192.168.1.7' }, count)
  assert.equal(outputsOf(machine).length, 8)
  machine.receive(bytes, { family: 4, address: '192.168.1.8' }, 1_000)
  assert.equal(outputsOf(machine).length, 1)
})
