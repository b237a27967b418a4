// A session on this machine: the ports of Node and one budget of piece memory, put together for the one driver.
// The session owns what it is given and closes it.
import type { Result } from '../base/errors.ts'
import { ed25519 } from '../host/ed25519.ts'
import { hashWorkers } from '../host/hash-workers.ts'
import { httpClient } from '../host/http-client.ts'
import { sharedPieceMemory } from '../host/shared-piece-memory.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemFiles } from '../host/system-files.ts'
import { systemInterfaces } from '../host/system-interfaces.ts'
import { systemRandom } from '../host/system-random.ts'
import { systemResolver } from '../host/system-resolver.ts'
import { tcpStreams } from '../host/tcp-streams.ts'
import { udpDatagrams } from '../host/udp-datagrams.ts'
import { openSession, type Session } from '../session/session.ts'
import type { SessionConfig } from '../session/session-config.ts'
import type { SessionPorts } from '../session/session-ports.ts'

const memoryBudgetBytes = 60 * 1024 * 1024

export function systemPorts(): SessionPorts {
  const memory = sharedPieceMemory(memoryBudgetBytes)
  return {
    clock: systemClock(),
    random: systemRandom(),
    streams: tcpStreams(),
    datagrams: udpDatagrams(),
    resolver: systemResolver(),
    interfaces: systemInterfaces(),
    http: httpClient(),
    files: systemFiles(),
    itemSignatures: ed25519,
    memory,
    openHasher: (sink) => hashWorkers(memory, sink),
  }
}

/** Errors: as openSession of the session. */
export function openSystemSession(
  config: SessionConfig,
  ports: SessionPorts = systemPorts(),
): Promise<Result<Session>> {
  return openSession(ports, config)
}
