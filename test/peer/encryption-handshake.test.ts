// The handshake of MSE against one written a second time, and against everything that is none: what both sides agree
// on, what is refused and when, and how much is read until then.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, readUint16, readUint32, toHex } from '../../src/base/bytes.ts'
import { publicKeyOf, sharedSecretOf } from '../../src/base/diffie-hellman.ts'
import type { Failure } from '../../src/base/errors.ts'
import {
  acceptEncryption,
  dialEncryption,
  type EncryptionHandshake,
  keyedHash,
} from '../../src/peer/encryption-handshake.ts'
import { BookDialler, cipherOf, contextOf, type Quirks, randomOf, torrentHash } from './encryption-harness.ts'
import { KeptBytes } from './piped-connection.ts'

function receiveInSteps(side: EncryptionHandshake, bytes: Uint8Array, step: number): Failure | undefined {
  let wrong: Failure | undefined
  for (let start = 0; start < bytes.length; start += step) wrong = side.receive(bytes.slice(start, start + step))
  return wrong
}

function accepting(allowsPlaintext = true, padLength?: number) {
  const sink = new KeptBytes()
  const side = acceptEncryption({ sink, allowsPlaintext, ...contextOf(randomOf(2, padLength)) })
  return { sink, side }
}

function dialling(allowsPlaintext = true, padLength?: number, initialPayload = new Uint8Array(0)) {
  const sink = new KeptBytes()
  const side = dialEncryption({
    sink,
    allowsPlaintext,
    infoHash: torrentHash,
    initialPayload,
    random: randomOf(3, padLength),
  })
  return { sink, side }
}

/** The answer of somebody who accepts: padding, then sealed `head` and padding, then payload as it is. */
function answerTo(sink: KeptBytes, options: { padLength?: number; head?: readonly number[]; innerPad?: number } = {}) {
  const { padLength = 0, head = [0, 0, 0, 2], innerPad = 0 } = options
  const privateKey = new Uint8Array(20).fill(0x22)
  const secret = sharedSecretOf(privateKey, sink.take().subarray(0, 96)) as Uint8Array
  const sealed = new Uint8Array(14 + Math.min(innerPad, 512))
  sealed.set(head, 8)
  sealed[12] = innerPad >> 8
  sealed[13] = innerPad & 0xff
  const cipher = cipherOf('keyB', secret)
  cipher.apply(sealed)
  return { bytes: concatBytes([publicKeyOf(privateKey), new Uint8Array(padLength).fill(0xbb), sealed]), cipher, secret }
}

describe('two sides', () => {
  for (const [ours, theirs, encryptsPayload] of [
    [true, true, false],
    [true, false, true],
    [false, true, true],
    [false, false, true],
  ] as const) {
    test(`agree, where plaintext is ${ours ? '' : 'not '}allowed here and ${theirs ? '' : 'not '}there, and read the same`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 700 }),
          fc.constantFrom(undefined, 0, 1, 512),
          fc.uint8Array({ maxLength: 100 }),
          fc.uint8Array({ maxLength: 100 }),
          (step, padLength, initialPayload, later) => {
            const dial = dialling(ours, padLength, initialPayload)
            const accept = accepting(theirs, padLength)
            assert.equal(receiveInSteps(accept.side, dial.sink.take(), step), undefined)
            assert.equal(receiveInSteps(dial.side, accept.sink.take(), step), undefined)
            const request = concatBytes([dial.sink.take()])
            assert.equal(receiveInSteps(accept.side, request, step), undefined)
            assert.equal(receiveInSteps(dial.side, accept.sink.take(), step), undefined)
            const [dialled, accepted] = [dial.side.agreement(), accept.side.agreement()]
            assert.ok(dialled !== undefined && accepted !== undefined)
            assert.deepEqual([dialled.encryptsPayload, accepted.encryptsPayload], [encryptsPayload, encryptsPayload])
            const out = new KeptBytes()
            dialled.stage.sealing(out).write(later.slice(), later.slice())
            const sent = out.take()
            if (encryptsPayload && later.length > 8) assert.notDeepEqual(sent, concatBytes([later, later]))
            const read = accepted.stage.opened(concatBytes([accept.side.takeRest(), sent]))
            assert.deepEqual(toHex(read), toHex(concatBytes([initialPayload, later, later])))
            const back = new KeptBytes()
            accepted.stage.sealing(back).write(later.slice())
            assert.deepEqual(toHex(dialled.stage.opened(back.take())), toHex(later))
          },
        ),
        { numRuns: 40 },
      )
    })
  }
})

