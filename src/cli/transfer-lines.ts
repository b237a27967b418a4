// How a torrent in transfer is shown to people: a live block for a terminal, one line where output is kept.
// Guarantees: no line is wider than the screen; nothing from a torrent, tracker or peer gets to it raw. Pure.
import type { PeerRow, TorrentSnapshot } from '../daemon/transfer-request.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import { columnsOf, counted, fitted, formatBytes, formatDuration, formatPercent, formatRate } from './display-text.ts'
import type { Screen, Style } from './output.ts'
import { pieceBar } from './piece-bar.ts'
import { speedTexts } from './speed-lines.ts'

const widestBar = 64
const percentColumns = 9
const maxPeerRows = 8
const clientColumns = 20

/** Where a tracker is, without what may be a passkey in its URL. */
export function trackerHost(url: string): string {
  if (!URL.canParse(url)) return 'tracker'
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

/** Where a web seed is, without what may be a password or a token in its URL. */
export function webHost(url: string): string {
  return URL.canParse(url) ? trackerHost(url) : 'web seed'
}

function shareOf({ doneBytes, wantedBytes }: TorrentSnapshot): number {
  return wantedBytes === 0 ? 0 : doneBytes / wantedBytes
}

/** What to show of torrents. */
export interface Detail {
  /** The busiest peers, a row each. */
  readonly hasPeers: boolean
  /** It has gone on for so long that what lacks is said in more words. */
  readonly isLate: boolean
}

/** What the web seeds of a torrent without peers are waiting for, if it has any that may still be of use. */
function webSeedReason({ webSeeds, state }: TorrentSnapshot): string | undefined {
  const usable = webSeeds.filter((seed) => seed.state !== 'retired')
  const [first] = usable
  if (state.type !== 'downloading' || first === undefined) return undefined
  if (first.problem === undefined) return `waiting for ${usable.length === 1 ? webHost(first.url) : 'web seeds'}`
  return `no peers; ${webHost(first.url)}: ${first.problem.detail}`
}

/** Why nobody is there to get anything from. */
function lonelyReason(torrent: TorrentSnapshot, isLate: boolean): string {
  const { trackers, knownPeers, isInDht } = torrent
  const waiting = knownPeers === 0 ? webSeedReason(torrent) : undefined
  if (waiting !== undefined) return waiting
  const failed = trackers.filter((tracker) => tracker.state === 'failed')
  const [first] = failed
  if (first !== undefined && failed.length === trackers.length) {
    return `no peers; ${trackerHost(first.url)}: ${first.message ?? 'failed'}`
  }
  if (knownPeers > 0) {
    return isLate
      ? `no answer from ${counted(knownPeers, 'known peer')} yet`
      : `connecting to peers (${knownPeers} known)`
  }
  if (trackers.length === 0) {
    return isInDht ? 'the DHT knows no peers yet' : 'no peers, and no tracker to ask (see --tracker, --peer)'
  }
  return trackers.some(({ state }) => state === 'working') ? 'the trackers know no peers yet' : 'no peers known yet'
}

/** Whom the metadata is expected of, and if of nobody, why that may be. */
function metadataText(torrent: TorrentSnapshot, isLate: boolean): string {
  const { connectedPeers, peers } = torrent
  if (connectedPeers === 0) return `fetching metadata: ${lonelyReason(torrent, isLate)}`
  const asked = peers.filter(({ offersMetadata }) => offersMetadata).length
  if (asked > 0) return `fetching metadata from ${counted(asked, 'peer')}`
  const said = `fetching metadata: no offer from ${counted(connectedPeers, 'peer')} yet`
  // BEP 27 has nobody give it to strangers.
  return isLate ? `${said}; for a private torrent its .torrent file is needed` : said
}

/** What it is doing, in words. */
export function describeState(torrent: TorrentSnapshot, isLate: boolean): string {
  const { state } = torrent
  const isLonely = torrent.connectedPeers === 0
  const webSeeds = sendingSeeds(torrent)
  switch (state.type) {
    case 'awaiting-metadata':
      return metadataText(torrent, isLate)
    case 'awaiting-piece-layers':
      return isLonely ? `fetching hashes of pieces: ${lonelyReason(torrent, isLate)}` : 'fetching hashes of pieces'
    case 'checking': {
      const share = state.pieces === 0 ? 0 : state.checkedPieces / state.pieces
      return `checking what is here: ${formatPercent(share)}`
    }
    case 'downloading':
      if (torrent.isFinished) return 'complete, putting files in their places'
      if (isLonely && webSeeds > 0) return `downloading from ${counted(webSeeds, 'web seed')}`
      return isLonely ? lonelyReason(torrent, isLate) : 'downloading'
    case 'error':
      return `${state.resumesByItself ? 'waiting' : 'stopped'}: ${state.problem.detail} (${state.problem.code})`
    default:
      return state.type
  }
}

/** Web seeds that are asked for something now. */
function sendingSeeds({ webSeeds }: TorrentSnapshot): number {
  return webSeeds.filter(({ state }) => state === 'downloading').length
}

function peersText(torrent: TorrentSnapshot): string {
  const { connectedPeers, connectedSeeds } = torrent
  const seeds = connectedSeeds === 0 ? '' : ` (${counted(connectedSeeds, 'seed')})`
  const webSeeds = sendingSeeds(torrent)
  return `${counted(connectedPeers, 'peer')}${seeds}${webSeeds === 0 ? '' : `, ${counted(webSeeds, 'web seed')}`}`
}

function ratesText({ downloadRate, uploadRate }: TorrentSnapshot, isUnicode: boolean): string {
  const [down, up] = isUnicode ? ['↓', '↑'] : ['down', 'up']
  return `${down} ${formatRate(downloadRate)}  ${up} ${formatRate(uploadRate)}`
}

function amountText(torrent: TorrentSnapshot): string {
  const { doneBytes, wantedBytes, uploadedBytes, ratio, isFinished, etaSeconds } = torrent
  if (isFinished) return `uploaded ${formatBytes(uploadedBytes)} (ratio ${ratio.toFixed(2)})`
  const left = etaSeconds === undefined ? '' : `  ${formatDuration(etaSeconds)} left`
  return `${formatBytes(doneBytes)} of ${formatBytes(wantedBytes)}${left}`
}

/** As much of what matters as fits. */
function figuresLine(torrent: TorrentSnapshot, { columns, isUnicode }: Screen): string {
  const { isFinished, downloadRate, uploadRate, connectedPeers } = torrent
  const [down, up] = isUnicode ? ['↓', '↑'] : ['down', 'up']
  const rate = isFinished ? `${up} ${formatRate(uploadRate)}` : `${down} ${formatRate(downloadRate)}`
  const amount = amountText(torrent)
  const peers = counted(connectedPeers, 'peer')
  const all = [`${ratesText(torrent, isUnicode)}  ${peersText(torrent)}`, `${rate}  ${peers}`, rate]
  const fitting = all.map((text) => `  ${text}  ${amount}`).find((text) => columnsOf(text) < columns)
  return fitted(fitting ?? `  ${amount}`, columns - 1)
}

/** `NAME: 43.2 %, …`, not fitted to anything. */
export function plainLine(torrent: TorrentSnapshot, isLate: boolean): string {
  const { state, downloadRate, uploadRate, isFinished } = torrent
  const isMoving = (state.type === 'downloading' && !isFinished) || state.type === 'seeding'
  if (!isMoving) return `${torrent.name}: ${describeState(torrent, isLate)}`
  const rates = `${formatRate(downloadRate)} down, ${formatRate(uploadRate)} up`
  const what = state.type === 'seeding' ? 'seeding' : formatPercent(shareOf(torrent))
  const money = speedTexts(torrent.speed).map((text) => `; ${text}`)
  return `${torrent.name}: ${what}, ${amountText(torrent).replace('  ', ', ')}, ${rates}, ${peersText(torrent)}${money.join('')}`
}

function barLine(torrent: TorrentSnapshot, { columns, isUnicode }: Screen, style: Style): string {
  const { state, pieces, pieceCount } = torrent
  const barColumns = Math.max(1, Math.min(widestBar, columns - 1 - 4 - percentColumns))
  const bar = pieceBar(pieces, Math.max(1, pieceCount), barColumns, isUnicode)
  const percent = formatPercent(
    state.type === 'checking' ? state.checkedPieces / Math.max(1, state.pieces) : shareOf(torrent),
  )
  return `  ${style.faint('[')}${bar}${style.faint(']')} ${percent}`
}

function peerLine(peer: PeerRow, { columns, isUnicode }: Screen, style: Style): string {
  const client = fitted(peer.client === '' ? 'unknown' : peer.client, clientColumns)
  const rate = `${isUnicode ? '↑' : 'up'} ${formatRate(peer.uploadRate)}`.padEnd(15)
  const figures = `${rate}  has ${formatPercent(peer.progress)}`
  const place = formatEndpoint(peer.endpoint).padEnd(21)
  const padding = ' '.repeat(Math.max(0, clientColumns - columnsOf(client)))
  return style.faint(fitted(`    ${place}  ${client}${padding}  ${figures}`, columns - 1))
}

/** The live block of one torrent. */
function torrentBlock(torrent: TorrentSnapshot, screen: Screen, style: Style, detail: Detail): string[] {
  const { columns } = screen
  const { state, name } = torrent
  const said = describeState(torrent, detail.isLate)
  const nameColumns = Math.max(10, columns - 1 - Math.min(columnsOf(said) + 2, Math.floor(columns / 2)))
  const shownName = fitted(name, nameColumns)
  const tone = state.type === 'error' ? style.bad : torrent.isFinished ? style.good : style.faint
  const shownState = fitted(said, columns - 1 - columnsOf(shownName) - 2)
  const lines = [`${style.strong(shownName)}  ${tone(shownState)}`]
  if (!torrent.isFinished && torrent.pieceCount > 0) lines.push(barLine(torrent, screen, style))
  if (torrent.pieceCount > 0 && state.type !== 'checking') lines.push(style.plain(figuresLine(torrent, screen)))
  for (const text of speedTexts(torrent.speed)) lines.push(style.plain(fitted(`  ${text}`, columns - 1)))
  if (!detail.hasPeers) return lines
  const busiest = [...torrent.peers].sort((a, b) => b.uploadRate - a.uploadRate || b.uploadedBytes - a.uploadedBytes)
  for (const peer of busiest.slice(0, maxPeerRows)) lines.push(peerLine(peer, screen, style))
  if (busiest.length > maxPeerRows) lines.push(style.faint(`    and ${busiest.length - maxPeerRows} more`))
  return lines
}

/** The blocks of all torrents, as many as the screen has rows for. */
export function screenLines(
  torrents: readonly TorrentSnapshot[],
  screen: Screen,
  style: Style,
  detail: Detail,
): string[] {
  const lines: string[] = []
  for (const [index, torrent] of torrents.entries()) {
    const block = torrentBlock(torrent, screen, style, detail)
    // The last row is for saying that there are more.
    if (lines.length + block.length > screen.rows - 2 && index > 0) {
      lines.push(style.faint(fitted(`and ${counted(torrents.length - index, 'more torrent')}`, screen.columns - 1)))
      break
    }
    lines.push(...block.slice(0, Math.max(1, screen.rows - 2)))
  }
  return lines
}

/** `256 MiB in 11.3 s (22.6 MiB/s)`, or what else there is to say of a download that is done. */
export function resultText(torrent: TorrentSnapshot): string {
  const { wantedBytes, transferSeconds, transferBytes } = torrent
  const whole = formatBytes(wantedBytes)
  if (transferSeconds === undefined) return `${whole}, all of it was here`
  const cameBytes = Math.min(wantedBytes, transferBytes)
  const rate = transferSeconds > 0 ? ` (${formatRate(cameBytes / transferSeconds)})` : ''
  const came = formatBytes(cameBytes)
  return `${whole}${came === whole ? '' : `, ${came} of it`} in ${transferSeconds.toFixed(1)} s${rate}`
}
