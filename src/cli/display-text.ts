// Text made fit for a terminal, and numbers made fit for people.
// Guarantees: nothing that came from a torrent, a path or a link can move the cursor, change colours, turn the
// writing direction or hide: whatever is not plainly visible is written out as an escape. Pure.

// Controls (C0, DEL, C1), invisible and direction-changing characters, separators of lines, lone surrogates,
// private use and unassigned code points, tags.
const unshowable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu
const unshowableInJson = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

function escapedCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
}

/** One line of visible characters. */
export function visible(text: string): string {
  return text.replace(unshowable, escapedCharacter)
}

function jsonEscape(character: string): string {
  let escaped = ''
  for (let index = 0; index < character.length; index++)
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  return escaped
}

/** One line of JSON that means the same as JSON.stringify's and shows every invisible character as an escape. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(unshowableInJson, jsonEscape)
}

const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1023 B`, `1.5 KiB`, `2 GiB`: at most one decimal. */
export function formatBytes(lengthBytes: number): string {
  if (lengthBytes < 1024) return `${lengthBytes} B`
  let value = lengthBytes / 1024
  let unit = 0
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`
}

/** Digits in groups of three: 1,234,567. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `1 file`, `2 files`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}
