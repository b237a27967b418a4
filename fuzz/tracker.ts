// Fuzz target: all that trackers and their clients send (BEP 3, 7, 15, 23, 31, 41, 48). Any bytes give a value
// within its bounds or a typed failure.
import assert from 'node:assert/strict'
import { fromHex, fromLatin1, toLatin1 } from '../src/base/bytes.ts'
import { type Result, unwrap } from '../src/base/errors.ts'
import type { Endpoint } from '../src/formats/compact-endpoint.ts'
import { encodeAnnounceQuery, parseAnnounceQuery } from '../src/formats/tracker/announce-query.ts'
import { decodeAnnounceResponse } from '../src/formats/tracker/announce-response.ts'
import { decodeScrapeResponse, parseScrapeQuery } from '../src/formats/tracker/scrape.ts'
import { decodeSignalling } from '../src/formats/tracker/signalling.ts'
import { decodeUrlData, maxUrlDataLength } from '../src/formats/tracker/udp-options.ts'
import {
  actionAnnounce,
  actionScrape,
  announceRequestLength,
  emptyAnnounceFields,
  readUdpAnnounce,
  scrapeHashCount,
  scrapeHashOffset,
  udpRequestAction,
} from '../src/formats/tracker/udp-request.ts'
import { decodeUdpResponse } from '../src/formats/tracker/udp-response.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const text = [
  'd8:completei1e10:incompletei2e8:intervali1800e12:min intervali60e5:peers6:aaaabb6:peers618:aaaabbbbccccddddee10:tracker id2:xxe',
  'd11:external ip4:abcd8:intervali60e5:peersld2:ip9:192.0.2.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881eeee',
  'd14:failure reason2:no8:retry in5:nevere',
  'd5:filesd20:xxxxxxxxxxxxxxxxxxxxd8:completei11e10:downloadedi13772e10:incompletei19eee5:flagsd20:min_request_intervali60eee',
  'info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-SW0010-aaaaaaaaaaaa&port=6881&uploaded=0&downloaded=0' +
    '&left=1&compact=1&event=started&numwant=50&key=6F1A2B3C&trackerid=%ff&ipv6=%5B2001%3A%3A1%5D%3A6882&ip=192.0.2.1',
  'info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=bbbbbbbbbbbbbbbbbbbb',
  '{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb","left":0,"event":"started",' +
    '"offers":[{"offer_id":"c","offer":{"type":"offer","sdp":"v=0"}}]}',
].map(fromLatin1)

const datagrams = [
  '0000041727101980000000000000aabb',
  `deadbeef800000010000000100000001${'ab'.repeat(82)}0203612f620100`,
  `deadbeef800000010000000200000001${'ab'.repeat(40)}`,
  '0000000000000001deadbeef80000001',
  '000000010000000100000708000000030000000500000000c00002011ae1',
  '0000000200000001000000050000000700000003',
  '00000003000000016e6f',
].map((hex) => unwrap(fromHex(hex)))

function checked<T>(result: Result<T>, codes: RegExp): T | undefined {
  if (result.ok) return result.value
  assert.match(result.code, codes)
  return undefined
}

function checkPeers(peers: readonly Endpoint[], intervalSeconds: number): void {
  assert.ok(peers.length <= 3_000 && peers.every(({ port }) => port > 0 && port <= 65_535))
  assert.ok(intervalSeconds >= 10 && intervalSeconds <= 86_400)
}

function checkReplies(input: Uint8Array): void {
  const codes = /^(bencode-|tracker-response$)/
  const announce = checked(decodeAnnounceResponse(input), codes)
  if (announce?.kind === 'response') checkPeers(announce.peers, announce.intervalSeconds)
  const scrape = checked(decodeScrapeResponse(input), codes)
  if (scrape?.kind === 'response') assert.ok([...scrape.swarms.keys()].every((hash) => hash.length === 40))
}

function checkQueries(query: string): void {
  const request = checked(parseAnnounceQuery(query, { readsClaimedEndpoints: true }), /^tracker-request$/)
  if (request !== undefined) {
    const url = encodeAnnounceQuery('http://t.example/announce', { ...request, claimedEndpoints: [] })
    const again = parseAnnounceQuery(url.slice(url.indexOf('?')))
    assert.deepEqual(again, { ok: true, value: { ...request, claimedEndpoints: [] } })
  }
  const hashes = checked(parseScrapeQuery(query), /^tracker-request$/) ?? []
  assert.ok(hashes.length <= 74 && hashes.every(({ length }) => length === 20))
}

const fields = emptyAnnounceFields()

function checkDatagrams(input: Uint8Array): void {
  const action = udpRequestAction(input)
  if (action === actionAnnounce) {
    readUdpAnnounce(input, fields)
    assert.ok(Number.isSafeInteger(fields.leftBytes) && fields.leftBytes >= 0 && fields.wantedPeers >= -1)
  }
  if (action === actionScrape) assert.ok(scrapeHashOffset(scrapeHashCount(input)) <= input.length)
  const urlData = checked(decodeUrlData(input, announceRequestLength), /^tracker-request$/)
  assert.ok((urlData?.length ?? 0) <= maxUrlDataLength)
  for (const family of [4, 6] as const) {
    const response = checked(decodeUdpResponse(input, family), /^tracker-response$/)
    if (response?.kind === 'announce') checkPeers(response.peers, response.intervalSeconds)
    if (response?.kind === 'scrape') assert.ok(response.swarms.length <= 74)
    if (response?.kind === 'error') assert.ok(response.message.length <= 500)
  }
}

function checkSignalling(text: string): void {
  const message = checked(decodeSignalling(text), /^tracker-request$/)
  if (message?.type === 'announce') assert.ok(message.offers.length <= 10 && message.leftBytes >= 0)
  if (message?.type === 'scrape') assert.ok(message.infoHashes.every(({ length }) => length === 20))
}

export const target: FuzzTarget = {
  name: 'tracker',
  seeds: [...text, ...datagrams],
  tokens: ['8:interval', '5:peers', 'info_hash=', 'peer_id=', '&port=', '%', 'i-1e', 'le', 'de', '"offers":[', '{'].map(
    fromLatin1,
  ),
  run(input) {
    checkReplies(input)
    checkQueries(toLatin1(input))
    checkDatagrams(input)
    checkSignalling(toLatin1(input))
  },
}
