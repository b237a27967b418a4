// Most know the link alone: what is in the torrent comes from peers, of version 1, 2 or both (BEP 9, 52).
// The first who has it gives it to the others; which version it is follows from the seed.
import type { Scenario } from '../scenario.ts'

const versions = ['v1', 'v2', 'hybrid'] as const

export const magnets: Scenario = {
  name: 'magnets',
  about: 'nearly all know the link alone, of a torrent of any version; all finish',
  peers: 8,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 300_000,
  async arrange(stage) {
    const version = versions[stage.world.seed % versions.length] ?? 'v1'
    stage.setContent({ version, lengths: [stage.contentBytes - 100_001, 1, 100_000] })
    const described = new Set<unknown>()
    stage.world.watchers.push({
      onChange: (machine, change) => void (change.type === 'metadata' && described.add(machine)),
    })
    await stage.seed({ uploadBytesPerSecond: 300_000 })
    const leechers = await stage.leechers(stage.peers, (index) => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000 + stage.random.below(200_000),
      isByMagnet: index > 0,
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        for (const { machine } of leechers.slice(1)) {
          stage.expect(described.has(machine), 'never told that it has the metadata', machine)
        }
        await stage.expectContent()
      },
    }
  },
}
