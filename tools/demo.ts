// npm run demo: two swarms on this machine, everybody in them a process of the real command line on real sockets. First one
// in which nobody pays; then one with a ledger, sellers at different prices, downloaders that pay and others that don't,
// and a foreign client. Exit 1 when anything is not as promised. Everything lies in a temporary folder that is removed on
// every way out, as are the processes. `npm run demo -- MIB` changes the size of the first (128).
import { playPlain } from './demo-plain.ts'
import { playSpeed } from './demo-speed.ts'
import { play } from './demo-stage.ts'

const totalMiB = Math.max(8, Math.trunc(Number(process.argv[2] ?? 128)) || 128)

await play([() => playPlain(totalMiB), playSpeed])
