#!/usr/bin/env node
// Entry of the published program: says in one line when Node is too old to run it, and only then loads it.
// Must stay readable for old versions of Node once built.
const requiredMajor = 24

if (Number(process.versions.node.split('.', 1)[0]) >= requiredMajor) {
  await import('./cli/main.ts')
} else {
  process.stderr.write(`swarmbid: needs Node ${requiredMajor} or newer; this is ${process.version}\n`)
  process.exitCode = 70
}
