// The files in which an operator lists who may use the tracker and what it serves. Guarantees: all are read, or all stay as
// they were. Owns the lists that are in force.
import { toHex, toUtf8Lossy } from '../base/bytes.ts'
import { failure, type Result, SwarmbidError, success } from '../base/errors.ts'
import { readFileBounded } from '../host/read-input.ts'
import { type HashList, isUserPath, parseHashList, parseUsers, type Users } from '../tracker/access-lists.ts'

export interface TrackerAccessFiles {
  /** Passkeys of users; absent: everybody may announce. */
  readonly usersFile?: string
  /** Info hashes of the only torrents served. */
  readonly allowFile?: string
  /** Info hashes of torrents not served. */
  readonly denyFile?: string
}

const limit = { maxBytes: 200_000_000, code: 'tracker-list' } as const

async function readList<List>(
  path: string | undefined,
  parse: (text: string) => Result<List>,
): Promise<Result<List | undefined>> {
  if (path === undefined) return success(undefined)
  try {
    const parsed = parse(toUtf8Lossy(await readFileBounded(path, limit)))
    return parsed.ok ? parsed : failure(parsed.code, `${path}: ${parsed.detail}`)
  } catch (error) {
    if (error instanceof SwarmbidError) return failure(error.code, error.message)
    throw error
  }
}

export class TrackerAccess {
  private readonly files: TrackerAccessFiles
  private users: Users | undefined
  private allowed: HashList | undefined
  private denied: HashList | undefined

  constructor(files: TrackerAccessFiles) {
    this.files = files
  }

  /** Errors: tracker-list, and those of reading files. */
  async reload(): Promise<Result<void>> {
    const users = await readList(this.files.usersFile, parseUsers)
    if (!users.ok) return users
    const allowed = await readList(this.files.allowFile, parseHashList)
    if (!allowed.ok) return allowed
    const denied = await readList(this.files.denyFile, parseHashList)
    if (!denied.ok) return denied
    this.users = users.value
    this.allowed = allowed.value
    this.denied = denied.value
    return success(undefined)
  }

  /** Whether a path is that of a user. */
  readonly mayUse = (path: string): boolean => this.users !== undefined && isUserPath(this.users, path)

  readonly mayServe = (infoHash: Uint8Array): boolean => {
    const { allowed, denied } = this
    if (allowed === undefined && denied === undefined) return true
    const digits = toHex(infoHash)
    return (allowed === undefined || allowed.has(digits)) && denied?.has(digits) !== true
  }
}
