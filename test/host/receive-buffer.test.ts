// The receive buffer of a thread.
import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { receiveView } from '../../src/host/receive-buffer.ts'

test('all reads of a thread go into one buffer, as much of it as may be read', () => {
  const { buffer } = receiveView(1)
  for (const allowedBytes of [1, 1_000, 65_536, 100_000, 10_000_000, Number.POSITIVE_INFINITY]) {
    const view = receiveView(allowedBytes)
    equal(view.buffer, buffer)
    equal(receiveView(allowedBytes), view)
    ok(view.length <= allowedBytes && 2 * view.length > Math.min(allowedBytes, 262_144), `${view.length}`)
  }
})
