// The bootstrap, run as a person runs it in a tiny checkout of its own: installs once and only when needed, alone,
// and then is as if it were the program: same exit code, same signals. Started by this Node and by an older one.
import { equal, match, notEqual, ok } from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const exitSoftware = 70
const bootstrap = join(import.meta.dirname, '../../tools/bootstrap.mjs')

/** Says what it got, then does what its first argument says. */
const programText = `
const [command, argument]: string[] = process.argv.slice(2)
if (command === 'exit') process.exitCode = Number(argument)
if (command === 'show') console.log(JSON.stringify({ isMain: import.meta.main, cwd: process.cwd(), version: process.version, arguments: process.argv.slice(2) }))
if (command === 'wait') {
  process.on('SIGINT', () => process.exit(33))
  setTimeout(() => process.exit(1), 20_000)
  console.log('ready')
}
`

/** Stands in for npm, so that a test decides how long an install takes and how it ends. */
const npmText = `
const { appendFileSync, existsSync, mkdirSync } = require('node:fs')
const log = (text) => appendFileSync('installs.log', text + '\\n')
log('start ' + process.pid + ' ' + existsSync('node_modules/.swarmbid-stamp') + ' ' + process.argv.slice(2).join(' '))
setTimeout(() => {
  mkdirSync('node_modules', { recursive: true })
  log('end ' + process.pid)
  process.exit(Number(process.env.FAKE_NPM_EXIT ?? 0))
}, Number(process.env.FAKE_NPM_MS ?? 0))
`

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Settles once the output has the text. */
  says(text: string): Promise<void>
}

class Checkout {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'swarmbid-bootstrap-')))
  readonly stampPath = join(this.root, 'node_modules', '.swarmbid-stamp')
  readonly lockPath = join(this.root, '.bootstrap-lock')
  private readonly running: ChildProcess[] = []

  constructor(t: TestContext) {
    mkdirSync(join(this.root, 'tools'))
    copyFileSync(bootstrap, join(this.root, 'tools', 'bootstrap.mjs'))
    writeFileSync(join(this.root, 'program.ts'), programText)
    writeFileSync(join(this.root, 'npm-cli.cjs'), npmText)
    writeFileSync(join(this.root, 'package.json'), '{ "name": "tiny", "version": "1.0.0", "type": "module" }')
    this.writePackageLock('1.0.0')
    t.after(() => {
      for (const child of this.running) child.kill('SIGKILL')
      rmSync(this.root, { recursive: true, force: true })
    })
  }

  writePackageLock(version: string): void {
    const lock = {
      name: 'tiny',
      version,
      lockfileVersion: 3,
      requires: true,
      packages: { '': { name: 'tiny', version } },
    }
    writeFileSync(join(this.root, 'package-lock.json'), JSON.stringify(lock))
  }

  /** A lock as another run would have left it. */
  writeLock(owner: string | undefined, ageMs: number): void {
    mkdirSync(this.lockPath)
    const then = new Date(Date.now() - ageMs)
    if (owner !== undefined) {
      writeFileSync(join(this.lockPath, 'owner'), owner)
      utimesSync(join(this.lockPath, 'owner'), then, then)
    }
    utimesSync(this.lockPath, then, then)
  }

  start(
    programArguments: readonly string[],
    env: Readonly<Record<string, string>> = {},
    node = process.execPath,
  ): Running {
    const child = spawn(node, ['tools/bootstrap.mjs', 'program.ts', ...programArguments], {
      cwd: this.root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...baseEnv, npm_execpath: join(this.root, 'npm-cli.cjs'), ...env },
    })
    this.running.push(child)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    })
    const says = async (text: string) => {
      while (!(stdout + stderr).includes(text)) {
        equal(child.exitCode ?? child.signalCode, null, `ended before it said ${text}: ${stdout}${stderr}`)
        await sleep(5)
      }
    }
    return { child, ended, says }
  }

  run(programArguments: readonly string[], env: Readonly<Record<string, string>> = {}, node?: string): Promise<Ended> {
    return this.start(programArguments, env, node).ended
  }

  /** What the stand-in for npm noted. */
  installs(): { readonly starts: string[][]; readonly ends: number } {
    const path = join(this.root, 'installs.log')
    const lines = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []
    const words = lines.map((line) => line.split(' '))
    return {
      starts: words.filter(([word]) => word === 'start'),
      ends: words.filter(([word]) => word === 'end').length,
    }
  }
}

const { PATH: searchPath = '' } = process.env

/** Nothing of the npm or test runner that runs this test; a current Node first on the path, as after an install. */
const baseEnv = {
  PATH: `${dirname(process.execPath)}${delimiter}${searchPath}`,
  HOME: tmpdir(),
}

function findOldNode(): string | undefined {
  const folders = [...searchPath.split(delimiter), '/usr/bin', '/usr/local/bin']
  for (const path of new Set(folders.map((folder) => join(folder, 'node')))) {
    const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
    const major = Number(/^v(\d+)\./.exec(stdout ?? '')?.[1] ?? 0)
    if (status === 0 && major >= 20 && major < 24) return path
  }
  return undefined
}

