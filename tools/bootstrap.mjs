// Starts a TypeScript program of this checkout on a machine that has only git and Node >= 20.
// Guarantees: dependencies match the lock file before the program runs, two first runs at once do not
// collide, signals reach the program and its exit code comes back. Plain JavaScript: it runs before the install.
// Usage: node tools/bootstrap.mjs PROGRAM.ts [ARGUMENT ...]
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampPath = join(root, 'node_modules', '.swarmbid-stamp')
const lockPath = join(root, '.bootstrap-lock')
const requiredMajor = 24
const lockPollMs = 200
const lockWithoutOwnerMs = 10_000

function say(text) {
  process.stderr.write(`swarmbid: ${text}\n`)
}

function stop(text) {
  say(text)
  process.exit(70)
}

/** What node_modules must have been installed from; an edit to either file means installing again. */
function wantedStamp() {
  const hash = createHash('sha256')
  for (const name of ['package.json', 'package-lock.json']) hash.update(readFileSync(join(root, name)))
  return `${hash.digest('hex')} ${process.platform} ${process.arch}\n`
}

function isInstalled(stamp) {
  try {
    return readFileSync(stampPath, 'utf8') === stamp
  } catch {
    return false
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** A lock is stale when the process that took it is gone, or it has no owner long after it was taken. */
function isStaleLock() {
  try {
    return !isAlive(Number(readFileSync(join(lockPath, 'pid'), 'utf8')))
  } catch {
    try {
      return Date.now() - statSync(lockPath).mtimeMs > lockWithoutOwnerMs
    } catch {
      return false
    }
  }
}

/** Holds the install lock while `work` runs; returns without running it once `isDone` says another did it. */
function withLock(isDone, work) {
  let isWaiting = false
  for (;;) {
    if (isDone()) return
    try {
      mkdirSync(lockPath)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') stop(`cannot write to ${root}: ${error.message}`)
    }
    if (isStaleLock()) {
      rmSync(lockPath, { recursive: true, force: true })
      continue
    }
    if (!isWaiting) say('another first run is installing the dependencies; waiting for it')
    isWaiting = true
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPollMs)
  }
  const release = () => rmSync(lockPath, { recursive: true, force: true })
  process.once('exit', release)
  writeFileSync(join(lockPath, 'pid'), String(process.pid))
  if (!isDone()) work()
  release()
  process.off('exit', release)
}

function npmCommand() {
  const besideNode = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')
  const cli = process.env.npm_execpath ?? besideNode
  if (/\.c?js$/.test(cli) && existsSync(cli)) return [process.execPath, [cli]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []]
}

function install(stamp) {
  say('first run: installing dependencies (some seconds)')
  const [command, before] = npmCommand()
  const options = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  const result = spawnSync(command, [...before, ...options], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: command === 'npm.cmd',
    env: { ...process.env, NODE_ENV: 'development' },
  })
  if (result.signal) process.kill(process.pid, result.signal)
  if (result.error) stop(`cannot run npm: ${result.error.message}`)
  if (result.status !== 0) stop('installing the dependencies failed; see the lines above')
  writeFileSync(stampPath, stamp)
}

function isCurrent(version) {
  return Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0) >= requiredMajor
}

/** The Node to run on: this one, the one npm installed, or any on the path; each proven by running it. */
function findNode() {
  if (isCurrent(process.version)) return process.execPath
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const installed = join(root, 'node_modules', `node-${platform}-${process.arch}`, 'bin', name)
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name))
  for (const candidate of [installed, ...onPath]) {
    if (!existsSync(candidate)) continue
    const result = spawnSync(candidate, ['--version'], { encoding: 'utf8' })
    if (result.status === 0 && isCurrent(result.stdout)) return candidate
  }
  return stop(
    `needs Node ${requiredMajor} or newer; this is ${process.version} and npm brought none for ${process.platform}-${process.arch}`,
  )
}

async function run(program, programArguments) {
  const node = findNode()
  const path = join(root, program)
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'compile')
  if (node === process.execPath) {
    process.argv = [node, path, ...programArguments]
    await import(pathToFileURL(path).href)
    return
  }
  process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`
  const child = spawn(node, [path, ...programArguments], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    if (signal in constants.signals) process.on(signal, () => child.kill(signal))
  }
  child.once('error', (error) => stop(`cannot start ${node}: ${error.message}`))
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 70)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

const [program, ...programArguments] = process.argv.slice(2)
if (program === undefined) stop('usage: node tools/bootstrap.mjs PROGRAM.ts [ARGUMENT ...]')
const stamp = wantedStamp()
if (!isInstalled(stamp))
  withLock(
    () => isInstalled(stamp),
    () => install(stamp),
  )
await run(program, programArguments)
