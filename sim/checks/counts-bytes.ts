// What a session says it has up- and downloaded, to people and to trackers, is the content that passed on its wires and
// that web seeds sent, byte for byte; and what it tells trackers is left is what its disk lacks.
import { unknownLeftBytes } from '../../src/formats/tracker/announce.ts'
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import type { SeenAnnounce } from '../world/seen-announce.ts'
import { torrentIdOf } from '../world/torrent-id.ts'
import type { CheckMaker, ViolateMachine } from './check.ts'
import { type Moved, TransferAccount } from './transfer-account.ts'

const compareEverySeconds = 10

export const countsBytes: CheckMaker = {
  name: 'counts-bytes',
  make: ({ world, tap, violate }) => {
    const accounts = new Map<Machine, Map<Content, TransferAccount>>()
    /** Of torrents that were removed: trackers hear of their end later. */
    const removed = new Map<Machine, TransferAccount>()
    /** Killed, or a torrent of theirs failed: their disks may show more than they dare to believe. */
    const doubting = new Set<Machine>()
    /** Begun before the session could be asked what had moved until then. */
    const blind = new Set<TransferAccount>()
    let seconds = 0
    /** Of the life the machine is in. */
    const accountOf = (machine: Machine, content: Content): TransferAccount => {
      const ofMachine = accounts.get(machine) ?? new Map<Content, TransferAccount>()
      accounts.set(machine, ofMachine)
      const known = ofMachine.get(content)
      if (known !== undefined) return known
      const made = new TransferAccount(movedBefore(machine, content))
      if (!machine.isUp) blind.add(made)
      ofMachine.set(content, made)
      return made
    }
    tap.observe({
      onOpened: ({ machine, content }) => void (content !== undefined && accountOf(machine, content)),
      onBlock: (connection, way, piece, begin, length) => {
        if (way === 'out' || connection.content === undefined) return
        accountOf(connection.machine, connection.content).blockBegins(
          connection,
          piece,
          begin,
          contentBytes(connection.content, piece, begin, length),
        )
      },
      onBlockEnd: (connection, way, piece, begin, length) => {
        if (connection.content === undefined) return
        const bytes = contentBytes(connection.content, piece, begin, length)
        accountOf(connection.machine, connection.content).blockEnded(connection, way, bytes, world.clock.nowMs())
      },
      onHungUp: (connection) => {
        if (connection.content === undefined || !connection.isOpened) return
        accountOf(connection.machine, connection.content).hungUp(connection, world.clock.nowMs())
      },
    })
    const compareAll = () => {
      for (const [machine, ofMachine] of accounts) {
        if (!machine.isUp) continue
        for (const [content, account] of ofMachine) {
          if (!blind.has(account)) compare(machine, content, account, violate)
        }
      }
    }
    return {
      onSecond: () => {
        for (const ofMachine of accounts.values()) {
          for (const account of ofMachine.values()) account.note(world.clock.nowMs())
        }
        if (++seconds % compareEverySeconds === 0) compareAll()
      },
      onChange: (machine, change) => {
        const content = 'id' in change ? tap.contentOf(change.id) : undefined
        if (content === undefined) return
        if (change.type === 'state' && change.state.type === 'error' && !change.state.resumesByItself)
          doubting.add(machine)
        if (change.type === 'removed') {
          removed.set(machine, accountOf(machine, content))
          accounts.get(machine)?.delete(content)
        } else if (change.type === 'state') accounts.get(machine)?.get(content)?.mayBegin()
        else if (change.type === 'piece') accountOf(machine, content).pieceCame(change.piece, world.clock.nowMs())
      },
      onWebContent: (machine, content, lengthBytes) => accountOf(machine, content).webContent(lengthBytes),
      onAnnounce: (announce) => {
        const machine = world.machines.find(({ address }) => address === announce.from)
        const content = tap.contentOf(announce.infoHash)
        if (machine?.isUp !== true || content === undefined) return
        const isParting =
          announce.event === 'stopped' && removed.get(machine)?.lie(announce, announce.atMs) === undefined
        if (isParting && removed.delete(machine)) return
        judgeAnnounce(machine, announce, accountOf(machine, content), violate)
        const doubtfulBytes = doubting.has(machine) ? content.totalBytes : 0
        judgeLeft(machine, content, announce, { account: accountOf(machine, content), doubtfulBytes }, violate)
      },
      onDown: (machine, isOrderly) => {
        accounts.delete(machine)
        removed.delete(machine)
        if (!isOrderly) doubting.add(machine)
      },
      onEnd: compareAll,
    }
  },
}

function movedBefore(machine: Machine, content: Content): Moved {
  const torrent = machine.isUp ? machine.session.torrentSnapshot(torrentIdOf(content)) : undefined
  if (torrent?.ok !== true) return { downloadedBytes: 0, uploadedBytes: 0 }
  const { downloadedBytes, uploadedBytes } = torrent.value
  return { downloadedBytes, uploadedBytes }
}

function compare(machine: Machine, content: Content, account: TransferAccount, violate: ViolateMachine): void {
  const torrent = machine.session.torrentSnapshot(torrentIdOf(content))
  if (!torrent.ok) return
  const { downloadedBytes, uploadedBytes } = torrent.value
  const wrong = account.contradiction({ downloadedBytes, uploadedBytes })
  if (wrong !== undefined) violate(machine, `shows ${wrong}`)
}

function judgeAnnounce(
  machine: Machine,
  { downloadedBytes, uploadedBytes, atMs, event }: SeenAnnounce,
  account: TransferAccount,
  violate: ViolateMachine,
): void {
  const wrong = account.lie({ downloadedBytes, uploadedBytes }, atMs)
  if (wrong !== undefined) violate(machine, `announces (${event}) ${wrong}`)
}

function judgeLeft(
  machine: Machine,
  content: Content,
  { leftBytes, atMs, event }: SeenAnnounce,
  { account, doubtfulBytes }: { readonly account: TransferAccount; readonly doubtfulBytes: number },
  violate: ViolateMachine,
): void {
  const torrent = machine.session.torrentSnapshot(torrentIdOf(content))
  if (leftBytes === unknownLeftBytes || !torrent.ok || machine.config.incompleteFolder !== undefined) return
  const { state, files } = torrent.value
  const { rotted, droppedPages, lostPages } = machine.disk.faults
  if (rotted + droppedPages + lostPages > 0 || files.some(({ priority }) => priority === 0)) return
  if (state.type !== 'downloading' && state.type !== 'seeding') return
  let lackedBytes = 0
  let recentBytes = doubtfulBytes
  for (let piece = 0; piece < content.info.pieceCount; piece++) {
    if (!machine.holds(content, piece)) lackedBytes += contentBytes(content, piece, 0, content.info.pieceLengthBytes)
    else if (account.isRecent(piece, atMs))
      recentBytes += contentBytes(content, piece, 0, content.info.pieceLengthBytes)
  }
  if (leftBytes >= lackedBytes && leftBytes <= lackedBytes + recentBytes) return
  violate(machine, `announces (${event}) that ${leftBytes} bytes are left, and lacks ${lackedBytes}`)
}

/** What of it is bytes of files: gaps between files count for nobody. */
function contentBytes({ info, files }: Content, piece: number, begin: number, length: number): number {
  const start = piece * info.pieceLengthBytes + begin
  const end = start + length
  let sum = 0
  for (const { offset, bytes } of files) {
    sum += Math.max(0, Math.min(end, offset + bytes.length) - Math.max(start, offset))
  }
  return sum
}