const oldNode = findOldNode()
const missingOldNode = 'needs a Node between 20 and 23 on this machine'
const nodes = [
  { name: 'this Node', path: process.execPath },
  { name: 'an older Node', path: oldNode },
]

function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

for (const { name, path } of nodes) {
  test(`started by ${name}: installs once, then never again, and exit codes pass through`, async (t) => {
    if (path === undefined) return t.skip(missingOldNode)
    const checkout = new Checkout(t)
    const first = await checkout.run(['exit', '0'], {}, path)
    equal(first.code, 0, first.stderr)
    match(first.stderr, /first run: installing dependencies/)
    ok(existsSync(checkout.stampPath))
    for (const code of [0, 1, 7]) {
      const { code: got, stderr } = await checkout.run(['exit', String(code)], {}, path)
      equal(got, code)
      equal(stderr, '')
    }
    equal(checkout.installs().starts.length, 1)
    ok(!existsSync(checkout.lockPath))
  })

  test(`started by ${name}: the program is the main module of a current Node and gets its arguments as they are`, async (t) => {
    if (path === undefined) return t.skip(missingOldNode)
    const checkout = new Checkout(t)
    const { stdout } = await checkout.run(['show', '--flag', 'a b', '', '$(id)'], {}, path)
    const shown = JSON.parse(stdout)
    equal(shown.isMain, true)
    equal(shown.version, process.version)
    equal(shown.cwd, checkout.root)
    equal(JSON.stringify(shown.arguments), JSON.stringify(['show', '--flag', 'a b', '', '$(id)']))
  })

  test(`started by ${name}: a signal reaches the program, which may answer it or die of it`, async (t) => {
    if (path === undefined) return t.skip(missingOldNode)
    const checkout = new Checkout(t)
    for (const { signal, code } of [
      { signal: 'SIGINT', code: 33 },
      { signal: 'SIGTERM', code: null },
    ] as const) {
      const { child, ended, says } = checkout.start(['wait'], {}, path)
      await says('ready')
      child.kill(signal)
      const outcome = await ended
      equal(outcome.code, code)
      equal(outcome.signal, code === null ? signal : null)
    }
  })
}

test("with npm itself: `npm ci` leaves a stamp, and the program's exit code comes back", async (t) => {
  const checkout = new Checkout(t)
  const real = { npm_execpath: '', npm_config_cache: join(checkout.root, 'cache'), npm_config_offline: 'true' }
  const { code, stderr } = await checkout.run(['exit', '7'], real)
  equal(code, 7, stderr)
  ok(existsSync(checkout.stampPath))
  equal(checkout.installs().starts.length, 0)
})

test('several first runs at once install once, and all of them succeed', async (t) => {
  const checkout = new Checkout(t)
  const outcomes = await Promise.all(
    Array.from({ length: 4 }, (_, index) => checkout.run(['exit', String(index)], { FAKE_NPM_MS: '300' })),
  )
  equal(outcomes.map(({ code }) => code).join(), '0,1,2,3')
  equal(checkout.installs().starts.length, 1)
  ok(!existsSync(checkout.lockPath))
})

test('a lock whose owner died is taken over by exactly one of those who find it', async (t) => {
  const checkout = new Checkout(t)
  checkout.writeLock(`${deadPid()} ${hostname()}`, 0)
  const outcomes = await Promise.all(
    Array.from({ length: 3 }, () => checkout.run(['exit', '0'], { FAKE_NPM_MS: '100' })),
  )
  ok(outcomes.every(({ code }) => code === 0))
  equal(checkout.installs().starts.length, 1)
})

test('a lock without a sign of life is taken over, whoever has its process id by now', async (t) => {
  const locks = [
    { owner: `${process.pid} ${hostname()}`, ageMs: 61_000 },
    { owner: '1 another-machine', ageMs: 61_000 },
    { owner: undefined, ageMs: 6000 },
  ]
  const takeOver = async ({ owner, ageMs }: (typeof locks)[number]) => {
    const checkout = new Checkout(t)
    checkout.writeLock(owner, ageMs)
    const { code, stderr } = await checkout.run(['exit', '0'])
    equal(code, 0, stderr)
    equal(checkout.installs().starts.length, 1)
    ok(!existsSync(checkout.lockPath))
  }
  await Promise.all(locks.map(takeOver))
})

test('a lock held by a living process, or fresh from another machine, is waited for', async (t) => {
  const waitFor = async (owner: string | undefined) => {
    const checkout = new Checkout(t)
    checkout.writeLock(owner, 0)
    const { ended, says } = checkout.start(['exit', '5'])
    await says('waiting for it')
    await sleep(150)
    equal(checkout.installs().starts.length, 0)
    rmSync(checkout.lockPath, { recursive: true })
    equal((await ended).code, 5)
    equal(checkout.installs().starts.length, 1)
  }
  await Promise.all([`${process.pid} ${hostname()}`, `${deadPid()} another-machine`, undefined].map(waitFor))
})

