// What earn mode does with the session's torrents and their folders. Guarantees: a folder that holds anything is not taken;
// a torrent that was here before is neither taken nor removed; a folder counts as free only when nothing is left in it.
// Owns nothing.
import { emptyBytes } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { AddSource, TorrentId } from './commands.ts'
import type { Session } from './session.ts'

const mostNames = 100_000
const marker = 'emptied'

export class EarnContent {
  private readonly session: Session
  private readonly folder: string

  constructor(session: Session, folder: string) {
    this.session = session
    this.folder = folder
  }

  /** Nothing is in its folder. Errors: earn-place-taken, those of the disk. */
  async isVacant(id: string): Promise<Result<void>> {
    const root = await this.session.room.openFolder(this.folder)
    if (!root.ok) return root
    const status = await root.value.status([id])
    if (!status.ok || status.value === undefined) return status.ok ? success(undefined) : status
    const names = status.value.kind === 'folder' ? await root.value.list([id], mostNames) : undefined
    if (names?.ok === true && names.value.every((name) => name === marker)) return success(undefined)
    return failure('earn-place-taken', `${this.folder}/${id} holds something already`)
  }

  /** Folders of torrents that went, before this session opened any of them again. */
  async clear(): Promise<void> {
    const root = await this.session.room.openFolder(this.folder)
    const names = root.ok ? await root.value.list([], mostNames) : root
    for (const name of names.ok ? names.value : []) {
      const isInUse =
        !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(name) || this.session.torrentSnapshot(name as TorrentId).ok
      if (!root.ok || isInUse) continue
      if ((await root.value.status([name, marker])).ok) await root.value.remove([name, marker])
      // What is not empty stays.
      await root.value.remove([name])
    }
  }

  /** Stopped. Errors: earn-other-torrent (it is another one, or was here before), those of adding. */
  async add(
    id: TorrentId,
    source: AddSource,
    trackers: readonly string[],
    most: TokenAmount | undefined,
  ): Promise<Result<void>> {
    const added = await this.session.run({
      type: 'add',
      source,
      options: {
        folder: `${this.folder}/${id}`,
        stopped: true,
        ...(trackers.length === 0 ? {} : { trackers: trackers.map((url) => [url]) }),
        ...(most === undefined ? {} : { budget: { most } }),
      },
    })
    if (!added.ok) return added
    if (added.value.type !== 'added') return failure('earn-other-torrent', 'not added')
    const { id: addedId, isNew } = added.value
    if (isNew && addedId === id) return success(undefined)
    if (isNew) await this.session.run({ type: 'remove', id: addedId, withData: false })
    return failure('earn-other-torrent', isNew ? 'what it leads to is another torrent now' : 'it is here already')
  }

  /** True: nothing of it is left, nor comes back where the power fails; to be asked again otherwise. */
  async remove(id: string): Promise<boolean> {
    const removed = await this.session.run({ type: 'remove', id: id as TorrentId, withData: true })
    if (!removed.ok && removed.code !== 'torrent-unknown') return false
    if (!(await this.isVacant(id)).ok) return false
    const root = await this.session.room.openFolder(this.folder)
    if (!root.ok) return false
    // What is written so is on the disk, and with it what the folder holds no longer.
    const synced = await root.value.replace([id, marker], emptyBytes)
    if (synced.ok) await root.value.remove([id, marker])
    return synced.ok
  }
}
