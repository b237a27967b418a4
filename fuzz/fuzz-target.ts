// What a fuzz target is: one decoder, inputs to start from, and what must hold for any bytes at all.
// Each file fuzz/<decoder>.ts exports one as `target`; it is found by being there (harness/discover.ts).
// Files under fuzz/corpus/<name>/ join its seeds.

export interface FuzzTarget {
  /** The name of its file without `.ts`; names its corpus and crash folders. */
  readonly name: string
  /** Inputs to mutate, valid ones mostly. They are also run as they are. Never changed: copy before writing. */
  readonly seeds: readonly Uint8Array[]
  /** Byte strings that mean something to the decoder, inserted among the mutations. */
  readonly tokens?: readonly Uint8Array[]
  /** Inputs grow no longer than this; 16 KiB if absent. */
  readonly maxLengthBytes?: number
  /** Throws when a promise is broken. Same bytes, same outcome: no clock, no randomness. */
  run(input: Uint8Array): void
}
