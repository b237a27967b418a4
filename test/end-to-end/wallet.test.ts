// `swarmbid wallet` as processes: what it prints, that no secret is in any of it, a person at a terminal, kills.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { mainPath, type Outcome, swarmbid } from './run-swarmbid.ts'

const phrase = `${'test '.repeat(11)}junk`
const address = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
const passphrase = 'correct horse battery'
const next = 'another one instead'
/** Of the first two accounts of the phrase, and its entropy. */
const secrets = [
  'junk',
  'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  'df9bf37e6fcdf9bf37e6fcdf9bf37e3c',
  passphrase,
  next,
]

interface Person {
  readonly folder: string
  wallet(...rest: string[]): Promise<Outcome>
}

/** Somebody with a data folder and a passphrase in a file; every output is searched for secrets. */
function person(folder: string, data = join(folder, 'data')): Person {
  const file = join(folder, 'passphrase')
  writeFileSync(file, `${passphrase}\n`)
  const environment = { SWARMBID_DATA: data }
  return {
    folder,
    async wallet(...rest) {
      const outcome = await swarmbid(['wallet', ...rest], { cwd: folder, environment })
      for (const secret of secrets) {
        assert.ok(!`${outcome.stdout}${outcome.stderr}`.includes(secret), `${rest.join(' ')} prints ${secret}`)
      }
      return outcome
    },
  }
}

function restored(t: Parameters<typeof temporaryFolder>[0]): Person {
  const somebody = person(temporaryFolder(t))
  writeFileSync(join(somebody.folder, 'phrase'), `${phrase}\n`)
  return somebody
}

const opening = ['--passphrase-file', 'passphrase']

