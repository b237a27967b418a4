// The small HTTP server: what it takes, what it refuses, when it closes.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { type HttpListener, listenHttp, type PlainRequest } from '../../src/host/http-listener.ts'

async function start(t: TestContext, idleMs = 10_000): Promise<HttpListener> {
  const answer = ({ target, header }: PlainRequest, said = header) => ({
    status: 200,
    contentType: 'text/plain',
    body: `${target} ${said.length}\n`,
  })
  const listening = await listenHttp({ address: { family: 4, address: '127.0.0.1' }, port: 0, answer, idleMs })
  assert.ok(listening.ok)
  t.after(() => listening.value.close())
  return listening.value
}

/** Sends parts one after the other; what came until the other side closed, or until `ends` was in it. */
function exchange(port: number, parts: readonly string[], ends?: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => {
      const next = (index: number) => {
        if (index === parts.length) return
        socket.write(parts[index] as string)
        setTimeout(next, 5, index + 1)
      }
      next(0)
    })
    const end = () => {
      socket.destroy()
      resolve(text)
    }
    socket.on('data', (part) => {
      text += part.toString('latin1')
      if (ends !== undefined && text.includes(ends)) end()
    })
    socket.on('error', end)
    socket.on('close', end)
  })
}

describe('the HTTP server', () => {
  test('answers one question after the other on one connection, in order, whole or in pieces', async (t) => {
    const { endpoint } = await start(t)
    const questions =
      'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nConnection: Close\r\n\r\nGET /4'
    for (const parts of [[questions], questions.match(/[\s\S]{1,9}/g) ?? []]) {
      const text = await exchange(endpoint.port, parts)
      assert.deepEqual(text.match(/^\/\d/gm), ['/1', '/2', '/3'])
      assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 3)
      assert.equal(text.match(/Connection: close/g)?.length, 1)
    }
  })

  test('closes after HTTP/1.0, unless asked to stay', async (t) => {
    const { endpoint } = await start(t)
    assert.match(await exchange(endpoint.port, ['GET /a HTTP/1.0\r\n\r\n']), /Connection: close/)
    const stays = 'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
    assert.match(await exchange(endpoint.port, [stays], '/a '), /Connection: keep-alive/)
  })

  test('refuses what is no short question, and closes', async (t) => {
    const { endpoint } = await start(t)
    const refused: readonly (readonly [string, RegExp])[] = [
      ['hello\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['GET no-slash HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['GET /a HTTP/2.0\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', /^HTTP\/1\.1 405 /],
      [`GET /${'a'.repeat(30_000)}`, /^HTTP\/1\.1 431 /],
    ]
    for (const [bytes, pattern] of refused) {
      const text = await exchange(endpoint.port, [bytes])
      assert.match(text, pattern)
      assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1)
    }
  })

  test('never takes a body for the next question', async (t) => {
    const { endpoint } = await start(t)
    const smuggled = 'GET /a HTTP/1.1\r\nContent-Length: 28\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n'
    assert.deepEqual((await exchange(endpoint.port, [smuggled])).match(/^\/\w/gm), ['/a'])
  })

  test('cuts who asks nothing whole, however it trickles in', async (t) => {
    const listener = await start(t, 40)
    const trickle = Array.from({ length: 60 }, () => 'X: y\r\n')
    assert.equal(await exchange(listener.endpoint.port, ['GET /a HTTP/1.1\r\n', ...trickle]), '')
    while (listener.connectionCount > 0) await new Promise(setImmediate)
  })
})
