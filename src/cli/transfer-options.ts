// The options that `download` and `seed` have in common, from the command line to a request.
// Everything that depends on the machine enters here: the home folder, the environment, the current folder.
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { runTransfers } from '../daemon/run-transfers.ts'
import { defaultStateFolder } from '../daemon/state-folder.ts'
import type { EncryptionPolicy, SpeedRequest, TransferRequest } from '../daemon/transfer-request.ts'
import { formatPeerAddress, type PeerAddress } from '../formats/magnet.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import type { SpeedOptions } from './speed-options.ts'
import { newTransferDisplay, progressIntervalMs } from './transfer-display.ts'
import { programVersion } from './version.ts'

export interface TransferOptions extends SpeedOptions {
  readonly peer?: readonly PeerAddress[]
  readonly port?: number
  readonly bind?: string
  readonly downloadLimit?: number
  readonly uploadLimit?: number
  readonly maxPeers?: number
  readonly uploadSlots?: number
  readonly encryption?: EncryptionPolicy
  readonly seedRatio?: number
  readonly seedTime?: number
  readonly tracker?: readonly (readonly string[])[]
  /** False: --no-trackers. */
  readonly trackers: boolean
  /** False: --no-dht. */
  readonly dht: boolean
  readonly dhtBootstrap?: readonly PeerAddress[]
  /** False: --no-peer-exchange. */
  readonly peerExchange: boolean
  /** --local-discovery, --no-local-discovery. */
  readonly localDiscovery?: boolean
  readonly state?: string
  readonly check?: boolean
  readonly quiet?: boolean
}

/** What the two commands say differently. */
export type TransferTask = Pick<TransferRequest, 'mode' | 'sources' | 'path'> &
  Partial<
    Pick<
      TransferRequest,
      'selection' | 'webSeeds' | 'isSequential' | 'staysSeeding' | 'preallocates' | 'allowsPartial' | 'isSuperSeeding'
    >
  >

/** The options as a request; the state folder as given, or the system's place for it. */
export function requestOf(
  task: TransferTask,
  options: TransferOptions,
  speed: SpeedRequest | undefined,
  intervalMs: number,
): TransferRequest {
  const { port, bind, maxPeers, uploadSlots, encryption, seedRatio, seedTime, localDiscovery } = options
  const stateFolder = options.state ?? defaultStateFolder(process.platform, process.env, homedir())
  return {
    webSeeds: [],
    isSequential: false,
    staysSeeding: false,
    preallocates: false,
    allowsPartial: false,
    isSuperSeeding: false,
    ...task,
    path: resolve(task.path),
    stateFolder: resolve(stateFolder),
    listenPort: port ?? 0,
    isReachable: port !== undefined,
    ...(bind === undefined ? {} : { bindTo: bind }),
    peers: (options.peer ?? []).map(formatPeerAddress),
    trackers: options.tracker ?? [],
    usesTrackers: options.trackers,
    usesDht: options.dht,
    exchangesPeers: options.peerExchange,
    ...(localDiscovery === undefined ? {} : { discoversLocally: localDiscovery }),
    dhtBootstrap: options.dhtBootstrap ?? [],
    downloadLimit: options.downloadLimit ?? Number.POSITIVE_INFINITY,
    uploadLimit: options.uploadLimit ?? Number.POSITIVE_INFINITY,
    ...(maxPeers === undefined ? {} : { maxPeers }),
    ...(uploadSlots === undefined ? {} : { uploadSlots }),
    ...(encryption === undefined ? {} : { encryption }),
    ...(speed === undefined ? {} : { speed }),
    ...(seedRatio === undefined ? {} : { seedRatio }),
    ...(seedTime === undefined ? {} : { seedSeconds: seedTime }),
    rechecks: options.check === true,
    version: programVersion(),
    progressIntervalMs: intervalMs,
  }
}

/** Runs a download or a seed, and shows it. */
export async function runTransferTask(
  task: TransferTask,
  options: TransferOptions,
  { output, signal }: CommandContext,
  speed: SpeedRequest | undefined,
): CommandResult {
  const form = options.quiet === true && options.json !== true ? 'none' : options.json === true ? 'json' : 'people'
  const display = newTransferDisplay(output, form, task.mode)
  const request = requestOf(task, options, speed, progressIntervalMs(output, form))
  const { failureCount } = await runTransfers(request, display, signal)
  output.endStatus()
  return failureCount === 0 ? exitCodes.ok : exitCodes.failed
}