describe('the commands of the wallet', () => {
  test('restore, show, back up, change and check, and print no key, no word and no passphrase', async (t) => {
    const { folder, wallet } = restored(t)
    const made = await wallet('restore', '--phrase-file', 'phrase', '--accounts', '2', ...opening)
    assert.deepEqual([made.exitCode, made.stderr], [0, 'The wallet is restored.\n'])
    assert.ok(made.stdout.includes(address))
    writeFileSync(join(folder, 'next'), next)
    const lines: readonly (readonly string[])[] = [
      ['show'],
      ['show', '--json'],
      ['accounts', '--json'],
      ['address'],
      ['address', '1', '--tron', '--qr', '--svg', 'code.svg'],
      ['address', '--json'],
      ['limits', '--json'],
      [
        'limits',
        '--token',
        'TEST',
        '--per-day',
        '50',
        '--per-payment',
        '5 TEST',
        '--per-torrent',
        'none',
        '--lanes',
        '9',
      ],
      ['spending', 'on'],
      ['earning', 'off', '--json'],
      ['check', ...opening],
      ['export-backup', 'backup.json', ...opening, '--json'],
      ['export-backup', 'one.json', '--account', '1', ...opening],
      ['add-account', '--coin', 'tron', ...opening, '--json'],
      ['change-passphrase', ...opening, '--new-passphrase-file', 'next'],
      ['check', '--passphrase-file', 'next', '--json'],
    ]
    for (const line of lines) assert.equal((await wallet(...line)).exitCode, 0, line.join(' '))
    const shown = JSON.parse((await wallet('show', '--json')).stdout)
    assert.deepEqual([shown.spending, shown.earning, shown.hasPhrase], ['on', 'off', true])
    assert.deepEqual(shown.limits.TEST, {
      perPayment: '5000000000000000000',
      perDay: '50000000000000000000',
      perTorrent: null,
      perApp: '0',
      perPayeePermille: 250,
      lanes: 9,
    })
    assert.equal(shown.accounts[2].path, "m/44'/195'/0'/0/0")
    const other = person(folder, join(folder, 'other'))
    assert.equal((await other.wallet('restore', '--backup', 'backup.json', ...opening)).exitCode, 0)
    assert.ok((await other.wallet('accounts')).stdout.includes(address))
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (/phrase$|next$/.test(name) || !statSync(join(folder, name)).isFile()) continue
      const content = readFileSync(join(folder, name), 'utf8')
      for (const secret of secrets) assert.ok(!content.includes(secret), `${name} has ${secret}`)
      if (process.platform !== 'win32' && name.endsWith('.json')) {
        assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name)
      }
    }
  })

  test('refuse with one line and the code of it, and change nothing then', async (t) => {
    const { folder, wallet } = restored(t)
    const fails = async (code: string, exitCode: number, ...line: string[]) => {
      const outcome = await wallet(...line)
      assert.deepEqual([outcome.exitCode, outcome.stdout], [exitCode, ''], line.join(' '))
      assert.match(outcome.stderr, new RegExp(`^swarmbid: .*\\(${code}\\)\\n$`), line.join(' '))
    }
    await fails('wallet-missing', 1, 'show')
    await fails('wallet-missing', 1, 'check', ...opening)
    await fails('wallet-locked', 1, 'create')
    await fails('usage', 2, 'restore', ...opening)
    writeFileSync(join(folder, 'wrong'), phrase.replace('junk', 'test'))
    await fails('phrase-invalid', 1, 'restore', '--phrase-file', 'wrong', ...opening)
    writeFileSync(join(folder, 'short'), 'short\n')
    await fails('passphrase-unfit', 1, 'create', '--passphrase-file', 'short')
    assert.ok(!readdirSync(folder).includes('data'))
    assert.equal((await wallet('restore', '--phrase-file', 'phrase', ...opening)).exitCode, 0)
    const before = readFileSync(join(folder, 'data', 'wallet', 'wallet.json'))
    await fails('wallet-exists', 1, 'create', ...opening)
    await fails('passphrase-wrong', 1, 'check', '--passphrase-file', 'short')
    await fails('wallet-locked', 1, 'check')
    await fails('usage', 2, 'phrase', ...opening)
    await fails('usage', 2, 'address', '1')
    await fails('usage', 2, 'limits', '--per-day', '1,5 TEST')
    await fails('usage', 2, 'limits', '--per-day', '5')
    await fails('usage', 2, 'limits', '--per-day', '5 TEST', '--per-app', '5 BTT')
    await fails('usage', 2, 'limits', '--token', 'TEST', '--per-payee', '101%')
    const asJson = JSON.parse((await wallet('check', '--json', '--passphrase-file', 'none')).stderr)
    assert.equal(asJson.error.code, 'file-not-found')
    assert.deepEqual(readFileSync(join(folder, 'data', 'wallet', 'wallet.json')), before)
  })

  test('take the passphrase from the environment or standard input, and a new wallet has words of its own', async (t) => {
    const folder = temporaryFolder(t)
    const create = (data: string, environment: Record<string, string>, ...rest: string[]) =>
      swarmbid(['wallet', 'create', '--json', ...rest], {
        environment: { SWARMBID_DATA: join(folder, data), ...environment },
        input: new TextEncoder().encode(`${passphrase}\n`),
      })
    const made = [
      await create('a', { SWARMBID_PASSPHRASE: passphrase }),
      await create('b', {}, '--passphrase-file', '-', '--words', '24'),
    ]
    const addresses = made.map(({ exitCode, stdout }) => {
      assert.equal(exitCode, 0)
      return JSON.parse(stdout).accounts[0].evmAddress
    })
    assert.notEqual(addresses[0], addresses[1])
  })
})

describe('killed while the passphrase changes', () => {
  test('the wallet opens with the old one or the new one, and the next change goes through', async (t) => {
    const { folder, wallet } = restored(t)
    assert.equal((await wallet('restore', '--phrase-file', 'phrase', ...opening)).exitCode, 0)
    writeFileSync(join(folder, 'next'), next)
    let [now, other] = ['passphrase', 'next']
    for (const delayMs of [500, 900]) {
      const environment = { SWARMBID_DATA: join(folder, 'data') }
      const line = ['wallet', 'change-passphrase', '--passphrase-file', now, '--new-passphrase-file', other]
      const onStart = (child: ChildProcess) => {
        child.stdin?.end()
        void setTimeout(delayMs).then(() => child.kill('SIGKILL'))
      }
      await swarmbid(line, { cwd: folder, environment, onStart })
      const isOld = (await wallet('check', '--passphrase-file', now)).exitCode === 0
      if (!isOld) [now, other] = [other, now]
      assert.equal((await wallet('check', '--passphrase-file', now)).exitCode, 0, `after ${delayMs} ms`)
    }
    const changed = await wallet('change-passphrase', '--passphrase-file', now, '--new-passphrase-file', other)
    assert.equal(changed.exitCode, 0)
  })
})

