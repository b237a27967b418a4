// TCP on real sockets over loopback, in the fast way and in the documented one.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { unwrap } from '../../src/base/errors.ts'
import { documentedAccess, provenAccess } from '../../src/host/accepted-socket.ts'
import { type TcpStreamsOptions, tcpStreams } from '../../src/host/tcp-streams.ts'
import { acceptInto, StreamLog } from '../conformance/stream-log.ts'
import { streamsConformance } from '../conformance/streams-conformance.ts'
import { settle, until } from './event-loop.ts'
import { fillerBytes } from './temporary-folder.ts'

const foreignAddress = '192.0.2.1'

streamsConformance('sockets', async () => ({
  streams: tcpStreams(),
  address: '127.0.0.1',
  foreignAddress,
  until,
  settle,
}))
streamsConformance('sockets, the documented way', async () => {
  return { streams: tcpStreams({ isDocumentedOnly: true }), address: '127.0.0.1', foreignAddress, until, settle }
})
streamsConformance('sockets over IPv6', async () => ({
  streams: tcpStreams(),
  address: '::1',
  foreignAddress: '2001:db8::1',
  until,
  settle,
}))

test('the undocumented way is proven on this runtime', async () => {
  assert.notEqual(await provenAccess(), documentedAccess)
})

test('IPv4 and IPv6 share a port, and each end is of its own family', async () => {
  const streams = tcpStreams()
  const accepted: StreamLog[] = []
  const four = unwrap(await streams.listen('0.0.0.0', 0, acceptInto(accepted)))
  const six = unwrap(await streams.listen('::', four.endpoint.port, acceptInto(accepted)))
  const logs = (['127.0.0.1', '::1'] as const).map((address) => {
    const log = new StreamLog()
    const family = address === '::1' ? 6 : 4
    log.stream = streams.dial({ family, address, port: four.endpoint.port }, { timeoutMs: 5_000 }, log)
    return log
  })
  await until(() => accepted.length === 2)
  assert.deepEqual(accepted.map((log) => `${log.stream.remote.family} ${log.stream.remote.address}`).sort(), [
    '4 127.0.0.1',
    '6 ::1',
  ])
  for (const log of [...logs, ...accepted]) log.stream.abort()
  await until(() => [...logs, ...accepted].every((log) => log.closes === 1))
  await Promise.all([four.close(), six.close()])
})

test('a dial leaves through the local address named', async () => {
  const streams = tcpStreams()
  const accepted: StreamLog[] = []
  const listening = unwrap(await streams.listen('127.0.0.1', 0, acceptInto(accepted)))
  const dial = (localAddress: string) => {
    const log = new StreamLog()
    log.stream = log.during(() => streams.dial(listening.endpoint, { localAddress, timeoutMs: 5_000 }, log))
    return log
  }
  const refused = ['192.0.2.1', '::1', 'nonsense'].map(dial)
  const log = dial('127.0.0.2')
  await until(() => accepted.length === 1 && log.opens === 1 && refused.every((one) => one.closes === 1))
  assert.equal(accepted[0]?.stream.remote.address, '127.0.0.2')
  assert.equal(log.stream.local?.address, '127.0.0.2')
  for (const one of refused) assert.equal(one.failure?.code, 'connection-failed')
  log.stream.abort()
  await until(() => log.closes === 1 && accepted[0]?.closes === 1)
  await listening.close()
})

