// Values of command-line options: text to numbers, sizes, addresses and lists.
// Guarantees: whatever is not plainly meant is refused with a message that says what is expected. Pure.
import { InvalidArgumentError } from 'commander'
import { type FileChoice, parseFileChoices } from '../daemon/select-files.ts'
import { type PeerAddress, parsePeerAddress } from '../formats/magnet.ts'

const factors: Readonly<Record<string, number>> = {
  '': 1,
  'b': 1,
  'k': 1024,
  'kib': 1024,
  'm': 1024 ** 2,
  'mib': 1024 ** 2,
  'g': 1024 ** 3,
  'gib': 1024 ** 3,
}

/** `262144`, `256K`, `256KiB`, `1MiB`; powers of 1024 only, so that nothing is ambiguous. */
export function parseSize(text: string): number {
  const match = /^([1-9][0-9]{0,14}) ?([a-z]*)$/i.exec(text)
  const factor = factors[match?.[2]?.toLowerCase() ?? '?']
  if (match === null || factor === undefined) throw new InvalidArgumentError('Expected a size such as 256KiB or 1MiB.')
  return Number(match[1]) * factor
}

/** Bytes each second, decimals and `/s` after it allowed; 0 is no limit, as everywhere else. */
export function parseRate(text: string): number {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([a-z]*)(?: ?\/s)?$/i.exec(text)
  const factor = factors[match?.[2]?.toLowerCase() ?? '?']
  const bytes = Math.floor(Number(match?.[1]) * (factor ?? Number.NaN))
  if (Number(match?.[1]) === 0 && factor !== undefined) return Number.POSITIVE_INFINITY
  if (!(bytes >= 1)) throw new InvalidArgumentError('Expected bytes a second such as 500KiB or 1.5MiB; 0: no limit.')
  return bytes
}

const secondsByUnit: Readonly<Record<string, number>> = { '': 1, 's': 1, 'm': 60, 'min': 60, 'h': 3_600, 'd': 86_400 }

/** `90`, `90s`, `30min`, `2h`, `1d`; seconds. */
export function parseDuration(text: string): number {
  const match = /^([0-9]{1,9}) ?([a-z]*)$/i.exec(text)
  const seconds = secondsByUnit[match?.[2]?.toLowerCase() ?? '?']
  if (match === null || seconds === undefined)
    throw new InvalidArgumentError('Expected a time such as 90s, 30min or 2h.')
  return Number(match[1]) * seconds
}

/** `2030-01-31T12:00:00Z`, or milliseconds since 1970; milliseconds. */
export function parseMoment(text: string): number {
  const isIso = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z$/.test(text)
  const ms = isIso ? Date.parse(text) : /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(ms)) throw new InvalidArgumentError('Expected a moment such as 2030-01-31T12:00:00Z.')
  return ms
}

export function parseRatio(text: string): number {
  if (!/^[0-9]{1,6}(?:\.[0-9]{1,6})?$/.test(text)) throw new InvalidArgumentError('Expected a number such as 1 or 2.5.')
  return Number(text)
}

/** 0 stands for any free one. */
export function parsePortOption(text: string): number {
  const port = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  return port
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || count < 1) throw new InvalidArgumentError('Expected a number from 1 to 99999.')
  return count
}

/** Given again, the files of both are chosen. */
export function collectChoices(text: string, choices: readonly FileChoice[] = []): FileChoice[] {
  const parsed = parseFileChoices(text)
  if (parsed === undefined)
    throw new InvalidArgumentError('Expected numbers, paths or patterns such as 0,2,4-6 or *.flac.')
  return [...choices, ...parsed]
}

/** `2^n` may be written too, as other programs have it. */
export function parsePieceLength(text: string): number {
  const exponent = /^2\^([0-9]{1,2})$/.exec(text)?.[1]
  return exponent === undefined ? parseSize(text) : 2 ** Number(exponent)
}

export function parseThreads(text: string): number {
  const threads = Number(text)
  if (!/^[0-9]{1,2}$/.test(text) || threads < 1 || threads > 16) {
    throw new InvalidArgumentError('Expected a number from 1 to 16.')
  }
  return threads
}

/** One more tier: URLs between commas are tried in turn as one (BEP 12). */
export function collectTier(text: string, tiers: readonly string[][] = []): string[][] {
  const urls = text.split(',').map((url) => url.trim())
  if (urls.includes('')) throw new InvalidArgumentError('Expected a URL, or several between commas.')
  return [...tiers, urls]
}

export function collect(text: string, values: readonly string[] = []): string[] {
  return [...values, text]
}

export function collectNode(text: string, nodes: readonly PeerAddress[] = []): PeerAddress[] {
  const node = parsePeerAddress(text)
  if (node === undefined) throw new InvalidArgumentError('Expected HOST:PORT.')
  return [...nodes, node]
}

export function parseLargeCount(text: string): number {
  const count = Number(text)
  if (!/^[0-9]{1,8}$/.test(text) || count < 1) throw new InvalidArgumentError('Expected a number from 1 to 99999999.')
  return count
}

/** `auto`, or an amount for a GiB, which is read once its token is known. */
/** What an hour is to bring; the amount itself is read where its token is known. */
export function parseHourly(text: string): string {
  if (!/^[0-9]/.test(text)) throw new InvalidArgumentError('Expected an amount such as 2TEST.')
  return text
}

export function parsePrice(text: string): string {
  if (text !== 'auto' && !/^[0-9]/.test(text))
    throw new InvalidArgumentError('Expected auto, or an amount such as 1000TEST.')
  return text
}