/** A command at a terminal of its own (`script`), its standard output in a file. */
interface Session {
  readonly seen: () => string
  until(pattern: RegExp): Promise<RegExpExecArray>
  type(text: string): void
  end(): Promise<number | null>
}

function atTerminal(t: Parameters<typeof temporaryFolder>[0], folder: string, line: string): Session {
  const { SWARMBID_PASSPHRASE: _, ...environment } = process.env
  const command = `stty cols 120 rows 50; exec ${process.execPath} ${mainPath} wallet ${line} > ${join(folder, 'stdout')}`
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    env: { ...environment, SWARMBID_DATA: join(folder, 'data'), TERM: 'xterm', COLUMNS: '120' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  let read = 0
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    seen: () => text,
    async until(pattern) {
      for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 20) {
        const found = pattern.exec(text.slice(read))
        if (found !== null) {
          read += found.index + found[0].length
          return found
        }
        await setTimeout(20)
      }
      throw new Error(`not seen: ${pattern} in ${text.slice(read)}`)
    },
    type: (typed) => void child.stdin.write(typed),
    end: () => Promise.race([ended, setTimeout(20_000, -1, { ref: false })]),
  }
}

const hasTerminals = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0

describe('at a terminal', () => {
  test('words are shown once, asked for, and on standard output never; the passphrase is not shown', async (t) => {
    if (!hasTerminals) return t.skip('needs `script` of util-linux, which is not here')
    const folder = temporaryFolder(t)
    const session = atTerminal(t, folder, 'create --json')
    await session.until(/New passphrase/)
    session.type(`${passphrase}\r`)
    await session.until(/The same again/)
    session.type(`${passphrase}\r`)
    const [, listed = ''] = await session.until(
      /These words are the wallet[\s\S]*?\n\s*\r?\n((?: +\d+\. [a-z]+[^\n]*\n){3})/,
    )
    const words = [...listed.matchAll(/(\d+)\. ([a-z]+)/g)].map(([, , word]) => word)
    assert.equal(words.length, 12)
    assert.ok(!readdirSync(folder).includes('data'), 'not written before the words were')
    for (let asked = 0, number: string | undefined; asked < 3; asked++) {
      // A question is drawn anew with each key.
      const other = new RegExp(`Word (?!${number},)(\\d+), as you wrote it`)
      number = (await session.until(other))[1]
      if (asked === 0) {
        session.type('wrong\r')
        await session.until(/another word is there/)
        session.type('\u007f'.repeat(5))
      }
      session.type(`${words[Number(number) - 1]}\r`)
    }
    assert.equal(await session.end(), 0)
    assert.ok(!session.seen().includes(passphrase))
    const stdout = readFileSync(join(folder, 'stdout'), 'utf8')
    assert.equal(JSON.parse(stdout).accounts.length, 1)
    assert.ok(!words.some((word) => new RegExp(`\\b${word}\\b`).test(stdout)))

    const again = atTerminal(t, folder, 'phrase')
    await again.until(/Passphrase of the wallet/)
    again.type(`${passphrase}\r`)
    const [, last] = await again.until(/12\. ([a-z]+)/)
    assert.equal(last, words[11])
    assert.equal(await again.end(), 0)
  })

  test('Ctrl-C at a question interrupts, and nothing is made', async (t) => {
    if (!hasTerminals) return t.skip('needs `script` of util-linux, which is not here')
    const folder = temporaryFolder(t)
    const session = atTerminal(t, folder, 'create')
    await session.until(/New passphrase/)
    session.type('\u0003')
    assert.equal(await session.end(), 130)
    assert.deepEqual(readdirSync(folder), ['stdout'])
  })
})
