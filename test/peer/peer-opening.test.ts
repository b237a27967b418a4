// Openings of connections: who speaks when, which hash a hybrid settles on, and that nothing but the handshake is taken.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1 } from '../../src/base/bytes.ts'
import { sha1, sha256 } from '../../src/base/hash.ts'
import { infoHashV1, infoHashV2, peerId } from '../../src/base/ids.ts'
import { encodeHandshake, handshakeLength } from '../../src/formats/peer/handshake.ts'
import { type LocalHandshake, PeerOpening, type TorrentHashes, truncatedHash } from '../../src/peer/peer-opening.ts'
import { allFlags, KeptBytes } from './piped-connection.ts'

const v1 = infoHashV1(sha1(fromLatin1('torrent')))
const v2 = infoHashV2(sha256(fromLatin1('torrent')))
const cutV2 = truncatedHash(v2)
const onlyV1: TorrentHashes = { infoHashV1: v1 }
const onlyV2: TorrentHashes = { infoHashV2: v2 }
const hybrid: TorrentHashes = { infoHashV1: v1, infoHashV2: v2 }
const ids = { dial: peerId(fromLatin1('-SW0100-dials-------')), accept: peerId(fromLatin1('-SW0100-accepts-----')) }

function localOf(role: 'dial' | 'accept', hashes: TorrentHashes, dialsV2 = false): LocalHandshake {
  return { flags: allFlags, peerId: ids[role], hashes, dialsV2 }
}

/** Runs both sides to the end, their bytes cut in steps. */
function open(dialled: LocalHandshake, accepted: LocalHandshake, step = handshakeLength) {
  const sinks = { dial: new KeptBytes(), accept: new KeptBytes() }
  const dialler = new PeerOpening('dial', sinks.dial)
  const acceptor = new PeerOpening('accept', sinks.accept)
  dialler.begin(dialled)
  const request = sinks.dial.take()
  for (let start = 0; start < request.length; start += step) {
    assert.equal(acceptor.receive(request.subarray(start, start + step)), undefined)
  }
  acceptor.begin(accepted)
  const answer = sinks.accept.take()
  let wrong: ReturnType<PeerOpening['receive']>
  for (let start = 0; start < answer.length && wrong === undefined; start += step) {
    wrong = dialler.receive(answer.subarray(start, start + step))
  }
  return { dialler, acceptor, wrong }
}

