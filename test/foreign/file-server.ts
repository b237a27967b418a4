// A plain web server on node:http for one folder: what anybody may write in an afternoon, with ranges or without.
// Guarantees: nothing outside the folder is served; it is closed when the test has ended, and can be opened again on the
// same port. Remembers what was asked.
import { closeSync, createReadStream, fstatSync, openSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join, normalize } from 'node:path'
import type { TestContext } from 'node:test'

export interface FileServerOptions {
  readonly root: string
  /** Any that is free, unless said. */
  readonly port?: number
  /** Sends whole files, whatever is asked. */
  readonly ignoresRanges?: boolean
  /** Changes each byte that is sent. */
  readonly lies?: boolean
  /** Takes the answering of a request upon itself if it returns true. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean
}

export interface FileServer {
  readonly port: number
  readonly asked: readonly { readonly url: string; readonly range: string | undefined }[]
  connectionCount(): number
  open(): Promise<void>
  /** At once, with all its connections. */
  close(): Promise<void>
}

function send(file: number, start: number, end: number, response: ServerResponse, lies: boolean): void {
  const stream = createReadStream('', { fd: file, start, end, autoClose: true })
  stream.on('error', () => response.destroy())
  response.on('close', () => stream.destroy())
  if (!lies) {
    stream.pipe(response)
    return
  }
  stream.on('data', (part) => response.write((part as Buffer).map((byte) => byte ^ 1)))
  stream.on('end', () => response.end())
}

function answer(options: FileServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const { root, ignoresRanges = false, lies = false } = options
  const { range } = request.headers
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://host').pathname))
  let file: number
  try {
    file = openSync(join(root, path), 'r')
  } catch {
    response.writeHead(404).end('not here')
    return
  }
  const { size } = fstatSync(file)
  const match = ignoresRanges ? null : /^bytes=([0-9]+)-([0-9]+)$/.exec(range ?? '')
  if (match === null) {
    response.writeHead(200, { 'content-length': size })
    send(file, 0, size - 1, response, lies)
    return
  }
  const [first, last] = [Number(match[1]), Math.min(Number(match[2]), size - 1)]
  if (first > last) {
    closeSync(file)
    response.writeHead(416).end()
    return
  }
  response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${size}`, 'content-length': last - first + 1 })
  send(file, first, last, response, lies)
}

export async function startFileServer(t: TestContext, options: FileServerOptions): Promise<FileServer> {
  const asked: { url: string; range: string | undefined }[] = []
  let connectionCount = 0
  let server: Server | undefined
  let port = options.port ?? 0
  const fileServer: FileServer = {
    get port() {
      return port
    },
    asked,
    connectionCount: () => connectionCount,
    async open() {
      const opened = createServer((request, response) => {
        asked.push({ url: request.url ?? '', range: request.headers.range })
        if (options.intercept?.(request, response) !== true) answer(options, request, response)
      })
      opened.on('connection', () => connectionCount++)
      server = opened
      await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve))
      port = (opened.address() as { port: number }).port
    },
    async close() {
      const closed = server
      server = undefined
      if (closed === undefined) return
      const ended = new Promise((resolve) => closed.close(resolve))
      closed.closeAllConnections()
      await ended
    },
  }
  t.after(() => fileServer.close())
  await fileServer.open()
  return fileServer
}
