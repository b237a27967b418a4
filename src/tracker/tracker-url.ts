// The URL of a tracker, taken apart: scheme, host, port, path (BEP 3, 12, 15).
// Guarantees: never throws; the text itself, passkey and all, is what is sent, whatever is read out of it here.
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { parsePort } from '../formats/compact-endpoint.ts'

export interface TrackerUrl {
  readonly scheme: 'http' | 'https' | 'udp'
  /** In lower case, IP literals without brackets. */
  readonly host: string
  readonly port: number
  /** Empty where there is none. */
  readonly path: string
  /** With `?`; empty where there is none. */
  readonly query: string
}

const maxUrlLength = 4_096
const usualPorts = { http: 80, https: 443, udp: undefined } as const

function malformed(): Failure {
  return failure('tracker-url', 'not a URL of the form http://, https:// or udp://HOST:PORT')
}

/** For HTTP the platform's parser decides, so that what is judged here is what is connected to later. */
function hostOf(scheme: TrackerUrl['scheme'], url: string, written: string): string | undefined {
  if (scheme === 'udp') return written.toLowerCase()
  return URL.parse(url)?.hostname
}

/** A URL this client can announce to. Errors: tracker-url. */
export function parseTrackerUrl(url: string): Result<TrackerUrl> {
  if (url.length > maxUrlLength) return malformed()
  const match =
    /^(https?|udp):\/\/(?:[^/?#@\s]*@)?(\[[0-9a-f:.]+\]|[^/?#@:[\]\s\\]+)(?::([0-9]*))?([^?#\s]*)(\?[^#\s]*)?(?:#.*)?$/i.exec(
      url,
    )
  if (match === null) return malformed()
  const [, schemeText = '', hostText = '', portText = '', path = '', query = ''] = match
  const scheme = schemeText.toLowerCase() as TrackerUrl['scheme']
  const host = hostOf(scheme, url, hostText)
  const port = portText === '' ? usualPorts[scheme] : parsePort(portText)
  if (host === undefined || host === '' || port === undefined || (path !== '' && !path.startsWith('/'))) {
    return malformed()
  }
  return success({ scheme, host: host.replace(/^\[|\]$/g, ''), port, path, query })
}