function startListener(options: string): ChildProcess {
  const script = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', ${options} },
    function () { console.log(this.address().port) })`
  return spawn(process.execPath, ['-e', script])
}

async function portOf(child: ChildProcess): Promise<number> {
  let text = ''
  child.stdout?.on('data', (part) => {
    text += part
  })
  await until(() => text.includes('\n'))
  return Number(text)
}

/** A peer that is none of ours: a bare socket, and what it does not read stays unread. */
async function foreignPeer(options: TcpStreamsOptions = {}) {
  const accepted: StreamLog[] = []
  const listening = unwrap(await tcpStreams(options).listen('127.0.0.1', 0, acceptInto(accepted)))
  const socket = connect({ host: '127.0.0.1', port: listening.endpoint.port, allowHalfOpen: true })
  socket.on('error', () => undefined)
  await until(() => accepted.length === 1)
  return { socket, log: accepted[0] as StreamLog, listening }
}

test('after the end of the other side we may still write', async () => {
  for (const isDocumentedOnly of [false, true]) {
    const { socket, log, listening } = await foreignPeer({ isDocumentedOnly })
    let receivedBytes = 0
    let hasEnded = false
    socket.on('data', (bytes) => {
      receivedBytes += bytes.length
    })
    socket.on('end', () => {
      hasEnded = true
    })
    socket.end('hello')
    await until(() => log.ends === 1)
    assert.equal(log.receivedBytes, 5)
    log.write(new Uint8Array(10), new Uint8Array(2_000_000))
    await until(() => receivedBytes === 2_000_010)
    assert.equal(log.closes, 0)
    log.during(() => log.stream.close())
    await until(() => hasEnded && log.closes === 1)
    assert.equal(log.failure, undefined)
    await listening.close()
  }
})

test('what still arrives after close is dropped, and the queue is sent nevertheless', async () => {
  const { socket, log, listening } = await foreignPeer({ lingerMs: 60_000 })
  let receivedBytes = 0
  log.allowed = 0
  socket.write(new Uint8Array(500_000))
  await settle()
  log.write(new Uint8Array(10), new Uint8Array(4_000_000))
  log.during(() => log.stream.close())
  socket.write(new Uint8Array(500_000))
  socket.on('data', (bytes) => {
    receivedBytes += bytes.length
  })
  socket.on('end', () => socket.end())
  await until(() => log.closes === 1)
  assert.equal(receivedBytes, 4_000_010)
  assert.ok(log.receivedBytes <= 65_536)
  await listening.close()
})

test('an other side that never ends, or never takes what is queued, is left in the end', async () => {
  for (const queuedBytes of [0, 30_000_000]) {
    const { socket, log, listening } = await foreignPeer({ lingerMs: 10 })
    socket.pause()
    log.write(new Uint8Array(0), new Uint8Array(queuedBytes))
    log.during(() => log.stream.close())
    await until(() => log.closes === 1)
    assert.equal(log.failure, undefined)
    assert.equal(log.stream.queuedBytes > 0, queuedBytes > 0)
    socket.destroy()
    await listening.close()
  }
})

test('abort after close drops what the other side does not take', async () => {
  const { socket, log, listening } = await foreignPeer()
  socket.pause()
  log.write(new Uint8Array(10), new Uint8Array(30_000_000))
  log.during(() => log.stream.close())
  await settle()
  log.during(() => log.stream.abort())
  await until(() => log.closes === 1)
  assert.equal(log.failure, undefined)
  socket.destroy()
  await listening.close()
})

test('a connection reset by the other side is a failure', async () => {
  const { socket, log, listening } = await foreignPeer()
  socket.resetAndDestroy()
  await until(() => log.closes === 1)
  assert.equal(log.failure?.code, 'connection-failed')
  await listening.close()
})

test('reads of accepted and dialled connections are no larger than allowed', async () => {
  const { socket, log, listening } = await foreignPeer()
  log.allowed = 5_000
  socket.write(fillerBytes(300_000, 1))
  await until(() => log.receivedBytes === 300_000)
  assert.ok(log.longestRead <= 5_000)
  assert.deepEqual(log.received, fillerBytes(300_000, 1))
  log.stream.abort()
  await until(() => log.closes === 1)
  await listening.close()

  const sockets: Socket[] = []
  const server = createServer((accepted) => {
    sockets.push(accepted)
    accepted.on('error', () => undefined)
    accepted.write(fillerBytes(300_000, 2))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const near = new StreamLog()
  near.allowed = 5_000
  near.stream = tcpStreams().dial({ family: 4, address: '127.0.0.1', port }, { timeoutMs: 5_000 }, near)
  await until(() => near.receivedBytes === 300_000)
  assert.ok(near.longestRead <= 5_000)
  near.stream.abort()
  await until(() => near.closes === 1)
  for (const one of sockets) one.destroy()
  server.close()
})

test('a dial nobody answers times out', async (t) => {
  if (process.platform === 'win32') return t.skip('needs POSIX signals')
  const child = startListener('backlog: 1')
  t.after(() => child.kill('SIGKILL'))
  const port = await portOf(child)
  // Stopped, it accepts no more, and the system drops what does not fit into the backlog.
  child.kill('SIGSTOP')
  const streams = tcpStreams()
  const logs = Array.from({ length: 8 }, () => {
    const log = new StreamLog()
    log.stream = streams.dial({ family: 4, address: '127.0.0.1', port }, { timeoutMs: 200 }, log)
    return log
  })
  await until(() => logs.every((log) => log.opens + log.closes > 0))
  const failed = logs.filter((log) => log.closes === 1)
  assert.ok(failed.length > 0)
  for (const log of failed) assert.equal(log.failure?.code, 'timed-out')
  for (const log of logs) log.stream.abort()
  await until(() => logs.every((log) => log.closes === 1))
})

test('without descriptors left connections are refused, and later accepted again', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs ulimit as on Linux')
  const script = fileURLToPath(new URL('starved-listener.ts', import.meta.url))
  const child = spawn('/bin/sh', ['-c', `ulimit -n 64; exec "$0" "$1"`, process.execPath, script])
  t.after(() => child.kill('SIGKILL'))
  const port = await portOf(child)
  const streams = tcpStreams()
  const dial = () => {
    const log = new StreamLog()
    log.stream = streams.dial({ family: 4, address: '127.0.0.1', port }, { timeoutMs: 5_000 }, log)
    log.write(new Uint8Array([1]))
    return log
  }
  const crowd = Array.from({ length: 100 }, dial)
  // 2: a dial of the child's own failed for want of a descriptor, and so do its accepts from then on.
  await until(() => crowd.some((log) => log.received[0] === 2))
  await settle()
  assert.ok(crowd.some((log) => log.receivedBytes === 0))
  for (const log of crowd) log.stream.abort()
  let isServed = false
  await until(() => {
    if (isServed) return true
    const log = dial()
    log.onBytes = () => {
      isServed = true
      log.stream.abort()
    }
    return false
  })
  assert.equal(child.exitCode, null)
})
