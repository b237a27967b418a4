// Where each file of a torrent lies: a folder below a root, paths that may have been renamed, a suffix while a file is
// incomplete, the hidden parts file for bytes of unwanted files, and a hidden folder for copies that are being made.
// Guarantees: paths are sanitised and never collide, the names with the suffix included; only what was found under the
// torrent's own name for it stays there. Owned by one torrent's storage.
import { assert, present } from '../base/assert.ts'
import { utf8Length } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { distinctPaths, foldedName } from '../formats/distinct-paths.ts'
import { maxPathBytes, maxPathDepth, sanitisePath } from '../formats/path-sanitiser.ts'
import type { FileRoot, RelativePath } from '../ports/files.ts'

/** A folder below a root. Two places of one root are moved between by renaming, others by copying. */
export interface StoragePlace {
  readonly root: FileRoot
  readonly folder: RelativePath
}

export interface StorageLayoutOptions {
  readonly place: StoragePlace
  /** As the torrent has them (TorrentFile.path), the torrent's name first. */
  readonly paths: readonly RelativePath[]
  /** By file: the path that content may lie under already (TorrentFile.rawPath). */
  readonly rawPaths?: readonly (RelativePath | undefined)[]
  /** Whether files carry a suffix until they are whole. */
  readonly hasSuffix: boolean
  /** Tells torrents of one folder apart: an info hash. */
  readonly identity: string
}

/** What the files are called: for going back to it. */
export interface FileNames {
  readonly paths: readonly RelativePath[]
  readonly atRaw: ReadonlySet<number>
}

const suffixWord = '.part'

export class StorageLayout {
  place: StoragePlace
  readonly hasSuffix: boolean
  /** Carried by incomplete files; no file of the torrent has a name that ends like this. */
  readonly suffix: string
  private readonly originalPaths: readonly RelativePath[]
  private paths: readonly RelativePath[]
  private readonly partsName: string
  private readonly copiesName: string
  /** One byte a file: whether it carries the suffix now. */
  private readonly suffixed: Uint8Array
  private readonly rawPaths: readonly (RelativePath | undefined)[]
  /** Files that lie under their raw paths. */
  private atRaw = new Set<number>()

  constructor(options: StorageLayoutOptions) {
    this.place = options.place
    this.originalPaths = options.paths
    this.paths = options.paths
    this.hasSuffix = options.hasSuffix
    this.suffix = freeSuffix(options.paths)
    this.partsName = `.${options.identity.slice(0, 16)}.parts`
    this.copiesName = `.${options.identity.slice(0, 16)}.copies`
    this.suffixed = new Uint8Array(options.paths.length)
    this.rawPaths = options.rawPaths ?? []
  }

  isSuffixed(file: number): boolean {
    return this.suffixed[file] === 1
  }

  setSuffixed(file: number, isSuffixed: boolean): void {
    this.suffixed[file] = isSuffixed ? 1 : 0
  }

  /** Whether there may be files under raw paths. */
  get hasRawPaths(): boolean {
    return this.rawPaths.some((path) => path !== undefined)
  }

  /** Below the place's folder; undefined where it is no other than its own, or a rename gave it one. */
  rawPathOf(file: number): RelativePath | undefined {
    return this.paths[file] === this.originalPaths[file] ? this.rawPaths[file] : undefined
  }

  /** A file that is there, or is to be made, lies under its raw path or does not. */
  setRaw(file: number, isRaw: boolean): void {
    if (isRaw) this.atRaw.add(file)
    else this.atRaw.delete(file)
  }

  /** Below the place's folder, without the suffix; safe to be shown, also where the disk has the raw path. */
  pathOf(file: number): RelativePath {
    return present(this.paths[file], 'a file of the torrent')
  }

  get names(): FileNames {
    return { paths: this.paths, atRaw: new Set(this.atRaw) }
  }

  /** Goes back to what `names` were. */
  restoreNames({ paths, atRaw }: FileNames): void {
    this.paths = paths
    this.atRaw = new Set(atRaw)
  }

  /** The path given by a rename; undefined where it is the torrent's own. */
  renamedPath(file: number): RelativePath | undefined {
    const path = this.pathOf(file)
    return path === this.originalPaths[file] ? undefined : path
  }

  /** Below the root of `place`, with the suffix if wanted. */
  diskPath(file: number, isSuffixed = this.isSuffixed(file), place = this.place): RelativePath {
    const rawPath = this.atRaw.has(file) ? this.rawPathOf(file) : undefined
    const path = [...place.folder, ...(rawPath ?? this.pathOf(file))]
    if (isSuffixed) path[path.length - 1] += this.suffix
    return path
  }

  partsPath(place = this.place): RelativePath {
    return [...place.folder, this.partsName]
  }

  /** The folder that holds copies of files as long as they are being moved to this place. */
  copiesPath(): RelativePath {
    return [...this.place.folder, this.copiesName]
  }

  /**
   * The paths after one file was given another path, components below the place's folder, or the torrent's folder (or
   * lone file) another name. Nothing changes yet: see setPaths. Errors: file-exists when it would collide with another
   * file of the torrent, file-not-plain when nothing usable is left of the name.
   */
  renamed(file: number, path: readonly string[]): Result<readonly RelativePath[]> {
    const clean = sanitisePath(path)
    const lengthBytes = clean.reduce((sum, component) => sum + utf8Length(component) + 1, 0)
    if (clean.length === 0) return failure('file-not-plain', 'nothing usable is left of the new name')
    if (clean.length > maxPathDepth || lengthBytes > maxPathBytes) return failure('file-not-plain', 'too long a path')
    return this.checked(this.paths.map((old, index) => (index === file ? clean : old)))
  }

  renamedRoot(name: string): Result<readonly RelativePath[]> {
    const [clean] = sanitisePath([name])
    if (clean === undefined) return failure('file-not-plain', 'nothing usable is left of the new name')
    return this.checked(this.paths.map((path) => [clean, ...path.slice(1)]))
  }

  /** Paths from a resume record; sanitised again, since the record is a file like any other. */
  restored(paths: readonly (readonly string[] | undefined)[]): Result<readonly RelativePath[]> {
    return this.checked(
      this.originalPaths.map((path, file) => {
        const renamed = sanitisePath(paths[file] ?? [])
        return renamed.length === 0 ? path : renamed
      }),
    )
  }

  /** Makes paths that one of the above returned those of the files. */
  setPaths(paths: readonly RelativePath[]): void {
    assert(paths.length === this.paths.length, 'a path for each file')
    const before = this.paths
    this.paths = paths
    this.atRaw = new Set([...this.atRaw].filter((file) => paths[file] === before[file]))
  }

  private checked(paths: readonly RelativePath[]): Result<readonly RelativePath[]> {
    const distinct = distinctPaths(paths)
    if (!distinct.ok) return distinct
    for (const [index, path] of paths.entries()) {
      const isFree = distinct.value[index] === path && !foldedName(path.at(-1) ?? '').endsWith(this.suffix)
      if (!isFree) return failure('file-exists', `the name "${path.at(-1)}" is taken by another file of the torrent`)
    }
    return success(paths)
  }
}

/** The first of `.part`, `.part1`, `.part2` … that ends no name of the torrent. */
function freeSuffix(paths: readonly RelativePath[]): string {
  const taken = new Set<string>()
  for (const path of paths) {
    const ending = /\.part[0-9]{0,7}$/.exec(foldedName(path.at(-1) ?? ''))
    if (ending !== null) taken.add(ending[0])
  }
  let suffix = suffixWord
  for (let count = 1; taken.has(suffix); count++) suffix = `${suffixWord}${count}`
  return suffix
}
