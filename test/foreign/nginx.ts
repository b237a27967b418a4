// nginx as a web seed on loopback, a process for each: what tests of web seeds run against.
// Guarantees: it serves one folder and nothing else, on a port that was free; it is ended by its id, and can be started
// again on the same port.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env
// On Debian it is not on the path of ordinary users.
const program = '/usr/sbin/nginx'
const startTimeoutMs = 10_000

/** Skips the test where there is no nginx; in CI that is a failure. */
export function needsNginx(t: TestContext): boolean {
  if (spawnSync(program, ['-v']).status === 0) return true
  assert.ok(!foreignRequired, 'nginx is not installed')
  t.skip('nginx is not installed')
  return false
}

export interface Nginx {
  readonly port: number
  /** `METHOD URI STATUS RANGE` of each request that is over, the connection it came on, and what was sent of the body. */
  requests(): readonly { readonly text: string; readonly connection: string; readonly sentBytes: number }[]
  start(): Promise<void>
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** `serverLines`: further directives of the server. */
export async function startNginx(
  t: TestContext,
  place: { readonly folder: string; readonly root: string },
  serverLines = '',
): Promise<Nginx> {
  const port = await freePort()
  const { folder, root } = place
  const log = join(folder, 'access.log')
  mkdirSync(folder, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')};
    events {}
    http {
      ${temporary}
      log_format plain '$connection $body_bytes_sent $request_method $request_uri $status $http_range';
      access_log ${log} plain;
      server { listen 127.0.0.1:${port}; root "${root}"; ${serverLines} }
    }`,
  )
  let child: ChildProcess | undefined
  const nginx: Nginx = {
    port,
    requests: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const [connection = '', sent, ...text] = line.split(' ')
          return { connection, sentBytes: Number(sent), text: text.join(' ') }
        }),
    async start() {
      const started = spawn(program, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
      child = started
      const deadlineMs = performance.now() + startTimeoutMs
      while (!(await isListening(port))) {
        assert.ok(started.exitCode === null && performance.now() < deadlineMs, 'nginx listens')
        await sleep(20)
      }
    },
    async stop() {
      const ended = child
      child = undefined
      if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return
      const closed = new Promise((resolve) => ended.once('close', resolve))
      ended.kill('SIGKILL')
      await closed
    },
  }
  t.after(() => nginx.stop())
  await nginx.start()
  return nginx
}
