// One line by which a ledger is given away: where it listens, the hash of its genesis, and how its certificate is known.
// `swarmbid-ledger://HOST:PORT/HASH`, over TLS with `?tls` (an authority knows the certificate) or `?tls=FINGERPRINT`.
// Guarantees: one form; whoever has the line talks to that ledger and no other. Pure.
import { failure, type Result, success } from '../base/errors.ts'

export interface JoinLine {
  readonly host: string
  readonly port: number
  /** SHA-256, 64 hexadecimal digits. */
  readonly genesisHash: string
  /** 'authority': a certificate that the system trusts; else SHA-256 of the certificate. Undefined: no TLS. */
  readonly tls?: string
}

const scheme = 'swarmbid-ledger:'
const authority = 'authority'
const digits = /^[0-9a-f]{64}$/

export function formatJoinLine({ host, port, genesisHash, tls }: JoinLine): string {
  const name = host.includes(':') ? `[${host}]` : host
  const suffix = tls === undefined ? '' : tls === authority ? '?tls' : `?tls=${tls}`
  return `${scheme}//${name}:${port}/${genesisHash}${suffix}`
}

/** Errors: account-invalid. */
export function parseJoinLine(text: string): Result<JoinLine> {
  const match =
    /^swarmbid-ledger:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^/:?#[\]@\s]+)):([0-9]{1,5})\/([^?#]*)(?:\?tls(?:=([^#]*))?)?$/.exec(
      text.trim(),
    )
  if (match === null) return invalid('not a line as `swarmbid ledger share` prints it')
  const [whole, inBrackets, name = '', portText = '', hash = '', fingerprint] = match
  const host = inBrackets ?? name
  const port = Number(portText)
  if (port < 1 || port > 65_535) return invalid('a port that is none')
  if (!digits.test(hash)) return invalid('the hash in it was cut off or changed')
  if (fingerprint !== undefined && !digits.test(fingerprint))
    return invalid('the fingerprint in it was cut off or changed')
  const line = { host, port, genesisHash: hash }
  if (fingerprint !== undefined) return success({ ...line, tls: fingerprint })
  return success(whole.endsWith('?tls') ? { ...line, tls: authority } : line)
}

function invalid(detail: string): Result<never> {
  return failure('account-invalid', detail)
}

/** Where it is, as a socket is opened to it. */
export function addressOf({ host, port, tls }: Omit<JoinLine, 'genesisHash'>): {
  readonly url: string
  readonly certificate?: string
} {
  const name = host.includes(':') ? `[${host}]` : host
  const url = `${tls === undefined ? 'ws' : 'wss'}://${name}:${port}`
  return tls === undefined || tls === authority ? { url } : { url, certificate: tls }
}
