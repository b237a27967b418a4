// A connection's sink that reads what comes and does nothing, for tests to change where they want something of it.
// Keeps no state.
import type { StreamSink } from '../src/ports/streams.ts'

export function quietSink(changes: Partial<StreamSink> = {}): StreamSink {
  return {
    onOpen: () => undefined,
    allowedBytes: () => 65_536,
    onData: () => undefined,
    onWritten: () => undefined,
    onEnd: () => undefined,
    onClose: () => undefined,
    ...changes,
  }
}
