// Fuzz target: magnet links (BEP 9, BEP 53). Any text gets a bounded magnet or a typed error, and an accepted
// magnet has a link that reads as the same magnet.
import assert from 'node:assert/strict'
import { fromUtf8, toUtf8Lossy } from '../src/base/bytes.ts'
import { formatMagnet, magnetLimits, parseMagnet } from '../src/formats/magnet.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const v1 = 'xt=urn:btih:d0d14c926e6e99761a2fdcff27b403d96376eff6'
const v2 = 'xt=urn:btmh:1220caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e'

const seeds = [
  `magnet:?${v1}&dn=Some+name%20%28x%29&tr=udp%3A%2F%2Ftracker.example.org%3A1337%2Fannounce&xl=5`,
  `magnet:?${v2}&${v1}&so=0,2,4,6-8&ws=http://w.example/&xs=http://s.example/t.torrent`,
  'magnet:?xt.1=urn:btih:AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT&tr.1=udp://a.example:1&tr.2=udp://b.example:2',
  `magnet:?${v1}&x.pe=192.0.2.1:6881&x.pe=[2001:db8::1]:80&x.pe=seed.example.org:1`,
]
const tokens = [
  v1,
  v2,
  '&',
  '=',
  '%',
  '%2',
  '%41',
  '+',
  '&so=',
  '&x.pe=',
  '&tr=',
  '&dn=',
  '&amp;',
  '-',
  ',',
  '[',
  ']',
  ':',
  '://',
]

export const target: FuzzTarget = {
  name: 'magnet',
  seeds: seeds.map(fromUtf8),
  tokens: tokens.map(fromUtf8),
  run(input) {
    const result = parseMagnet(toUtf8Lossy(input))
    if (!result.ok) {
      assert.match(result.code, /^magnet-/)
      return
    }
    const magnet = result.value
    assert.ok(magnet.infoHashV1 !== undefined || magnet.infoHashV2 !== undefined)
    assert.ok(magnet.trackers.length <= magnetLimits.maxTrackers && magnet.peers.length <= magnetLimits.maxPeers)
    assert.deepEqual(parseMagnet(formatMagnet(magnet)), result)
  },
}
