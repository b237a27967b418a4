// A program for a test: answers each byte on its connections, in a process that may open few files. The answer is 1,
// or 2 once a dial of its own has failed for want of a descriptor, as it does for whoever comes when all are taken.
import { tcpStreams } from '../../src/host/tcp-streams.ts'
import type { Stream, StreamSink } from '../../src/ports/streams.ts'
import { quietSink } from '../quiet-sink.ts'

const streams = tcpStreams()
let hasFailed = false

function accept(stream: Stream): StreamSink {
  return quietSink({
    allowedBytes: () => 100,
    onData() {
      const probe = streams.dial(
        { family: 4, address: '127.0.0.1', port: listening.endpoint.port },
        { timeoutMs: 1_000 },
        quietSink({
          onOpen: () => answer(1),
          onClose(failure) {
            if (failure?.code !== 'connection-failed') return
            hasFailed = true
            answer(2)
          },
        }),
      )
      const answer = (byte: number) => {
        stream.write(new Uint8Array([hasFailed ? 2 : byte]))
        probe.abort()
      }
    },
    onEnd: () => stream.close(),
  })
}

const result = await streams.listen('127.0.0.1', 0, accept)
if (!result.ok) throw new Error(result.detail)
const listening = result.value
console.log(listening.endpoint.port)
