// A megabyte of `l`, the oldest trick there is, is refused at every entrance that takes bencode, whatever it is
// wrapped in. What that costs is measured by bench/nesting.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entrances } from './entrances.ts'

const deep = new Uint8Array(1_000_000).fill(0x6c)
const wrappings: Readonly<Record<string, Uint8Array>> = {
  'lists': deep,
  'dictionaries': Buffer.from('d1:a'.repeat(250_000)),
  'lists in an info dictionary': Buffer.concat([Buffer.from('d4:info'), deep]),
  'lists that all end': Buffer.concat([deep.subarray(500_000), new Uint8Array(500_000).fill(0x65)]),
}

for (const [name, refuses] of Object.entries(entrances)) {
  describe(name, () => {
    for (const [wrapping, bytes] of Object.entries(wrappings)) {
      test(`refuses a megabyte of ${wrapping} with a typed error`, () => {
        assert.match(refuses(bytes), /^(bencode-too-(deep|large)|krpc-message|peer-extension|peer-frame-too-large)$/)
      })
    }
  })
}
