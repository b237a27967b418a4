// A tap on every connection of every session in a world: wraps the streams of each machine and reads what passes.
// Guarantees: the session notices nothing. Owns the tapped connections.
import { fromHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { Stream, StreamSink, Streams } from '../../src/ports/streams.ts'
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import type { World, WorldWatcher } from '../world/world.ts'
import { addObserver, observerLists, pushParts, TappedConnection, type WireObserver } from './tapped-connection.ts'

const none: ReadonlySet<TappedConnection> = new Set()

export class WireTap implements WorldWatcher {
  /** In the order they were made; those that are closed go. */
  readonly connections = new Set<TappedConnection>()
  private readonly byMachine = new Map<Machine, Set<TappedConnection>>()
  private readonly observers = observerLists()
  private isObserved = false
  private readonly contents = new Map<string, Content>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  observe(observer: WireObserver): void {
    addObserver(this.observers, observer)
    this.isObserved = true
  }

  /** Connections about other contents are not read. */
  knows(content: Content): void {
    const { infoHashV1, infoHashV2 } = content.info
    if (infoHashV1 !== undefined) this.contents.set(infoHashV1, content)
    if (infoHashV2 !== undefined) this.contents.set(infoHashV2.slice(0, 40), content)
  }

  /** By any of its info hashes, or by the id of its torrent. */
  contentOf(infoHash: string): Content | undefined {
    return this.contents.get(infoHash.slice(0, 40))
  }

  /** Those of one machine, in the order they were made. */
  connectionsOf(machine: Machine): ReadonlySet<TappedConnection> {
    return this.byMachine.get(machine) ?? none
  }

  onDown(machine: Machine): void {
    for (const connection of this.connectionsOf(machine)) this.close(connection)
  }

  tap(machine: Machine, streams: Streams): Streams {
    if (!this.isObserved) return streams
    return {
      listen: (address, port, accept) =>
        streams.listen(address, port, (stream) => {
          const connection = this.connect(machine, 'accepted', stream)
          const sink = accept(tappedStream(stream, connection))
          if (sink !== undefined) return this.tappedSink(sink, connection)
          this.close(connection)
          return undefined
        }),
      dial: (remote, options, sink) => {
        const connection = this.connect(machine, 'dialled', { remote })
        return tappedStream(streams.dial(remote, options, this.tappedSink(sink, connection)), connection)
      },
    }
  }

  private connect(
    machine: Machine,
    direction: 'dialled' | 'accepted',
    { remote }: Pick<Stream, 'remote'>,
  ): TappedConnection {
    const { life } = machine
    const connection = new TappedConnection(
      { machine, life, direction, remote },
      this.observers,
      (infoHash) => this.contentOf(infoHash),
      () => Array.from(this.contents.keys(), (infoHash) => unwrap(fromHex(infoHash.slice(0, 40)))),
      () => this.world.clock.nowMs(),
    )
    this.connections.add(connection)
    const ofMachine = this.byMachine.get(machine)
    if (ofMachine === undefined) this.byMachine.set(machine, new Set([connection]))
    else ofMachine.add(connection)
    return connection
  }

  private close(connection: TappedConnection): void {
    this.connections.delete(connection)
    this.byMachine.get(connection.machine)?.delete(connection)
    connection.close()
  }

  private tappedSink(sink: StreamSink, connection: TappedConnection): StreamSink {
    return {
      onOpen: () => sink.onOpen(),
      allowedBytes: () => sink.allowedBytes(),
      onData: (bytes) => {
        connection.push('in', bytes)
        sink.onData(bytes)
      },
      onWritten: (totalBytes) => sink.onWritten(totalBytes),
      onEnd: () => sink.onEnd(),
      onClose: (failure) => {
        this.close(connection)
        sink.onClose(failure)
      },
    }
  }
}

function tappedStream(stream: Stream, connection: TappedConnection): Stream {
  connection.queued = () => stream.queuedBytes
  return {
    local: stream.local,
    remote: stream.remote,
    get queuedBytes() {
      return stream.queuedBytes
    },
    write: (header, payload) => {
      pushParts(connection, 'out', header, payload)
      return stream.write(header, payload)
    },
    resume: () => stream.resume(),
    close: () => {
      connection.hangUp()
      stream.close()
    },
    abort: () => {
      connection.hangUp()
      stream.abort()
    },
  }
}
