// The events of `download` and `seed` as JSON, one object a line; the names are a promise to programs (see
// docs/command-line.md). Pure.
import type { Problem, TorrentSnapshot, TransferEvent } from '../daemon/transfer-request.ts'
import {
  accountEventJson,
  cashedJson,
  earnsTooLittleJson,
  invoiceJson,
  quoteJson,
  speedEventJson,
  speedJson,
} from './speed-json.ts'
import { trackerHost, webHost } from './transfer-lines.ts'

type JsonObject = Readonly<Record<string, unknown>>

function errorOf({ code, detail }: Problem): JsonObject {
  return { code, message: detail }
}

function namesOf({ id, name, infoHashV1, infoHashV2 }: TorrentSnapshot): JsonObject {
  return { id, name, infoHashV1: infoHashV1 ?? null, infoHashV2: infoHashV2 ?? null }
}

function trafficOf(torrent: TorrentSnapshot): JsonObject {
  const { downloadedBytes, uploadedBytes, ratio } = torrent
  return { downloadedBytes, uploadedBytes, ratio }
}

function progressOf(torrent: TorrentSnapshot): JsonObject {
  const { state, id, peers, doneBytes, wantedBytes, totalBytes, downloadRate, uploadRate, etaSeconds } = torrent
  return {
    type: 'progress',
    id,
    state: state.type,
    doneBytes,
    wantedBytes,
    totalBytes,
    ...(state.type === 'checking' ? { checkedPieces: state.checkedPieces, pieceCount: state.pieces } : {}),
    ...(state.type === 'awaiting-metadata'
      ? { metadataPeers: peers.filter(({ offersMetadata }) => offersMetadata).length }
      : {}),
    downloadRate: Math.round(downloadRate),
    uploadRate: Math.round(uploadRate),
    ...trafficOf(torrent),
    peers: torrent.connectedPeers,
    seeds: torrent.connectedSeeds,
    knownPeers: torrent.knownPeers,
    webSeeds: torrent.webSeeds.filter(({ state }) => state === 'downloading').length,
    etaSeconds: etaSeconds === undefined ? null : Math.ceil(etaSeconds),
    ...(torrent.speed === undefined ? {} : { speed: speedJson(torrent.speed) }),
  }
}

function stateOf({ id, state }: TorrentSnapshot): JsonObject {
  const error = state.type === 'error' ? { error: errorOf(state.problem), resumesByItself: state.resumesByItself } : {}
  return { type: 'state', id, state: state.type, ...error }
}

function webSeedOf({ torrent, webSeed, problem }: Extract<TransferEvent, { type: 'web-seed' }>): JsonObject {
  const { url, state, retryInMs } = webSeed
  const retrySeconds = retryInMs === undefined ? null : Math.ceil(retryInMs / 1_000)
  const given = { isRetired: state === 'retired', retrySeconds }
  return { type: 'web-seed', id: torrent.id, webSeed: webHost(url), error: errorOf(problem), ...given }
}

function contentOf(torrent: TorrentSnapshot): JsonObject {
  const { totalBytes, wantedBytes, pieceCount, pieceLengthBytes, folder, files } = torrent
  return { folder, totalBytes, wantedBytes, pieceCount, pieceLengthBytes, fileCount: files.length }
}

/** The lines of one event: none, one, or with `progress` one for each torrent. */
export function eventLines(event: TransferEvent): readonly JsonObject[] {
  switch (event.type) {
    case 'listening': {
      const { endpoints } = event
      const addresses = endpoints.map(({ address, port }) => ({ address, port }))
      return [{ type: 'listening', port: endpoints[0]?.port ?? null, addresses }]
    }
    case 'added':
      return [{ type: 'added', source: event.source, ...namesOf(event.torrent), ...contentOf(event.torrent) }]
    case 'metadata':
      return [{ type: 'metadata', ...namesOf(event.torrent), ...contentOf(event.torrent) }]
    case 'failed':
      return [{ type: 'error', source: event.source, error: errorOf(event.problem) }]
    case 'state':
      return [stateOf(event.torrent)]
    case 'tracker': {
      const { url, state, message, seeders, leechers } = event.tracker
      const counts = { seeders: seeders ?? null, leechers: leechers ?? null }
      const { id } = event.torrent
      return [{ type: 'tracker', id, tracker: trackerHost(url), state, message: message ?? null, ...counts }]
    }
    case 'peer':
      return [{ type: 'peer', id: event.torrent.id, peer: event.peer, error: errorOf(event.problem) }]
    case 'web-seed':
      return [webSeedOf(event)]
    case 'progress':
      return event.torrents.map(progressOf)
    case 'speed':
      return [speedEventJson(event)]
    case 'account':
      return [accountEventJson(event)]
    case 'quote':
      return [quoteJson(event.torrent.id, event.symbol, event.quote)]
    case 'earns-too-little':
      return [earnsTooLittleJson(event)]
    case 'invoice':
      return [invoiceJson(event.torrent.id, event.invoice)]
    case 'cashed':
      return [cashedJson(event)]
    case 'done': {
      const { torrent } = event
      const { transferSeconds, transferBytes, wastedBytes } = torrent
      const figures = { ...trafficOf(torrent), wastedBytes, transferBytes, transferSeconds: transferSeconds ?? null }
      return [{ type: 'done', ...namesOf(torrent), ...contentOf(torrent), ...figures }]
    }
    case 'stopped': {
      const { doneBytes, wantedBytes } = event.torrent
      return [{ type: 'stopped', id: event.torrent.id, doneBytes, wantedBytes, ...trafficOf(event.torrent) }]
    }
  }
}
