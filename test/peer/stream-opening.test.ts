// Openings in plaintext and encrypted: whichever way one side dials, the other finds out, if it may; both know who the
// other is and for which torrent, and the bytes after it are those of the peer wire.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1 } from '../../src/base/bytes.ts'
import { peerId } from '../../src/base/ids.ts'
import { startsHandshake } from '../../src/formats/peer/handshake.ts'
import { plaintextStage } from '../../src/peer/encryption-stage.ts'
import type { LocalHandshake, TorrentHashes } from '../../src/peer/peer-opening.ts'
import { type OpeningContext, type OpeningWay, StreamOpening } from '../../src/peer/stream-opening.ts'
import { contextOf, randomOf, torrentHash, v1, v2 } from './encryption-harness.ts'
import { allFlags, KeptBytes } from './piped-connection.ts'

const ids = { dial: peerId(fromLatin1('-SW0100-dials-------')), accept: peerId(fromLatin1('-SW0100-accepts-----')) }

function localOf(role: 'dial' | 'accept', hashes: TorrentHashes): LocalHandshake {
  return { flags: allFlags, peerId: ids[role], hashes }
}

interface Setting {
  readonly way: OpeningWay
  readonly hashes?: TorrentHashes
  readonly dialled?: Partial<OpeningContext>
  readonly accepted?: Partial<OpeningContext>
  readonly step?: number
}

/** Runs both sides until neither has anything to say. */
function open({ way, hashes = { infoHashV1: v1 }, dialled = {}, accepted = {}, step = 1_000 }: Setting) {
  const sinks = { dial: new KeptBytes(), accept: new KeptBytes() }
  const dialler = StreamOpening.dial(way, localOf('dial', hashes), sinks.dial, contextOf(randomOf(8), dialled))
  const acceptor = StreamOpening.accept(sinks.accept, contextOf(randomOf(9), accepted))
  let hasBegun = false
  let sent = { dial: 0, accept: 0 }
  let wrong: string | undefined
  const move = (from: 'dial' | 'accept', to: StreamOpening): boolean => {
    const bytes = sinks[from].take()
    sent = { ...sent, [from]: sent[from] + bytes.length }
    for (let start = 0; start < bytes.length && wrong === undefined; start += step) {
      wrong = to.receive(bytes.slice(start, start + step))?.code
      if (to !== acceptor || hasBegun || acceptor.infoHash() === undefined || wrong !== undefined) continue
      hasBegun = true
      acceptor.begin(localOf('accept', hashes))
    }
    return bytes.length > 0
  }
  while (wrong === undefined && (move('dial', acceptor) || move('accept', dialler)));
  return { dialler, acceptor, sinks, sent, wrong }
}

describe('an opening', () => {
  for (const way of ['plaintext', 'encrypted'] as const) {
    for (const [version, hashes] of [
      ['v1', { infoHashV1: v1 }],
      ['v2', { infoHashV2: v2 }],
      ['hybrid', { infoHashV1: v1, infoHashV2: v2 }],
    ] as const) {
      test(`dialled ${way} for a ${version} torrent is understood, in any parts`, () => {
        fc.assert(
          fc.property(fc.integer({ min: 1, max: 700 }), fc.boolean(), (step, allowsPlaintextPayload) => {
            const { dialler, acceptor, sinks, sent, wrong } = open({
              way,
              hashes,
              step,
              accepted: { allowsPlaintextPayload },
            })
            assert.equal(wrong, undefined)
            assert.equal(acceptor.remote()?.peerId, ids.dial)
            assert.equal(dialler.remote()?.peerId, ids.accept)
            assert.deepEqual([dialler.isV2(), acceptor.isV2()], [version !== 'v1', version !== 'v1'])
            const encryption = way === 'plaintext' ? 'none' : allowsPlaintextPayload ? 'opening' : 'all'
            assert.deepEqual([dialler.encryption, acceptor.encryption], [encryption, encryption])
            assert.deepEqual([dialler.sentBytes, acceptor.sentBytes], [sent.dial, sent.accept])
            assert.equal(dialler.stage === plaintextStage, encryption !== 'all')
            const wire = fromLatin1('messages of the peer wire')
            for (const [from, to, sink] of [
              [dialler, acceptor, sinks.dial],
              [acceptor, dialler, sinks.accept],
            ] as const) {
              from.stage.sealing(sink).write(wire)
              const passed = sink.take()
              assert.equal(startsHandshake(concatBytes([passed, wire])), false)
              to.receive(passed)
              assert.deepEqual(to.stage.opened(to.takeRest()), wire)
            }
          }),
          { numRuns: 15 },
        )
      })
    }
  }

  test('of which all bytes look like noise where it is encrypted', () => {
    const { dialler } = open({ way: 'encrypted', accepted: { allowsPlaintextPayload: false } })
    const sink = new KeptBytes()
    StreamOpening.dial('encrypted', localOf('dial', { infoHashV1: v1 }), sink, contextOf(randomOf(4)))
    const first = Buffer.from(sink.take())
    assert.ok(dialler.remote() !== undefined)
    assert.ok(first.length >= 96 && first.length <= 96 + 512)
    for (const told of [torrentHash, fromLatin1('BitTorrent'), fromLatin1('-SW')]) assert.equal(first.indexOf(told), -1)
  })

  const refused: readonly (readonly [what: string, Setting, code: string])[] = [
    [
      'in plaintext where that is not allowed',
      { way: 'plaintext', accepted: { allowsPlaintextOpening: false } },
      'peer-encryption',
    ],
    [
      'encrypted where that is not allowed',
      { way: 'encrypted', accepted: { allowsEncryptedOpening: false } },
      'peer-handshake',
    ],
    ['encrypted, where there is no time', { way: 'encrypted', accepted: { mayExchange: () => false } }, 'peer-surplus'],
    ['encrypted, for another torrent', { way: 'encrypted', accepted: { infoHashOf: () => undefined } }, 'peer-torrent'],
    [
      'encrypted with the hash of another torrent than was looked up',
      { way: 'encrypted', accepted: { infoHashOf: () => new Uint8Array(20) } },
      'peer-encryption',
    ],
  ]
  for (const [what, setting, code] of refused) {
    test(`${what} is refused, once and for all`, () => {
      for (const step of [1, 1_000]) {
        const { acceptor, wrong } = open({ ...setting, step })
        assert.equal(wrong, code)
        assert.equal(acceptor.receive(new Uint8Array(1))?.code, code)
        assert.equal(acceptor.remote(), undefined)
      }
    })
  }

  test('answered in plaintext where it was dialled encrypted is refused, and nothing was agreed', () => {
    const sink = new KeptBytes()
    const dialler = StreamOpening.dial('encrypted', localOf('dial', { infoHashV1: v1 }), sink, contextOf(randomOf(4)))
    const answer = new KeptBytes()
    StreamOpening.dial('plaintext', localOf('accept', { infoHashV1: v1 }), answer, contextOf(randomOf(5)))
    assert.equal(dialler.receive(concatBytes([answer.take(), new Uint8Array(700)]))?.code, 'peer-encryption')
    assert.deepEqual([dialler.encryption, dialler.hasReceived], ['none', true])
  })

  test('tells plaintext from anything else by as few bytes as it takes', () => {
    const start = fromLatin1('\x13BitTorrent protocol')
    for (let length = 0; length <= start.length; length++) {
      assert.equal(startsHandshake(start.subarray(0, length)), length === start.length ? true : undefined)
      const other = start.slice(0, length + 1)
      other[length] = 0
      assert.equal(startsHandshake(other), length === start.length)
    }
  })
})
