// Where nodes of the DHT begin that know nobody yet, and whether a session takes part in it at all.
// Pure: what was asked for comes in, what the session is told goes out.
import { addressClass } from '../formats/address-class.ts'
import type { PeerAddress } from '../formats/magnet.ts'
import type { DhtConfig } from '../session/session-config.ts'

/** Run by those who make BitTorrent clients, for everyone. */
export const wellKnownNodes: readonly PeerAddress[] = [
  { host: 'dht.libtorrent.org', port: 25_401 },
  { host: 'router.bittorrent.com', port: 6_881 },
  { host: 'dht.transmissionbt.com', port: 6_881 },
  { host: 'router.utorrent.com', port: 6_881 },
]

/** Nobody but programs of this machine can be reached. */
export function isBoundToItself(bindTo: string | undefined): boolean {
  return bindTo !== undefined && addressClass(bindTo) === 'loopback'
}

/** A session's part in the DHT; undefined: none. From this machine's own addresses only nodes that are named lead on. */
export function dhtConfig(
  isWanted: boolean,
  named: readonly PeerAddress[],
  bindTo: string | undefined,
): DhtConfig | undefined {
  const isNamed = named.length > 0
  if (!isWanted || (isBoundToItself(bindTo) && !isNamed)) return undefined
  return { bootstrap: isNamed ? named : wellKnownNodes, mayBootstrapLocally: isNamed }
}
