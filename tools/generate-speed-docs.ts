// Writes the test vectors of Speed: all to docs/protocol/vectors/speed.json, and those that a first implementation is
// tried with into docs/protocol/speed.md, between two marks; with --check only compares.
// Usage: node tools/bootstrap.mjs tools/generate-speed-docs.ts [--check]
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromHex, toLatin1 } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { type SpeedVector, speedVectors, speedVectorWorld } from './speed-vectors.ts'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'protocol')
const pagePath = join(folder, 'speed.md')
const vectorsPath = join(folder, 'vectors', 'speed.json')
const marks = ['<!-- vectors: generated -->', '<!-- end of vectors -->'] as const
const shownKinds = new Set(['terms', 'bind', 'voucher', 'acknowledge', 'walk-in-award', 'auction-reveal'])

/** Bencode as text; bytes that are not ASCII as their number. */
function readable(hex: string): string {
  return toLatin1(unwrap(fromHex(hex))).replace(
    /[^ -~]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

function block(lines: readonly string[]): string {
  return ['```', ...lines, '```'].join('\n')
}

function vectorText({ kind, from, payload, signed }: SpeedVector): string {
  const lines = [`payload    ${payload}`]
  if (signed !== undefined) lines.push(`body       ${signed.body}`, `digest     ${signed.digest}`)
  return `**${kind}**, from the ${from}: \`${readable(payload).replaceAll('`', '\\x60')}\`\n\n${block(lines)}`
}

const { requester, provider, operator } = speedVectorWorld
const world = block([
  `ledger         ${speedVectorWorld.rail}`,
  `genesis hash   ${speedVectorWorld.genesisHash}`,
  `info hash      ${speedVectorWorld.infoHash}`,
  ...Object.entries({ requester, provider }).flatMap(([name, { secret, account, peerId, termsHash }]) => [
    `${name}`,
    `  secret       ${secret}`,
    `  account      ${account}`,
    `  peer id      ${peerId}`,
    `  terms hash   ${termsHash}`,
  ]),
  `operator       ${operator.secret}`,
  `session        ${speedVectorWorld.session}`,
])
const shown = speedVectors.filter(({ kind }) => shownKinds.has(kind)).map(vectorText)
const generated = [world, ...shown].join('\n\n')
const vectors = `${JSON.stringify({ ...speedVectorWorld, messages: speedVectors }, undefined, 1)}\n`

function pageOf(page: string): string {
  const [start, end] = marks.map((mark) => page.indexOf(mark)) as [number, number]
  if (start < 0 || end < start) throw new Error('docs/protocol/speed.md lacks its two marks')
  return `${page.slice(0, start + marks[0].length)}\n${generated}\n${page.slice(end)}`
}

const page = readFileSync(pagePath, 'utf8')
if (!process.argv.includes('--check')) {
  writeFileSync(pagePath, pageOf(page))
  writeFileSync(vectorsPath, vectors)
} else if (pageOf(page) !== page || readFileSync(vectorsPath, 'utf8') !== vectors) {
  console.error('the vectors in docs/protocol are not what the code gives: run `npm run fix`')
  process.exitCode = 1
}
