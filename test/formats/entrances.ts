// Every entrance that takes bencode from outside, as a function from bytes to the code they are refused with.
// An entrance that accepts answers 'accepted'. Shared by the test and the benchmark of hostile nesting.
import type { Result } from '../../src/base/errors.ts'
import { decode } from '../../src/formats/bencode/decode.ts'
import { scan } from '../../src/formats/bencode/scan.ts'
import { BencodeStream } from '../../src/formats/bencode/stream.ts'
import { decodeKrpc } from '../../src/formats/krpc/decode.ts'
import { parseInfo } from '../../src/formats/metainfo/parse-info.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import { decodeExtensionHandshake } from '../../src/formats/peer/extension-handshake.ts'
import { decodeMetadataMessage } from '../../src/formats/peer/metadata-message.ts'
import { decodePeerExchange } from '../../src/formats/peer/peer-exchange.ts'
import { decodeAnnounceResponse } from '../../src/formats/tracker/announce-response.ts'
import { decodeScrapeResponse } from '../../src/formats/tracker/scrape.ts'
import { valueSink } from './bencode/value-sink.ts'

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.code
}

function streamed(bytes: Uint8Array): Result<number> {
  const stream = new BencodeStream(valueSink())
  const pushed = stream.push(bytes)
  return pushed.ok ? stream.finish() : pushed
}

export const entrances: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  'bencode scan': (bytes) => codeOf(scan(bytes)),
  'bencode decode': (bytes) => codeOf(decode(bytes)),
  'bencode stream': (bytes) => codeOf(streamed(bytes)),
  'torrent file': (bytes) => codeOf(parseMetainfo(bytes)),
  'info dictionary from peers': (bytes) => codeOf(parseInfo(bytes)),
  'extension handshake': (bytes) => codeOf(decodeExtensionHandshake(bytes)),
  'metadata message': (bytes) => codeOf(decodeMetadataMessage(bytes)),
  'peer exchange': (bytes) => codeOf(decodePeerExchange(bytes)),
  'announce response': (bytes) => codeOf(decodeAnnounceResponse(bytes)),
  'scrape response': (bytes) => codeOf(decodeScrapeResponse(bytes)),
  'KRPC datagram': (bytes) => codeOf(decodeKrpc(bytes)),
}