test('a payload is sealed where it goes, and stays as it is where it lies', () => {
  const { side, sink } = accepting(false)
  const peer = new BookDialler()
  side.receive(peer.first())
  side.receive(peer.second(sink.take()))
  sink.take()
  const payload = new Uint8Array(new SharedArrayBuffer(40)).fill(5)
  const header = new Uint8Array(13).fill(6)
  const out = new KeptBytes()
  out.answer = false
  assert.equal(side.agreement()?.stage.sealing(out).write(header, payload), false)
  assert.ok(payload.every((byte) => byte === 5) && header.every((byte) => byte === 6))
  const sent = out.take()
  assert.equal(sent.length, 53)
  assert.notEqual(sent[0], 6)
})

describe('who accepts', () => {
  function outcomeOf(quirks: Quirks, allowsPlaintext = true) {
    const { side, sink } = accepting(allowsPlaintext, 0)
    const peer = new BookDialler(quirks)
    const wrong = side.receive(peer.first()) ?? side.receive(peer.second(sink.take()))
    return { code: wrong?.code, agreement: side.agreement(), answer: sink.take(), peer, side }
  }

  test('answers by the book, behind the most padding there may be', () => {
    for (const innerPadLength of [0, 512]) {
      const payload = new Uint8Array(68).fill(9)
      const { agreement, answer, peer, side, code } = outcomeOf({ padLength: 512, innerPadLength, payload }, false)
      assert.equal(code, undefined)
      assert.equal(agreement?.encryptsPayload, true)
      assert.deepEqual(agreement.stage.opened(side.takeRest()), payload)
      cipherOf('keyB', peer.secret).apply(answer)
      assert.deepEqual(answer.subarray(0, 8), new Uint8Array(8))
      assert.deepEqual([readUint32(answer, 8), readUint16(answer, 12), answer.length], [2, 0, 14])
    }
  })

  const refused: readonly (readonly [what: string, Quirks, code: string])[] = [
    ['a torrent that is not here', { infoHash: new Uint8Array(20) }, 'peer-torrent'],
    ['a wrong verification constant', { verification: new Uint8Array(8).fill(1) }, 'peer-encryption'],
    ['no method that is known', { methods: 0xfffffffc }, 'peer-encryption'],
    ['more inner padding than there may be', { innerPadLength: 513 }, 'peer-encryption'],
    ['its proof behind more padding than there may be', { padLength: 513 }, 'peer-encryption'],
  ]
  for (const [what, quirks, code] of refused) {
    test(`refuses who offers ${what}`, () => {
      const outcome = outcomeOf(quirks)
      assert.equal(outcome.code, code)
      assert.equal(outcome.agreement, undefined)
      assert.equal(outcome.side.receive(new Uint8Array(1))?.code, code)
    })
  }

  test('refuses plaintext where that is not allowed', () => {
    assert.equal(outcomeOf({ methods: 1 }, false).code, 'peer-encryption')
    assert.equal(outcomeOf({ methods: 1 }).agreement?.encryptsPayload, false)
  })

  test('of the payload that goes along opens as much as was said, and takes plaintext from there', () => {
    const { agreement, side } = outcomeOf({ methods: 1, payload: new Uint8Array(10).fill(7), saidLength: 12 })
    const late = new Uint8Array(5).fill(3)
    const rest = agreement?.stage.opened(concatBytes([side.takeRest(), late]))
    assert.deepEqual(rest?.subarray(0, 10), new Uint8Array(10).fill(7))
    assert.notDeepEqual(rest?.subarray(10, 12), new Uint8Array(2).fill(3))
    assert.deepEqual(rest?.subarray(12), new Uint8Array(3).fill(3))
    assert.deepEqual(agreement?.stage.opened(late), new Uint8Array(5).fill(3))
  })

  test('makes no key before one has come, and none where there is no time', () => {
    const sink = new KeptBytes()
    let asked = 0
    const mayExchange = () => ++asked > 1
    const side = acceptEncryption({ sink, allowsPlaintext: true, ...contextOf(randomOf(1), { mayExchange }) })
    assert.equal(side.receive(new Uint8Array(95).fill(5)), undefined)
    assert.deepEqual([asked, sink.writes], [0, 0])
    assert.equal(side.receive(new Uint8Array(600).fill(5))?.code, 'peer-surplus')
    assert.deepEqual([asked, sink.writes], [1, 0])
  })

  test('refuses a key whose secret anybody knows', () => {
    for (const fill of [0, 0xff]) {
      const { side } = accepting()
      assert.equal(side.receive(new Uint8Array(96).fill(fill))?.code, 'peer-encryption')
    }
  })

  test('a recording of another connection proves nothing', () => {
    const peer = new BookDialler({ payload: new Uint8Array(68) })
    const first = accepting(true, 0)
    first.side.receive(peer.first())
    const second = peer.second(first.sink.take())
    assert.equal(first.side.receive(second), undefined)
    assert.ok(first.side.agreement() !== undefined)
    const again = acceptEncryption({ sink: new KeptBytes(), allowsPlaintext: true, ...contextOf(randomOf(77, 0)) })
    again.receive(peer.first())
    assert.equal(again.receive(concatBytes([second, new Uint8Array(600)]))?.code, 'peer-encryption')
  })

  test('noise ends it after 628 bytes, however it comes', () => {
    for (const step of [1, 96, 700]) {
      const { side } = accepting()
      const noise = new Uint8Array(700)
      randomOf(5).fill(noise)
      noise[0] = 1
      let taken = 0
      for (; taken < noise.length; taken += step) {
        if (side.receive(noise.slice(taken, taken + step)) !== undefined) break
      }
      assert.ok(taken <= 628, `${taken} bytes taken in steps of ${step}`)
      assert.ok(step > 1 || taken === 627)
    }
  })
})

