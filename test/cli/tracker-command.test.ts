// The tracker command from start to interruption, in this process.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newStyle, type Output } from '../../src/cli/output.ts'
import { runTracker, type TrackerOptions } from '../../src/cli/tracker-command.ts'

function started(options: TrackerOptions) {
  const controller = new AbortController()
  const said: unknown[] = []
  let onSaid: () => void = () => undefined
  const say = (what: unknown) => {
    said.push(what)
    onSaid()
  }
  const style = newStyle(false)
  const output: Output = {
    style,
    noteStyle: style,
    line: say,
    json: say,
    note: () => assert.fail('nothing to note'),
    failure: () => assert.fail('no failure'),
    status: () => false,
    block: () => false,
    screen: () => undefined,
    endStatus: () => undefined,
    isRead: () => true,
  }
  const ended = runTracker(options, { output, signal: controller.signal, takeHangUp: () => undefined })
  const first = new Promise<unknown>((resolve) => {
    onSaid = () => resolve(said[0])
  })
  return { ended, first, said, interrupt: () => controller.abort() }
}

describe('swarmbid tracker', () => {
  test('says where it listens in JSON, and ends well when it is interrupted', async () => {
    const { ended, first, interrupt } = started({ port: 0, bind: ['127.0.0.1'], interval: 60, json: true })
    const { type, port, urls } = (await first) as { type: string; port: number; urls: string[] }
    assert.equal(type, 'listening')
    assert.deepEqual(urls, [`http://127.0.0.1:${port}/announce`, `udp://127.0.0.1:${port}/announce`])
    interrupt()
    assert.equal(await ended, 0)
  })

  test('says it in words otherwise, a line for each URL', async () => {
    const { ended, first, said, interrupt } = started({ port: 0, bind: ['127.0.0.1'] })
    assert.match(String(await first), /^listening http:\/\/127\.0\.0\.1:[0-9]+\/announce$/)
    assert.equal(said.length, 2)
    interrupt()
    await ended
  })

  test('fails with the code of what is in the way', async () => {
    const { ended } = started({ port: 0, bind: ['not an address'] })
    await assert.rejects(ended, { code: 'address-unavailable' })
  })
})
