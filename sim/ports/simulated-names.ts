// The names on a simulated disk: which file or folder each absolute path means, and which names a power loss may undo.
// Guarantees: a folder's names are found without looking at others, in the order they came; where names are not durable
// at once, each that came or went since its folder was put on the disk is as it was or as it is, and a file that got
// another name in its folder has one of both. Owns the names.
import type { Random } from '../../src/ports/random.ts'
import type { DiskSpace, FileNode } from './simulated-file-node.ts'

export interface SimulatedNamesOptions {
  readonly space: DiskSpace
  readonly areDurableAtOnce: boolean
}

export class SimulatedNames {
  private readonly options: SimulatedNamesOptions
  /** By absolute path, folders included; the folder above all is not in it and has the name ''. */
  private readonly nodes = new Map<string, FileNode>()
  private readonly children = new Map<string, Set<string>>()
  /** By folder and then by name: what the disk has under a name that came or went since. */
  private readonly unsettled = new Map<string, Map<string, FileNode | undefined>>()
  /** By folder, of files that got another name in it since. */
  private readonly unsettledMoves = new Map<string, { readonly from: string; readonly to: string }[]>()

  constructor(options: SimulatedNamesOptions) {
    this.options = options
  }

  get(path: string): FileNode | undefined {
    return this.nodes.get(path)
  }

  /** A new name, or an old one for something else; `isSettled`: on the disk at once. */
  set(path: string, node: FileNode, isSettled = false): void {
    this.note(path, isSettled)
    this.put(path, node)
  }

  /** With all that is below it; `isSettled` as for `set`. False: there is no such name. */
  delete(path: string, isSettled = false): boolean {
    if (!this.nodes.has(path)) return false
    this.note(path, isSettled)
    this.drop(path)
    return true
  }

  /** Names directly in a folder. */
  namesIn(folder: string): ReadonlySet<string> {
    return this.children.get(folder) ?? noNames
  }

  /** Moves a file, or a folder with all below it, to a name that is free. On the disk at once. */
  rename(from: string, to: string): void {
    const node = this.nodes.get(from)
    if (node === undefined) return
    this.settleBelow(from)
    const names = [...this.namesIn(from)]
    this.unlink(from)
    this.link(to, node)
    for (const name of names) this.rename(`${from}/${name}`, `${to}/${name}`)
    this.settle(folderOf(to))
    this.settle(folderOf(from))
  }

  /** A file gets another name in its folder, one that is free; a power loss may undo it until the folder is settled. */
  renameSoon(from: string, to: string): void {
    const node = this.nodes.get(from)
    if (node === undefined) return
    const folder = folderOf(from)
    if (!this.options.areDurableAtOnce) {
      const moves = this.unsettledMoves.get(folder) ?? []
      this.unsettledMoves.set(folder, [...moves, { from, to }])
      // What may not be there at all may not be there under its new name either.
      const names = this.unsettled.get(folder)
      if (names?.has(from)) names.set(to, names.get(from))
      names?.delete(from)
    }
    this.unlink(from)
    this.link(to, node)
  }

  /** Puts the names in a folder, and those that lead to it, on the disk. */
  settle(folder: string): void {
    if (this.unsettled.size + this.unsettledMoves.size === 0) return
    for (let above = folder; ; above = folderOf(above)) {
      this.unsettled.delete(above)
      this.unsettledMoves.delete(above)
      if (above === '') return
    }
  }

  /** Of what was not put on the disk, each name is as it was or as it is; how many are as they were. */
  losePower(random: Random): number {
    let lostCount = this.loseMoves(random)
    const folders = [...this.unsettled].sort(([one], [other]) => depthOf(one) - depthOf(other))
    this.unsettled.clear()
    for (const [folder, names] of folders) {
      for (const [path, before] of names) {
        if (this.nodes.get(path) === before || random.below(2) === 0) continue
        if (folder !== '' && this.nodes.get(folder)?.kind !== 'folder') continue
        if (before === undefined) this.drop(path)
        else this.put(path, before)
        lostCount++
      }
    }
    return lostCount
  }

  private loseMoves(random: Random): number {
    let lostCount = 0
    for (const { from, to } of [...this.unsettledMoves.values()].flat().reverse()) {
      const node = this.nodes.get(to)
      if (node === undefined || this.nodes.has(from) || random.below(2) === 0) continue
      this.unlink(to)
      this.link(from, node)
      lostCount++
    }
    this.unsettledMoves.clear()
    return lostCount
  }

  /** In the order they came. */
  entries(): IterableIterator<[string, FileNode]> {
    return this.nodes.entries()
  }

  private put(path: string, node: FileNode): void {
    this.nodes.get(path)?.leaveDisk()
    this.link(path, node)
    node.joinDisk(this.options.space)
  }

  private drop(path: string): void {
    for (const name of [...this.namesIn(path)]) this.drop(`${path}/${name}`)
    this.nodes.get(path)?.leaveDisk()
    this.unlink(path)
  }

  private link(path: string, node: FileNode): void {
    this.nodes.set(path, node)
    const folder = folderOf(path)
    const names = this.children.get(folder)
    const name = path.slice(folder.length + 1)
    if (names === undefined) this.children.set(folder, new Set([name]))
    else names.add(name)
  }

  private unlink(path: string): void {
    this.nodes.delete(path)
    const folder = folderOf(path)
    const names = this.children.get(folder)
    names?.delete(path.slice(folder.length + 1))
    if (names?.size === 0) this.children.delete(folder)
  }

  private note(path: string, isSettled: boolean): void {
    if (this.options.areDurableAtOnce) return
    const folder = folderOf(path)
    const names = this.unsettled.get(folder)
    if (isSettled) names?.delete(path)
    else if (names === undefined) this.unsettled.set(folder, new Map([[path, this.nodes.get(path)]]))
    else if (!names.has(path)) names.set(path, this.nodes.get(path))
  }

  private settleBelow(path: string): void {
    for (const unsettled of [this.unsettled, this.unsettledMoves]) {
      for (const folder of [...unsettled.keys()]) {
        if (folder === path || folder.startsWith(`${path}/`)) unsettled.delete(folder)
      }
    }
  }
}

const noNames: ReadonlySet<string> = new Set()

/** Of an absolute path; '' is above all. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function depthOf(path: string): number {
  return path.split('/').length
}
