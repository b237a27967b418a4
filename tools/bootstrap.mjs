// Starts a TypeScript program of this checkout on a machine that has only git and Node >= 20.
// Guarantees: dependencies match the lock file before the program runs, first runs at the same time do not
// collide, signals reach the program and its exit code comes back. Plain JavaScript: it runs before the install.
// Usage: node tools/bootstrap.mjs PROGRAM.ts [ARGUMENT ...]
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import Module from 'node:module'
import { constants, hostname } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampPath = join(root, 'node_modules', '.swarmbid-stamp')
const lockPath = join(root, '.bootstrap-lock')
const dependencySources = ['package.json', 'package-lock.json']
const nativeSources = ['native/bulk-hash.c', 'tools/build-native.mjs']
const ownerPath = join(lockPath, 'owner')
const takeoverPath = join(lockPath, 'takeover')
const owner = `${process.pid} ${hostname()}`
const requiredMajor = 24
const lockPollMs = 100
const heartbeatMs = 1000
/** A lock not refreshed for this long is stale, whoever holds its process id by now. */
const staleAfterMs = 60_000
/** A lock without an owner was taken by a process that died at once. */
const ownerlessAfterMs = 5000
const exitSoftware = 70
const forwardedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'].filter(
  (name) => name in constants.signals,
)

function say(text) {
  process.stderr.write(`swarmbid: ${text}\n`)
}

function stop(text) {
  say(text)
  process.exit(exitSoftware)
}

/** Ends this process the way a child of it was ended, so that whoever waits for it sees the same. */
function endBySignal(signal) {
  process.removeAllListeners(signal)
  process.exitCode = 128 + (constants.signals[signal] ?? 0)
  process.kill(process.pid, signal)
}

function hashOf(names) {
  const hash = createHash('sha256')
  for (const name of names) if (existsSync(join(root, name))) hash.update(readFileSync(join(root, name)))
  return hash.digest('hex')
}

/** What the installed state is made from, a line for the dependencies and one for native code. */
function wantedStamp() {
  const missing = dependencySources.find((name) => !existsSync(join(root, name)))
  if (missing !== undefined) stop(`this is not a whole checkout: there is no ${missing}`)
  return `${hashOf(dependencySources)} ${process.platform} ${process.arch}\n${hashOf(nativeSources)}\n`
}

function foundStamp() {
  try {
    return readFileSync(stampPath, 'utf8')
  } catch {
    return ''
  }
}

