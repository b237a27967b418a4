// Web servers for swarms under test: they answer requests for ranges of a torrent's files at a rate, in parts cut anywhere,
// and misbehave as a test wants. It does as a session does: what is cancelled is told nothing more, bodies wait where the
// swarm allows nothing. Owns what is under way, and remembers what was asked.
import assert from 'node:assert/strict'
import { type Failure, failure } from '../../src/base/errors.ts'
import { webSeedFileUrl } from '../../src/formats/web-seed.ts'
import type { HttpHead } from '../../src/ports/http.ts'
import type { WebOutput } from '../../src/swarm/swarm-output.ts'
import type { WebRequest, WebSeed } from '../../src/swarm/web-seed.ts'
import type { TestNode, World } from './swarm-harness.ts'

export interface FakeAnswer extends HttpHead {
  readonly body: Uint8Array
  /** Instead of an answer. */
  readonly refused?: Failure
  /** After so many bytes it ends with this, or without one falls silent for as long as a session waits. */
  readonly endsAfter?: { readonly bytes: number; readonly why: Failure }
}

export interface FakeServer {
  readonly bytesPerSecond: number
  /** Changes what an honest server would answer. */
  readonly answer?: (honest: FakeAnswer, request: WebRequest) => FakeAnswer
}

const latencyMs = 20
const longestPartBytes = 40_000

interface Job {
  readonly seed: WebSeed
  isOver: boolean
  resume: () => void
}

export class FakeWeb {
  readonly asked: { readonly seed: string; readonly request: WebRequest; readonly atMs: number }[] = []
  readonly problems: { readonly seed: string; readonly code: string; readonly detail: string }[] = []
  /** Bytes of bodies, all seeds together. */
  sentBytes = 0
  private readonly world: World
  private readonly node: TestNode
  private readonly servers: Readonly<Record<string, FakeServer>>
  private readonly jobs = new Map<WebSeed, Job>()
  isHeld = false

  constructor(world: World, node: TestNode, servers: Readonly<Record<string, FakeServer>>) {
    this.world = world
    this.node = node
    this.servers = servers
    node.onWeb = (output) => this.perform(output)
    node.turn(() => node.swarm.setWebSeeds(Object.keys(servers), world.time.nowMs()))
    node.turn(() => node.swarm.setWebSeeding(true, world.time.nowMs()))
  }

  get underWayCount(): number {
    return this.jobs.size
  }

  private perform(output: WebOutput): void {
    const { seed } = output
    switch (output.type) {
      case 'web-request':
        assert.ok(!this.jobs.has(seed), 'one request of a seed at a time')
        this.begin(seed, output.request)
        break
      case 'web-cancel':
        this.end(seed)
        break
      case 'web-resume':
        this.jobs.get(seed)?.resume()
        break
      case 'web-problem':
        this.problems.push({ seed: seed.url, code: output.failure.code, detail: output.failure.detail })
    }
  }

  private end(seed: WebSeed): void {
    const job = this.jobs.get(seed)
    if (job !== undefined) job.isOver = true
    this.jobs.delete(seed)
  }

  private begin(seed: WebSeed, request: WebRequest): void {
    const { time } = this.world
    const job: Job = { seed, isOver: false, resume: () => undefined }
    this.jobs.set(seed, job)
    this.asked.push({ seed: seed.url, request, atMs: time.nowMs() })
    const server = this.servers[seed.url]
    assert.ok(server !== undefined, 'a server that was named')
    const honest = this.honest(seed, request)
    const answer = server.answer?.(honest, request) ?? honest
    time.at(time.nowMs() + 2 * latencyMs, () => {
      if (job.isOver) return
      if (answer.refused !== undefined) {
        this.finish(job, answer.refused)
        return
      }
      this.node.turn(() => {
        const isWanted = this.node.swarm.webHead(seed, answer, time.nowMs())
        if (!isWanted && this.jobs.get(seed) === job) this.end(seed)
        else if (!isWanted) job.isOver = true
      })
      if (!job.isOver) this.send(job, answer, server.bytesPerSecond)
    })
  }

  private send(job: Job, { body, endsAfter }: FakeAnswer, bytesPerSecond: number): void {
    const { time, random } = this.world
    const { node } = this
    const end = Math.min(body.length, endsAfter?.bytes ?? body.length)
    let offset = 0
    let isWaiting = false
    const go = () => {
      if (job.isOver) return
      if (offset === end) {
        const why = offset < body.length || endsAfter !== undefined ? endsAfter?.why : undefined
        this.finish(job, why)
        return
      }
      let allowed = 0
      if (this.isHeld) node.swarm.webHeld(job.seed, time.nowMs())
      else {
        node.turn(() => {
          allowed = node.swarm.webAllowance(job.seed, time.nowMs())
        })
      }
      if (job.isOver) return
      if (allowed === 0) {
        isWaiting = true
        return
      }
      const length = Math.min(allowed, end - offset, 1 + random.below(longestPartBytes))
      const part = body.slice(offset, offset + length)
      offset += length
      this.sentBytes += length
      node.turn(() => node.swarm.webBody(job.seed, part, time.nowMs()))
      part.fill(0xee)
      time.at(time.nowMs() + (length * 1_000) / bytesPerSecond, go)
    }
    job.resume = () => {
      if (!isWaiting) return
      isWaiting = false
      time.at(time.nowMs(), go)
    }
    go()
  }

  /** Lets what rate limits held go on. */
  release(): void {
    this.isHeld = false
    for (const job of this.jobs.values()) job.resume()
  }

  private finish(job: Job, why: Failure | undefined): void {
    this.end(job.seed)
    this.node.turn(() => this.node.swarm.webEnded(job.seed, why, this.world.time.nowMs()))
  }

  private honest(seed: WebSeed, { url, file, first, end, fileBytes }: WebRequest): FakeAnswer {
    const { info, truth } = this.world.torrent
    const listed = info.files[file]
    assert.ok(listed !== undefined && listed.lengthBytes === fileBytes, 'a file of the torrent')
    assert.ok(first >= 0 && first < end && end <= fileBytes, 'a range of the file, not empty')
    const located = webSeedFileUrl(seed.url, info, listed)
    assert.equal(located.ok && located.value, url)
    const start = listed.offset + first
    return {
      status: 206,
      headers: {
        'content-range': `bytes ${first}-${end - 1}/${fileBytes}`,
        'content-length': String(end - first),
      },
      body: truth.subarray(start, start + end - first),
    }
  }
}

/** A server that knows no ranges: the whole file from its beginning, always. */
export function wholeFiles(world: World): NonNullable<FakeServer['answer']> {
  return (_, { file }) => {
    const { info, truth } = world.torrent
    const { offset, lengthBytes } = info.files[file] as (typeof info.files)[number]
    const body = truth.subarray(offset, offset + lengthBytes)
    return { status: 200, headers: { 'content-length': String(body.length) }, body }
  }
}

export function status(code: number, headers: Readonly<Record<string, string>> = {}): FakeAnswer {
  return { status: code, headers, body: new Uint8Array(0) }
}

export function refused(): FakeAnswer {
  return { ...status(0), refused: failure('connection-failed', 'refused') }
}
