// A .torrent file from the web, by an address that a person gave, or a catalogue that they named. Guarantees: at most 10 MB
// and 5 redirects, each address judged before it is connected to (S15), certificates checked by the port.

import { failure, type Result, success } from '../base/errors.ts'
import type { UrlSource } from '../formats/address-class.ts'
import type { SessionRoom } from './session-room.ts'
import { locateWeb, maxRedirects, redirectOf } from './web-address.ts'

const maxBytes = 10_000_000
const timeoutMs = 30_000

/** `named`: by whom. Errors: usage (not a web address), those of Http.fetch and Resolver, http-malformed for a refusal. */
export async function fetchTorrentFile(
  room: Pick<SessionRoom, 'ports' | 'config'>,
  text: string,
  signal: AbortSignal = new AbortController().signal,
  named: UrlSource = 'user',
): Promise<Result<{ readonly type: 'metainfo'; readonly bytes: Uint8Array }>> {
  if (!URL.canParse(text)) return failure('usage', 'not a web address')
  let url = new URL(text)
  let source: UrlSource = named
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return failure('usage', 'not a web address')
    const place = await locateWeb(room, url, source, 'connection-failed', signal)
    if (!place.ok) return place
    const { addresses, localAddress } = place.value
    const response = await room.ports.http.fetch(
      {
        method: 'GET',
        url: url.href,
        addresses,
        headers: { 'user-agent': room.config.clientName, 'accept': 'application/x-bittorrent, */*' },
        ...(localAddress === undefined ? {} : { localAddress }),
        idleTimeoutMs: timeoutMs,
        totalTimeoutMs: 2 * timeoutMs,
        maxBodyBytes: maxBytes,
      },
      signal,
    )
    if (!response.ok) return response
    const { status, body } = response.value
    if (status >= 200 && status < 300) return success({ type: 'metainfo', bytes: body })
    const next = redirectOf(response.value, url)
    if (next?.ok !== true) return failure('http-malformed', `the web server answered with status ${status}`)
    url = next.value
    source = 'redirect'
  }
  return failure('http-malformed', `more than ${maxRedirects} redirects`)
}
