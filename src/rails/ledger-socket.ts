// A connection to a ledger that is served, as its user sees it; by WebSocket, over TLS where the address says so.
// Guarantees: a certificate that is pinned is the one that answers, before anything is sent; what is sent before the
// connection is there waits for it; frames are capped; `onClose` comes once, never from inside a call.
import type { TLSSocket } from 'node:tls'
import { WebSocket } from 'ws'
import { type Failure, failure } from '../base/errors.ts'
import { maxFrameBytes } from './service-messages.ts'

interface LedgerSocketEvents {
  onMessage(text: string): void
  /** It is over, or never came to be. */
  onClose(why: Failure): void
}

export interface LedgerSocket {
  send(text: string): void
  /** Nothing comes any more. */
  close(): void
}

export type ConnectLedger = (events: LedgerSocketEvents) => LedgerSocket

export interface LedgerAddress {
  /** ws:// or wss:// and host and port. */
  readonly url: string
  /** SHA-256 of the server's certificate, lower-case hexadecimal; else an authority of the system has to know it. */
  readonly certificate?: string
}

const handshakeTimeoutMs = 10_000
/** Unread answers of the other side: a ledger that does not read is given up. */
const maxUnsentBytes = 64 * 1_048_576

export function connectLedger({ url, certificate }: LedgerAddress): ConnectLedger {
  return ({ onMessage, onClose }) => {
    const socket = new WebSocket(new URL('/socket', url), {
      maxPayload: 4 * maxFrameBytes,
      handshakeTimeout: handshakeTimeoutMs,
      perMessageDeflate: false,
      followRedirects: false,
      ...(certificate === undefined ? {} : { rejectUnauthorized: false }),
    })
    let waiting: string[] | undefined = []
    let isOver = false
    let why: Failure | undefined
    const end = (detail: string) => {
      why ??= failure('ledger-unreachable', `${url}: ${detail}`)
      socket.terminate()
    }
    socket.on('upgrade', ({ socket: stream }) => {
      if (certificate === undefined) return
      const { fingerprint256 = '' } = (stream as TLSSocket).getPeerCertificate?.() ?? {}
      if (fingerprint256.replaceAll(':', '').toLowerCase() !== certificate) end('another certificate than was agreed')
    })
    socket.on('open', () => {
      for (const text of waiting ?? []) socket.send(text)
      waiting = undefined
    })
    socket.on('message', (data, isBinary) => {
      if (!isOver && why === undefined && !isBinary) onMessage(String(data))
    })
    socket.on('error', (error) => {
      why ??= failure('ledger-unreachable', `${url}: ${error.message}`)
    })
    socket.on('close', () => {
      if (isOver) return
      isOver = true
      onClose(why ?? failure('ledger-unreachable', `${url}: the connection ended`))
    })
    return {
      send(text) {
        if (waiting !== undefined) waiting.push(text)
        else if (socket.bufferedAmount > maxUnsentBytes) end('it does not read')
        else socket.send(text)
      },
      close() {
        isOver = true
        socket.terminate()
      },
    }
  }
}
