// Reads V8's coverage of one script as a list of its functions, each named by what it lies in, so that a name stays the
// same when lines move. Guarantees: in order of the source; the script itself is not one of them. Pure.

export interface FunctionCoverage {
  /** `outer > inner`; functions without a name are `(anonymous)`. */
  readonly name: string
  readonly count: number
}

interface Measured {
  readonly functionName: string
  readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[]
}

export function functionsOf(measured: readonly Measured[]): FunctionCoverage[] {
  const sorted = measured
    .flatMap(({ functionName, ranges }) => (ranges[0] === undefined ? [] : [{ functionName, ...ranges[0] }]))
    .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const around: { name: string; endOffset: number }[] = []
  const functions: FunctionCoverage[] = []
  // The first is the script itself.
  for (const { functionName, startOffset, endOffset, count } of sorted.slice(1)) {
    while ((around.at(-1)?.endOffset ?? Number.POSITIVE_INFINITY) <= startOffset) around.pop()
    around.push({ name: functionName === '' ? '(anonymous)' : functionName, endOffset })
    functions.push({ name: around.map(({ name }) => name).join(' > '), count })
  }
  return functions
}

/** Whether anything of a script is left to run once its types are gone. */
export function hasCode(script: string): boolean {
  return script.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|^export \{\};?$/gm, '').trim() !== ''
}
