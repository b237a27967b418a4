// The file a tracker keeps its swarms in between two runs. Guarantees: whoever reads it sees the old swarms or the new,
// wherever the process dies; it is readable by its owner only; writing a large one lets the tracker answer meanwhile.
// Owns its timer; one write at a time.
import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Result, SwarmbidError, success } from '../base/errors.ts'
import { rootedResult } from '../host/file-error.ts'
import { readFileBounded } from '../host/read-input.ts'
import type { Clock } from '../ports/clock.ts'
import { counter, type Metric } from '../tracker/metric.ts'
import { decodeSnapshot, encodeSnapshot } from '../tracker/swarm-snapshot.ts'
import type { TrackerServer } from '../tracker/tracker-server.ts'

const maxStateBytes = 2_000_000_000
const saveIntervalMs = 300_000
const privateMode = 0o600

async function writeParts(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.swarmbid-${randomUUID()}.part`)
  const file = await open(temporary, 'wx', privateMode)
  try {
    try {
      for (const part of parts) await file.writeFile(part)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  if (process.platform === 'win32') return
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export class TrackerState {
  private readonly path: string
  private readonly tracker: TrackerServer
  private readonly clock: Clock
  private readonly timer: NodeJS.Timeout
  private saving: Promise<Result<void>> | undefined
  private saved = 0
  private failed = 0

  constructor(path: string, tracker: TrackerServer, clock: Clock) {
    this.path = path
    this.tracker = tracker
    this.clock = clock
    this.timer = setInterval(() => void this.save(), saveIntervalMs)
    this.timer.unref()
  }

  metrics(): readonly Metric[] {
    return [
      counter('state_saved_total', 'Times the swarms were written to the state file.', this.saved),
      counter('state_failed_total', 'Times that did not succeed.', this.failed),
    ]
  }

  /** How many peers there were; 0 where there is no file yet. Errors: tracker-state, file-unreadable, file-not-regular. */
  async load(): Promise<Result<number>> {
    try {
      const bytes = await readFileBounded(this.path, { maxBytes: maxStateBytes, code: 'tracker-state' })
      return decodeSnapshot(this.tracker, bytes, this.clock.wallMs(), this.clock.nowMs())
    } catch (error) {
      if (!(error instanceof SwarmbidError)) throw error
      return error.code === 'file-not-found' ? success(0) : { ok: false, code: error.code, detail: error.message }
    }
  }

  /** Errors: file-unwritable, disk-full, file-not-found. */
  save(): Promise<Result<void>> {
    this.saving ??= rootedResult(this.path, 'write', () =>
      writeParts(
        this.path,
        encodeSnapshot(this.tracker, this.clock.wallMs(), () => this.clock.nowMs()),
      ),
    ).then((result) => {
      this.saving = undefined
      if (result.ok) this.saved++
      else this.failed++
      return result
    })
    return this.saving
  }

  /** Leaves the file as it is. */
  abandon(): void {
    clearInterval(this.timer)
  }

  /** Saves a last time. */
  async close(): Promise<Result<void>> {
    clearInterval(this.timer)
    await this.saving
    return this.save()
  }
}
