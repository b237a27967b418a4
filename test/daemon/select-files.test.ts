// Choosing files of a torrent: by number, path, folder and pattern; what fits nothing is an error.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseFileChoices, selectFiles } from '../../src/daemon/select-files.ts'

const paths = [
  ['album', 'one.flac'],
  ['album', 'two.flac'],
  ['album', 'scans', 'front.png'],
  ['album', 'scans', 'old', 'back.png'],
  ['album', 'a,b.txt'],
]

function chosen(text: string): readonly number[] | string {
  const selected = selectFiles(parseFileChoices(text) ?? assert.fail('no choices'), paths, 4)
  if (!selected.ok) return selected.code
  assert.ok(selected.value.every((priority) => priority === 0 || priority === 4))
  return selected.value.flatMap((priority, file) => (priority > 0 ? [file] : []))
}

describe('selecting files', () => {
  test('by what is written', () => {
    for (const [text, files] of [
      ['0', [0]],
      ['0,2-3', [0, 2, 3]],
      ['one.flac', [0]],
      ['album/one.flac', [0]],
      ['scans', [2, 3]],
      ['scans/', [2, 3]],
      ['album', [0, 1, 2, 3, 4]],
      ['*.flac', [0, 1]],
      ['*.png', [2, 3]],
      ['**.png', [2, 3]],
      ['back.png', [3]],
      ['old', 'torrent-value'],
      ['scans/*.png', [2]],
      ['???.flac', [0, 1]],
      ['a?b.txt', [4]],
      ['**', [0, 1, 2, 3, 4]],
      ['0,*.mp3', 'torrent-value'],
      ['5', 'torrent-value'],
    ] as const) {
      assert.deepEqual(chosen(text), files, text)
    }
  })

  test('text that is no list', () => {
    for (const text of ['', ' ', ',', '1,,2', '4-2', '0-2097152']) assert.equal(parseFileChoices(text), undefined, text)
  })

  test('a pattern fits exactly what the regular expression of its meaning fits', () => {
    const piece = fc.constantFrom('a', 'b', '/', '?', '*', '**', '***', '.')
    const pattern = fc.array(piece, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''))
    const name = fc
      .array(fc.constantFrom('a', 'b', '/', '.'), { minLength: 1, maxLength: 10 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(pattern, name, (text, path) => {
        const plain = text.replace(/\/+$/, '')
        const source = plain
          .split(/(\*+|\?)/)
          .map((part) =>
            part === '?' ? '[^/]' : part === '*' ? '[^/]*' : part.startsWith('*') ? '.*' : part.replaceAll('.', '[.]'),
          )
          .join('')
        const expected =
          new RegExp(`^(?:${source})(?:/.*)?$`, 's').test(path) || path === plain || path.startsWith(`${plain}/`)
        const selected = selectFiles([{ type: 'pattern', pattern: text }], [[path]], 4)
        assert.equal(selected.ok, expected, `${text} and ${path}`)
      }),
      { numRuns: 500 },
    )
  })

  test('a pattern of many stars takes no time', () => {
    const long = 'a'.repeat(4_000)
    const selected = selectFiles([{ type: 'pattern', pattern: `${'*a'.repeat(40)}b` }], [[long]], 4)
    assert.equal(selected.ok, false)
  })
})
