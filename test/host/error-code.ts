// What work throws, as the code of its failure; anything but a failure of ours fails the test.
// Keeps no state.
import assert from 'node:assert/strict'
import { SwarmbidError } from '../../src/base/errors.ts'

/** `none` when nothing is thrown. */
export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    assert.ok(error instanceof SwarmbidError, String(error))
    return error.code
  }
  return 'none'
}
