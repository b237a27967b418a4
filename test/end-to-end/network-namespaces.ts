// Machines of their own on this one: network namespaces, each with a wire to each other, where the machine allows it.
// Guarantees: they are gone when the test has ended, wires and all.
import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'

/** Two that are joined, and the first three numbers of the addresses of their wire: the first is .1, the second .2. */
export type Wire<Name extends string> = readonly [from: Name, to: Name, net: string]

function canRun(command: string, line: readonly string[]): boolean {
  return spawnSync(command, line, { stdio: 'ignore' }).status === 0
}

/** What a command is run in, for each; undefined: not here. */
export function networkNamespaces<Name extends string>(
  t: TestContext,
  names: readonly Name[],
  wires: readonly Wire<Name>[],
): ((name: Name) => readonly string[]) | undefined {
  const nameOf = (name: Name) => `sb${process.pid}${name}`
  const lines: (readonly string[])[] = names.map((name) => ['netns', 'add', nameOf(name)])
  for (const name of names) lines.push(['-n', nameOf(name), 'link', 'set', 'lo', 'up'])
  for (const [index, [from, to, net]] of wires.entries()) {
    const [a, b] = [`sbv${index}a`, `sbv${index}b`]
    const [inFrom, inTo] = [nameOf(from), nameOf(to)]
    lines.push(['link', 'add', a, 'netns', inFrom, 'type', 'veth', 'peer', 'name', b, 'netns', inTo])
    lines.push(['-n', inFrom, 'address', 'add', `${net}.1/24`, 'dev', a], ['-n', inFrom, 'link', 'set', a, 'up'])
    lines.push(['-n', inTo, 'address', 'add', `${net}.2/24`, 'dev', b], ['-n', inTo, 'link', 'set', b, 'up'])
  }
  t.after(() => {
    for (const name of names) canRun('ip', ['netns', 'delete', nameOf(name)])
  })
  return lines.every((line) => canRun('ip', line)) ? (name) => ['ip', 'netns', 'exec', nameOf(name)] : undefined
}