function isInstalled(stamp) {
  return foundStamp() === stamp
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The lock as it stands, or undefined. Its age counts from its owner's last sign of life. */
function readLock() {
  try {
    const { ino, mtimeMs } = statSync(lockPath)
    if (!existsSync(ownerPath)) return { ino, owner: undefined, ageMs: Date.now() - mtimeMs }
    return { ino, owner: readFileSync(ownerPath, 'utf8'), ageMs: Date.now() - statSync(ownerPath).mtimeMs }
  } catch {
    return undefined
  }
}

/** A process id means something only on its own machine; containers may share a checkout and reuse small numbers. */
function isStale(lock) {
  if (lock.owner === undefined) return lock.ageMs > ownerlessAfterMs
  const [pid, host] = lock.owner.split(' ')
  if (lock.ageMs > staleAfterMs) return true
  return host === hostname() && (Number(pid) === process.pid || !isAlive(Number(pid)))
}

/** Of several that find a lock stale one removes it: looked at again under a mark, lest it be a fresh one by now. */
function removeStaleLock(stale) {
  try {
    mkdirSync(takeoverPath)
  } catch {
    const mark = statSync(takeoverPath, { throwIfNoEntry: false })
    if (mark !== undefined && Date.now() - mark.mtimeMs > ownerlessAfterMs)
      rmSync(takeoverPath, { recursive: true, force: true })
    return
  }
  const lock = readLock()
  const isSame = lock?.ino === stale.ino && lock.owner === stale.owner
  rmSync(isSame ? lockPath : takeoverPath, { recursive: true, force: true })
}

/** True once the lock is held; false if somebody else finished the work meanwhile. */
async function takeLock(isDone) {
  for (let isFirst = true; ; isFirst = false) {
    if (isDone()) return false
    try {
      mkdirSync(lockPath)
      writeFileSync(ownerPath, owner)
      return true
    } catch (error) {
      if (error.code !== 'EEXIST') stop(`cannot write to ${root}: ${error.message}`)
    }
    const lock = readLock()
    if (lock !== undefined && isStale(lock)) removeStaleLock(lock)
    else if (isFirst) say(`another first run is installing the dependencies; waiting for it (${lockPath})`)
    await sleep(lockPollMs)
  }
}

function releaseLock() {
  try {
    if (readFileSync(ownerPath, 'utf8') === owner) rmSync(lockPath, { recursive: true, force: true })
  } catch {
    // Somebody removed it already; there is nothing left to release.
  }
}

/** Holds the install lock while `work` runs; returns without running it once `isDone` says another did it. */
async function withLock(isDone, work) {
  if (!(await takeLock(isDone))) return
  process.once('exit', releaseLock)
  const heartbeat = setInterval(() => {
    try {
      utimesSync(ownerPath, new Date(), new Date())
    } catch {
      // Whoever removed the lock takes it for stale; the install still ends with a whole node_modules.
    }
  }, heartbeatMs)
  try {
    if (!isDone()) await work()
  } finally {
    clearInterval(heartbeat)
    releaseLock()
    process.off('exit', releaseLock)
  }
}

function npmCommand() {
  const nodeFolder = dirname(process.execPath)
  const candidates = [
    process.env.npm_execpath,
    join(nodeFolder, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(nodeFolder, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ]
  // Started by another package manager, npm_execpath is that one's and knows no `ci`.
  const cli = candidates.find((path) => path !== undefined && /npm-cli\.c?js$/.test(path) && existsSync(path))
  if (cli !== undefined) return [process.execPath, [cli]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []]
}

/** Runs a child to its end, passing on what signals come. `received` is the last one this process was sent. */
function runChild(command, commandArguments, options) {
  const child = spawn(command, commandArguments, options)
  let received = null
  const listeners = forwardedSignals.map((name) => [
    name,
    () => {
      received = name
      child.kill(name)
    },
  ])
  for (const [name, listener] of listeners) process.on(name, listener)
  return new Promise((resolve) => {
    const end = (outcome) => {
      for (const [name, listener] of listeners) process.off(name, listener)
      resolve({ code: null, signal: null, error: undefined, received, ...outcome })
    }
    child.once('error', (error) => end({ error }))
    child.once('exit', (code, signal) => end({ code, signal }))
  })
}

/** Runs one step of the install; a signal that came meanwhile ends this process too. */
async function runStep(command, commandArguments, options) {
  const { code, signal, error, received } = await runChild(command, commandArguments, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    ...options,
  })
  if (received !== null) {
    releaseLock()
    endBySignal(received)
    // Still here only if the signal is ignored; the dependencies are missing all the same.
    process.exit()
  }
  if (error !== undefined) stop(`cannot run ${command}: ${error.message}`)
  if (signal !== null) stop(`installing the dependencies was ended by ${signal}`)
  if (code !== 0) stop('installing the dependencies failed; see the lines above')
}

async function installDependencies() {
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
  await runStep(command, [...before, ...options], {
    shell: command === 'npm.cmd',
    env: { ...process.env, NODE_ENV: 'development' },
  })
}

async function install(stamp) {
  const hasDependencies = foundStamp().split('\n')[0] === stamp.split('\n')[0]
  rmSync(stampPath, { force: true })
  if (!hasDependencies) await installDependencies()
  const nativeBuild = join(root, 'tools', 'build-native.mjs')
  if (existsSync(nativeBuild)) await runStep(process.execPath, [nativeBuild], {})
  try {
    mkdirSync(dirname(stampPath), { recursive: true })
    writeFileSync(stampPath, stamp)
  } catch (cause) {
    stop(`cannot write to ${root}: ${cause.message}`)
  }
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

/** npm runs scripts in the checkout; a person's file names are relative to where the person is. */
function enterCallersFolder() {
  const { INIT_CWD: folder, npm_lifecycle_event: script } = process.env
  if (folder !== undefined && (script === 'cli' || script === 'start') && existsSync(folder)) process.chdir(folder)
}

async function run(program, programArguments) {
  const node = findNode()
  const path = join(root, program)
  enterCallersFolder()
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'compile')
  if (node === process.execPath) {
    Module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE)
    process.argv = [node, path, ...programArguments]
    // Unlike import(), this makes the program the main module: import.meta.main is true in it.
    Module.runMain(path)
    return
  }
  process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`
  const { code, signal, error } = await runChild(node, [path, ...programArguments], { stdio: 'inherit' })
  if (error !== undefined) stop(`cannot start ${node}: ${error.message}`)
  if (signal !== null) endBySignal(signal)
  else process.exit(code)
}

const [program, ...programArguments] = process.argv.slice(2)
if (program === undefined) stop('usage: node tools/bootstrap.mjs PROGRAM.ts [ARGUMENT ...]')
const stamp = wantedStamp()
if (!isInstalled(stamp)) {
  await withLock(
    () => isInstalled(stamp),
    () => install(stamp),
  )
}
await run(program, programArguments)
