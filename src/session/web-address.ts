// Web addresses that torrents, people and redirects name: resolved and judged before anything is connected to (S15), and
// followed over redirects. Guarantees: only addresses that may be contacted come out; credentials of a URL go to no other
// origin than its own; bound to an address or interface, nothing goes any other way.
import type { IpAddress } from '../base/endpoint.ts'
import { type ErrorCode, failure, type Result, success } from '../base/errors.ts'
import { mayContact, type UrlSource } from '../formats/address-class.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import type { HttpHead } from '../ports/http.ts'
import { localAddress } from './listening.ts'
import type { SessionRoom } from './session-room.ts'

export const maxRedirects = 5

export interface WebPlace {
  /** Judged; of one family where the session is bound to an address. */
  readonly addresses: readonly IpAddress[]
  /** To leave through. */
  readonly localAddress: string | undefined
}

/** Errors: those of Resolver; `forbidden` where no address may be contacted; address-unavailable. */
export async function locateWeb(
  room: Pick<SessionRoom, 'ports' | 'config'>,
  url: URL,
  source: UrlSource,
  forbidden: ErrorCode,
  signal: AbortSignal,
): Promise<Result<WebPlace>> {
  const { bindTo, allowLocal } = room.config
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const literal = parseAddress(host)
  const resolved = literal === undefined ? await room.ports.resolver.resolve(host, 'any', signal) : success([literal])
  if (!resolved.ok) return resolved
  const allowed = resolved.value.filter(({ address }) =>
    mayContact({ address, host, path: url.pathname, query: url.search, source, allowsLocal: allowLocal }),
  )
  if (allowed.length === 0) {
    const named = source === 'redirect' ? 'a redirect' : source === 'user' ? 'a URL' : 'a torrent'
    return failure(forbidden, `${named} may not lead to ${host}, a local or special address`)
  }
  if (bindTo === undefined) return success({ addresses: allowed, localAddress: undefined })
  for (const { family } of allowed) {
    const local = localAddress(bindTo, room.ports.interfaces, family)
    if (local.type !== 'bound') continue
    return success({ addresses: allowed.filter((one) => one.family === family), localAddress: local.address })
  }
  return failure('address-unavailable', `no way to ${host} through ${bindTo}`)
}

/**
 * Where an answer sends whoever asked `from`; undefined: nowhere. Credentials are kept within their origin and taken from
 * nobody else. Errors: http-malformed (no web address).
 */
export function redirectOf({ status, headers }: HttpHead, from: URL): Result<URL> | undefined {
  const { location } = headers
  const isRedirect = status === 301 || status === 302 || status === 303 || status === 307 || status === 308
  if (!isRedirect || location === undefined) return undefined
  const target = URL.parse(location, from.href)
  if (target === null || (target.protocol !== 'http:' && target.protocol !== 'https:')) {
    return failure('http-malformed', 'redirected to what is no web address')
  }
  const isSame = target.origin === from.origin
  target.username = isSame ? from.username : ''
  target.password = isSame ? from.password : ''
  return success(target)
}
