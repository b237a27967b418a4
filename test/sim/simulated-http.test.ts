// The simulated web keeps the promises of the HTTP port.
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedWeb } from '../../sim/ports/simulated-http.ts'
import { type HttpUnderTest, httpConformance } from '../conformance/http-conformance.ts'
import { passingUntil } from './running-clock.ts'

const server = { family: 4, address: '192.0.2.7' } as const

httpConformance('simulated', async () => {
  const clock = new SimulatedClock(() => setImmediate())
  const web = new SimulatedWeb(clock, 5)
  const http = web.http('10.0.0.1')
  const under: HttpUnderTest = {
    http: {
      fetch: (request, signal) => clock.settle(http.fetch(request, signal)),
      stream: (request, sink, signal) => clock.settle(http.stream(request, sink, signal)),
      openLine: () => {
        const line = http.openLine()
        return {
          stream: (request, sink, signal) => clock.settle(line.stream(request, sink, signal)),
          close: () => line.close(),
        }
      },
    },
    origin: 'http://tracker.test:8080',
    addresses: [server],
    deadAddress: { family: 4, address: '192.0.2.9' },
    answer: () => ({}),
    until: passingUntil(clock),
    settle: () => clock.run(100),
    close: async () => undefined,
  }
  web.serve(server.address, 8080, ({ method, headers, body = new Uint8Array(0) }, url) => {
    const answer = under.answer({ method, target: `${url.pathname}${url.search}`, headers, body })
    return { status: answer.status ?? 200, headers: answer.headers ?? {}, body: answer.body ?? new Uint8Array(0) }
  })
  return under
})
