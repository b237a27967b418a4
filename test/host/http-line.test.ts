// A line over loopback: which requests share a connection, told by the server's own count of them.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createServer as createRawServer, type Server, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { httpClient } from '../../src/host/http-client.ts'
import type { HttpLine } from '../../src/ports/http.ts'
import { BodyLog, never, requestTo } from '../conformance/http-conformance.ts'
import { selfSignedCertificate } from './certificate.ts'
import { settle, until } from './event-loop.ts'

const loopback = { family: 4, address: '127.0.0.1' } as const

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, loopback.address, resolve))
  return (server.address() as { port: number }).port
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const sockets = new Set<Socket>()
  let connectionCount = 0
  const server = createServer(answer)
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket: Socket) => {
    connectionCount++
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const port = await listen(server)
  return {
    url: `http://seed.test:${port}/file`,
    sockets,
    connectionCount: () => connectionCount,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

async function get(line: HttpLine, url: string, addresses = [loopback]): Promise<string> {
  const log = new BodyLog()
  const stream = await line.stream(requestTo(url, addresses), log, never)
  if (!stream.ok) return stream.code
  await until(() => log.ends === 1)
  return log.failure?.code ?? `${stream.value.status} ${log.lengthBytes}`
}

describe('a line', () => {
  test('asks over one connection, whatever the status, and at once when a body is over', async () => {
    const server = await serve((request, response) => {
      response.writeHead(request.url === '/file?3' ? 404 : 200)
      response.end(new Uint8Array(100_000))
    })
    const line = httpClient().openLine()
    for (let count = 1; count <= 5; count++) {
      assert.equal(await get(line, `${server.url}?${count}`), count === 3 ? '404 100000' : '200 100000')
    }
    assert.equal(server.connectionCount(), 1)
    line.close()
    await until(() => server.sockets.size === 0)
    await server.close()
  })

  test('asks in the very call that told of the end', async () => {
    const server = await serve((_, response) => response.end(new Uint8Array(1_000)))
    const line = httpClient().openLine()
    let second: Promise<string> | undefined
    class Next extends BodyLog {
      override onBodyEnd(failure: undefined): void {
        super.onBodyEnd(failure)
        second = get(line, server.url)
      }
    }
    unwrap(await line.stream(requestTo(server.url, [loopback]), new Next(), never))
    await until(() => second !== undefined)
    assert.equal(await second, '200 1000')
    assert.equal(server.connectionCount(), 1)
    line.close()
    await until(() => server.sockets.size === 0)
    await server.close()
  })

  test('asks over one connection with TLS too, whose certificate is for the name it was checked against', async () => {
    const { certificate, key } = selfSignedCertificate('seed.test')
    const sockets = new Set<Socket>()
    let connectionCount = 0
    const server = createSecureServer({ cert: certificate, key }, (_, response) =>
      response.end(new Uint8Array(100_000)),
    )
    server.on('tlsClientError', () => undefined)
    server.on('secureConnection', (socket: Socket) => {
      connectionCount++
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    const port = await listen(server)
    const line = httpClient({ certificateAuthorities: [certificate] }).openLine()
    for (let count = 0; count < 3; count++) assert.equal(await get(line, `https://seed.test:${port}/`), '200 100000')
    assert.equal(connectionCount, 1)
    // Another name at the same address gets a connection, and a check, of its own.
    assert.equal(await get(line, `https://other.test:${port}/`), 'certificate-invalid')
    line.close()
    await until(() => sockets.size === 0)
    await new Promise((resolve) => server.close(resolve))
  })

  test('makes another connection where the server does not keep it, or an address is not allowed any more', async () => {
    const server = await serve((request, response) => {
      if (request.url?.endsWith('close') === true) response.setHeader('connection', 'close')
      response.end('body')
    })
    const line = httpClient().openLine()
    assert.equal(await get(line, `${server.url}?close`), '200 4')
    assert.equal(await get(line, server.url), '200 4')
    assert.equal(server.connectionCount(), 2)
    const elsewhere = [{ family: 4, address: '127.0.0.9' } as const]
    assert.equal(await get(line, server.url, elsewhere as unknown as (typeof loopback)[]), 'connection-failed')
    assert.equal(await get(line, server.url), '200 4')
    assert.equal(server.connectionCount(), 3)
    line.close()
    await until(() => server.sockets.size === 0)
    await server.close()
  })

  test('asks again over a new connection when the kept one was ended meanwhile', async () => {
    const sockets: Socket[] = []
    const server = createRawServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      const isFirst = sockets.length === 1
      let isAsked = false
      socket.on('data', () => {
        // The first connection answers once, and hangs up when it is asked again.
        if (isFirst && isAsked) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody')
        isAsked = true
      })
    })
    const port = await listen(server)
    const line = httpClient().openLine()
    const url = `http://127.0.0.1:${port}/`
    assert.deepEqual([await get(line, url), await get(line, url)], ['200 4', '200 4'])
    assert.equal(sockets.length, 2)
    line.close()
    await until(() => sockets.every((socket) => socket.destroyed || socket.readableEnded))
    await new Promise((resolve) => server.close(resolve))
  })

  test('does not use a connection again on which more came than an answer', async () => {
    const sockets: Socket[] = []
    const server = createRawServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n'))
    })
    const port = await listen(server)
    const line = httpClient().openLine()
    const url = `http://127.0.0.1:${port}/`
    assert.deepEqual([await get(line, url), await get(line, url)], ['200 4', '200 4'])
    assert.equal(sockets.length, 2)
    line.close()
    await until(() => sockets.every((socket) => socket.destroyed || socket.readableEnded))
    await new Promise((resolve) => server.close(resolve))
  })

  test('closes a connection on which something comes unasked', async () => {
    const sockets: Socket[] = []
    const server = createRawServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'))
    })
    const port = await listen(server)
    const line = httpClient().openLine()
    const url = `http://127.0.0.1:${port}/`
    assert.equal(await get(line, url), '200 4')
    await settle()
    sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nforge')
    await until(() => sockets[0]?.readableEnded === true || sockets[0]?.destroyed === true)
    assert.equal(await get(line, url), '200 4')
    assert.equal(sockets.length, 2)
    line.close()
    await until(() => sockets.every((socket) => socket.destroyed || socket.readableEnded))
    await new Promise((resolve) => server.close(resolve))
  })
})
