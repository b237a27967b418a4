// Byte arrays: comparing, joining, text forms and big-endian integers (network order, as every BEP uses).
// Views stay views; a function that copies says so. The one place of the core that uses Buffer, for speed.
import { failure, type Result, success } from './errors.ts'

export const emptyBytes: Uint8Array = new Uint8Array(0)

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  const { length } = a
  if (length !== b.length) return false
  if (length > 64) return Buffer.compare(a, b) === 0
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) return false
  }
  return true
}

/** Lexicographic order of unsigned bytes, as bencoded dictionaries are sorted: < 0, 0 or > 0. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}

/** A copy of all parts, end to end. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const bufferCopy: (this: Uint8Array, target: Uint8Array, at: number, start: number, end: number) => number =
  Buffer.prototype.copy

/**
 * Copies source[start, end) into `target` at `offset`, which has room for it. Makes no view, and into shared memory it
 * is twenty times as fast as `set`, which copies a byte at a time there.
 */
export function copyBytes(target: Uint8Array, offset: number, source: Uint8Array, start: number, end: number): void {
  bufferCopy.call(source, target, offset, start, end)
}

export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex')
}

/** Bytes of an even number of hexadecimal digits, either case. */
export function fromHex(text: string): Result<Uint8Array> {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return failure('hex-invalid', 'not hexadecimal')
  return success(new Uint8Array(Buffer.from(text, 'hex')))
}

/** Shorter text is made quicker in a loop than by the runtime. */
const maxLoopedText = 6

/** One character per byte, U+0000 to U+00FF: a lossless string form of any bytes. */
export function toLatin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start <= maxLoopedText && end <= bytes.length) {
    let text = ''
    for (let index = start; index < end; index++) text += String.fromCharCode(bytes[index] as number)
    return text
  }
  return asBuffer(bytes).toString('latin1', start, end)
}

/** The inverse of toLatin1. Characters above U+00FF lose their high bits: check before. */
export function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** Text of UTF-8 bytes; each ill-formed sequence becomes U+FFFD. */
export function toUtf8Lossy(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8')
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text of well-formed UTF-8 bytes, else undefined. */
export function toUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

export function fromUtf8(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'))
}

/** Writes `text` as UTF-8 at `offset`, as much of it as fits in whole characters; the number of bytes. */
export function writeUtf8(target: Uint8Array, offset: number, text: string): number {
  return asBuffer(target).write(text, offset, 'utf8')
}

/** The number of bytes of a text in UTF-8; a lone surrogate counts as U+FFFD. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

export function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number)
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  )
}

export function readUint64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readUint32(bytes, offset)) << 32n) | BigInt(readUint32(bytes, offset + 4))
}

export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8
  bytes[offset + 1] = value
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}

export function writeUint64(bytes: Uint8Array, offset: number, value: bigint): void {
  writeUint32(bytes, offset, Number(value >> 32n))
  writeUint32(bytes, offset + 4, Number(value & 0xffff_ffffn))
}

const wordView = new DataView(new ArrayBuffer(32))
const wordBytes = new Uint8Array(wordView.buffer)

/** 32 bytes. Larger values lose their high bits: check before. */
export function writeUint256(bytes: Uint8Array, offset: number, value: bigint): void {
  // Setting takes the low 64 bits by itself, which makes no bigint; few amounts have more than two such parts.
  let rest = value
  for (let at = 24; at >= 0; at -= 8) {
    wordView.setBigUint64(at, rest)
    rest = rest === 0n ? rest : rest >> 64n
  }
  bytes.set(wordBytes, offset)
}

/** Writes the bytes of hexadecimal digits of either case, text[start, end); false at anything else. Makes no garbage. */
export function writeHex(target: Uint8Array, offset: number, text: string, start: number, end: number): boolean {
  if ((end - start) % 2 !== 0) return false
  let position = offset
  for (let index = start; index < end; index += 2) {
    const high = hexDigit(text.charCodeAt(index))
    const low = hexDigit(text.charCodeAt(index + 1))
    if ((high | low) < 0) return false
    target[position++] = (high << 4) | low
  }
  return true
}

/** Negative: not a digit. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
