// Fuzz target: datagrams of local discovery (BEP 14). Any bytes give an announce or a typed failure; what was accepted
// can be said again, as far as it fits into a message of ours, and means the same then.
import assert from 'node:assert/strict'
import { fromLatin1 } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { decodeLocalAnnounce, encodeLocalAnnounce, maxInfoHashesSent } from '../src/formats/local-announce.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const hash = '0123456789abcdef0123456789abcdef01234567'
const seeds = [
  `BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: ${hash}\r\ncookie: name\r\n\r\n\r\n`,
  `BT-SEARCH * HTTP/1.1\nport: 1\ninfohash: ${hash.toUpperCase()}\ninfohash: ${hash.replace('0', '1')}\n`,
].map(fromLatin1)

export const target: FuzzTarget = {
  name: 'local-announce',
  seeds,
  tokens: ['Port: ', 'Infohash: ', 'cookie:', '\r\n', hash, '65535'].map(fromLatin1),
  run(input) {
    const decoded = decodeLocalAnnounce(input)
    if (!decoded.ok) {
      assert.equal(decoded.code, 'local-announce')
      return
    }
    const said = { ...decoded.value, infoHashes: decoded.value.infoHashes.slice(0, maxInfoHashesSent) }
    const again = { ...said, cookie: undefined }
    assert.deepEqual(unwrap(decodeLocalAnnounce(encodeLocalAnnounce(again, 4))), again)
  },
}
