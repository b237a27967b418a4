// Corpus cases: names and paths. What is dangerous is made harmless, what is missing is refused;
// the result is the same on every system.
import assert from 'node:assert/strict'
import { fromLatin1 } from '../../../src/base/bytes.ts'
import { sha1 } from '../../../src/base/hash.ts'
import { infoHashV1 } from '../../../src/base/ids.ts'
import type { Metainfo } from '../../../src/formats/metainfo/metainfo.ts'
import { type CorpusCase, file, folder, lone, pieceHashes } from './corpus-case.ts'

/** The paths of the files, as they would be on disk. */
function paths(...expected: readonly string[]) {
  return ({ info }: Metainfo) =>
    assert.deepEqual(
      info.files.map(({ path }) => path.join('/')),
      expected,
    )
}

function named(expected: string) {
  return ({ info }: Metainfo) => assert.equal(info.name, expected)
}

const namedByHash = ({ info }: Metainfo) => assert.equal(info.name, infoHashV1(sha1(info.raw)))

function withPath(path: readonly (string | Uint8Array)[]): Uint8Array {
  return folder([file(path)])
}

const twice = (first: readonly string[], second: readonly string[]) => folder([file(first), file(second, 5)])

function duplicates(count: number): Uint8Array {
  return folder(Array.from({ length: count }, (_, index) => file(['foo', 'bar.txt'], 4 + (index % 2))))
}

