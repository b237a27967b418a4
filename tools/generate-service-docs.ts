// Writes the tables of messages in docs/protocol/ledger-service.md from the schemas that check them; with --check only
// compares. What stands outside the two marks in the page is written by hand.
// Usage: node tools/bootstrap.mjs tools/generate-service-docs.ts [--check]
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getDescription } from 'valibot'
import { answerSchema, requestSchema } from '../src/rails/service-messages.ts'

const path = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'protocol', 'ledger-service.md')
const marks = ['<!-- messages: generated -->', '<!-- end of messages -->'] as const

/** As much of a schema as the tables need. */
interface Shape {
  readonly type: string
  readonly entries?: Readonly<Record<string, Shape>>
  readonly item?: Shape
  readonly wrapped?: Shape
  readonly options?: readonly Shape[]
  readonly literal?: unknown
  readonly pipe?: readonly { readonly type: string; readonly requirement?: unknown }[]
}

function kindOf(shape: Shape): string {
  switch (shape.type) {
    case 'literal':
      return `\`${JSON.stringify(shape.literal)}\``
    case 'array': {
      const limit = (name: string) => shape.pipe?.find(({ type }) => type === name)?.requirement
      const [min, max] = [limit('min_length'), limit('max_length')]
      const count = max === undefined ? '' : ` of ${min === undefined ? 'at most' : `${String(min)} to`} ${String(max)}`
      return `array${count}: ${shape.item === undefined ? '' : described(shape.item)}`
    }
    case 'object':
    case 'strict_object':
      return `{ ${fieldsOf(shape).join(', ')} }`
    case 'union':
      return (shape.options ?? []).map(described).join(' or ')
    case 'nullable':
      return `${shape.wrapped === undefined ? '' : described(shape.wrapped)} or \`null\``
    case 'optional':
      return `${shape.wrapped === undefined ? '' : described(shape.wrapped)}, or missing`
    case 'unknown':
      return ''
    default:
      return shape.type
  }
}

function described(shape: Shape): string {
  const kind = kindOf(shape)
  const about = getDescription(shape as never)
  if (about === undefined) return kind
  return kind === '' ? about : `${kind}, ${about}`
}

function fieldsOf({ entries = {} }: Shape): string[] {
  return Object.entries(entries).map(([name, shape]) => `\`${name}\`: ${described(shape)}`)
}

function tableOf(schema: Shape): string {
  const rows = (schema.options ?? []).map((option) => {
    const { type, ...fields } = option.entries ?? {}
    const about = getDescription(option as never) ?? ''
    const cells = [`\`${String(type?.literal)}\``, about, fieldsOf({ type: 'object', entries: fields }).join('<br>')]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| `type` | | other members |', '| --- | --- | --- |', ...rows].join('\n')
}

const generated = `${marks[0]}
### What is asked
${tableOf(requestSchema as unknown as Shape)}

### What is answered
${tableOf(answerSchema as unknown as Shape)}
${marks[1]}`

const page = readFileSync(path, 'utf8')
const [before, rest] = page.split(marks[0])
const after = rest?.split(marks[1])[1]
if (before === undefined || after === undefined) throw new Error(`${path} has no marks`)
const wanted = `${before}${generated}${after}`
if (!process.argv.includes('--check')) writeFileSync(path, wanted)
else if (page !== wanted) {
  console.error('docs/protocol/ledger-service.md is not what the schemas say: run tools/generate-service-docs.ts')
  process.exitCode = 1
}
