// A session says that it is interested only in peers that have a piece it lacks (BEP 3), and takes it back when they
// have none any more: or it would hold slots that others need.
import type { CheckMaker } from './check.ts'
import type { TappedConnection } from './tapped-connection.ts'

/** What it says of pieces and of its interest leaves within a turn, and a check may look in the middle of several. */
const patienceSeconds = 3

export const wantsWhatItLacks: CheckMaker = {
  name: 'wants-what-it-lacks',
  make: ({ tap, violate }) => {
    const wronglyFor = new Map<TappedConnection, number>()
    tap.observe({ onClosed: (connection) => void wronglyFor.delete(connection) })
    return {
      onSecond: () => {
        for (const connection of tap.connections) {
          const { machine, out, in: peer, isHungUp } = connection
          if (isHungUp || !out.isInterested || hasMore(connection)) {
            wronglyFor.delete(connection)
            continue
          }
          const seconds = (wronglyFor.get(connection) ?? 0) + 1
          wronglyFor.set(connection, seconds)
          if (seconds !== patienceSeconds) continue
          violate(
            machine,
            `is interested in ${connection.remote.address}, which has ${peer.have?.count ?? 0} pieces, none that it lacks`,
          )
        }
      },
    }
  },
}

/** The peer has a piece that the session did not say it has. */
function hasMore({ out, in: peer }: TappedConnection): boolean {
  const { have } = peer
  if (have === undefined || out.have === undefined) return false
  for (let piece = have.nextSet(0); piece !== -1; piece = have.nextSet(piece + 1)) {
    if (!out.have.get(piece)) return true
  }
  return false
}
