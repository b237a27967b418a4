// The live block on a terminal: drawn over, taken away before anything else is written, absent where output is kept.
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import type { WriteStream } from 'node:tty'
import { newOutput, usesUnicode } from '../../src/cli/output.ts'

/** As much of a terminal as output needs; `written` is all that came. */
function fakeStream(isTTY: boolean): WriteStream & { written: string } {
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        stream.written += chunk.toString()
        done()
      },
    }),
    { isTTY, columns: 40, rows: 10, written: '' },
  )
  return stream as Writable as WriteStream & { written: string }
}

function outputOn(isTTY: boolean, environment: Record<string, string> = {}) {
  const [results, notes] = [fakeStream(isTTY), fakeStream(isTTY)]
  const output = newOutput(results, notes, environment, (error) => assert.fail(error))
  return { output, results, notes }
}

describe('the live block', () => {
  test('goes back over as many lines as it drew, and away before a result', () => {
    const { output, results, notes } = outputOn(true)
    assert.equal(output.block(['one', 'two', 'three']), true)
    assert.equal(notes.written, 'one\ntwo\nthree')
    notes.written = ''
    output.block(['1', '2'])
    assert.equal(notes.written, '\r\u001b[2A\u001b[J1\n2')
    notes.written = ''
    output.line('result')
    assert.equal(notes.written, '\r\u001b[1A\u001b[J')
    assert.equal(results.written, 'result\n')
    notes.written = ''
    output.note('note')
    assert.equal(notes.written, 'note\n')
  })

  test('a status line is one of one line, cut to the screen with room for a ^C', () => {
    const { output, notes } = outputOn(true)
    output.status('x'.repeat(100))
    output.status('y')
    assert.equal(notes.written, `${'x'.repeat(37)}\r\u001b[Jy`)
  })

  test('is not there where output is kept or the terminal is dumb', () => {
    for (const { output, notes } of [outputOn(false), outputOn(true, { TERM: 'dumb' })]) {
      assert.equal(output.block(['one']), false)
      assert.equal(output.screen(), undefined)
      assert.equal(notes.written, '')
    }
    assert.deepEqual(outputOn(true, { LANG: 'C' }).output.screen(), { columns: 38, rows: 10, isUnicode: false })
  })
})

test('whether a terminal shows more than ASCII is the locale’s to say', () => {
  assert.equal(usesUnicode({ LANG: 'de_DE.UTF-8' }), true)
  assert.equal(usesUnicode({ LANG: 'de_DE.UTF-8', LC_ALL: 'C' }), false)
  assert.equal(usesUnicode({ LANG: 'C', LC_CTYPE: 'C.utf8' }), true)
  assert.equal(usesUnicode({ LC_ALL: '', LANG: 'en_GB.UTF-8' }), true)
  assert.equal(usesUnicode({}), false)
  assert.equal(usesUnicode({ WT_SESSION: 'x' }), true)
})
