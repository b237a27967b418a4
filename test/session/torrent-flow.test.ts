// What a torrent's line carries, as it was measured: bursts, pauses, limits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TorrentFlow } from '../../src/session/torrent-flow.ts'

const unlimited = Number.POSITIVE_INFINITY
const lineBytes = 800_000

function flowWith(uploadBytesPerSecond: number): TorrentFlow {
  const rates = { uploadBytesPerSecond, downloadBytesPerSecond: unlimited }
  const room = { config: { useAlternativeRates: false, rates } }
  return new TorrentFlow(room as never, { limits: { ...rates, uploadBytesPerSecond: unlimited } } as never)
}

/** Once a second, what went to systems in it. */
function measure(flow: TorrentFlow, uploads: readonly number[]): number[] {
  let uploadedBytes = 0
  return [0, ...uploads].map((bytes, second) => {
    uploadedBytes += bytes
    flow.measure({ uploadedBytes } as never, second * 1_000)
    return flow.upload
  })
}

test('what systems take into their buffers at once makes a line a fourth larger at most', () => {
  const measured = measure(flowWith(unlimited), [2 * lineBytes, ...Array.from({ length: 20 }, () => lineBytes)])
  assert.ok(Math.max(...measured) <= 1.25 * lineBytes, String(measured))
  assert.ok((measured[5] ?? 0) >= lineBytes, String(measured))
})

test('a pause of ten seconds makes a line a tenth smaller at most', () => {
  const measured = measure(flowWith(unlimited), [
    ...Array.from({ length: 10 }, () => lineBytes),
    ...Array.from({ length: 10 }, () => 0),
  ])
  assert.ok((measured.at(-1) ?? 0) >= 0.9 * lineBytes, String(measured))
})

test('a swarm that is opened anew counts from the beginning', () => {
  const flow = flowWith(unlimited)
  for (let second = 0; second <= 10; second++)
    flow.measure({ uploadedBytes: second * lineBytes } as never, second * 1_000)
  const before = flow.upload
  flow.measure(undefined, 11_000)
  flow.measure({ uploadedBytes: lineBytes } as never, 12_000)
  assert.ok(flow.upload > 0.97 * before && flow.upload <= before, `${flow.upload} of ${before}`)
})

test('a limit is what the line carries', () => {
  const flow = flowWith(300_000)
  measure(flow, [lineBytes, lineBytes])
  assert.equal(flow.upload, 300_000)
})
