// Codes to scan: the lines of a terminal and the SVG have the modules that the library made, border and all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from 'uqr'
import { addressUri, svgCode, terminalCode } from '../../src/wallet/qr-code.ts'

const evm = '0x66BcBf179acCb9697957bEC8DBa21e8De09EB080'
const tron = 'TKLS2xb77r126KFTVGsJCPR6vpmjaDYPeD'

/** Dark modules of the lines, two rows each. */
function modulesOf(lines: readonly string[], isInverted: boolean): boolean[][] {
  return lines.flatMap((line) => {
    const halves = [...line].map((block) => [block === '█' || block === '▀', block === '█' || block === '▄'])
    return [0, 1].map((half) => halves.map((pair) => pair[half] === isInverted))
  })
}

test('a code says an address in the form that wallets on phones understand', () => {
  assert.equal(addressUri(evm), `ethereum:${evm}`)
  assert.equal(addressUri(tron), tron)
})

test('the lines for a terminal have every module, on dark and on light ones', () => {
  for (const text of [evm, tron, addressUri(evm)]) {
    const { data, size } = encode(text, { ecc: 'M', border: 2 })
    for (const isInverted of [false, true]) {
      const lines = terminalCode(text, isInverted)
      assert.ok(lines.every((line) => line.length === size && line.length <= 80))
      assert.deepEqual(modulesOf(lines, isInverted).slice(0, size), data)
    }
  }
})

test('the SVG is one image of its own, with nothing that runs or loads', () => {
  const svg = svgCode(addressUri(evm))
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^>]*>.*<\/svg>\n$/s)
  assert.ok(!/script|href|url\(|on[a-z]+=/i.test(svg))
})