test('a changed lock file installs again; the old stamp is gone before the install begins', async (t) => {
  const checkout = new Checkout(t)
  await checkout.run(['exit', '0'])
  const before = readFileSync(checkout.stampPath, 'utf8')
  checkout.writePackageLock('2.0.0')
  equal((await checkout.run(['exit', '0'])).code, 0)
  notEqual(readFileSync(checkout.stampPath, 'utf8'), before)
  const { starts } = checkout.installs()
  equal(starts.length, 2)
  for (const [, , hadStamp, command] of starts) {
    equal(hadStamp, 'false')
    equal(command, 'ci')
  }
})

test('changed native code is built again without installing the dependencies again', async (t) => {
  const checkout = new Checkout(t)
  writeFileSync(
    join(checkout.root, 'tools', 'build-native.mjs'),
    "import { appendFileSync } from 'node:fs'\nappendFileSync('builds.log', 'built\\n')\n",
  )
  await checkout.run(['exit', '0'])
  mkdirSync(join(checkout.root, 'native'))
  writeFileSync(join(checkout.root, 'native', 'bulk-hash.c'), '// changed')
  equal((await checkout.run(['exit', '0'])).code, 0)
  await checkout.run(['exit', '0'])
  equal(checkout.installs().starts.length, 1)
  equal(readFileSync(join(checkout.root, 'builds.log'), 'utf8'), 'built\nbuilt\n')
})

test('a failed install says so, exits with 70, leaves no stamp and no lock, and the next run tries again', async (t) => {
  const checkout = new Checkout(t)
  const { code, stdout, stderr } = await checkout.run(['show'], { FAKE_NPM_EXIT: '1' })
  equal(code, exitSoftware)
  equal(stdout, '')
  match(stderr, /^swarmbid: installing the dependencies failed; see the lines above$/m)
  ok(!existsSync(checkout.stampPath))
  ok(!existsSync(checkout.lockPath))
  equal((await checkout.run(['exit', '0'])).code, 0)
  equal(checkout.installs().starts.length, 2)
})

test('a signal during the install ends npm too, leaves no lock, and the run dies of that signal', async (t) => {
  const checkout = new Checkout(t)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { child, ended } = checkout.start(['exit', '0'], { FAKE_NPM_MS: '20000' })
    const seen = checkout.installs().starts.length
    while (checkout.installs().starts.length === seen) await sleep(5)
    child.kill(signal)
    const outcome = await ended
    equal(outcome.signal, signal)
    ok(!isAlive(Number(checkout.installs().starts.at(-1)?.[1])))
    ok(!existsSync(checkout.lockPath))
    ok(!existsSync(checkout.stampPath))
  }
  equal(checkout.installs().ends, 0)
})

test('another package manager is not asked to do npm ci', async (t) => {
  const checkout = new Checkout(t)
  const foreign = join(checkout.root, 'yarn.js')
  writeFileSync(foreign, "require('node:fs').writeFileSync('yarn-was-run', '')")
  const env = { npm_execpath: foreign, npm_config_cache: join(checkout.root, 'cache'), npm_config_offline: 'true' }
  equal((await checkout.run(['exit', '0'], env)).code, 0)
  ok(!existsSync(join(checkout.root, 'yarn-was-run')))
})

test('the script for people runs where the person is; all others run in the checkout', async (t) => {
  const checkout = new Checkout(t)
  const elsewhere = join(checkout.root, 'elsewhere')
  mkdirSync(elsewhere)
  for (const [script, folder] of [
    ['cli', elsewhere],
    ['test', checkout.root],
  ] as const) {
    const { stdout } = await checkout.run(['show'], { INIT_CWD: elsewhere, npm_lifecycle_event: script })
    equal(JSON.parse(stdout).cwd, folder)
  }
})

test('an old Node uses the one npm installed if that runs, and else says what it needs', async (t) => {
  if (oldNode === undefined) return t.skip(missingOldNode)
  const checkout = new Checkout(t)
  const withoutCurrent = { PATH: join(checkout.root, 'nothing') }
  const refused = await checkout.run(['show'], withoutCurrent, oldNode)
  equal(refused.code, exitSoftware)
  match(refused.stderr, /^swarmbid: needs Node 24 or newer; this is v2[0-3]\./m)

  const folder = join(checkout.root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  equal((await checkout.run(['show'], withoutCurrent, oldNode)).code, exitSoftware)

  rmSync(join(folder, 'node'))
  symlinkSync(process.execPath, join(folder, 'node'))
  const accepted = await checkout.run(['show'], withoutCurrent, oldNode)
  equal(accepted.code, 0, accepted.stderr)
  equal(JSON.parse(accepted.stdout).version, process.version)
})

test('no program to start is a mistake that is named', async (t) => {
  const checkout = new Checkout(t)
  const { status, stderr } = spawnSync(process.execPath, [join(checkout.root, 'tools/bootstrap.mjs')], {
    encoding: 'utf8',
    env: baseEnv,
  })
  equal(status, exitSoftware)
  match(stderr, /^swarmbid: usage: /)
})