describe('who dials', () => {
  test('says the torrent so that only who knows it can tell, and sends the first bytes along', () => {
    const payload = new Uint8Array(68).fill(4)
    const { side, sink } = dialling(true, 3, payload)
    const { bytes, secret, cipher } = answerTo(sink, { padLength: 512, innerPad: 512 })
    assert.equal(side.receive(bytes), undefined)
    const offer = sink.take()
    assert.equal(toHex(offer).includes(toHex(torrentHash)), false)
    cipherOf('keyA', secret).apply(offer, 40)
    assert.deepEqual(
      [readUint32(offer, 48), readUint16(offer, 52), readUint16(offer, 57), offer.length],
      [3, 3, 68, 40 + 16 + 3 + 68],
    )
    assert.deepEqual(offer.subarray(59), payload)
    assert.equal(side.agreement()?.encryptsPayload, true)
    const later = new Uint8Array(4).fill(1)
    cipher.apply(later)
    assert.deepEqual(side.agreement()?.stage.opened(later), new Uint8Array(4).fill(1))
  })

  const refused: readonly (readonly [what: string, Parameters<typeof answerTo>[1], allowsPlaintext: boolean])[] = [
    ['plaintext, which was not offered', { head: [0, 0, 0, 1] }, false],
    ['both methods', { head: [0, 0, 0, 3] }, true],
    ['no method', { head: [0, 0, 0, 0] }, true],
    ['more inner padding than there may be', { innerPad: 513 }, true],
    ['more padding than there may be', { padLength: 513 }, true],
  ]
  for (const [what, answer, allowsPlaintext] of refused) {
    test(`refuses who answers with ${what}`, () => {
      const { side, sink } = dialling(allowsPlaintext)
      assert.equal(side.receive(answerTo(sink, answer).bytes)?.code, 'peer-encryption')
      assert.equal(side.agreement(), undefined)
    })
  }

  test('refuses a key whose secret anybody knows, and noise after 616 bytes', () => {
    assert.equal(dialling().side.receive(new Uint8Array(96))?.code, 'peer-encryption')
    const { side } = dialling()
    const noise = new Uint8Array(700).fill(0x5a)
    let taken = 0
    while (side.receive(noise.subarray(taken, taken + 1)) === undefined) taken++
    assert.equal(taken + 1, 96 + 512 + 8)
  })
})

test('the hash that names a torrent is of its info hash alone', () => {
  assert.equal(keyedHash(torrentHash), keyedHash(torrentHash.slice()))
  assert.match(keyedHash(torrentHash), /^[0-9a-f]{40}$/)
  assert.notEqual(keyedHash(torrentHash), keyedHash(new Uint8Array(20)))
})
