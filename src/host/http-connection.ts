// Connections for HTTP requests: to addresses judged before, one after the other, with TLS where the URL asks for it.
// Guarantees: certificates are checked against the name in the URL, whatever address is connected to and whatever the
// environment says (S16); nothing stays open that is not handed out. Keeps no state.
import { connect, isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect as connectSecurely, TLSSocket } from 'node:tls'
import type { IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { connectForReads } from './http-reads.ts'
import { connectionFailure } from './network-failure.ts'

export interface HttpTarget {
  readonly isSecure: boolean
  /** To be read by an HttpExchange; never with `isSecure`. */
  readonly isForReads: boolean
  /** Without the brackets of an IPv6 literal. */
  readonly hostname: string
  readonly port: number
  readonly localAddress: string | undefined
  /** PEM; trusted instead of the usual ones. */
  readonly certificateAuthorities: readonly string[] | undefined
}

function open(target: HttpTarget, ip: IpAddress): Socket {
  const { hostname, port, localAddress, certificateAuthorities } = target
  const common = { host: ip.address, port, ...(localAddress === undefined ? {} : { localAddress }) }
  if (target.isForReads) return connectForReads({ ...common, noDelay: true })
  if (!target.isSecure) return connect({ ...common, noDelay: true })
  return connectSecurely({
    ...common,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ...(certificateAuthorities === undefined ? {} : { ca: [...certificateAuthorities] }),
    ALPNProtocols: ['http/1.1'],
    // Said, because its default can be switched off from the environment.
    rejectUnauthorized: true,
    checkServerIdentity: (_address, certificate) => checkServerIdentity(hostname, certificate),
  })
}

function explainFailure(error: unknown, socket: Socket, hostname: string): Result<never> {
  // Empty until a certificate was refused.
  if (socket instanceof TLSSocket && socket.authorizationError) {
    return failure(
      'certificate-invalid',
      `${hostname}: ${error instanceof Error ? error.message : 'refused'}`.slice(0, 300),
    )
  }
  return connectionFailure(error, hostname)
}

function connectOnce(
  target: HttpTarget,
  ip: IpAddress,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Result<Socket>> {
  const { hostname } = target
  return new Promise((resolve) => {
    let socket: Socket
    const finish = (result: Result<Socket>) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (!result.ok) socket?.destroy()
      resolve(result)
    }
    const onAbort = () => finish(failure('interrupted', `${hostname}: no longer asked for`))
    const timer = setTimeout(() => finish(failure('timed-out', `${hostname}: no connection in time`)), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      socket = open(target, ip)
    } catch (error) {
      finish(connectionFailure(error, hostname))
      return
    }
    // Stays for good: whoever uses the socket next listens for itself.
    socket.on('error', (error) => finish(explainFailure(error, socket, hostname)))
    socket.once('close', () => finish(failure('connection-failed', `${hostname}: closed`)))
    socket.once(target.isSecure ? 'secureConnect' : 'connect', () => finish(success(socket)))
  })
}

/**
 * The first connection that stands, within `timeoutMs` for all together. Errors: connection-failed, timed-out,
 * interrupted, certificate-invalid (then no other address is tried: it would be the same server elsewhere).
 */
export async function connectInTurn(
  target: HttpTarget,
  addresses: readonly IpAddress[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Result<Socket>> {
  const deadlineMs = performance.now() + timeoutMs
  let outcome: Result<Socket> = failure('connection-failed', `${target.hostname}: no address to connect to`)
  for (const [index, ip] of addresses.entries()) {
    const leftMs = deadlineMs - performance.now()
    if (index > 0 && leftMs <= 0) break
    // An address that swallows everything must not take the time of those after it.
    outcome = await connectOnce(target, ip, leftMs / (addresses.length - index), signal)
    if (outcome.ok || outcome.code === 'certificate-invalid' || signal.aborted) break
  }
  return outcome
}
