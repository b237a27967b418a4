// QR codes of addresses, for a terminal and as SVG; what they say is what wallets on phones understand: `ethereum:` and
// the address (EIP-681) on EVM chains, the bare address on TRON. Pure.
import { encode, renderSVG } from 'uqr'

/** Enough of a border for scanners where everything around is light, or dark. */
const border = 2
const pixelsPerModule = 8

export function addressUri(address: string): string {
  return address.startsWith('0x') ? `ethereum:${address}` : address
}

/**
 * Lines of half blocks, two modules high: a block is a light module, as terminals are mostly dark. `isInverted` for
 * those that are light.
 */
export function terminalCode(text: string, isInverted: boolean): readonly string[] {
  const { data, size } = encode(text, { ecc: 'M', border })
  const isLight = (row: number, column: number) => row < size && (data[row]?.[column] === true) === isInverted
  return Array.from({ length: Math.ceil(size / 2) }, (_, line) => {
    let drawn = ''
    for (let column = 0; column < size; column++) {
      const [top, bottom] = [isLight(2 * line, column), isLight(2 * line + 1, column)]
      drawn += top ? (bottom ? '█' : '▀') : bottom ? '▄' : ' '
    }
    return drawn
  })
}

export function svgCode(text: string): string {
  return `${renderSVG(text, { ecc: 'M', border: 2 * border, pixelSize: pixelsPerModule })}\n`
}
