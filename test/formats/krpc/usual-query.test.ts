// The quick way through usual queries reads them as the one that reads everything does, and leaves all others to it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1 } from '../../../src/base/bytes.ts'
import { decodeAnyKrpc } from '../../../src/formats/krpc/decode.ts'
import { encodeKrpc } from '../../../src/formats/krpc/encode.ts'
import { decodeUsualQuery } from '../../../src/formats/krpc/usual-query.ts'
import { arbitraryQuery } from './arbitrary-message.ts'

const id = `2:id20:${'a'.repeat(20)}`
const target = `6:target20:${'t'.repeat(20)}`
const infoHash = `9:info_hash20:${'h'.repeat(20)}`

/** Each way to write an argument, a method and what follows, usual or not. */
const written = fc
  .tuple(
    fc.constantFrom(id, '2:id19:aaaaaaaaaaaaaaaaaaa', ''),
    fc.constantFrom('', target, infoHash, `${infoHash}6:noseedi1e`, '3:seqi1e'),
    fc.constantFrom(
      '',
      '4:wantl2:n4e',
      '4:wantl2:n6e',
      '4:wantl2:n42:n6e',
      '4:wantl2:n62:n4e',
      '4:wantle',
      '4:want2:n4',
    ),
    fc.constantFrom('4:ping', '9:find_node', '9:get_peers', '3:get', '4:pong', '09:get_peers'),
    fc.constantFrom('', '2:roi1e', '2:roi0e', '2:ro1:1'),
    fc.constantFrom(
      '2:aa',
      '0:',
      `32:${'x'.repeat(32)}`,
      `33:${'x'.repeat(33)}`,
      '02:aa',
      'i1e',
      '9:aa',
      '99:aa',
      ';:aa1:v4:SW01',
    ),
    fc.constantFrom('', '1:v4:SW01', `1:v10:${'v'.repeat(10)}`, `1:v40:${'v'.repeat(40)}`, '1:v0:', '1:vi1e'),
    fc.constantFrom('1:y1:qe', '1:y1:re', '1:y1:q', '1:y1:qee', '1:xi1e1:y1:qe', ''),
  )
  .map(([asker, searched, want, method, readOnly, transaction, version, end]) =>
    fromLatin1(`d1:ad${asker}${searched}${want}e1:q${method}${readOnly}1:t${transaction}${version}${end}`),
  )

function agrees(datagram: Uint8Array): boolean {
  const usual = decodeUsualQuery(datagram)
  if (usual === undefined) return false
  const any = decodeAnyKrpc(datagram)
  assert.ok(any.ok, any.ok ? '' : any.detail)
  assert.deepEqual(usual, any.value)
  return true
}

test('it agrees with the other whatever a query is made of, cut off or changed in a byte', () => {
  fc.assert(
    fc.property(written, fc.nat(), fc.nat(255), (datagram, place, byte) => {
      agrees(datagram)
      agrees(datagram.subarray(0, place % (datagram.length + 1)))
      const changed = datagram.slice()
      changed[place % changed.length] = byte
      agrees(changed)
    }),
    { numRuns: 3_000 },
  )
})

test('it reads every ping, find_node and get_peers that asks for nothing special, and no other query', () => {
  fc.assert(
    fc.property(arbitraryQuery, (query) => {
      const isUsual =
        query.method === 'ping' ||
        query.method === 'find_node' ||
        (query.method === 'get_peers' && !query.noSeeds && !query.isScrape)
      assert.equal(agrees(encodeKrpc(query)), isUsual && query.ip === undefined)
    }),
    { numRuns: 500 },
  )
})
