// What every implementation of the Http port promises, as tests against a server that answers by a function.
// Guarantees: touches the port and nothing else, so that node's client and a simulated one answer the same questions.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes, fromUtf8 } from '../../src/base/bytes.ts'
import type { IpAddress } from '../../src/base/endpoint.ts'
import { type Failure, unwrap } from '../../src/base/errors.ts'
import type { Http, HttpBodySink, HttpRequest } from '../../src/ports/http.ts'
import { fillerBytes } from '../host/temporary-folder.ts'

interface ServedRequest {
  readonly method: string
  /** As sent, from the path on. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

interface ServedAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

export interface HttpUnderTest {
  readonly http: Http
  /** `http://host:port`, served by `answer` from now on. */
  readonly origin: string
  readonly addresses: readonly IpAddress[]
  /** Where nobody listens at the origin's port. */
  readonly deadAddress: IpAddress
  answer: (request: ServedRequest) => ServedAnswer
  until(condition: () => boolean): Promise<void>
  settle(): Promise<void>
  close(): Promise<void>
}

/** A sink that remembers the body, and fails the test when it is called after the end. */
export class BodyLog implements HttpBodySink {
  allowed = Infinity
  ends = 0
  failure: Failure | undefined
  longestPart = 0
  lengthBytes = 0
  onPart: () => void = () => undefined
  private readonly parts: Uint8Array[] = []

  get body(): Uint8Array {
    return concatBytes(this.parts)
  }

  allowedBytes(): number {
    assert.equal(this.ends, 0)
    return this.allowed
  }

  onBody(bytes: Uint8Array): void {
    assert.equal(this.ends, 0)
    assert.ok(bytes.length > 0 && bytes.length <= this.allowed)
    this.parts.push(bytes.slice())
    this.longestPart = Math.max(this.longestPart, bytes.length)
    this.lengthBytes += bytes.length
    this.onPart()
  }

  onBodyEnd(failure: Failure | undefined): void {
    assert.equal(this.ends, 0)
    this.ends++
    this.failure = failure
  }
}

export const never = new AbortController().signal

export function requestTo(
  url: string,
  addresses: readonly IpAddress[],
  changes: Partial<HttpRequest> = {},
): HttpRequest {
  return {
    method: 'GET',
    url,
    addresses,
    headers: {},
    idleTimeoutMs: 5_000,
    totalTimeoutMs: 10_000,
    maxBodyBytes: 1_000_000,
    ...changes,
  }
}

