// `swarmbid dht`: a node of the DHT that stays, and single questions asked of it by hand.
// Guarantees: each question ends by itself; nothing from the network reaches the terminal raw; with --json one object a
// line; every way out closes the node.
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { SwarmbidError, unwrap } from '../base/errors.ts'
import { describeItem, findItem, infoHashNamed, itemNamed, preparePut } from '../daemon/dht-items.ts'
import { type DhtService, serveDht } from '../daemon/serve-dht.ts'
import { defaultStateFolder } from '../daemon/state-folder.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import type { PeerAddress } from '../formats/magnet.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { counted } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'

/** What all of them have. */
export interface DhtOptions {
  readonly port?: number
  readonly bind?: readonly string[]
  readonly bootstrap?: readonly PeerAddress[]
  readonly state?: string
  readonly json?: boolean
}

export interface DhtRunOptions extends DhtOptions {
  readonly readOnly?: boolean
  readonly answerLimit?: number
}

export interface DhtAnnounceOptions extends DhtOptions {
  readonly peerPort: number
  readonly seed?: boolean
}

export interface DhtItemOptions extends DhtOptions {
  readonly salt?: string
}

export interface DhtPutOptions extends DhtItemOptions {
  readonly key?: string
  readonly bencoded?: boolean
  readonly torrent?: boolean
}

const usualPort = 6_881
const readyTimeoutMs = 30_000
const reportIntervalMs = 60_000

async function startNode(options: DhtRunOptions, stays: boolean, isReadOnly: boolean): Promise<DhtService> {
  const { port, bind, bootstrap, state, answerLimit } = options
  const stateFolder = resolve(state ?? defaultStateFolder(process.platform, process.env, homedir()))
  const started = await serveDht({
    port: port ?? (stays ? usualPort : 0),
    addresses: bind ?? [],
    bootstrap,
    stateFolder,
    stays,
    isReadOnly,
    ...(answerLimit === undefined ? {} : { answerBytesPerSecond: answerLimit }),
  })
  return unwrap(started)
}

