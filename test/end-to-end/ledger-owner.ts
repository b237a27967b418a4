// Somebody with a data folder, as tests use the command line for them: ledgers, wallet, escrows, air-drops, each command a
// process of its own. Guarantees: what goes well is told by its JSON, what does not by the code of its error.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type JsonProcess, startJsonProcess, type TypedLine } from '../foreign/json-process.ts'
import { type Scope, temporaryFolder } from '../host/temporary-folder.ts'
import { mainPath, type Outcome, swarmbid } from './run-swarmbid.ts'

export interface LedgerLine {
  readonly type?: string
  readonly rail?: string
  readonly name?: string
  readonly account?: string
  readonly available?: string
  readonly id?: string
  readonly line?: string | number
  readonly joinLines?: readonly string[]
  readonly port?: number
  readonly urls?: readonly string[]
  readonly height?: number | null
  readonly isServed?: boolean
  readonly isHeadSigned?: boolean
  readonly operation?: string
  readonly after?: { readonly available: string }
  readonly isReconciled?: boolean
  readonly held?: string
  readonly state?: string
  readonly hash?: string
  readonly root?: string
  readonly grants?: number
  readonly claimed?: number
  readonly total?: string
  readonly index?: number
  readonly paid?: string
}

const environment = { SWARMBID_PASSPHRASE: 'correct horse battery' }

export class Owner {
  readonly folder: string
  /** What its commands are run in, such as a network namespace. */
  private readonly wrapper: readonly string[]

  constructor(folder: string, wrapper: readonly string[] = []) {
    this.folder = folder
    this.wrapper = wrapper
  }

  /** As people are told. */
  run(...line: readonly string[]): Promise<Outcome> {
    return swarmbid([...line, '--data', this.folder], { environment, wrapper: this.wrapper })
  }

  ledger(...rest: readonly string[]): Promise<Outcome> {
    return this.run('ledger', ...rest, '--json')
  }

  /** All that a command says; it must go well. */
  async said(...line: readonly string[]): Promise<readonly LedgerLine[]> {
    const { exitCode, stdout, stderr } = await this.run(...line, '--json')
    assert.equal(exitCode, 0, `${line.join(' ')}: ${stderr}`)
    return stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as LedgerLine)
  }

  /** The last line a command of `ledger` says; it must go well. */
  async told(...rest: readonly string[]): Promise<LedgerLine> {
    return (await this.said('ledger', ...rest)).at(-1) ?? {}
  }

  async refused(code: string, ...rest: readonly string[]): Promise<string> {
    return this.refusedAll(code, 'ledger', ...rest)
  }

  /** The message. */
  async refusedAll(code: string, ...line: readonly string[]): Promise<string> {
    const { exitCode, stderr } = await this.run(...line, '--json')
    assert.equal(exitCode, code === 'usage' ? 2 : 1, `${line.join(' ')}: ${stderr}`)
    const { error } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as {
      error: { code: string; message: string }
    }
    assert.equal(error.code, code, error.message)
    return error.message
  }

  async makeWallet(): Promise<void> {
    await this.said('wallet', 'create')
  }

  /** So much a day without being asked. */
  async maySpend(amount: string): Promise<void> {
    await this.said('wallet', 'spending', 'on')
    await this.said('wallet', 'limits', '--per-day', amount, '--per-payment', 'none', '--per-payee', '100%')
  }

  serve(t: Scope, ...rest: readonly string[]): JsonProcess<LedgerLine> {
    return this.start(t, 'ledger', ...rest)
  }

  /** Any command that goes on. */
  start<Line extends TypedLine = LedgerLine>(t: Scope, ...line: readonly string[]): JsonProcess<Line> {
    const options = { name: line.slice(0, 2).join(' '), environment }
    const [command = process.execPath, ...before] = [...this.wrapper, process.execPath]
    const given = [...before, mainPath, ...line, '--json', '--data', this.folder]
    const child = startJsonProcess<Line>(command, given, options)
    t.after(() => child.end('SIGKILL'))
    return child
  }

  async available(...rest: readonly string[]): Promise<bigint> {
    return BigInt((await this.told('balance', ...rest)).available ?? '')
  }
}

export function owners(t: Scope, count: number): Owner[] {
  const folder = temporaryFolder(t)
  return Array.from({ length: count }, (_, index) => new Owner(join(folder, `owner ${index}`)))
}
