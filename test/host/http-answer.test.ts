// Answers of HTTP as they come: the same however they are cut, by every way of saying where a body ends; and what could
// be understood in two ways is refused.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes, fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { AnswerReader } from '../../src/host/http-answer.ts'
import type { HttpHead } from '../../src/ports/http.ts'

interface Read {
  readonly head: HttpHead | undefined
  readonly body: string
  readonly isWhole: boolean
  readonly keepsConnection: boolean
  readonly taken: number
  readonly problem: string | undefined
}

function readInSteps(stream: Uint8Array, step: number, endsThen = false): Read {
  let head: HttpHead | undefined
  const body: Uint8Array[] = []
  let ends = 0
  const reader = new AnswerReader({
    onHead(told) {
      assert.equal(head, undefined)
      head = told
    },
    onBody(bytes) {
      assert.ok(head !== undefined && bytes.length > 0 && ends === 0)
      body.push(bytes.slice())
    },
    onWhole() {
      ends++
    },
  })
  let taken = 0
  let problem: string | undefined
  for (let start = 0; start < stream.length && problem === undefined && !reader.isWhole; start += step) {
    const pushed = reader.push(stream.slice(start, start + step))
    if (typeof pushed === 'number') taken += pushed
    else problem = pushed
  }
  if (endsThen) assert.equal(reader.end(), reader.isWhole)
  assert.equal(ends, reader.isWhole ? 1 : 0)
  const { isWhole, keepsConnection } = reader
  return { head, body: toLatin1(concatBytes(body)), isWhole, keepsConnection, taken, problem }
}

/** The same in whatever parts it comes. */
function read(text: string, endsThen = false): Read {
  const stream = fromLatin1(text)
  const whole = readInSteps(stream, 1_000_000, endsThen)
  for (const step of [1, 2, 3, 7]) {
    const other = readInSteps(stream, step, endsThen)
    assert.deepEqual(
      whole.problem === undefined ? other : other.problem,
      whole.problem === undefined ? whole : whole.problem,
    )
  }
  return whole
}

describe('an answer', () => {
  test('with a length has that body, and leaves what comes after it alone', () => {
    const head = 'HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nX-A:  one two \t\r\nx-a:3\r\n\r\n'
    const answer = read(`${head}helloHTTP/1.1`)
    assert.deepEqual(answer.head, { status: 206, headers: { 'content-length': '5', 'x-a': 'one two, 3' } })
    assert.deepEqual([answer.body, answer.isWhole, answer.keepsConnection], ['hello', true, true])
    assert.equal(answer.taken, head.length + 5)
  })

  test('in chunks has them in one, without sizes, extensions and trailers', () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n'
    const answer = read(`${head}5\r\nhello\r\nA;name=value\r\n, world...\r\n000\r\nX-Sum: 1\r\n\r\nmore`)
    assert.deepEqual([answer.body, answer.isWhole, answer.keepsConnection], ['hello, world...', true, true])
  })

  test('that says neither lasts until the connection ends', () => {
    const answer = read('HTTP/1.1 200 OK\r\n\r\nall of it', true)
    assert.deepEqual([answer.body, answer.isWhole, answer.keepsConnection], ['all of it', true, false])
    assert.equal(read('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nall', true).isWhole, false)
    assert.equal(read('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n', true).isWhole, false)
    assert.equal(read('HTTP/1.1 200 OK\r\n', true).isWhole, false)
  })

  test('that has no body by its status has none, whatever its length says', () => {
    for (const status of [204, 304]) {
      const answer = read(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\nHTTP/`)
      assert.deepEqual([answer.body, answer.isWhole, answer.keepsConnection], ['', true, true])
    }
    assert.equal(read('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n').isWhole, true)
  })

  test('comes after interim ones, which are not told', () => {
    const answer = read(
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: y\r\n\r\nHTTP/1.1 404\r\nContent-Length: 1\r\n\r\nx',
    )
    assert.deepEqual([answer.head?.status, answer.head?.headers, answer.body], [404, { 'content-length': '1' }, 'x'])
  })

  test('says whether its connection is kept', () => {
    const kept = (start: string, connection: string) =>
      read(`${start}\r\nContent-Length: 0\r\n${connection}\r\n`).keepsConnection
    assert.equal(kept('HTTP/1.1 200 OK', ''), true)
    assert.equal(kept('HTTP/1.1 200 OK', 'Connection: a, Close\r\n'), false)
    assert.equal(kept('HTTP/1.0 200 OK', ''), false)
    assert.equal(kept('HTTP/1.0 200 OK', 'Connection: Keep-Alive\r\n'), true)
  })

  const malformed: readonly (readonly [what: string, stream: string])[] = [
    ['something else', 'SSH-2.0-OpenSSH\r\n'],
    ['a version that is not ours', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 99 OK\r\n\r\n'],
    ['a line without a colon', 'HTTP/1.1 200 OK\r\nno colon here\r\n\r\n'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n'],
    ['a control character', 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n'],
    ['a lone carriage return', 'HTTP/1.1 200 OK\r\nX: a\rY: b\r\n\r\n'],
    ['a lone line feed', 'HTTP/1.1 200 OK\nX: a\n\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n'],
    ['a length beyond all numbers', `HTTP/1.1 200 OK\r\nContent-Length: ${'9'.repeat(16)}\r\n\r\n`],
    ['both chunks and a length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n'],
    ['chunks within something', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['a chunk of no size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    ['a chunk of a size below zero', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n'],
    ['a chunk beyond all numbers', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'f'.repeat(14)}\r\n`],
    ['a chunk longer than it says', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n'],
    ['a size line without end', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(5_000)}`],
    ['a trailer that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nnone\r\n\r\n'],
  ]
  for (const [what, stream] of malformed) {
    test(`is refused with ${what}`, () => assert.equal(read(stream).problem, 'malformed'))
  }

  test('is refused with more head or trailers than there may be, and where another protocol begins', () => {
    const lines = `X: ${'a'.repeat(1_000)}\r\n`.repeat(70)
    assert.equal(readInSteps(fromLatin1(`HTTP/1.1 200 OK\r\n${lines}`), 1_000).problem, 'too-large')
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n'
    assert.equal(readInSteps(fromLatin1(chunked + lines), 1_000).problem, 'too-large')
    assert.equal(read('HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n').problem, 'upgraded')
  })

  test('is refused with a control character behind any number of blanks', () => {
    const spaces = ' '.repeat(60_000)
    for (const value of [`${spaces}\x01`, `a${spaces}\x01`, `${'a '.repeat(30_000)}\x01`]) {
      assert.equal(readInSteps(fromLatin1(`HTTP/1.1 200 OK\r\nX:${value}\r\n\r\n`), 70_000).problem, 'malformed')
    }
  })
})
