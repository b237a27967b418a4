// How values of statements are written as bencode and as JSON, and read back: forms, and forms made of forms.
// Guarantees: one encoding a value in each, strict reading (encode(decode(x)) is x), no unknown field, everything
// capped. In JSON, amounts are decimal text, bytes are 0x and hexadecimal digits, accounts are CAIP-10.
import { assert } from '../../base/assert.ts'
import { attempt, fail, type Result } from '../../base/errors.ts'
import type { RailId } from '../../ports/ledger.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { type BencodeInput, encode } from '../bencode/encode.ts'
import { kindDictionary, kindList, scan } from '../bencode/scan.ts'

export type JsonValue = string | number | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** One kind of value. Accounts are read as accounts of the rail that the reader names. Reading ends with `fail`. */
export interface Form<T> {
  toBencode(value: T): BencodeInput
  fromBencode(cursor: BencodeCursor, rail: RailId): T
  toJson(value: T): JsonValue
  fromJson(value: unknown, rail: RailId): T
}

/** A form whose value may be missing from its record. */
export interface OptionalForm<T> extends Form<T> {
  readonly isOptional: true
}

type FieldForm<T, K extends keyof T> = undefined extends T[K] ? OptionalForm<Exclude<T[K], undefined>> : Form<T[K]>

/** The form of each field, in order. */
export type Fields<T> = { readonly [K in keyof T]-?: FieldForm<T, K> }

/** The forms by the type of a value, without the field `type`. */
export type Variants<T extends { readonly type: string }> = {
  readonly [Type in T['type']]: Fields<Omit<Extract<T, { readonly type: Type }>, 'type'>>
}

/** Statements as bytes and as JSON. Errors: statement-malformed, account-invalid, signature-invalid. */
export interface Codec<T> {
  /** Canonical bencode. */
  encode(value: T): Uint8Array
  /** What is read keeps no part of the bytes. */
  decode(bytes: Uint8Array, rail: RailId): Result<T>
  /** For JSON.stringify. */
  toJson(value: T): JsonValue
  /** From JSON.parse. */
  fromJson(value: unknown, rail: RailId): Result<T>
}

/** What is read of statements; whatever is larger by nature names its own. */
const statementLimits = { maxBytes: 65_536, maxDepth: 8, maxTokens: 8_192 }
const usualTypeKey = 'type'

export function malformed(detail: string): never {
  return fail('statement-malformed', detail)
}

export function codec<T>(form: Form<T>, limits = statementLimits): Codec<T> {
  return {
    encode(value) {
      const bytes = encode(form.toBencode(value))
      assert(bytes.length <= limits.maxBytes, 'a statement that can be read again')
      return bytes
    },
    decode(bytes, rail) {
      const scanned = scan(bytes, { limits, strict: true })
      if (!scanned.ok) return { ...scanned, code: 'statement-malformed' }
      return attempt(() => form.fromBencode(new BencodeCursor(scanned.value), rail))
    },
    toJson: (value) => form.toJson(value),
    fromJson: (value, rail) => attempt(() => form.fromJson(value, rail)),
  }
}

/** Text that is fit, the same in both. */
export function textThat(isFit: (value: string) => boolean): Form<string> {
  const check = (value: unknown) => (typeof value === 'string' && isFit(value) ? value : malformed('another text'))
  return {
    toBencode: (value) => value,
    fromBencode: (cursor) => check(cursor.text()),
    toJson: (value) => value,
    fromJson: check,
  }
}

export function optional<T>(form: Form<T>): OptionalForm<T> {
  return { ...form, isOptional: true }
}

export function list<T>(form: Form<T>, minCount: number, maxCount: number): Form<readonly T[]> {
  const isCount = (count: number) => count >= minCount && count <= maxCount
  return {
    toBencode(values) {
      assert(isCount(values.length), `a list of ${minCount} to ${maxCount}`)
      return values.map((value) => form.toBencode(value))
    },
    fromBencode(cursor, rail) {
      if (cursor.kind !== kindList || !isCount(cursor.size)) malformed(`not a list of ${minCount} to ${maxCount}`)
      return Array.from(cursor.elements(), (element) => form.fromBencode(element, rail))
    },
    toJson: (values) => values.map((value) => form.toJson(value)),
    fromJson(value, rail) {
      if (!Array.isArray(value) || !isCount(value.length)) return malformed(`not a list of ${minCount} to ${maxCount}`)
      return Array.from(value, (element: unknown) => form.fromJson(element, rail))
    },
  }
}

