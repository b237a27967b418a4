// What a ledger that is served says over plain HTTP: for scripts, auditors and whoever looks with a browser's address bar.
// The whole journal can be had here, in the form that `swarmbid ledger verify` reads.
// Guarantees: answers are small but for the journal, which is streamed as fast as it is read; each address has a share.
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result } from '../base/errors.ts'
import { parseAccountId } from '../formats/money/account-id.ts'
import { signedReceiptCodec } from '../formats/money/receipt.ts'
import type { LaneId, OperationId } from '../ports/ledger.ts'
import type { EmbeddedLedger, OperationEvidence } from './embedded-ledger.ts'
import { exportGenesis, exportHead, exportLine } from './journal-export.ts'
import { LedgerSession, type SessionLimits } from './ledger-session.ts'
import { maxFrameBytes, maxOperationsPerFrame, toBase64 } from './service-messages.ts'

export interface LedgerPagesOptions {
  readonly ledger: EmbeddedLedger
  readonly limits: SessionLimits
  nowMs(): number
  statistics(): object
}

interface Environment {
  readonly Bindings: { readonly address: string }
}

const linesAtOnce = 500
/** What a journal counts as, of what an address may ask. */
const exportCost = 50
const maxExports = 16
const digits = /^(?:0x)?([0-9a-f]{64})$/

const statusOf: Readonly<Partial<Record<Failure['code'], 400 | 404 | 429 | 503>>> = {
  'ledger-busy': 429,
  'ledger-unreachable': 503,
  'ledger-damaged': 503,
  'interrupted': 503,
}

export function ledgerPages(options: LedgerPagesOptions): Hono<Environment> {
  const { ledger, limits } = options
  const app = new Hono<Environment>()
  let exports = 0

  function problem({ code, detail }: Failure): Response {
    return Response.json({ error: { code, detail } }, { status: statusOf[code] ?? 400 })
  }

  function take(address: string, count: number): Failure | undefined {
    const isAllowed = limits.ofAddress.take(address, count, options.nowMs())
    return isAllowed ? undefined : failure('ledger-busy', 'too many requests from this address')
  }

  function answer<T>(result: Result<T>, show: (value: T) => unknown): Response {
    if (!result.ok) return problem(result)
    const shown = show(result.value)
    return shown === undefined
      ? Response.json({ error: { code: 'ledger-refused', detail: 'there is none' } }, { status: 404 })
      : Response.json(shown)
  }

  app.use(async (context, next) => {
    const refusal = take(context.env.address, 1)
    if (refusal !== undefined) return problem(refusal)
    await next()
    context.header('cache-control', 'no-store')
    context.header('x-content-type-options', 'nosniff')
    return undefined
  })
  app.get('/', () => {
    const { genesis, hash } = ledger.facts
    return Response.json({
      rail: ledger.rail,
      genesisHash: toHex(hash),
      name: genesis.name,
      symbol: genesis.symbol,
      height: ledger.head.height,
      socket: '/socket',
    })
  })
  app.get('/genesis', () => Response.json({ hash: toHex(ledger.facts.hash), genesis: toBase64(ledger.facts.bytes) }))
  app.get('/head', () => Response.json(signedReceiptCodec.toJson(ledger.signedHead())))
  app.get('/statistics', () => Response.json({ ledger: ledger.statistics, service: options.statistics() }))
  app.get('/accounts/:account', async (context) => {
    const account = parseAccountId(context.req.param('account'))
    if (!account.ok) return problem(account)
    if (!account.value.startsWith(`${ledger.rail}:`)) {
      return problem(failure('account-invalid', 'an account of another ledger'))
    }
    return answer(await ledger.attestAccount(account.value), ({ receipt }) => signedReceiptCodec.toJson(receipt))
  })
  app.get('/lanes/:lane', async (context) => {
    const [, lane] = digits.exec(context.req.param('lane')) ?? []
    if (lane === undefined) return problem(failure('statement-malformed', 'not the id of a lane'))
    return answer(await ledger.attestLane(lane as LaneId), ({ lane: open, receipt, ending }) =>
      open === undefined ? evidenceJson(ending) : signedReceiptCodec.toJson(receipt),
    )
  })
  app.get('/operations/:id', async (context) => {
    const [, id] = digits.exec(context.req.param('id')) ?? []
    if (id === undefined) return problem(failure('statement-malformed', 'not the id of an operation'))
    return answer(await ledger.evidenceOf(id as OperationId), evidenceJson)
  })
  app.post('/operations', bodyLimit({ maxSize: maxFrameBytes }), async (context) => {
    const text = await context.req.text()
    const body = parsed(text)
    const isList = Array.isArray(body) && body.length >= 1 && body.length <= maxOperationsPerFrame
    if (!isList)
      return problem(failure('statement-malformed', `not a list of 1 to ${maxOperationsPerFrame} operations`))
    const session = new LedgerSession({ ...options, address: context.env.address, send: () => undefined })
    const answered = await session.submit(0, body, text.length)
    return Response.json(answered, { status: answered.type === 'failed' ? 429 : 200 })
  })
  app.get('/journal', (context) => {
    const refusal =
      take(context.env.address, exportCost) ??
      (exports >= maxExports ? failure('ledger-busy', 'the journal is being read by many') : undefined)
    if (refusal !== undefined) return problem(refusal)
    exports++
    const stream = journalStream(ledger, () => exports--)
    return new Response(stream, { headers: { 'content-type': 'text/plain; charset=utf-8' } })
  })
  return app
}

function evidenceJson(evidence: OperationEvidence | undefined): object | undefined {
  if (evidence === undefined) return undefined
  return { line: toBase64(evidence.line), receipt: signedReceiptCodec.toJson(evidence.receipt) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The journal as it was when it was asked for, and the head that the operator signs of it. */
function journalStream(ledger: EmbeddedLedger, onEnd: () => void): ReadableStream<Uint8Array> {
  const head = ledger.signedHead()
  const lastHeight = head.receipt.height
  const text = new TextEncoder()
  let height = 0
  let isOver = false
  const end = () => {
    if (!isOver) onEnd()
    isOver = true
  }
  return new ReadableStream(
    {
      async pull(controller) {
        if (height === 0) {
          controller.enqueue(text.encode(exportGenesis(ledger.facts.bytes)))
          height = 1
        }
        const lines = await ledger.lines(height, Math.min(linesAtOnce, lastHeight - height + 1))
        if (!lines.ok || (lines.value.length === 0 && height <= lastHeight)) {
          end()
          controller.error(new Error(lines.ok ? 'the journal ends early' : lines.detail))
          return
        }
        controller.enqueue(text.encode(lines.value.map(exportLine).join('')))
        height += lines.value.length
        if (height <= lastHeight) return
        controller.enqueue(text.encode(exportHead(head)))
        controller.close()
        end()
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  )
}
