// Programs of the product never send what nobody honest sends, so none of them bans another unless it is told to. What a
// session shows of its bans is looked at every ten seconds, and at the end.
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'

const lookEverySeconds = 10

export const bansNobodyHonest: CheckMaker = {
  name: 'bans-nobody-honest',
  make: ({ world, violate }) => {
    let seconds = 0
    const judge = (machine: Machine, honest: ReadonlySet<string>) => {
      for (const address of machine.session.snapshot().bannedAddresses) {
        if (honest.has(address) && !machine.bannedByCommand.has(address))
          violate(machine, `banned ${address}, which did nothing wrong`)
      }
    }
    const judgeAll = () => {
      const honest = new Set(world.machines.map(({ address }) => address))
      for (const machine of world.machines) if (machine.isUp) judge(machine, honest)
    }
    return {
      onSecond: () => {
        if (++seconds % lookEverySeconds === 0) judgeAll()
      },
      onEnd: judgeAll,
    }
  },
}
