// Fuzz target: the handshake of encrypted connections (MSE), both sides. For any bytes, cut anywhere, sealed with the
// right keys or not at all: the outcome is the same, is one of those that may be, and is there when all room for padding is
// used up.
import assert from 'node:assert/strict'
import { concatBytes, equalBytes, fromHex, fromLatin1, toHex } from '../src/base/bytes.ts'
import { publicKeyOf, sharedSecretOf } from '../src/base/diffie-hellman.ts'
import { unwrap } from '../src/base/errors.ts'
import { sha1 } from '../src/base/hash.ts'
import { acceptEncryption, dialEncryption, keyedHash } from '../src/peer/encryption-handshake.ts'
import type { Random } from '../src/ports/random.ts'
import { cipherOf, torrentHash } from '../test/peer/encryption-harness.ts'
import { KeptBytes } from '../test/peer/piped-connection.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const codes = /^peer-(encryption|torrent)$/
const choiceLength = 3
/** Key, padding, proof, torrent, head, padding, length: nothing that is longer is undecided. */
const longestHandshake = 96 + 512 + 20 + 20 + 14 + 512 + 2

function keyOf(number: number): Uint8Array {
  const key = new Uint8Array(20)
  key[19] = number
  return key
}

/** Small keys, which take no time; no padding. */
const ourKey = keyOf(5)
const theirKey = keyOf(3)
const random: Random = {
  fill: (target) => target.set(ourKey.subarray(20 - Math.min(20, target.length))),
  below: () => 0,
}
const secret = sharedSecretOf(theirKey, publicKeyOf(ourKey)) ?? new Uint8Array(96)
const proof = sha1(concatBytes([fromLatin1('req1'), secret]))
const named = unwrap(fromHex(keyedHash(torrentHash))).map(
  (byte, index) => byte ^ (sha1(concatBytes([fromLatin1('req3'), secret]))[index] as number),
)

/** What comes to us when the other side seals `inner` as it should. */
function sealedStream(isAccepting: boolean, padLength: number, inner: Uint8Array): Uint8Array {
  const sealed = inner.slice()
  cipherOf(isAccepting ? 'keyA' : 'keyB', secret).apply(sealed)
  const opening = concatBytes([publicKeyOf(theirKey), new Uint8Array(padLength).fill(0xaa)])
  return isAccepting ? concatBytes([opening, proof, named, sealed]) : concatBytes([opening, sealed])
}

function outcomeOf(isAccepting: boolean, allowsPlaintext: boolean, stream: Uint8Array, step: number): string {
  const sink = new KeptBytes()
  const infoHashOf = (keyed: string) => (keyed === keyedHash(torrentHash) ? torrentHash : undefined)
  const side = isAccepting
    ? acceptEncryption({ sink, random, allowsPlaintext, infoHashOf, mayExchange: () => true })
    : dialEncryption({ sink, random, allowsPlaintext, infoHash: torrentHash, initialPayload: fromLatin1('first') })
  let code: string | undefined
  for (let start = 0; start < stream.length; start += step) {
    const chunk = stream.slice(start, start + step)
    code = side.receive(chunk)?.code
    chunk.fill(0xee)
  }
  if (code !== undefined) assert.match(code, codes)
  const agreement = side.agreement()
  assert.ok(code === undefined || agreement === undefined)
  if (stream.length >= longestHandshake) assert.ok(code !== undefined || agreement !== undefined)
  if (agreement === undefined) return JSON.stringify([code, toHex(sink.take())])
  assert.ok(allowsPlaintext || agreement.encryptsPayload)
  const rest = side.takeRest()
  assert.equal(side.takeRest().length, 0)
  const opened = agreement.stage.opened(rest.slice())
  if (!isAccepting && !agreement.encryptsPayload) assert.ok(equalBytes(opened, rest))
  return JSON.stringify([agreement.encryptsPayload, toHex(opened), toHex(sink.take())])
}

/** Choices (bit 0: accepts, 1: allows plaintext, 2: sealed), length of chunks, padding in fours; then the stream. */
function inputOf(choices: number, padding: number, stream: readonly number[]): Uint8Array {
  return Uint8Array.from([choices, 40, padding, ...stream])
}

const zeros = [0, 0, 0, 0, 0, 0, 0, 0]

export const target: FuzzTarget = {
  name: 'peer-encryption',
  seeds: [
    inputOf(7, 0, [...zeros, 0, 0, 0, 3, 0, 0, 0, 4, 1, 2, 3, 4, 5]),
    inputOf(5, 128, [...zeros, 0, 0, 0, 2, 0, 3, 9, 9, 9, 0, 0, 7]),
    inputOf(5, 0, [...zeros, 0, 0, 0, 1, 0, 0, 0, 0]),
    inputOf(6, 0, [...zeros, 0, 0, 0, 1, 0, 2, 8, 8, 7]),
    inputOf(4, 128, [...zeros, 0, 0, 0, 2, 0, 0, 7]),
    inputOf(3, 0, [...publicKeyOf(theirKey), ...proof, ...named]),
    inputOf(2, 0, [...publicKeyOf(theirKey)]),
    inputOf(1, 0, new Array<number>(700).fill(7)),
  ],
  tokens: [proof, named, publicKeyOf(theirKey), Uint8Array.of(2, 0), Uint8Array.of(2, 1), Uint8Array.from(zeros)],
  maxLengthBytes: 2_048,
  run(input) {
    const [choices = 0, stepLess = 0, padding = 0] = input
    const isAccepting = (choices & 1) !== 0
    const allowsPlaintext = (choices & 2) !== 0
    const inner = input.subarray(choiceLength)
    const stream = (choices & 4) === 0 ? inner : sealedStream(isAccepting, 4 * padding, inner)
    const whole = outcomeOf(isAccepting, allowsPlaintext, stream, 100_000)
    assert.equal(outcomeOf(isAccepting, allowsPlaintext, stream, 1 + stepLess), whole)
  },
}
