// A web seed of a simulated world (BEP 19): an ordinary web server with the files of contents below a URL. It answers
// requests for ranges, at a rate, and a scenario may make it fail or lie. Owns what it saw; tells the world of every byte
// of content that it sends, for checks to count.
import { assert } from '../../src/base/assert.ts'
import { unwrap } from '../../src/base/errors.ts'
import { webSeedFileUrl } from '../../src/formats/web-seed.ts'
import type { HttpRequest } from '../../src/ports/http.ts'
import type { SimulatedAnswer } from '../ports/simulated-http.ts'
import type { Content } from './content.ts'
import type { World } from './world.ts'

export interface SeenWebRequest {
  readonly url: string
  readonly range: string
  readonly authorization: string | undefined
  readonly from: string
}

/** What is sent instead; undefined: nothing ever. */
export type Misbehaviour = (honest: SimulatedAnswer, pathname: string) => SimulatedAnswer | undefined

interface Served {
  readonly content: Content
  readonly bytes: Uint8Array
}

export class SimulatedWebSeed {
  readonly seen: SeenWebRequest[] = []
  bytesPerSecond = Number.POSITIVE_INFINITY
  /** Whatever is asked for, it sends the whole file from its beginning. */
  ignoresRanges = false
  misbehaves: Misbehaviour = (honest) => honest
  private readonly world: World
  private readonly files = new Map<string, Served>()

  /** `url`: as torrents name it. It is reached where `serveAt` says. */
  constructor(world: World, url: string, ...contents: readonly Content[]) {
    this.world = world
    for (const content of contents) {
      for (const [index, { bytes }] of content.files.entries()) {
        const file = content.info.files[index]
        assert(file !== undefined, 'a file of the torrent')
        const { pathname } = new URL(unwrap(webSeedFileUrl(url, content.info, file)))
        this.files.set(pathname, { content, bytes })
      }
    }
  }

  serveAt(address: string, port = 80): this {
    this.world.web.serve(address, port, (request, url, from) => this.answer(request, url, from))
    return this
  }

  answer({ headers, url: text }: HttpRequest, { pathname }: URL, from: string): SimulatedAnswer | undefined {
    const { range = '', authorization } = headers
    this.seen.push({ url: text, range, authorization, from })
    this.world.log(from, `asked ${pathname} ${range}`)
    const served = this.files.get(pathname)
    const [first, last] = range.replace('bytes=', '').split('-').map(Number)
    if (served === undefined || first === undefined || last === undefined) {
      return this.misbehaves({ status: 404, headers: {}, body: new Uint8Array(10) }, pathname)
    }
    const { bytes, content } = served
    const body = this.ignoresRanges ? bytes : bytes.subarray(first, last + 1)
    const part = { 'content-range': `bytes ${first}-${last}/${bytes.length}` }
    const honest: SimulatedAnswer = {
      status: this.ignoresRanges ? 200 : 206,
      headers: { 'content-length': String(body.length), ...(this.ignoresRanges ? {} : part) },
      body,
      bytesPerSecond: this.bytesPerSecond,
    }
    const answer = this.misbehaves(honest, pathname)
    if (answer === undefined) return undefined
    return { ...answer, onSent: (lengthBytes) => this.world.onWebContent(from, content, lengthBytes) }
  }
}