export const nameCases: readonly CorpusCase[] = [
  { name: 'a plain path', bytes: withPath(['foo', 'bar.txt']), expected: paths('temp/foo/bar.txt') },
  { name: 'a list of one file', bytes: withPath(['bar']), expected: paths('temp/bar') },
  { name: 'empty components alone', bytes: withPath(['', '']), expected: paths('temp/_') },
  { name: 'an empty path', bytes: withPath([]), expected: 'metainfo-path' },
  { name: 'parent components', bytes: withPath(['..', '..', 'bar']), expected: paths('temp/bar') },
  { name: 'a parent component last', bytes: withPath(['foo', '..']), expected: paths('temp/foo') },
  { name: 'a component of dots', bytes: withPath(['....', 'bar']), expected: paths('temp/_/bar') },
  {
    name: 'separators in a component',
    bytes: withPath(['foo/../../../bar', 'bar']),
    expected: paths('temp/foo......bar/bar'),
  },
  { name: 'slashes as components', bytes: withPath(['/', '/', 'bar']), expected: paths('temp/bar') },
  { name: 'backslashes as components', bytes: withPath(['\\', '\\', 'bar']), expected: paths('temp/bar') },
  {
    name: 'slashes around a component',
    bytes: withPath(['/abc....def', '/', 'bar']),
    expected: paths('temp/abc....def/bar'),
  },
  { name: 'an absolute path', bytes: twice(['abcde'], ['/foobar']), expected: paths('temp/abcde', 'temp/foobar') },
  { name: 'a drive letter', bytes: withPath(['C:', 'Windows', 'x']), expected: paths('temp/C_/Windows/x') },
  { name: 'an alternate data stream', bytes: withPath(['a.txt:evil.exe']), expected: paths('temp/a.txt_evil.exe') },
  { name: 'a UNC path', bytes: withPath(['\\\\host\\share']), expected: paths('temp/hostshare') },
  { name: 'a percent-encoded parent', bytes: withPath(['%2e%2e', 'a']), expected: paths('temp/%2e%2e/a') },
  {
    name: 'an overlong encoding of dots',
    bytes: withPath([fromLatin1('\xc0\xae\xc0\xae'), 'a']),
    expected: paths('temp/____/a'),
  },
  { name: 'NUL in a component', bytes: withPath(['a\0.txt']), expected: paths('temp/a.txt') },
  { name: 'control characters', bytes: withPath(['a\x1b[31m\r\nb']), expected: paths('temp/a_[31m__b') },
  {
    name: 'a component that is dots once characters are dropped',
    bytes: withPath(['.\u200b.', 'a']),
    expected: paths('temp/a'),
  },
  { name: 'writing direction reversed', bytes: withPath(['cod\u202egpj.exe']), expected: paths('temp/codgpj.exe') },
  { name: 'not UTF-8', bytes: withPath([fromLatin1('caf\xe9')]), expected: paths('temp/caf_') },
  { name: 'a surrogate in UTF-8', bytes: withPath([fromLatin1('a\xed\xa0\x80b')]), expected: paths('temp/a___b') },
  { name: 'decomposed letters', bytes: withPath(['cafe\u0301']), expected: paths('temp/caf\u00e9') },
  { name: 'a device of Windows', bytes: withPath(['aux', 'nul.txt']), expected: paths('temp/_aux/_nul.txt') },
  { name: 'a device with a superscript digit', bytes: withPath(['COM\u00b9']), expected: paths('temp/_COM\u00b9') },
  { name: 'trailing dots and spaces', bytes: withPath(['a. . ', 'b...']), expected: paths('temp/a/b') },
  { name: 'characters Windows forbids', bytes: withPath(['<a>"b"|?*']), expected: paths('temp/_a__b____') },
  { name: 'shell syntax', bytes: withPath(['`id`;$(x)']), expected: paths('temp/`id`;$(x)') },
  {
    name: 'components too long for any disk',
    bytes: withPath(['x'.repeat(300), `${'y'.repeat(300)}.jpeg`]),
    expected: paths(`temp/${'x'.repeat(240)}/${'y'.repeat(235)}.jpeg`),
  },
  {
    name: 'letters of four bytes cut whole',
    bytes: withPath(['\u{1f600}'.repeat(100)]),
    expected: paths(`temp/${'\u{1f600}'.repeat(60)}`),
  },
  { name: 'too many components', bytes: withPath(Array.from({ length: 101 }, () => 'a')), expected: 'metainfo-path' },
  {
    name: 'a path longer than systems take',
    bytes: withPath(Array.from({ length: 30 }, () => 'x'.repeat(200))),
    expected: 'metainfo-path',
  },
  { name: 'a path that is no list', bytes: folder([file('foo')]), expected: 'metainfo-path' },
  { name: 'a path that is an integer', bytes: folder([file(5)]), expected: 'metainfo-path' },
  { name: 'an integer in a path', bytes: folder([file([1242, 'foo', 'bar.txt'])]), expected: 'metainfo-path' },
  { name: 'a missing path', bytes: folder([{ 'length': 425 }, file(['a'])]), expected: 'metainfo-path' },
  {
    name: 'path.utf-8 before path',
    bytes: folder([file(['x'], 425, { 'path.utf-8': ['\u00fc'] })]),
    expected: paths('temp/\u00fc'),
  },
  { name: 'a bogus path.utf-8', bytes: folder([file(['x'], 425, { 'path.utf-8': 5 })]), expected: paths('temp/x') },
  {
    name: 'files without any usable name',
    bytes: folder([file([''], 3), file(['.'], 4), file(['/', '.'], 5)]),
    expected: paths('temp/_', 'temp/_.1', 'temp/_.2'),
  },
  {
    name: 'one path twice',
    bytes: twice(['foo', 'bar.txt'], ['foo', 'bar.txt']),
    expected: paths('temp/foo/bar.txt', 'temp/foo/bar.1.txt'),
  },
  {
    name: 'paths that differ in case',
    bytes: twice(['Foo', 'BAR.txt'], ['foo', 'bar.TXT']),
    expected: paths('temp/Foo/BAR.txt', 'temp/foo/bar.1.TXT'),
  },
  {
    name: 'paths that differ in Unicode form',
    bytes: twice(['e\u0301'], ['\u00e9']),
    expected: paths('temp/\u00e9', 'temp/\u00e9.1'),
  },
  { name: 'paths that collide once sanitised', bytes: twice(['a/b'], ['ab']), expected: paths('temp/ab', 'temp/ab.1') },
  {
    name: 'paths that collide once their folders have no character left',
    bytes: twice(['/', 'foo'], ['\\', 'foo']),
    expected: paths('temp/foo', 'temp/foo.1'),
  },
  { name: 'a file where a folder is', bytes: twice(['a'], ['a', 'b']), expected: paths('temp/a.1', 'temp/a/b') },
  {
    name: 'a file where a folder of other case is',
    bytes: twice(['A', 'b'], ['a']),
    expected: paths('temp/A/b', 'temp/a.1'),
  },
  {
    name: 'the name of a disambiguated file taken',
    bytes: folder([file(['a.txt'], 1), file(['a.txt'], 2), file(['a.1.txt'], 3)]),
    expected: paths('temp/a.txt', 'temp/a.1.txt', 'temp/a.1.1.txt'),
  },
  { name: 'thirty duplicates', bytes: duplicates(30), expected: ({ info }) => assert.equal(info.files.length, 30) },
  { name: 'a hundred duplicates', bytes: duplicates(100), expected: 'metainfo-duplicate-path' },
  {
    name: 'a long name',
    bytes: lone({ 'name': `${'abcdefghij'.repeat(29)}0.23456789` }),
    expected: named(`${'abcdefghij'.repeat(23)}a.23456789`),
  },
  { name: 'a lone file named by a path', bytes: lone({ 'name': 'temp/../../abc' }), expected: named('temp....abc') },
  { name: 'a trailing space', bytes: lone({ 'name': 'foobar ' }), expected: named('foobar') },
  { name: 'name.utf-8 before name', bytes: lone({ 'name': 'a', 'name.utf-8': 'b' }), expected: named('b') },
  { name: 'a bogus name.utf-8', bytes: lone({ 'name': 'a', 'name.utf-8': 5 }), expected: named('a') },
  { name: 'a folder named ..', bytes: folder([file(['x'])], { 'name': '..' }), expected: namedByHash },
  { name: 'a folder of empty name', bytes: folder([file(['x'])], { 'name': '' }), expected: namedByHash },
  { name: 'a lone file of empty name', bytes: lone({ 'name': '' }), expected: 'metainfo-name' },
  { name: 'a lone file called ...', bytes: lone({ 'name': '...' }), expected: named('_') },
  { name: 'a lone file of invisible name', bytes: lone({ 'name': '\u202e\u200b\0' }), expected: 'metainfo-name' },
  { name: 'a lone file called NUL and dots', bytes: lone({ 'name': '.\0.\0' }), expected: 'metainfo-name' },
  { name: 'a lone file called /', bytes: lone({ 'name': '/' }), expected: 'metainfo-name' },
  {
    name: 'a folder named with a backslash',
    bytes: folder([file(['f'], 51_200), file(['.'], 14_336)], { 'name': '\\est2', 'pieces': pieceHashes(4) }),
    expected: paths('est2/f', 'est2/_'),
  },
  { name: 'no name', bytes: folder([file(['x'])], { 'name': undefined }), expected: 'metainfo-name' },
  { name: 'an integer as name', bytes: folder([file(['x'])], { 'name': 1348 }), expected: 'metainfo-name' },
  { name: 'a list as name', bytes: lone({ 'name': ['temp'] }), expected: 'metainfo-name' },
  { name: 'a name that is not UTF-8', bytes: lone({ 'name': fromLatin1('\x80\x81') }), expected: named('__') },
]
