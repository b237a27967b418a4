// A .torrent file from the web, by an address that a person gave. Guarantees: at most 10 MB and 5 redirects, each
// address judged before it is connected to (S15), certificates checked by the port.

import type { IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import { mayContact, type UrlSource } from './address-class.ts'
import { localAddress } from './listening.ts'
import type { SessionRoom } from './session-room.ts'

const maxRedirects = 5
const maxBytes = 10_000_000
const timeoutMs = 30_000

async function addressesOf(
  room: Pick<SessionRoom, 'ports' | 'config'>,
  url: URL,
  source: UrlSource,
  signal: AbortSignal,
): Promise<Result<readonly IpAddress[]>> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const literal = parseAddress(host)
  const resolved = literal === undefined ? await room.ports.resolver.resolve(host, 'any', signal) : success([literal])
  if (!resolved.ok) return resolved
  const allowed = resolved.value.filter(({ address, family }) => {
    const question = {
      address,
      host,
      path: url.pathname,
      query: url.search,
      source,
      allowsLocal: room.config.allowLocal,
    }
    return mayContact(question) && localAddress(room.config.bindTo, room.ports.interfaces, family).type !== 'none'
  })
  return allowed.length > 0 ? success(allowed) : failure('connection-failed', 'the address may not be contacted')
}

/** Errors: usage (not a web address), those of Http.fetch and Resolver, http-malformed for a refusal. */
export async function fetchTorrentFile(
  room: Pick<SessionRoom, 'ports' | 'config'>,
  text: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<Result<{ readonly type: 'metainfo'; readonly bytes: Uint8Array }>> {
  if (!URL.canParse(text)) return failure('usage', 'not a web address')
  let url = new URL(text)
  let source: UrlSource = 'user'
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return failure('usage', 'not a web address')
    const addresses = await addressesOf(room, url, source, signal)
    if (!addresses.ok) return addresses
    const local = localAddress(room.config.bindTo, room.ports.interfaces, addresses.value[0]?.family ?? 4)
    const response = await room.ports.http.fetch(
      {
        method: 'GET',
        url: url.href,
        addresses: addresses.value,
        headers: { 'user-agent': room.config.clientName, 'accept': 'application/x-bittorrent, */*' },
        ...(local.type === 'bound' ? { localAddress: local.address } : {}),
        idleTimeoutMs: timeoutMs,
        totalTimeoutMs: 2 * timeoutMs,
        maxBodyBytes: maxBytes,
      },
      signal,
    )
    if (!response.ok) return response
    const { status, headers, body } = response.value
    if (status >= 200 && status < 300) return success({ type: 'metainfo', bytes: body })
    const { location } = headers
    if (status < 300 || status >= 400 || location === undefined || !URL.canParse(location, url.href)) {
      return failure('http-malformed', `the web server answered with status ${status}`)
    }
    url = new URL(location, url)
    source = 'redirect'
  }
  return failure('http-malformed', `more than ${maxRedirects} redirects`)
}
