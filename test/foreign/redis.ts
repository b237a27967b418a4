// A Redis server of a test's own: on loopback, without anything on the disk.
// Guarantees: it answers once it is started; ended by its id. It may be started again on the same port.
import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { versionOf } from './foreign-program.ts'

export const redis = {
  name: 'redis-server',
  origin: 'the Debian package redis-server',
  version: () => versionOf('redis-server', ['--version'], /v=(\S+)/),
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', () => socket.destroy(undefined))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(socket.bytesRead > 0))
  })
}

export interface RunningRedis {
  readonly url: string
  stop(): Promise<void>
}

export async function startRedis(port: number): Promise<RunningRedis> {
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no']
  const child: ChildProcess = spawn('redis-server', options, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('close', () => resolve())
    child.once('error', reject)
  })
  for (let attempt = 0; !(await answers(port)); attempt++) {
    if (attempt === 200 || child.exitCode !== null) throw new Error('redis-server does not answer')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
