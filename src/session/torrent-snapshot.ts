// What one torrent shows of itself, put together from its parts.
// Guarantees: plain values of one moment, fresh at each call; reading changes nothing.
import type { SwarmSnapshot } from '../swarm/swarm-snapshot.ts'
import type { TrackerSnapshot } from '../tracker/tracker-events.ts'
import type { SeedGoals } from './session-config.ts'
import type { FileSnapshot, PeerRow, TorrentSnapshot, TorrentSummary, TrackerRow, WebSeedRow } from './snapshots.ts'
import { speedSnapshot } from './speed-snapshot.ts'
import type { Torrent } from './torrent.ts'
import { priorityOfFile, wantedBytes } from './torrent-facts.ts'

function swarmOf(torrent: Torrent, nowMs: number): SwarmSnapshot | undefined {
  return torrent.transfer?.swarm.snapshot(nowMs)
}

function summaryOf(torrent: Torrent, swarm: SwarmSnapshot | undefined, queuePosition: number): TorrentSummary {
  const { facts, info } = torrent
  const { progress } = torrent
  const wanted = progress?.wantedBytes ?? (info === undefined ? 0 : wantedBytes(facts, info))
  const doneBytes = progress?.doneWantedBytes ?? 0
  const sources = swarm === undefined ? [] : [...swarm.peers, ...swarm.webSeeds]
  const downloadRate = sources.reduce((sum, source) => sum + source.downloadRate, 0)
  const uploadRate = swarm?.peers.reduce((sum, peer) => sum + peer.uploadRate, 0) ?? 0
  const { downloadedBytes, uploadedBytes } = torrent.tally.transferred()
  const leftBytes = wanted - doneBytes
  return {
    id: facts.id,
    infoHashV1: facts.infoHashV1,
    infoHashV2: facts.infoHashV2,
    name: info?.name ?? facts.displayName,
    state: torrent.state,
    folder: facts.folder,
    wantedBytes: wanted,
    doneBytes,
    totalBytes: info?.totalBytes ?? 0,
    isFinished: torrent.isFinished,
    isPrivate: info?.isPrivate ?? false,
    etaSeconds: info !== undefined && leftBytes > 0 && downloadRate > 0 ? leftBytes / downloadRate : undefined,
    connectedPeers: torrent.contacts.links.linked.size,
    connectedSeeds: swarm?.peers.filter((peer) => peer.isSeed).length ?? 0,
    knownPeers: torrent.contacts.peers.size,
    ratio: wanted === 0 ? 0 : uploadedBytes / wanted,
    queuePosition,
    addedMs: facts.addedMs,
    completedMs: facts.completedMs,
    downloadedBytes,
    uploadedBytes,
    downloadRate,
    uploadRate,
  }
}

export function torrentSummary(torrent: Torrent, queuePosition: number, nowMs: number): TorrentSummary {
  return summaryOf(torrent, swarmOf(torrent, nowMs), queuePosition)
}

function trackerRow({ url, tier, state, warning, seeders, leechers, downloads }: TrackerSnapshot): TrackerRow {
  const message = state.type === 'failed' ? state.message : warning
  const nextAnnounceInMs = state.type === 'working' || state.type === 'failed' ? state.nextAnnounceInMs : undefined
  return { url, tier, state: state.type, message, nextAnnounceInMs, seeders, leechers, downloads }
}

function peerRows(torrent: Torrent, swarm: SwarmSnapshot | undefined): PeerRow[] {
  const rows = new Map(swarm?.peers.map((row) => [row.peer, row]))
  return [...torrent.contacts.links.linked.values()].map(
    ({ connection, peer, swarmPeer, metadataLengthBytes }): PeerRow => {
      const row = swarmPeer === undefined ? undefined : rows.get(swarmPeer.number)
      return {
        endpoint: connection.remote,
        direction: connection.direction,
        encryption: connection.encryption,
        client: peer.client,
        offersMetadata: metadataLengthBytes > 0,
        progress: row?.progress ?? 0,
        isChoking: peer.isChoking,
        isInterested: peer.isInterested,
        amChoking: peer.amChoking,
        amInterested: peer.amInterested,
        requestsOut: row?.requestsOut ?? 0,
        requestsIn: row?.requestsIn ?? 0,
        downloadedBytes: row?.downloadedBytes ?? 0,
        uploadedBytes: row?.uploadedBytes ?? 0,
        downloadRate: row?.downloadRate ?? 0,
        uploadRate: row?.uploadRate ?? 0,
      }
    },
  )
}

function webSeedRows({ facts }: Torrent, swarm: SwarmSnapshot | undefined): WebSeedRow[] {
  const rows = new Map(swarm?.webSeeds.map((row) => [row.url, row]))
  return facts.webSeeds.map((url): WebSeedRow => {
    const { state = 'idle', problem, retryInMs, downloadedBytes = 0, downloadRate = 0 } = rows.get(url) ?? {}
    const isBusy = state === 'asking' || state === 'receiving' || state === 'held'
    return {
      url,
      state: isBusy ? 'downloading' : state,
      problem: problem === undefined ? undefined : { code: problem.code, detail: problem.detail },
      retryInMs,
      downloadedBytes,
      downloadRate,
    }
  })
}

function fileRows(torrent: Torrent): FileSnapshot[] {
  const { facts, info, content } = torrent
  const done = torrent.progress?.fileBytes
  return (info?.files ?? []).map(({ path, lengthBytes }, file) => ({
    path: [...(content?.storage.pathOf(file) ?? path)],
    lengthBytes,
    doneBytes: done?.[file] ?? 0,
    priority: priorityOfFile(facts, file),
  }))
}

export function torrentSnapshot(
  torrent: Torrent,
  queuePosition: number,
  defaultGoals: SeedGoals,
  nowMs: number,
): TorrentSnapshot {
  torrent.tally.countTime(nowMs)
  const { facts, info, content } = torrent
  const swarm = swarmOf(torrent, nowMs)
  return {
    ...summaryOf(torrent, swarm, queuePosition),
    version: info?.version,
    speed: speedSnapshot(torrent.contacts.speed, facts, torrent.tally.transferBytes(), nowMs),
    comment: facts.metainfo?.comment,
    pieceLengthBytes: info?.pieceLengthBytes ?? 0,
    pieceCount: info?.pieceCount ?? 0,
    pieces: content?.storage.have.toBytes() ?? new Uint8Array(0),
    files: fileRows(torrent),
    peers: peerRows(torrent, swarm),
    namedPeers: torrent.contacts.links.named.rows(),
    webSeeds: webSeedRows(torrent, swarm),
    isInDht: torrent.contacts.dht.isWelcome,
    trackers: torrent.contacts.announcing.snapshot(nowMs).map(trackerRow),
    limits: { ...facts.limits },
    seedGoals: { ...defaultGoals, ...facts.seedGoals },
    sequential: facts.isSequential,
    wastedBytes: swarm?.wastedBytes ?? 0,
    damagedPieces: swarm?.damagedPieces ?? 0,
    activeSeconds: facts.totals.activeSeconds,
    seedingSeconds: facts.totals.seedingSeconds,
    transferSeconds: torrent.tally.transferSeconds(),
    transferBytes: torrent.tally.transferBytes(),
  }
}
