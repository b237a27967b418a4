// Torrents that change (BEP 46): the link names a key, and an item of the DHT under that key names the torrent of today.
// Guarantees: the item is signed with the key, and the latest that was found; ends within bounded time; asked once, on
// a node that is there for this alone and leaves nothing behind. Keeps nothing.
import { toHex } from '../base/bytes.ts'
import { SwarmbidError, unwrap } from '../base/errors.ts'
import { mutableTarget } from '../formats/krpc/stored-item.ts'
import { parseTorrentPointer, pointedInfoHash } from '../formats/torrent-pointer.ts'
import { listenAddresses } from '../session/listening.ts'
import type { SessionConfig } from '../session/session-config.ts'
import type { SessionPorts } from '../session/session-ports.ts'
import { findItem } from './dht-items.ts'
import { type DhtServiceOptions, serveDht } from './serve-dht.ts'

export interface FollowContext {
  readonly ports: Pick<SessionPorts, 'interfaces'>
  readonly config: Pick<SessionConfig, 'dht' | 'bindTo' | 'listenAddresses' | 'stateFolder'>
  readonly signal: AbortSignal
}

const readyTimeoutMs = 30_000

function nodeOptions({ ports, config }: FollowContext): DhtServiceOptions {
  const { dht, bindTo } = config
  if (dht === undefined) {
    throw new SwarmbidError('dht-off', 'a torrent that changes is looked up in the DHT, which is off')
  }
  const bound = bindTo === undefined ? [] : listenAddresses(config.listenAddresses, bindTo, ports.interfaces)
  if (bindTo !== undefined && bound.length === 0) {
    throw new SwarmbidError('address-unavailable', `no address of ${bindTo} to ask the DHT from`)
  }
  return {
    port: 0,
    addresses: bound.map(({ address }) => address),
    bootstrap: dht.mayBootstrapLocally ? dht.bootstrap : undefined,
    stateFolder: config.stateFolder,
    stays: false,
    isReadOnly: true,
  }
}

/**
 * The link of the torrent that a link of a key (`isPointerAlone`) leads to now, with all else that it says. Throws
 * SwarmbidError: magnet-topic, dht-off, dht-unreachable, dht-not-found, dht-value, address-*, interrupted.
 */
export async function followPointer(link: string, context: FollowContext): Promise<string> {
  const { publicKey, salt } = unwrap(parseTorrentPointer(link))
  const { signal } = context
  const service = unwrap(await serveDht(nodeOptions(context)))
  try {
    if (!(await service.ready(readyTimeoutMs, signal))) {
      if (signal.aborted) throw new SwarmbidError('interrupted', 'stopped before a node of the DHT answered')
      throw new SwarmbidError('dht-unreachable', 'no node of the DHT answered, so the torrent of today is not known')
    }
    const { item } = await findItem(service, { target: mutableTarget(publicKey, salt), salt }, signal)
    if (item === undefined) {
      throw new SwarmbidError('dht-not-found', `${toHex(publicKey)}: no node of the DHT that was asked has its item`)
    }
    const infoHash = pointedInfoHash(item.value)
    if (infoHash === undefined) throw new SwarmbidError('dht-value', `${toHex(publicKey)}: its item names no torrent`)
    return link.trim().replace(/^magnet:\?/i, `magnet:?xt=urn:btih:${toHex(infoHash)}&`)
  } finally {
    await service.close()
  }
}