/** Runs a question on a node that knows others. Errors: dht-unreachable, interrupted. */
async function withNode(
  options: DhtOptions,
  { signal }: CommandContext,
  ask: (service: DhtService) => CommandResult,
): CommandResult {
  const service = await startNode(options, false, true)
  try {
    if (!(await service.ready(readyTimeoutMs, signal))) {
      if (signal.aborted) throw new SwarmbidError('interrupted', 'stopped before a node of the DHT answered')
      throw new SwarmbidError('dht-unreachable', 'no node of the DHT answered')
    }
    return await ask(service)
  } finally {
    await service.close()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((end) => {
    if (signal.aborted) end()
    else signal.addEventListener('abort', () => end(), { once: true })
  })
}

export async function runDhtNode(options: DhtRunOptions, { output, signal }: CommandContext): CommandResult {
  const service = await startNode(options, true, options.readOnly === true)
  const { style } = output
  const endpoints = service.endpoints.map(formatEndpoint)
  const nodeIds = service.snapshot().places.map(({ nodeId }) => nodeId)
  if (options.json === true) output.json({ type: 'listening', port: service.endpoints[0]?.port, endpoints, nodeIds })
  else for (const endpoint of endpoints) output.line(`${style.good('listening')} ${style.plain(endpoint)}`)
  const report = () => {
    const snapshot = service.snapshot()
    const nodes = snapshot.places.reduce((sum, place) => sum + place.nodes, 0)
    const { infoHashesStored, peersStored, itemsStored, counters } = snapshot
    if (options.json === true) {
      output.json({ type: 'status', nodes, infoHashesStored, peersStored, itemsStored, ...counters })
    } else {
      const kept = `peers of ${counted(infoHashesStored, 'torrent')}, ${counted(itemsStored, 'item')}`
      output.line(`${counted(nodes, 'node')}, ${counted(counters.queriesAnswered, 'answer')}, ${kept}`)
    }
  }
  void service.ready(readyTimeoutMs, signal).then((isReady) => isReady && report())
  const reporting = setInterval(report, reportIntervalMs)
  await aborted(signal)
  clearInterval(reporting)
  await service.close()
  return exitCodes.ok
}

export function runDhtGetPeers(hash: string, options: DhtOptions, context: CommandContext): CommandResult {
  const infoHash = infoHashNamed(hash)
  const { output, signal } = context
  return withNode(options, context, async (service) => {
    let count = 0
    const task = { type: 'get-peers', infoHash, noSeeds: false, isScrape: true } as const
    const outcome = await service.lookUp(task, signal, (found) => {
      if (found.type !== 'peers') return
      for (const peer of found.peers) {
        count++
        if (options.json === true) output.json({ type: 'peer', address: peer.address, port: peer.port })
        else output.line(output.style.plain(formatEndpoint(peer)))
      }
    })
    const { askedNodes, answeredNodes, seeds, peers } = outcome
    if (options.json === true) {
      output.json({
        type: 'done',
        peerCount: count,
        askedNodes,
        answeredNodes,
        seeds: seeds ?? null,
        peers: peers ?? null,
      })
    } else {
      output.note(`${counted(count, 'peer')} told by ${counted(answeredNodes, 'node')}`)
    }
    return count > 0 ? exitCodes.ok : exitCodes.failed
  })
}

export function runDhtAnnounce(hash: string, options: DhtAnnounceOptions, context: CommandContext): CommandResult {
  const infoHash = infoHashNamed(hash)
  const { output, signal } = context
  return withNode(options, context, async (service) => {
    const task = { type: 'announce', infoHash, port: options.peerPort, isSeed: options.seed === true } as const
    const { storedNodes, askedNodes, refusals } = await service.lookUp(task, signal, () => undefined)
    if (options.json === true)
      output.json({ type: 'done', infoHash: toHex(infoHash), storedNodes, askedNodes, refusals })
    else output.line(`announced to ${counted(storedNodes, 'node')}`)
    return storedNodes > 0 ? exitCodes.ok : exitCodes.failed
  })
}

export function runDhtGet(name: string, options: DhtItemOptions, context: CommandContext): CommandResult {
  const named = itemNamed(name, options.salt)
  const { output, signal } = context
  return withNode(options, context, async (service) => {
    const { item } = await findItem(service, named, signal)
    if (item === undefined) throw new SwarmbidError('dht-not-found', `${toHex(named.target)}: nobody asked has it`)
    const described = describeItem(item)
    if (options.json === true) {
      output.json({ type: 'item', ...described })
      return exitCodes.ok
    }
    const { field } = newFields(output)
    output.line(output.style.strong(described.text ?? described.value))
    field('target', described.target)
    field('public key', described.publicKey ?? undefined)
    field('sequence', described.sequence ?? undefined)
    field('info hash', described.infoHash ?? undefined)
    return exitCodes.ok
  })
}

export async function runDhtPut(text: string, options: DhtPutOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  const { key, salt } = options
  const form = options.torrent === true ? 'torrent' : options.bencoded === true ? 'bencode' : 'text'
  const prepared = await preparePut({ text, form, keyFile: key, salt })
  return withNode(options, context, async (service) => {
    const { item, outcome } = await prepared.publish(service, signal)
    const described = describeItem(item)
    const { storedNodes, refusals } = outcome
    if (options.json === true) {
      output.json({ type: 'done', ...described, storedNodes, refusals })
    } else {
      const { field } = newFields(output)
      output.line(`put on ${counted(storedNodes, 'node')}`)
      field('target', described.target)
      field('public key', described.publicKey ?? undefined)
      field('sequence', described.sequence ?? undefined)
      field('link', described.link ?? undefined)
    }
    return storedNodes > 0 ? exitCodes.ok : exitCodes.failed
  })
}

export function runDhtStatus(options: DhtOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  return withNode(options, context, async (service) => {
    const [{ nodeId } = { nodeId: '' }] = service.snapshot().places
    await service.lookUp({ type: 'find-nodes', target: infoHashNamed(nodeId) }, signal, () => undefined)
    const { places, counters } = service.snapshot()
    if (options.json === true) {
      output.json({ type: 'status', places, ...counters })
      return exitCodes.ok
    }
    const { field } = newFields(output)
    for (const place of places) {
      output.line(output.style.strong(`IPv${place.family}`))
      field('node id', place.nodeId)
      field('address', place.externalAddress ?? 'not known')
      field('nodes', `${place.nodes} in ${place.buckets} buckets`)
    }
    field('queries', `${counters.queriesSent} sent, ${counters.answersReceived} answered`)
    return exitCodes.ok
  })
}
