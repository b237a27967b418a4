// What parts of a torrent are here, as a bar of characters: each stands for a run of pieces, the fuller the more of it.
// Pure.

const unicodeShades = [' ', '░', '▒', '▓', '█'] as const
const asciiShades = ['.', '-', '+', '*', '#'] as const
const fullShade = 4

/**
 * `pieces`: one bit each, the high bit first. Empty and full are shown only where all pieces of a cell are missing or
 * here; with more cells than pieces, a piece takes several.
 */
export function pieceBar(pieces: Uint8Array, pieceCount: number, columns: number, isUnicode: boolean): string {
  const shades = isUnicode ? unicodeShades : asciiShades
  let bar = ''
  for (let cell = 0; cell < columns; cell++) {
    const first = Math.floor((cell * pieceCount) / columns)
    const end = Math.max(first + 1, Math.floor(((cell + 1) * pieceCount) / columns))
    let here = 0
    for (let piece = first; piece < end; piece++) here += ((pieces[piece >> 3] ?? 0) >> (7 - (piece & 7))) & 1
    const count = end - first
    const shade = here === 0 ? 0 : here === count ? fullShade : 1 + Math.floor((3 * here) / count)
    bar += shades[shade] ?? ''
  }
  return bar
}
