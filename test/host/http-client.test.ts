// HTTP over loopback: node's own server for answers, a bare socket for everything a bad server does.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createServer as createRawServer, type Server, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { unwrap } from '../../src/base/errors.ts'
import { httpClient } from '../../src/host/http-client.ts'
import type { HttpRequest } from '../../src/ports/http.ts'
import { BodyLog, type HttpUnderTest, httpConformance, never, requestTo } from '../conformance/http-conformance.ts'
import { selfSignedCertificate } from './certificate.ts'
import { settle, until } from './event-loop.ts'

const loopback = { family: 4, address: '127.0.0.1' } as const
const deadAddress = { family: 4, address: '127.0.0.9' } as const

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, loopback.address, resolve))
  return (server.address() as { port: number }).port
}

async function answerFrom(under: HttpUnderTest, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const { method = '', url: target = '' } = request
  const headers = request.headers as Record<string, string>
  const answer = under.answer({ method, target, headers, body: new Uint8Array(Buffer.concat(parts)) })
  response.writeHead(answer.status ?? 200, { ...answer.headers })
  response.end(answer.body)
}

async function serve(): Promise<HttpUnderTest> {
  const server = createServer((request, response) => void answerFrom(under, request, response))
  const port = await listen(server)
  const under: HttpUnderTest = {
    http: httpClient(),
    origin: `http://tracker.test:${port}`,
    addresses: [loopback],
    deadAddress,
    answer: () => ({}),
    until,
    settle,
    async close() {
      // Of themselves: no connection outlives its request.
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return under
}

httpConformance("node's client", serve)

/** A server that says whatever the test wants, once it has been asked. */
async function serveRaw(speak: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createRawServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    socket.once('data', () => speak(socket))
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    sockets,
    /** Every connection must have been closed by the client. */
    async close() {
      await until(() => sockets.size === 0)
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The code a request ends with when the server says this. */
async function codeAfter(speak: (socket: Socket) => void, changes: Partial<HttpRequest> = {}): Promise<string> {
  const server = await serveRaw(speak)
  const fetched = await httpClient().fetch(requestTo(server.url, [loopback], changes), never)
  const log = new BodyLog()
  const streamed = await httpClient().stream(requestTo(server.url, [loopback], changes), log, never)
  if (streamed.ok) await until(() => log.ends === 1)
  await server.close()
  const code = fetched.ok ? 'whole' : fetched.code
  assert.equal(streamed.ok ? (log.failure?.code ?? 'whole') : streamed.code, code)
  return code
}

function encoded(coding: string, body: Uint8Array): (socket: Socket) => void {
  return (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`)
    socket.write(body)
  }
}

describe('compressed answers', () => {
  const body = Buffer.from('a tracker answers '.repeat(20_000))

  test('are inflated: gzip, and deflate with and without its header', async () => {
    for (const [coding, bytes] of [
      ['gzip', gzipSync(body)],
      ['X-GZIP', gzipSync(body)],
      ['deflate', deflateSync(body)],
      ['deflate', deflateRawSync(body)],
      ['identity', body],
    ] as const) {
      const server = await serveRaw(encoded(coding, bytes))
      const answer = unwrap(await httpClient().fetch(requestTo(server.url, [loopback]), never))
      assert.ok(body.equals(answer.body), coding)
      await server.close()
    }
  })

  test('an empty body is empty', async () => {
    for (const coding of ['gzip', 'deflate']) assert.equal(await codeAfter(encoded(coding, new Uint8Array(0))), 'whole')
  })

  test('are capped after inflating: a bomb ends early', async () => {
    const bomb = gzipSync(new Uint8Array(100_000_000))
    assert.ok(bomb.length < 200_000)
    const before = process.memoryUsage().arrayBuffers
    assert.equal(await codeAfter(encoded('gzip', bomb)), 'http-too-large')
    assert.ok(process.memoryUsage().arrayBuffers - before < 30_000_000)
  })

  test('that are damaged, cut or of a kind not asked for are malformed', async () => {
    const bytes = gzipSync(body)
    const damaged = Buffer.from(bytes)
    damaged.fill(0xff, 100, 200)
    assert.equal(await codeAfter(encoded('gzip', damaged)), 'http-malformed')
    assert.equal(await codeAfter(encoded('gzip', bytes.subarray(0, 100))), 'http-malformed')
    assert.equal(await codeAfter(encoded('gzip', body)), 'http-malformed')
    assert.equal(await codeAfter(encoded('deflate', Buffer.from([0xff, 0xff, 0xff]))), 'http-malformed')
    assert.equal(await codeAfter(encoded('br', brotliCompressSync(body))), 'http-malformed')
    assert.equal(await codeAfter(encoded('gzip, gzip', gzipSync(bytes))), 'http-malformed')
  })
})

describe('bad servers', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'

  test('what is not HTTP is malformed', async () => {
    assert.equal(await codeAfter((socket) => socket.write('SSH-2.0-OpenSSH\r\n')), 'http-malformed')
    assert.equal(
      await codeAfter((socket) => socket.write('HTTP/1.1 200 OK\r\nno colon here\r\n\r\n')),
      'http-malformed',
    )
    const badChunk = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'
    assert.equal(await codeAfter((socket) => socket.write(badChunk)), 'http-malformed')
  })

  test('a head without end is too large', async () => {
    const speak = (socket: Socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      for (let index = 0; index < 80; index++) socket.write(`X-${index}: ${'a'.repeat(1_000)}\r\n`)
    }
    assert.equal(await codeAfter(speak), 'http-too-large')
    const justFits = (socket: Socket) => {
      socket.end(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(60_000)}\r\n\r\n`)
    }
    assert.equal(await codeAfter(justFits), 'whole')
  })

  test('silence times out: before the head, within it, within the body', async () => {
    const changes = { idleTimeoutMs: 40 }
    assert.equal(await codeAfter(() => undefined, changes), 'timed-out')
    assert.equal(await codeAfter((socket) => socket.write('HTTP/1.1 200 OK\r\nX'), changes), 'timed-out')
    assert.equal(await codeAfter((socket) => socket.write(`${head}abc`), changes), 'timed-out')
  })

  test('a body in drops is idle for no moment, and times out as a whole', async () => {
    const speak = (socket: Socket) => {
      socket.write(head)
      const timer = setInterval(() => socket.write('x'), 5)
      socket.once('close', () => clearInterval(timer))
    }
    assert.equal(await codeAfter(speak, { idleTimeoutMs: 5_000, totalTimeoutMs: 60 }), 'timed-out')
  })

  test('a sink that takes nothing is not the silence of the server', async () => {
    const server = await serveRaw((socket) => socket.write(`${head}${'x'.repeat(1_000)}`))
    const log = new BodyLog()
    log.allowed = 0
    const stream = unwrap(
      await httpClient().stream(requestTo(server.url, [loopback], { idleTimeoutMs: 30 }), log, never),
    )
    const startMs = performance.now()
    await until(() => performance.now() > startMs + 80)
    assert.equal(log.ends, 0)
    log.allowed = Infinity
    stream.resume()
    await until(() => log.ends === 1)
    assert.deepEqual([log.failure, log.lengthBytes], [undefined, 1_000])
    await server.close()
  })

  test('a sink that takes little at a time, and now and then nothing, has the body in order, in chunks or not', async () => {
    const body = Uint8Array.from({ length: 60_000 }, (_, index) => (index * 7) & 0xff)
    const chunks = Array.from({ length: 600 }, (_, index) => body.subarray(index * 100, (index + 1) * 100))
    for (const isChunked of [false, true]) {
      const server = await serveRaw((socket) => {
        socket.write(
          `HTTP/1.1 200 OK\r\n${isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`}\r\n\r\n`,
        )
        if (!isChunked) socket.write(body)
        else
          for (const chunk of chunks) socket.write(Buffer.concat([Buffer.from('64\r\n'), chunk, Buffer.from('\r\n')]))
        if (isChunked) socket.write('0\r\n\r\n')
      })
      const log = new BodyLog()
      log.allowed = 3_000
      log.onPart = () => {
        log.allowed = (log.allowed * 5 + 17) % 3_001
        if (log.allowed < 500) {
          log.allowed = 0
          setImmediate(() => {
            log.allowed = 2_900
            stream.resume()
          })
        }
      }
      const stream = unwrap(await httpClient().stream(requestTo(server.url, [loopback]), log, never))
      await until(() => log.ends === 1)
      assert.equal(log.failure, undefined)
      assert.deepEqual(log.body, body)
      await server.close()
    }
  })

  test('a connection cut anywhere fails', async () => {
    assert.equal(await codeAfter((socket) => socket.destroy()), 'connection-failed')
    assert.equal(await codeAfter((socket) => socket.end('HTTP/1.1 20')), 'connection-failed')
    assert.equal(await codeAfter((socket) => socket.end(`${head}abc`)), 'connection-failed')
    assert.equal(await codeAfter((socket) => socket.resetAndDestroy()), 'connection-failed')
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
    assert.equal(await codeAfter((socket) => socket.end(chunked)), 'connection-failed')
    const upgrade = 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'
    const compressed = `HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 9\r\n\r\n`
    assert.equal(await codeAfter((socket) => socket.end(compressed)), 'connection-failed')
    assert.equal(await codeAfter((socket) => socket.end(upgrade)), 'connection-failed')
  })

  test('old and plain answers are understood', async () => {
    assert.equal(await codeAfter((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nabc')), 'whole')
    assert.equal(
      await codeAfter((socket) => socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n')),
      'whole',
    )
    const twice = 'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n'
    const server = await serveRaw((socket) => socket.write(twice))
    const answer = unwrap(await httpClient().fetch(requestTo(server.url, [loopback]), never))
    assert.equal(answer.headers['x-a'], '1, 2')
    await server.close()
  })

  test('a request given up in any state leaves no connection', async () => {
    for (const said of ['', 'HTTP/1.1 200', head, `${head}abc`]) {
      let isAsked = false
      const server = await serveRaw((socket) => {
        isAsked = true
        socket.write(said)
      })
      const controller = new AbortController()
      const fetched = httpClient().fetch(requestTo(server.url, [loopback]), controller.signal)
      await until(() => isAsked)
      await settle()
      controller.abort()
      const result = await fetched
      assert.equal(result.ok ? '' : result.code, 'interrupted')
      await server.close()
    }
  })

  test('an address that swallows everything leaves time for the next', async () => {
    // Never answers a TLS handshake: what connects to it hangs there.
    const silent = await serveRaw(() => undefined)
    const url = silent.url.replace('http:', 'https:')
    const result = await httpClient().fetch(requestTo(url, [loopback, deadAddress], { idleTimeoutMs: 400 }), never)
    assert.equal(result.ok ? '' : result.code, 'connection-failed')
    await silent.close()
  })

  test('a header that cannot be sent is a failure, not an exception', async () => {
    const server = await serveRaw(() => undefined)
    const request = requestTo(server.url, [loopback], { headers: { 'X-A': 'b\r\nX-C: d' } })
    const result = await httpClient().fetch(request, never)
    assert.equal(result.ok ? '' : result.code, 'http-malformed')
    await server.close()
  })

  test('a request leaves through the local address named', async () => {
    let from: string | undefined
    const server = await serveRaw((socket) => {
      from = socket.remoteAddress
      socket.end('HTTP/1.0 200 OK\r\n\r\n')
    })
    unwrap(await httpClient().fetch(requestTo(server.url, [loopback], { localAddress: '127.0.0.3' }), never))
    assert.equal(from, '127.0.0.3')
    for (const localAddress of ['192.0.2.1', 'nonsense']) {
      const refused = await httpClient().fetch(requestTo(server.url, [loopback], { localAddress }), never)
      assert.equal(refused.ok ? '' : refused.code, 'connection-failed')
    }
    await server.close()
  })
})

describe('certificates', () => {
  async function serveSecurely(...names: readonly string[]) {
    const { certificate, key } = selfSignedCertificate(...names)
    const sniNames: string[] = []
    const server = createSecureServer({ cert: certificate, key }, (request, response) => {
      sniNames.push((request.socket as unknown as { servername: string | false }).servername || '')
      response.end(request.headers.host)
    })
    server.on('tlsClientError', () => undefined)
    const port = await listen(server)
    const trusting = httpClient({ certificateAuthorities: [certificate] })
    const close = () => new Promise((resolve) => server.close(resolve))
    return { port, trusting, sniNames, close }
  }

  async function codeOf(http: ReturnType<typeof httpClient>, url: string): Promise<string> {
    const result = await http.fetch(requestTo(url, [loopback]), never)
    return result.ok ? 'whole' : result.code
  }

  test('one that is trusted and for the name of the URL is accepted, at whatever address', async () => {
    const { port, trusting, sniNames, close } = await serveSecurely('tracker.test')
    const answer = unwrap(await trusting.fetch(requestTo(`https://tracker.test:${port}/`, [loopback]), never))
    assert.equal(Buffer.from(answer.body).toString(), `tracker.test:${port}`)
    assert.deepEqual(sniNames, ['tracker.test'])
    await close()
  })

  test('one of an address is for a URL with that address', async () => {
    const { port, trusting, sniNames, close } = await serveSecurely('127.0.0.1')
    assert.equal(await codeOf(trusting, `https://127.0.0.1:${port}/`), 'whole')
    assert.deepEqual(sniNames, [''])
    await close()
  })

  test('one of another name, or signed by nobody we trust, is refused', async () => {
    const { port, trusting, sniNames, close } = await serveSecurely('tracker.test')
    assert.equal(await codeOf(trusting, `https://other.test:${port}/`), 'certificate-invalid')
    assert.equal(await codeOf(trusting, `https://127.0.0.1:${port}/`), 'certificate-invalid')
    assert.equal(await codeOf(httpClient(), `https://tracker.test:${port}/`), 'certificate-invalid')
    assert.deepEqual(sniNames, [])
    await close()
  })

  test('the environment cannot switch the check off', async (t) => {
    const { port, close } = await serveSecurely('tracker.test')
    const name = 'NODE_TLS_REJECT_UNAUTHORIZED'
    const before = process.env[name]
    t.after(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
    process.env[name] = '0'
    assert.equal(await codeOf(httpClient(), `https://tracker.test:${port}/`), 'certificate-invalid')
    await close()
  })

  test('plain HTTP where TLS was asked for is a failed connection', async () => {
    const server = await serveRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    assert.equal(await codeOf(httpClient(), `https://127.0.0.1:${server.port}/`), 'connection-failed')
    await server.close()
  })
})
