// A crowd on good home links that shares something large in pieces of a mebibyte: what the simulator's own speed is
// measured with, at 100 peers and 100 MB. Small unless the command line says more, so that tests play it quickly.
import type { Scenario } from '../scenario.ts'

/** As clients come, many of them; more mean a message to each of them for each piece. */
const connections = { maxConnections: 500, maxConnectionsPerTorrent: 50, maxHalfOpen: 50, maxSlotsPerTorrent: 8 }

export const hundredPeers: Scenario = {
  name: 'hundred-peers',
  about: 'a crowd on fast links shares large pieces; all finish (for speed: --peers 100 --size 100MB)',
  peers: 8,
  contentBytes: 5_000_000,
  pieceLengthBytes: 1_048_576,
  limitMs: 900_000,
  async arrange(stage) {
    await stage.seed({ config: { connections }, uploadBytesPerSecond: 12_500_000, latencyMs: 10 })
    await stage.leechers(stage.peers, () => ({
      config: { connections },
      latencyMs: 5 + stage.random.below(35),
      uploadBytesPerSecond: 2_500_000 + stage.random.below(10_000_000),
      downloadBytesPerSecond: 25_000_000,
    }))
    return { isOver: () => stage.allFinished(), judge: () => stage.expectContent() }
  },
}
