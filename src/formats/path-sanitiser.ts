// The one sanitiser of names that come from outside: torrent files, metadata from peers, resume data, renames.
// Guarantees: a component is never empty, never `.` or `..`, holds no separator, and is a legal name on Linux,
// macOS and Windows alike, so that a torrent looks the same everywhere. Pure, total, linear in its input.
import { toUtf8, toUtf8Lossy, utf8Length } from '../base/bytes.ts'

/** Longest component in UTF-8 bytes: below the 255 of common file systems, with room for suffixes of our own. */
export const maxComponentBytes = 240
/** Longest name of common file systems. */
const maxNameBytes = 255
/** Longest path in UTF-8 bytes, separators counted: Linux takes no more in one call. */
export const maxPathBytes = 4096
export const maxPathDepth = 100

const maxExtensionBytes = 16
// Past this a name is cut before anything else: putting combining marks into order is not linear.
const maxRawLength = 1024

// Printable ASCII but for separators and what Windows forbids: nearly every real name.
const plainName = /^[!#-)+-.0-9;=@-[\]^-{}~ ]{1,240}$/
const deviceName = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/i
// Separators, NUL, and code points that are invisible or turn the writing direction: they only serve to deceive.
const removed =
  /[/\\\0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const replaced = /[\x01-\x1f\x7f-\x9f<>:"|?*\ud800-\udfff]/gu

/** Text of bytes that should be UTF-8; each ill-formed sequence becomes `_`. */
export function decodeName(raw: Uint8Array): string {
  return toUtf8(raw) ?? toUtf8Lossy(raw).replaceAll('\ufffd', '_')
}

/** Whether text, or latin1 of bytes, is safe as it stands: ASCII, and nothing special about it. */
export function isPlainComponent(text: string): boolean {
  return plainName.test(text) && trimmedEnd(text) === text.length && !deviceName.test(text)
}

/** Whether a file or folder below another one may have this name somewhere: no separator, no way out, not too long. */
export function isPossibleName(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && !/[/\\\0]/.test(text) && utf8Length(text) <= maxNameBytes
}

/** One safe component, or '' when nothing is left of it, as of `..`. Idempotent. */
export function sanitiseComponent(raw: Uint8Array | string): string {
  const text = typeof raw === 'string' ? raw : decodeName(raw)
  if (isPlainComponent(text)) return text
  const cut = text.length > maxRawLength ? text.slice(0, maxRawLength - 64) + text.slice(-64) : text
  const visible = cut.replace(removed, '')
  if (visible === '' || visible === '.' || visible === '..') return ''
  const clean = shortened(visible.replace(replaced, '_').normalize('NFC')) || '_'
  return deviceName.test(clean) ? shortened(`_${clean}`) : clean
}

/** Safe components of a path, in order; those of which nothing is left are dropped. May be empty. */
export function sanitisePath(components: Iterable<Uint8Array | string>): string[] {
  const path: string[] = []
  for (const raw of components) {
    const component = sanitiseComponent(raw)
    if (component !== '') path.push(component)
  }
  return path
}

/** `name` with `infix` before its extension: `bar.txt` and `.1` give `bar.1.txt`; never over the length cap. */
export function withInfix(name: string, infix: string): string {
  const dot = extensionStart(name)
  const stem = cutToBytes(name.slice(0, dot), maxComponentBytes - utf8Length(infix) - utf8Length(name.slice(dot)))
  return `${stem}${infix}${name.slice(dot)}`
}

/** Where trailing dots and spaces begin, which Windows drops; a loop, for a pattern would be quadratic. */
function trimmedEnd(text: string): number {
  let end = text.length
  while (end > 0 && (text.charCodeAt(end - 1) === 0x2e || text.charCodeAt(end - 1) === 0x20)) end--
  return end
}

/** Index of the dot before a short extension, else the length of the name. */
function extensionStart(name: string): number {
  const dot = name.lastIndexOf('.')
  return dot > 0 && utf8Length(name.slice(dot)) <= maxExtensionBytes ? dot : name.length
}

function shortened(text: string): string {
  const trimmed = text.slice(0, trimmedEnd(text))
  if (utf8Length(trimmed) <= maxComponentBytes) return trimmed
  const dot = extensionStart(trimmed)
  const cut = cutToBytes(trimmed.slice(0, dot), maxComponentBytes - utf8Length(trimmed.slice(dot))) + trimmed.slice(dot)
  return cut.slice(0, trimmedEnd(cut))
}

/** The longest prefix of whole code points within so many bytes of UTF-8. */
function cutToBytes(text: string, maxBytes: number): string {
  if (utf8Length(text) <= maxBytes) return text
  let end = 0
  let bytes = 0
  for (const character of text) {
    bytes += utf8Length(character)
    if (bytes > maxBytes) break
    end += character.length
  }
  return text.slice(0, end)
}
