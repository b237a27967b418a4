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

/** `99.9 %`: never rounded up, so that 100 % means all of it. */
export function formatPercent(share: number): string {
  return `${(Math.floor(Math.min(1, Math.max(0, share)) * 1000) / 10).toFixed(1)} %`
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`
}

/** `8 s`, `2 min 5 s`, `3 h 12 min`, `4 d 3 h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

// East Asian wide and full-width characters, and those shown as pictures.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f1e6}-\u{1f1ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u
const combining = /\p{M}/u

function widthOf(character: string): number {
  if (combining.test(character)) return 0
  return wide.test(character) ? 2 : 1
}

/** Columns that visible text takes on a terminal. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

/** Text made visible, and cut to so many columns. */
export function fitted(text: string, columns: number): string {
  const shown = visible(text)
  if (columnsOf(shown) <= columns) return shown
  let fitting = ''
  let width = 0
  for (const character of shown) {
    width += widthOf(character)
    if (width > columns - 1) break
    fitting += character
  }
  return columns > 0 ? `${fitting}…` : ''
}
