// The own ledger, served for others until it is closed: the lines to give away, and where this machine's other commands
// find it meanwhile. Guarantees: made with no set-up where there is none; nothing is listening, and the journal is on the
// disk, once `close` has returned.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { toHex } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { explainSystemError, fileErrorCode, isSystemError } from '../host/file-error.ts'
import { systemInterfaces } from '../host/system-interfaces.ts'
import type { EmbeddedLedger } from '../rails/embedded-ledger.ts'
import { type LedgerServer, serveLedger } from '../rails/ledger-server.ts'
import { formatJoinLine } from './join-line.ts'
import { openOwnLedger } from './open-ledger.ts'
import { announceServing, ownFolder } from './use-ledger.ts'

export interface ServeOwnLedgerOptions {
  readonly dataFolder: string
  readonly port: number
  /** This machine only where none is named. */
  readonly addresses?: readonly string[]
  /** By which others reach it; else those of this machine. */
  readonly publicHost?: string
  /** Paths of PEM files. */
  readonly tls?: { readonly certificate: string; readonly key: string }
}

export interface ServedOwnLedger {
  readonly ledger: EmbeddedLedger
  readonly server: LedgerServer
  /** For those who are to join. */
  readonly joinLines: readonly string[]
  close(): Promise<Result<void>>
}

const anyAddress = new Set(['0.0.0.0', '::'])

function readPem(path: string): Result<string> {
  try {
    return success(readFileSync(path, 'utf8'))
  } catch (error) {
    if (!isSystemError(error)) throw error
    return failure(fileErrorCode(error, 'read'), `${path}: ${explainSystemError(error)}`)
  }
}

interface TlsFiles {
  readonly certificate: string
  readonly key: string
  readonly fingerprint: string
}

function readTls(paths: { readonly certificate: string; readonly key: string }): Result<TlsFiles> {
  const certificate = readPem(paths.certificate)
  if (!certificate.ok) return certificate
  const key = readPem(paths.key)
  if (!key.ok) return key
  try {
    const { fingerprint256 } = new X509Certificate(certificate.value)
    const fingerprint = fingerprint256.replaceAll(':', '').toLowerCase()
    return success({ certificate: certificate.value, key: key.value, fingerprint })
  } catch {
    return failure('certificate-invalid', `${paths.certificate}: not a certificate in PEM`)
  }
}

/** By which hosts others may reach what listens there. */
function hostsOf({ publicHost, addresses = ['127.0.0.1'] }: ServeOwnLedgerOptions): readonly string[] {
  if (publicHost !== undefined) return [publicHost]
  if (!addresses.some((address) => anyAddress.has(address))) return addresses
  const families = new Set(addresses.map((address) => (address === '::' ? 6 : 4)))
  const own = systemInterfaces()
    .list()
    .filter(({ isLoopback, family, address }) => !isLoopback && families.has(family) && !address.startsWith('fe80:'))
    .map(({ address }) => address)
  return own.length > 0 ? own : ['127.0.0.1']
}

/** Errors: those of openOwnLedger and serveLedger, file-not-found (a certificate). */
export async function serveOwnLedger(options: ServeOwnLedgerOptions): Promise<Result<ServedOwnLedger>> {
  const tls = options.tls === undefined ? undefined : readTls(options.tls)
  if (tls?.ok === false) return tls
  const opened = await openOwnLedger({ folder: ownFolder(options.dataFolder), makes: true })
  if (!opened.ok) return opened
  const ledger = opened.value
  const { port, addresses } = options
  const serving = await serveLedger({
    ledger,
    port,
    ...(addresses === undefined ? {} : { addresses }),
    ...(tls === undefined ? {} : { tls: tls.value }),
  })
  if (!serving.ok) {
    await ledger.close()
    return serving
  }
  const server = serving.value
  const genesisHash = toHex(ledger.facts.hash)
  const lineOf = (host: string) =>
    formatJoinLine({
      host,
      port: server.port,
      genesisHash,
      ...(tls === undefined ? {} : { tls: tls.value.fingerprint }),
    })
  const hosts = hostsOf(options)
  const isAny = (addresses ?? []).some((address) => anyAddress.has(address))
  const withdraw = announceServing(options.dataFolder, lineOf(isAny ? '127.0.0.1' : (addresses?.[0] ?? '127.0.0.1')))
  return success({
    ledger,
    server,
    joinLines: hosts.map(lineOf),
    async close() {
      withdraw()
      await server.close()
      return ledger.close()
    },
  })
}