type AnyForm = Form<unknown> & Partial<OptionalForm<unknown>>
type AnyRecord = Readonly<Record<string, unknown>>

/** Where the fields of a record come from: bencode or JSON. */
interface Source {
  readonly size: number
  /** Undefined: it has no such field. */
  read(key: string, form: AnyForm): unknown
}

function bencodeSource(cursor: BencodeCursor, rail: RailId): Source {
  if (cursor.kind !== kindDictionary) malformed('not a dictionary')
  return {
    size: cursor.size,
    read(key, form) {
      const value = cursor.get(key)
      return value === undefined ? undefined : form.fromBencode(value, rail)
    },
  }
}

function jsonSource(value: unknown, rail: RailId): Source {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed('not an object')
  const object = value as AnyRecord
  return {
    size: Object.keys(object).length,
    read: (key, form) => (Object.hasOwn(object, key) ? form.fromJson(object[key], rail) : undefined),
  }
}

/** Exactly the fields: a missing one ends it, and so does any more. `others` are read by the caller. */
function readFields(source: Source, fields: readonly (readonly [string, AnyForm])[], others: number): AnyRecord {
  const record: Record<string, unknown> = {}
  let found = others
  for (const [key, form] of fields) {
    const value = source.read(key, form)
    if (value !== undefined) {
      record[key] = value
      found++
    } else if (form.isOptional !== true) malformed(`no field ${key}`)
  }
  if (found !== source.size) malformed('a field that is not known')
  return record
}

function writeFields<Written>(
  record: AnyRecord,
  fields: readonly (readonly [string, AnyForm])[],
  write: (form: AnyForm, value: unknown) => Written,
): Record<string, Written> {
  const written: Record<string, Written> = {}
  for (const [key, form] of fields) {
    const value = record[key]
    if (value !== undefined) written[key] = write(form, value)
    else assert(form.isOptional === true, `a field ${key}`)
  }
  return written
}

/** A record of exactly these fields. */
export function record<T extends object>(fields: Fields<T>): Form<T> {
  const entries = Object.entries(fields as Record<string, AnyForm>)
  return {
    toBencode: (value) => writeFields(value as AnyRecord, entries, (form, field) => form.toBencode(field)),
    fromBencode: (cursor, rail) => readFields(bencodeSource(cursor, rail), entries, 0) as T,
    toJson: (value) => writeFields(value as AnyRecord, entries, (form, field) => form.toJson(field)),
    fromJson: (value, rail) => readFields(jsonSource(value, rail), entries, 0) as T,
  }
}

/** A record with a field `type` that says which others it has; written under `typeKey`. */
export function union<T extends { readonly type: string }>(variants: Variants<T>, typeKey = usualTypeKey): Form<T> {
  const entriesByType = new Map(
    Object.entries(variants as Record<string, Record<string, AnyForm>>).map(([type, fields]) => [
      type,
      Object.entries(fields),
    ]),
  )
  const entriesOf = ({ type }: T) => {
    const entries = entriesByType.get(type)
    assert(entries !== undefined, 'a type that is known')
    return entries
  }
  const readVariant = (source: Source) => {
    const type = source.read(typeKey, typeForm as AnyForm)
    const entries = entriesByType.get(type as string) ?? malformed('a type that is not known')
    return { type, ...readFields(source, entries, 1) } as T
  }
  return {
    toBencode: (value) => ({
      [typeKey]: value.type,
      ...writeFields(value as unknown as AnyRecord, entriesOf(value), (form, field) => form.toBencode(field)),
    }),
    fromBencode: (cursor, rail) => readVariant(bencodeSource(cursor, rail)),
    toJson: (value) => ({
      [typeKey]: value.type,
      ...writeFields(value as unknown as AnyRecord, entriesOf(value), (form, field) => form.toJson(field)),
    }),
    fromJson: (value, rail) => readVariant(jsonSource(value, rail)),
  }
}

const typeForm: Form<string> = {
  toBencode: (value) => value,
  fromBencode: (cursor) => cursor.latin1() ?? malformed('a type that is not text'),
  toJson: (value) => value,
  fromJson: (value) => (typeof value === 'string' ? value : malformed('a type that is not text')),
}
