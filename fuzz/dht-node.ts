// Fuzz target: a DHT node (BEP 5 and its extensions) in the middle of its life. Any datagrams, from anyone: it answers
// with at most one small datagram to the sender, asks nobody on the spot but whom a lookup knows, keeps within its caps
// and never throws; the same bytes make the same run.
import assert from 'node:assert/strict'
import { simulatedRandom } from '../sim/ports/simulated-random.ts'
import { fromLatin1, toHex } from '../src/base/bytes.ts'
import { DhtNode } from '../src/dht/dht-node.ts'
import type { ItemSignatures } from '../src/ports/item-signatures.ts'
import type { FuzzTarget } from './fuzz-target.ts'
import { target as krpc } from './krpc.ts'

/** Verifying is another's work, and slow: here some signatures are good. */
const signatures: ItemSignatures = { verify: (_key, _message, signature) => signature[0] === 0x73 }
const limits = { queriesPerSecond: 1_000_000, answerBytesPerSecond: 1_000_000_000 }
const known = { family: 4, address: '9.9.9.9', port: 9 } as const
const infoHash = fromLatin1('mnopqrstuvwxyz123456')

/** Transaction ids are drawn at random, so `????` in the input stands for that of the latest query. */
function withTransaction(datagram: Uint8Array, latest: Uint8Array | undefined): Uint8Array {
  const at = latest === undefined ? -1 : Buffer.from(datagram).indexOf('????')
  if (at === -1 || latest === undefined) return datagram
  const filled = datagram.slice()
  filled.set(latest, at)
  return filled
}

function play(input: Uint8Array): string {
  const log: string[] = []
  let sentInCall: { bytes: Uint8Array; address: string; port: number }[] = []
  let latest: Uint8Array | undefined
  const sink = {
    onSend(_place: number, bytes: Uint8Array, address: string, port: number) {
      assert.ok(bytes.length <= 1_400)
      const at = Buffer.from(bytes).indexOf('1:t4:')
      if (Buffer.from(bytes).includes('1:y1:qe') && at !== -1) latest = bytes.slice(at + 5, at + 9)
      sentInCall.push({ bytes, address, port })
      log.push(`${address} ${port} ${toHex(bytes)}`)
    },
  }
  const node = new DhtNode({ random: simulatedRandom(1), signatures, places: [{ family: 4 }], limits }, sink, 0)
  node.handle({ type: 'set-bootstrap', endpoints: [known] }, 0)
  node.handle({ type: 'start' }, 0)
  const task = { type: 'announce', infoHash, port: 80, isSeed: false } as const
  node.handle({ type: 'look-up', ticket: 1, task }, 0)
  const length = Math.max(40, Math.ceil(input.length / 4))
  let nowMs = 0
  for (let start = 0; start < input.length; start += length) {
    sentInCall = []
    const datagram = withTransaction(input.slice(start, start + length), latest)
    node.receive(0, datagram, known.address, known.port, nowMs)
    const isQuery = Buffer.from(datagram).includes('1:y1:q')
    if (isQuery) assert.ok(sentInCall.filter(({ address }) => address === known.address).length <= 1)
    datagram.fill(0xee)
    nowMs += 700
    node.handle({ type: 'wake' }, nowMs)
  }
  while (nowMs < 60_000) {
    nowMs = Math.max(nowMs + 1, node.nextWakeMs())
    node.handle({ type: 'wake' }, nowMs)
  }
  let isDone = false
  for (let output = node.poll(); output !== undefined; output = node.poll()) isDone ||= output.type === 'done'
  assert.ok(isDone, 'the lookup ends')
  return log.join('\n')
}

const answer = (body: string) => fromLatin1(`d1:rd2:id20:abcdefghij0123456789${body}e1:t4:????1:y1:re`)

export const target: FuzzTarget = {
  name: 'dht-node',
  seeds: [
    ...krpc.seeds,
    answer('5:nodes26:ponmlkjihgfedcba9876\x08\x08\x08\x08\x1a\xe1'),
    answer('5:token2:xx6:valuesl6:axje.u6:idhtnme'),
  ],
  tokens: [...(krpc.tokens ?? []), fromLatin1('1:t4:????'), fromLatin1('1:y1:re')],
  maxLengthBytes: 4_000,
  run(input) {
    const first = play(input)
    assert.equal(play(input), first)
  },
}
