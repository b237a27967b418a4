// Fuzz target: answers of HTTP (RFC 9112) as web seeds send them. For any bytes, cut anywhere, the head, the body and the
// outcome are the same; nothing follows the end, and nothing is taken of what comes after it.
import assert from 'node:assert/strict'
import { concatBytes, fromLatin1, toLatin1 } from '../src/base/bytes.ts'
import { AnswerReader } from '../src/host/http-answer.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const head = 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\n'

function outcomeOf(stream: Uint8Array, step: number): string {
  const told: string[] = []
  const body: Uint8Array[] = []
  let isOver = false
  const reader = new AnswerReader({
    onHead: ({ status, headers }) => {
      assert.ok(told.length === 0 && !isOver && status >= 200 && status <= 999)
      told.push(JSON.stringify([status, headers]))
    },
    onBody: (bytes) => {
      assert.ok(told.length === 1 && !isOver && bytes.length > 0)
      body.push(bytes.slice())
    },
    onWhole: () => {
      assert.ok(told.length === 1 && !isOver)
      isOver = true
    },
  })
  let taken = 0
  for (let start = 0; start < stream.length && !isOver; start += step) {
    const chunk = stream.slice(start, start + step)
    const pushed = reader.push(chunk)
    chunk.fill(0xee)
    if (typeof pushed !== 'number') return JSON.stringify([pushed])
    assert.ok(isOver || pushed === chunk.length)
    taken += pushed
  }
  assert.equal(reader.isWhole, isOver)
  return JSON.stringify([told, toLatin1(concatBytes(body)), isOver, taken, reader.end(), reader.keepsConnection])
}

export const target: FuzzTarget = {
  name: 'http-answer',
  seeds: [
    `${head}Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhellomore`,
    `${head}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00\r\nX: y\r\n\r\nmore`,
    `HTTP/1.1 100 Continue\r\n\r\n${head}Connection: close\r\n\r\nuntil the end`,
    'HTTP/1.0 404\r\nX-A: 1\r\nx-a: 2\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n',
  ].map((text) => Uint8Array.from([6, ...fromLatin1(text)])),
  tokens: ['\r\n', '\r\n\r\n', '0\r\n', 'Content-Length: ', 'Transfer-Encoding: chunked\r\n', ':', ' ', '\n'].map(
    fromLatin1,
  ),
  run(input) {
    const stream = input.subarray(1)
    assert.equal(outcomeOf(stream, 1 + (input[0] ?? 0)), outcomeOf(stream, 1_000_000))
  },
}
