// Hostile peers in one process, each at an address of its own, each coming back with another attack as soon as it was
// cut off; those that may stay, stay. Says once that the attack is on, and how often they attacked when it ends.
// Guarantees: it ends with its standard input. Argument: JSON of AttackersOptions.
import { setTimeout as delay } from 'node:timers/promises'
import { type Attack, attacks } from '../../test/foreign/attacks.ts'
import { loopbackAddress } from '../../test/foreign/raw-peer.ts'
import type { AttackersOptions } from '../hostile.ts'

const { content, port, count } = JSON.parse(process.argv[2] ?? '') as AttackersOptions
const firstAddress = 10
const pauseMs = 20
/** On average each was cut off and is back. */
const attacksToBegin = 2 * count
let attackCount = 0

async function attackAgain(index: number): Promise<void> {
  const address = loopbackAddress(index + firstAddress)
  for (;;) {
    const attack = attacks[(index + attackCount++) % attacks.length] as Attack
    if (attackCount === attacksToBegin) process.stdout.write(`${JSON.stringify({ type: 'attacking' })}\n`)
    // Nothing is left to clean up beyond this process.
    const peer = attack.begin({ after: () => undefined }, { content, port, address })
    await peer.closed
    await delay(pauseMs)
  }
}

process.stdin.resume()
process.stdin.once('close', () => process.exit(0))
for (let index = 0; index < count; index++) void attackAgain(index)
