// The messages between a ledger that is served and those who use it: one schema each, which checks what comes and from
// which the documents are made (docs/protocol/ledger-service.md). Statements in them are of the form in
// docs/protocol/statements.md and are read by their own codecs.
// Guarantees: whatever the text, reading it does not throw; every list and text is capped.
import * as v from 'valibot'
import { failure, type Result, success } from '../base/errors.ts'

/** Of one frame, either way; in a browser's words a text message. */
export const maxFrameBytes = 1_048_576
export const maxOperationsPerFrame = 256
const maxWatched = 256
/** Of one answer. */
export const maxHoldingEntries = 32

const about = v.description

const number = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(0),
  about('number of the request, chosen by who asks; the answer has it too'),
)
const height = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = (max: number) => v.pipe(v.string(), v.maxLength(max))
const base64 = v.pipe(v.string(), v.maxLength(maxFrameBytes))
const line = v.pipe(base64, about('a line of the journal, base64'))
const statement = (what: string) => v.pipe(v.unknown(), about(what))
const receipt = statement('a signed receipt')
const account = v.pipe(text(128), about('account id'))
const hash = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{64}$/), about('`0x` and 64 digits'))

const error = v.object({
  code: v.pipe(text(64), about('of docs/errors.md')),
  detail: v.pipe(text(1_000), about('for a person')),
})

const result = v.union([
  v.object({ height: v.pipe(height, about('of its entry, which is among `lines`')) }),
  v.object({ line, receipt: statement('of the operation, where its entry is not among `lines`') }),
  v.object({ error }),
])

const proof = v.object({
  siblings: v.pipe(v.array(hash), v.maxLength(256), about('from the root down')),
  end: v.union([
    v.object({ type: v.literal('found') }),
    v.object({ type: v.literal('empty') }),
    v.object({ type: v.literal('other'), key: hash, valueHash: hash }),
  ]),
})

export const requestSchema = v.variant('type', [
  v.pipe(
    v.strictObject({
      type: v.literal('submit'),
      number,
      operations: v.pipe(
        v.array(statement('a signed operation')),
        v.minLength(1),
        v.maxLength(maxOperationsPerFrame),
        about('signed operations'),
      ),
    }),
    about('Carries out operations, in order. The same again is answered as the first time.'),
  ),
  v.pipe(v.strictObject({ type: v.literal('account'), number, account }), about('What an account has.')),
  v.pipe(v.strictObject({ type: v.literal('lane'), number, lane: hash }), about('What a lane is.')),
  v.pipe(v.strictObject({ type: v.literal('outcome'), number, id: hash }), about('What became of an operation.')),
  v.pipe(
    v.strictObject({
      type: v.literal('holding'),
      number,
      holding: v.picklist(['escrow', 'campaign']),
      id: hash,
      after: v.pipe(height, about('a height: entries up to there are not told')),
    }),
    about('The entries of an escrow or air-drop.'),
  ),
  v.pipe(v.strictObject({ type: v.literal('entry'), number, height }), about('What the journal has at a height.')),
  v.pipe(v.strictObject({ type: v.literal('head'), number }), about('Where the journal and the time stand.')),
  v.pipe(
    v.strictObject({
      type: v.literal('watch'),
      number,
      accounts: v.pipe(v.array(account), v.maxLength(maxWatched), about('in place of those named before')),
    }),
    about('Tells the lanes that these accounts pay for or are paid by, and from now on what changes of them.'),
  ),
])

export const answerSchema = v.variant('type', [
  v.pipe(
    v.object({
      type: v.literal('hello'),
      genesis: v.pipe(base64, about('canonical bytes of the genesis, base64')),
      head: statement('a signed receipt of the head'),
    }),
    about('Comes first, unasked.'),
  ),
  v.pipe(
    v.object({
      type: v.literal('submitted'),
      number,
      results: v.pipe(v.array(result), v.maxLength(maxOperationsPerFrame), about('of each operation, in order')),
      lines: v.pipe(
        v.array(line),
        about('entries in order, each the hash of the one before, the last of which is the head'),
      ),
      head: v.optional(statement('a signed receipt of the head that `lines` end with')),
    }),
    about('The operations are on the disk of the ledger.'),
  ),
  v.pipe(
    v.object({ type: v.literal('account'), number, receipt: statement('a signed receipt of the balance') }),
    about('The balance.'),
  ),
  v.pipe(
    v.object({
      type: v.literal('lane'),
      number,
      receipt: statement('a signed receipt of the lane; of the head, where there is no such lane'),
      proof: v.optional(proof),
      ending: v.optional(v.object({ line, receipt: statement('a signed receipt of the operation') })),
    }),
    about(
      'The lane, or the proof under the state root of the head that there is none; then also the entry that ended it, if it was there.',
    ),
  ),
  v.pipe(
    v.object({
      type: v.literal('holding'),
      number,
      entries: v.pipe(
        v.array(v.object({ line, receipt: statement('a signed receipt of the operation') })),
        v.maxLength(maxHoldingEntries),
        about('in order; where there are fewer, there are no more'),
      ),
      receipt: statement('a signed receipt of the head'),
      proof: v.pipe(proof, about('of its record in the state of the head, or that it has none')),
    }),
    about('Entries of an escrow or air-drop; none: there is no such.'),
  ),
  v.pipe(
    v.object({
      type: v.literal('outcome'),
      number,
      found: v.nullable(v.object({ line, receipt: statement('a signed receipt of the operation') })),
    }),
    about('The entry of the operation, if there is one.'),
  ),
  v.pipe(
    v.object({ type: v.literal('entry'), number, receipt: v.nullable(receipt) }),
    about('A signed receipt of the operation at that height, if there is one.'),
  ),
  v.pipe(v.object({ type: v.literal('head'), number, receipt }), about('A signed receipt of the head.')),
  v.pipe(v.object({ type: v.literal('watching'), number }), about('Changes are told from now on.')),
  v.pipe(
    v.object({ type: v.literal('there'), receipt: statement('a signed receipt of the lane') }),
    about('After `watch`: a lane of an account that is watched, one message each.'),
  ),
  v.pipe(
    v.object({ type: v.literal('changed'), line, receipt: statement('a signed receipt of the operation') }),
    about('An entry that changed a lane of an account that is watched.'),
  ),
  v.pipe(v.object({ type: v.literal('failed'), number, error }), about('The request was not carried out.')),
])

export type ServiceRequest = v.InferOutput<typeof requestSchema>
export type ServiceAnswer = v.InferOutput<typeof answerSchema>
export type SubmitResult = v.InferOutput<typeof result>
export type ProofJson = v.InferOutput<typeof proof>

function read<Schema extends typeof requestSchema | typeof answerSchema>(
  schema: Schema,
  message: string,
): Result<v.InferOutput<Schema>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(message)
  } catch {
    return failure('statement-malformed', 'not JSON')
  }
  const checked = v.safeParse(schema, parsed, { abortEarly: true })
  if (checked.success) return success(checked.output)
  const [issue] = checked.issues
  return failure('statement-malformed', `${v.getDotPath(issue) ?? 'the message'}: ${issue.message.slice(0, 200)}`)
}

/** Errors: statement-malformed. */
export function readRequest(message: string): Result<ServiceRequest> {
  return read(requestSchema, message)
}

/** Errors: statement-malformed. */
export function readAnswer(message: string): Result<ServiceAnswer> {
  return read(answerSchema, message)
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** Characters that are none of base64 are passed over; what is read has hashes of its own. */
export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
