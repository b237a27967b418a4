// Query strings as trackers use them (BEP 3): raw bytes, percent-encoded. Info hashes are no text, so the usual
// decoders, which expect UTF-8, do not fit. `+` is itself, not a space: clients send it raw for byte 0x2b.
// Guarantees: never throws; work is linear in the text, and nothing is made for parameters not asked for.
const unreserved = /^[A-Za-z0-9\-._~]$/

const encodedBytes: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  return unreserved.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})

/** Any bytes as text for a URL: unreserved characters (RFC 3986) as they are, all others as `%XX`. */
export function percentEncode(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index++) text += encodedBytes[bytes[index] as number]
  return text
}

const percentSign = 0x25

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The byte of the escape `%XX` at `position`; -1 if it is broken. Beyond the end the code is NaN, no digit. */
function escapeAt(text: string, position: number): number {
  const high = hexDigit(text.charCodeAt(position + 1))
  const low = hexDigit(text.charCodeAt(position + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

/** The bytes `text` stands for; undefined if more than `maxLength`, an escape is broken or a character no byte. */
export function percentDecode(text: string, maxLength: number): Uint8Array | undefined {
  if (text.length > 3 * maxLength) return undefined
  const bytes = new Uint8Array(Math.min(text.length, maxLength))
  let length = 0
  for (let position = 0; position < text.length; length++) {
    const code = text.charCodeAt(position)
    const byte = code === percentSign ? escapeAt(text, position) : code
    if (byte < 0 || byte > 0xff || length === maxLength) return undefined
    bytes[length] = byte
    position += code === percentSign ? 3 : 1
  }
  return length === bytes.length ? bytes : bytes.subarray(0, length)
}

/** A whole number in decimal; beyond 2^53 - 1 it counts as that. Undefined for anything else. */
export function parseDecimal(text: string): number | undefined {
  return /^[0-9]{1,20}$/.test(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : undefined
}

/**
 * Calls `see` with the name and the still encoded value of each parameter of `query`, in order; a parameter
 * without `=` has an empty value. `see` ends the walk by returning false.
 */
export function eachParameter(query: string, see: (name: string, value: string) => boolean): void {
  const { length } = query
  let position = query.startsWith('?') ? 1 : 0
  let equals = -1
  while (position < length) {
    const ampersand = query.indexOf('&', position)
    const end = ampersand === -1 ? length : ampersand
    // Looked for once, not once a parameter: many parameters without a value must not make this quadratic.
    if (equals < position) {
      const next = query.indexOf('=', position)
      equals = next === -1 ? length : next
    }
    const nameEnd = Math.min(equals, end)
    if (nameEnd > position && !see(query.slice(position, nameEnd), query.slice(Math.min(nameEnd + 1, end), end))) return
    position = end + 1
  }
}
