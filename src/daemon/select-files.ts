// Which files of a torrent somebody wants: by number as in BEP 53, by path, by folder, or by pattern.
// Guarantees: what selects nothing is an error instead of a download of nothing; matching takes time in proportion to
// the names, whatever the pattern. Pure.
import { failure, type Result, success } from '../base/errors.ts'
import type { FileRange } from '../formats/magnet.ts'

/** One wish: files by number, or whatever matches a pattern. */
export type FileChoice =
  | { readonly type: 'numbers'; readonly range: FileRange }
  | { readonly type: 'pattern'; readonly pattern: string }

const maxFileNumber = 2 ** 21 - 1

/**
 * Wishes between commas: `0`, `4-6`, a path such as `photos/a.jpg` or the folder `photos`, or a pattern, in which `*`
 * stands for anything within a name, `?` for one character of it and `**` for anything; a pattern without `/` may fit
 * the name of a file in any folder. A comma in a name is written
 * as `?`. Undefined for what is none.
 */
export function parseFileChoices(text: string): FileChoice[] | undefined {
  const choices: FileChoice[] = []
  for (const part of text.split(',').map((wish) => wish.trim())) {
    if (part === '') return undefined
    const match = /^([0-9]{1,7})(?:-([0-9]{1,7}))?$/.exec(part)
    if (match === null) {
      choices.push({ type: 'pattern', pattern: part })
      continue
    }
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (first > last || last > maxFileNumber) return undefined
    choices.push({ type: 'numbers', range: { first, last } })
  }
  return choices
}

type Step = string | { readonly crossesFolders: boolean } | 'any'

const anyCharacter = 'any'

/** Characters, `?` as 'any', and runs of stars. */
function stepsOf(pattern: string): Step[] {
  const steps: Step[] = []
  for (const part of pattern.match(/\*+|[^*]/gu) ?? []) {
    if (part.startsWith('*')) steps.push({ crossesFolders: part.length > 1 })
    else steps.push(part === '?' ? anyCharacter : part)
  }
  return steps
}

/** Whether the whole of `text` fits, trying at each place all ways at once. */
function fits(steps: readonly Step[], text: string): boolean {
  let reached = new Uint8Array(steps.length + 1)
  // From a star one may go on without using up a character.
  const reach = (places: Uint8Array, place: number) => {
    for (let at = place; ; at++) {
      places[at] = 1
      if (typeof steps[at] !== 'object') return
    }
  }
  reach(reached, 0)
  for (const character of text) {
    const next = new Uint8Array(steps.length + 1)
    for (let place = 0; place < steps.length; place++) {
      if (reached[place] === 0) continue
      const step = steps[place] as Step
      if (typeof step === 'object') {
        if (step.crossesFolders || character !== '/') reach(next, place)
      } else if (step === character || (step === anyCharacter && character !== '/')) {
        reach(next, place + 1)
      }
    }
    reached = next
  }
  return reached[steps.length] === 1
}

function matcherOf(pattern: string): (path: string) => boolean {
  const plain = pattern.replace(/\/+$/, '')
  const steps = stepsOf(plain)
  const within = stepsOf(`${plain}/**`)
  return (path) => path === plain || path.startsWith(`${plain}/`) || fits(steps, path) || fits(within, path)
}

/**
 * One priority a file: 0, or `usual` for what was chosen. `paths`: components, the torrent's name first in `isFolder`
 * torrents; a choice may begin with it or leave it out. Errors: torrent-value when a choice fits no file.
 */
export function selectFiles(
  choices: readonly FileChoice[],
  paths: readonly (readonly string[])[],
  usual: number,
): Result<number[]> {
  const priorities: number[] = new Array(paths.length).fill(0)
  const whole = paths.map((path) => path.join('/'))
  const inside = paths.map((path) => (path.length > 1 ? path.slice(1) : path).join('/'))
  for (const choice of choices) {
    if (choice.type === 'numbers') {
      const { first, last } = choice.range
      if (last >= paths.length) {
        return failure('torrent-value', `there is no file ${last}: the torrent has files 0 to ${paths.length - 1}`)
      }
      priorities.fill(usual, first, last + 1)
      continue
    }
    const matches = matcherOf(choice.pattern)
    const isOfNames = !choice.pattern.includes('/')
    let count = 0
    for (const [file, path] of whole.entries()) {
      const name = isOfNames ? (paths[file]?.at(-1) ?? '') : ''
      if (!matches(path) && !matches(inside[file] as string) && !(isOfNames && matches(name))) continue
      priorities[file] = usual
      count++
    }
    if (count === 0) return failure('torrent-value', `no file of the torrent fits ${choice.pattern.slice(0, 200)}`)
  }
  return success(priorities)
}