describe('peer opening', () => {
  const outcomes: readonly (readonly [
    name: string,
    dialled: LocalHandshake,
    accepted: TorrentHashes,
    asked: string,
    answered: string,
    isV2: boolean,
  ])[] = [
    ['of version 1', localOf('dial', onlyV1), onlyV1, v1, v1, false],
    ['of version 2', localOf('dial', onlyV2), onlyV2, cutV2, cutV2, true],
    ['of a hybrid upgrades to version 2', localOf('dial', hybrid), hybrid, v1, cutV2, true],
    ['of a hybrid found under version 2', localOf('dial', hybrid, true), hybrid, cutV2, cutV2, true],
    ['of a hybrid with a peer that knows version 1 only', localOf('dial', hybrid), onlyV1, v1, v1, false],
    ['of a hybrid by a peer that knows version 1 only', localOf('dial', onlyV1), hybrid, v1, v1, false],
    ['of a hybrid by a peer that knows version 2 only', localOf('dial', onlyV2), hybrid, cutV2, cutV2, true],
    ['that asks for version 2 of a version 1 torrent', localOf('dial', onlyV1, true), onlyV1, v1, v1, false],
  ]
  for (const [name, dialled, accepted, asked, answered, isV2] of outcomes) {
    test(`${name}: both sides agree`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 70 }), (step) => {
          const { dialler, acceptor, wrong } = open(dialled, localOf('accept', accepted), step)
          assert.equal(wrong, undefined)
          assert.equal(acceptor.remote()?.infoHash, asked)
          assert.equal(acceptor.remote()?.peerId, ids.dial)
          assert.equal(dialler.remote()?.infoHash, answered)
          assert.equal(dialler.remote()?.peerId, ids.accept)
          assert.deepEqual([dialler.isV2(), acceptor.isV2()], [isV2, isV2])
          assert.equal(acceptor.remote()?.flags.v2Upgrade, dialled.hashes.infoHashV2 !== undefined)
        }),
        { numRuns: 20 },
      )
    })
  }

  test('tells the hash before the peer id has come, and speaks only when begun', () => {
    const sink = new KeptBytes()
    const dialSink = new KeptBytes()
    const opening = new PeerOpening('accept', sink)
    new PeerOpening('dial', dialSink).begin(localOf('dial', onlyV1))
    const request = dialSink.take()
    opening.receive(request.subarray(0, 47))
    assert.equal(opening.infoHash(), undefined)
    opening.receive(request.subarray(47, 48))
    assert.equal(opening.infoHash(), v1)
    assert.equal(opening.remote(), undefined)
    assert.equal(sink.take().length, 0)
    opening.begin(localOf('accept', onlyV1))
    assert.equal(sink.take().length, handshakeLength)
    opening.receive(request.subarray(48))
    assert.equal(opening.remote()?.peerId, ids.dial)
    assert.throws(() => opening.begin(localOf('accept', onlyV1)))
  })

  test('an answer for another torrent is refused as soon as its hash is there', () => {
    const answer = new Uint8Array(handshakeLength)
    encodeHandshake(answer, 0, { flags: allFlags, infoHash: cutV2, peerId: ids.accept })
    const other = new PeerOpening('dial', new KeptBytes())
    other.begin(localOf('dial', onlyV1))
    assert.equal(other.receive(answer.subarray(0, 47)), undefined)
    const failure = other.receive(answer.subarray(47))
    assert.equal(failure?.code, 'peer-torrent')
    assert.equal(other.remote(), undefined)
    assert.equal(other.receive(answer), failure)
  })

  test('something else than BitTorrent is refused at its first wrong byte', () => {
    const opening = new PeerOpening('accept', new KeptBytes())
    assert.equal(opening.receive(fromLatin1('GET / HTTP/1.1'))?.code, 'peer-handshake')
    assert.equal(opening.remote(), undefined)
  })

  test('what follows the handshake is kept as it came, up to a bound, and taken once', () => {
    const sink = new KeptBytes()
    new PeerOpening('dial', sink).begin(localOf('dial', onlyV1))
    const request = sink.take()
    const opening = new PeerOpening('accept', new KeptBytes(), {
      opened: (bytes) => bytes.slice(),
      sealing: (inner) => inner,
    })
    opening.receive(concatBytes([request, fromLatin1('first ')]))
    opening.receive(fromLatin1('second'))
    assert.deepEqual(opening.takeRest(), fromLatin1('first second'))
    assert.equal(opening.takeRest().length, 0)
    assert.equal(opening.receive(new Uint8Array(1024 * 1024)), undefined)
    assert.equal(opening.receive(new Uint8Array(1))?.code, 'peer-flood')
  })

  test('bytes beyond the handshake do not pass the encryption stage', () => {
    const seen: number[] = []
    const opening = new PeerOpening('accept', new KeptBytes(), {
      opened: (bytes) => {
        seen.push(bytes.length)
        return bytes
      },
      sealing: (inner) => inner,
    })
    const request = new Uint8Array(handshakeLength)
    encodeHandshake(request, 0, { flags: allFlags, infoHash: v1, peerId: ids.dial })
    opening.receive(request.subarray(0, 60))
    opening.receive(concatBytes([request.subarray(60), new Uint8Array(100)]))
    opening.receive(new Uint8Array(5))
    assert.deepEqual(seen, [60, 8])
    assert.equal(opening.takeRest().length, 105)
  })
})
