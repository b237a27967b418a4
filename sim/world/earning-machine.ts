// A machine that earns by itself (earn mode): its program looks every few seconds, its records outlive it, and what it keeps
// of its own on the disk is counted. Guarantees: a program that died does nothing more. Owns the records' disk.
import { assert } from '../../src/base/assert.ts'
import { type Result, success, unwrap } from '../../src/base/errors.ts'
import type { AddSource } from '../../src/session/commands.ts'
import { EarnMode } from '../../src/session/earn-mode.ts'
import type { EarnEvent, EarnOffer, EarnSettings } from '../../src/session/earn-types.ts'
import { SimulatedStoreDisk } from '../ports/simulated-store.ts'
import type { Stage } from '../stage.ts'
import type { Content } from './content.ts'
import { contentFolder, type Machine } from './machine.ts'
import { torrentIdOf } from './torrent-id.ts'

const lookEveryMs = 5_000
const ownersFile = 'letter.txt'

export class EarningMachine {
  readonly machine: Machine
  /** What earn mode told, of all its lives. */
  readonly events: EarnEvent[] = []
  readonly records: SimulatedStoreDisk
  offers: readonly EarnOffer[] = []
  private readonly stage: Stage
  private readonly settings: EarnSettings
  private mode: EarnMode | undefined

  constructor(stage: Stage, machine: Machine, settings: Omit<EarnSettings, 'folder'>) {
    const { world } = stage
    this.stage = stage
    this.machine = machine
    this.settings = { ...settings, folder: contentFolder }
    this.records = new SimulatedStoreDisk({ clock: world.clock, random: world.randomOf('records of earn mode') })
  }

  async start(): Promise<void> {
    const { world } = this.stage
    await this.machine.start()
    const store = unwrap(this.records.open())
    const opening = EarnMode.open(this.machine.session, store, this.settings, world.clock.wallMs())
    this.mode = unwrap(await world.clock.settle(opening))
    this.mode.offer(this.offers)
    this.look(this.mode)
  }

  /** Ends earn mode in order; the machine runs on. */
  async end(): Promise<void> {
    const { mode } = this
    this.mode = undefined
    if (mode !== undefined) unwrap(await this.stage.world.clock.settle(mode.end(this.stage.world.clock.wallMs())))
  }

  kill(isPowerLoss: boolean): void {
    this.mode = undefined
    this.machine.kill(isPowerLoss)
    this.records.crash(isPowerLoss)
  }

  /** Names of those it keeps, in order. */
  kept(): readonly string[] {
    const rows = this.mode?.view(this.stage.world.clock.wallMs()).torrents ?? []
    return rows
      .filter(({ phase }) => phase === 'kept')
      .map(({ name }) => name)
      .toSorted()
  }

  /** For downloads, in this life and those before. */
  get paid(): bigint {
    return this.mode?.view(this.stage.world.clock.wallMs()).paid ?? 0n
  }

  /** Puts something of the owner's where earn mode would have a torrent; the way to look whether it is there. */
  occupy(content: Content): () => boolean {
    const path = `${contentFolder}/${torrentIdOf(content)}/${ownersFile}`
    this.machine.disk.put(path, Uint8Array.of(1, 2, 3))
    return () => this.machine.disk.lengthOf(path) === 3
  }

  /** Torrents of its own on its disk, whatever their lengths are filled with. */
  ownBytes(): number {
    const own = new RegExp(`^${contentFolder}/[0-9a-f]{40}/(?!${ownersFile})`)
    const paths = this.machine.disk.paths().filter((path) => own.test(path))
    return paths.reduce((sum, path) => sum + this.machine.disk.lengthOf(path), 0)
  }

  private look(mode: EarnMode): void {
    this.stage.after(lookEveryMs, () => {
      if (mode !== this.mode) return
      mode.offer(this.offers)
      // What a program that died was at comes to no end.
      void mode.step(this.stage.world.clock.wallMs()).then((events) => {
        if (mode !== this.mode) return
        this.stage.expect(events.ok, 'earn mode cannot write', this.machine)
        for (const event of events.ok ? events.value : []) {
          this.events.push(event)
          this.stage.world.log(this.machine.address, `${event.type} ${event.row.name}`)
        }
        this.look(mode)
      })
    })
  }
}

/** As a catalogue has it: with its metainfo, or as a link alone. */
export function offerOf(content: Content, isByMagnet: boolean): EarnOffer {
  const { name, totalBytes, isPrivate } = content.info
  const trackers = content.magnet === '' ? [] : [trackerOf(content)]
  const source: AddSource = isByMagnet
    ? { type: 'magnet', link: content.magnet }
    : { type: 'metainfo', bytes: content.metainfo }
  return {
    id: torrentIdOf(content),
    name,
    sizeBytes: isByMagnet ? 0 : totalBytes,
    isPrivate,
    trackers,
    load: (): Promise<Result<AddSource>> => Promise.resolve(success(source)),
  }
}

function trackerOf({ magnet }: Content): string {
  const url = new URLSearchParams(magnet.slice(magnet.indexOf('?'))).get('tr')
  assert(url !== null, 'a link with its tracker')
  return url
}