export function httpConformance(title: string, make: () => Promise<HttpUnderTest>): void {
  function httpTest(name: string, body: (under: HttpUnderTest) => Promise<void>): void {
    test(name, async () => {
      const under = await make()
      try {
        await body(under)
      } finally {
        await under.close()
      }
    })
  }

  describe(`http: ${title}`, () => {
    httpTest('an answer has its status, headers and body, whatever the status', async (under) => {
      const body = fillerBytes(300_000, 1)
      for (const status of [200, 301, 404, 500]) {
        under.answer = () => ({ status, headers: { 'X-Name': 'value', 'location': '/elsewhere' }, body })
        const answer = unwrap(await under.http.fetch(requestTo(`${under.origin}/a`, under.addresses), never))
        assert.equal(answer.status, status)
        assert.equal(answer.headers['x-name'], 'value')
        const { location } = answer.headers
        assert.equal(location, '/elsewhere')
        assert.deepEqual(answer.body, body)
      }
    })

    httpTest('an empty body is empty', async (under) => {
      for (const status of [200, 204, 304]) {
        under.answer = () => ({ status })
        const answer = unwrap(await under.http.fetch(requestTo(`${under.origin}/`, under.addresses), never))
        assert.deepEqual([answer.status, answer.body.length], [status, 0])
      }
    })

    httpTest('the server gets what was asked: query as written, headers, credentials, body', async (under) => {
      let served: ServedRequest | undefined
      under.answer = (request) => {
        served = request
        return {}
      }
      const query = '/announce?info_hash=%12%AB%ff%00a.b-c_d~&port=1'
      const body = fillerBytes(70_000, 2)
      const url = `${under.origin.replace('http://', 'http://us%20er:p%40ss@')}${query}`
      const request = requestTo(url, under.addresses, { method: 'POST', headers: { 'X-One': '1' }, body })
      unwrap(await under.http.fetch(request, never))
      assert.equal(served?.method, 'POST')
      assert.equal(served?.target, query)
      assert.equal(served?.headers['x-one'], '1')
      const { host, authorization } = served?.headers ?? {}
      assert.equal(host, new URL(under.origin).host)
      assert.equal(authorization, `Basic ${btoa('us er:p@ss')}`)
      assert.deepEqual(served?.body, body)
    })

    httpTest('a body of the size allowed is whole, one byte more is refused', async (under) => {
      under.answer = () => ({ body: new Uint8Array(5_000) })
      for (const [maxBodyBytes, code] of [
        [5_000, 'whole'],
        [4_999, 'http-too-large'],
        [0, 'http-too-large'],
      ] as const) {
        const request = requestTo(`${under.origin}/`, under.addresses, { maxBodyBytes })
        const answer = await under.http.fetch(request, never)
        assert.equal(answer.ok ? 'whole' : answer.code, code)
      }
    })

    httpTest('addresses are tried in order, and without any that answers it fails', async (under) => {
      under.answer = () => ({ body: fromUtf8('here') })
      const both = [under.deadAddress, ...under.addresses]
      const answer = unwrap(await under.http.fetch(requestTo(`${under.origin}/`, both), never))
      assert.deepEqual(answer.body, fromUtf8('here'))
      for (const addresses of [[], [under.deadAddress]]) {
        const failed = await under.http.fetch(requestTo(`${under.origin}/`, addresses), never)
        assert.equal(failed.ok ? '' : failed.code, 'connection-failed')
      }
    })

    httpTest('what is no URL of http is refused', async (under) => {
      for (const url of ['', 'nonsense', 'ftp://127.0.0.1/', 'file:///etc/passwd']) {
        const refused = await under.http.fetch(requestTo(url, under.addresses), never)
        assert.equal(refused.ok ? '' : refused.code, 'http-malformed')
      }
    })

    httpTest('a request given up ends, before it began and at once', async (under) => {
      under.answer = () => ({ body: new Uint8Array(10) })
      const request = requestTo(`${under.origin}/`, under.addresses)
      const before = await under.http.fetch(request, AbortSignal.abort())
      assert.equal(before.ok ? '' : before.code, 'interrupted')
      const controller = new AbortController()
      const asked = under.http.fetch(request, controller.signal)
      controller.abort()
      const during = await asked
      assert.equal(during.ok ? '' : during.code, 'interrupted')
    })

    httpTest('a stream gives the head, then the body in parts as large as allowed', async (under) => {
      const body = fillerBytes(200_000, 3)
      under.answer = () => ({ status: 206, headers: { 'content-range': 'x' }, body })
      const log = new BodyLog()
      log.allowed = 1_000
      const request = requestTo(`${under.origin}/`, under.addresses)
      const stream = unwrap(await under.http.stream(request, log, never))
      assert.deepEqual([stream.status, stream.headers['content-range'], log.lengthBytes], [206, 'x', 0])
      await under.until(() => log.ends === 1)
      assert.equal(log.failure, undefined)
      assert.deepEqual(log.body, body)
      assert.ok(log.longestPart <= 1_000)
    })

    httpTest('0 stops a stream until resume', async (under) => {
      const body = fillerBytes(900_000, 4)
      under.answer = () => ({ body })
      const log = new BodyLog()
      log.allowed = 10_000
      log.onPart = () => {
        if (log.lengthBytes >= 50_000) log.allowed = 0
      }
      const stream = unwrap(await under.http.stream(requestTo(`${under.origin}/`, under.addresses), log, never))
      await under.until(() => log.allowed === 0)
      await under.settle()
      assert.ok(log.lengthBytes < 60_000)
      log.onPart = () => undefined
      log.allowed = Infinity
      stream.resume()
      stream.resume()
      await under.until(() => log.ends === 1)
      assert.deepEqual(log.body, body)
      stream.resume()
      stream.abort()
      await under.settle()
    })

    httpTest('a stream aborted, by hand or by signal, ends once and not from inside', async (under) => {
      under.answer = () => ({ body: new Uint8Array(900_000) })
      for (const way of ['abort', 'signal', 'before the body'] as const) {
        const controller = new AbortController()
        const log = new BodyLog()
        log.allowed = 100
        let giveUp: () => void = () => undefined
        log.onPart = () => giveUp()
        const request = requestTo(`${under.origin}/`, under.addresses)
        const stream = unwrap(await under.http.stream(request, log, controller.signal))
        giveUp = () => {
          if (way === 'signal') controller.abort()
          else stream.abort()
          assert.equal(log.ends, 0)
        }
        if (way === 'before the body') giveUp()
        await under.until(() => log.ends === 1)
        assert.equal(log.failure?.code, 'interrupted')
        await under.settle()
      }
    })

    httpTest('requests on one line, one after the other, have their own answers', async (under) => {
      under.answer = ({ target }) => ({ status: target === '/2' ? 404 : 206, body: fromUtf8(`body of ${target}`) })
      const line = under.http.openLine()
      for (const target of ['/1', '/2', '/3', '/4']) {
        const log = new BodyLog()
        const request = requestTo(`${under.origin}${target}`, under.addresses)
        const stream = unwrap(await line.stream(request, log, never))
        assert.equal(stream.status, target === '/2' ? 404 : 206)
        await under.until(() => log.ends === 1)
        assert.equal(log.failure, undefined)
        assert.deepEqual(log.body, fromUtf8(`body of ${target}`))
      }
      line.close()
    })

    httpTest('a line goes on after a request that was aborted, and after one that failed', async (under) => {
      under.answer = () => ({ body: new Uint8Array(900_000) })
      const line = under.http.openLine()
      const log = new BodyLog()
      log.allowed = 100
      const stream = unwrap(await line.stream(requestTo(`${under.origin}/`, under.addresses), log, never))
      log.onPart = () => stream.abort()
      await under.until(() => log.ends === 1)
      assert.equal(log.failure?.code, 'interrupted')
      const dead = await line.stream(requestTo(`${under.origin}/`, [under.deadAddress]), new BodyLog(), never)
      assert.equal(dead.ok ? '' : dead.code, 'connection-failed')
      const last = new BodyLog()
      unwrap(await line.stream(requestTo(`${under.origin}/`, under.addresses), last, never))
      await under.until(() => last.ends === 1)
      assert.equal(last.lengthBytes, 900_000)
      line.close()
    })

    httpTest('a stream that brings too much ends with its code', async (under) => {
      under.answer = () => ({ body: new Uint8Array(100_000) })
      const log = new BodyLog()
      const request = requestTo(`${under.origin}/`, under.addresses, { maxBodyBytes: 50_000 })
      const stream = await under.http.stream(request, log, never)
      if (stream.ok) await under.until(() => log.ends === 1)
      assert.equal(stream.ok ? log.failure?.code : stream.code, 'http-too-large')
      assert.ok(log.lengthBytes <= 50_000)
    })
  })
}
