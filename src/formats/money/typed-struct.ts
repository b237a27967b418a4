// Structs of EIP-712 put together from their members: the text of the type, and the words that are hashed.
// Guarantees: a member's value fits its word or is a bug; types a struct refers to follow it in order of their names.
// Cold: statements with a path of their own (vouchers) don't come here.
import { keccak256, keccak256Into, keccakLength } from '../../base/keccak.ts'
import type { Form, OptionalForm } from './form.ts'
import { typeHash, wordLength } from './typed-data.ts'

/** What a value is in a struct: one word of 32 bytes. */
interface Member<T> {
  readonly typeName: string
  /** Of the structs it refers to, the text of each, without what that refers to in turn. */
  readonly structTypes: readonly string[]
  writeWord(target: Uint8Array, offset: number, value: T): void
}

export interface TypedForm<T> extends Form<T>, Member<T> {}

export interface OptionalTypedForm<T> extends OptionalForm<T>, Member<T | undefined> {}

/** The member of each field, in the order in which they are hashed. */
export type TypedFields<T> = {
  readonly [K in keyof T]-?: undefined extends T[K] ? OptionalTypedForm<Exclude<T[K], undefined>> : TypedForm<T[K]>
}

export interface TypedStruct<T> {
  /** What other implementations hash, `Transfer(bytes32 id,...)`. */
  readonly encodedType: string
  /** As a member of another struct: the text of this type and of those it refers to. */
  readonly structTypes: readonly string[]
  /** The type hash and a word for each member, fresh. */
  encodeWords(value: T): Uint8Array
}

export function typedStruct<T extends object>(name: string, fields: TypedFields<T>): TypedStruct<T> {
  const members = Object.entries(fields as Record<string, Member<unknown>>)
  const ownType = `${name}(${members.map(([key, { typeName }]) => `${typeName} ${key}`).join(',')})`
  const referred = [...new Set(members.flatMap(([, { structTypes }]) => structTypes))].sort()
  const encodedType = [ownType, ...referred].join('')
  const hash = typeHash(encodedType)
  return {
    encodedType,
    structTypes: [ownType, ...referred],
    encodeWords(value) {
      const words = new Uint8Array(wordLength * (1 + members.length))
      words.set(hash)
      for (const [index, [key, member]] of members.entries()) {
        member.writeWord(words, wordLength * (1 + index), (value as Record<string, unknown>)[key])
      }
      return words
    },
  }
}

/** A struct as a member of another: the hash of its words. */
export function nested<T>(form: Form<T>, name: string, struct: TypedStruct<T>): TypedForm<T> {
  return {
    ...form,
    typeName: name,
    structTypes: struct.structTypes,
    writeWord: (target, offset, value) => writeHash(target, offset, struct.encodeWords(value)),
  }
}

/** Structs as an array: the hash of their hashes. */
export function nestedList<T>(form: Form<readonly T[]>, name: string, struct: TypedStruct<T>): TypedForm<readonly T[]> {
  return {
    ...form,
    typeName: `${name}[]`,
    structTypes: struct.structTypes,
    writeWord(target, offset, values) {
      const hashes = new Uint8Array(keccakLength * values.length)
      for (const [index, value] of values.entries())
        hashes.set(keccak256(struct.encodeWords(value)), keccakLength * index)
      writeHash(target, offset, hashes)
    },
  }
}

export function writeHash(target: Uint8Array, offset: number, bytes: Uint8Array): void {
  keccak256Into(bytes, 0, bytes.length, target, offset)
}
