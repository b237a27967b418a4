// Who may use a tracker and what it serves, as its operator lists it: passkeys of users, info hashes allowed and denied.
// Text, one entry a line, `#` begins a comment. Guarantees: a line that is not understood refuses the file, with its
// number and never its content; passkeys are kept and looked up as digests, so that no time tells how much of one was right.
import { fromHex, fromLatin1, toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { hashLength } from '../formats/tracker/announce.ts'

/** Digests of passkeys. */
export type Users = ReadonlySet<string>
/** Info hashes of 20 bytes, in hexadecimal. */
export type HashList = ReadonlySet<string>

const passkey = /^[A-Za-z0-9_-]{16,64}$/
const maxEntries = 2_000_000

function eachLine(text: string, take: (line: string) => boolean): Result<undefined> {
  let number = 0
  let entries = 0
  for (const whole of text.split('\n')) {
    number++
    const line = whole.replace(/#.*/, '').trim()
    if (line === '') continue
    if (++entries > maxEntries) return malformed(`more than ${maxEntries} entries`)
    if (!take(line)) return malformed(`line ${number} is not understood`)
  }
  return success(undefined)
}

function malformed(detail: string): Failure {
  return failure('tracker-list', detail)
}

/** A line a user: the passkey, 16 to 64 letters, digits, `-` or `_`, and behind it what the operator likes. Errors: tracker-list. */
export function parseUsers(text: string): Result<Users> {
  const users = new Set<string>()
  const read = eachLine(text, (line) => {
    const [key = ''] = line.split(/\s/, 1)
    if (!passkey.test(key)) return false
    users.add(digestOf(key))
    return true
  })
  return read.ok ? success(users) : read
}

/** A line a torrent: the info hash, 40 or 64 digits, and behind it what the operator likes. Errors: tracker-list. */
export function parseHashList(text: string): Result<HashList> {
  const hashes = new Set<string>()
  const read = eachLine(text, (line) => {
    const [digits = ''] = line.split(/\s/, 1)
    const bytes = fromHex(digits)
    if (!bytes.ok || (digits.length !== 40 && digits.length !== 64)) return false
    // Of version 2 announces have the first 20 bytes (BEP 52).
    hashes.add(toHex(bytes.value.subarray(0, hashLength)))
    return true
  })
  return read.ok ? success(hashes) : read
}

/** Whether a path is `/PASSKEY/announce` of a user. */
export function isUserPath(users: Users, path: string): boolean {
  const key = /^\/([^/?]{16,64})\/announce(?:\?|$)/.exec(path)?.[1]
  return key !== undefined && passkey.test(key) && users.has(digestOf(key))
}

function digestOf(key: string): string {
  return toHex(sha256(fromLatin1(key)))
}
