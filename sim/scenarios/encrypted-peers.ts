// Some want their connections encrypted, some take nothing else, some do not care; whoever can talk does, and killed
// ones find back to those who want it otherwise.
import type { EncryptionPolicy } from '../../src/session/session-config.ts'
import type { Scenario } from '../scenario.ts'

const policies: readonly EncryptionPolicy[] = ['allow', 'prefer', 'require']
const restartMs = 5_000

export const encryptedPeers: Scenario = {
  name: 'encrypted-peers',
  about: 'peers of every mind about encryption; all finish, and what was to be encrypted was',
  peers: 7,
  contentBytes: 600_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const version = (['v1', 'v2', 'hybrid'] as const)[stage.random.below(3)] ?? 'v1'
    stage.setContent({ version })
    await stage.seed({ uploadBytesPerSecond: 100_000, config: { encryption: 'require' } })
    const leechers = await stage.leechers(stage.peers, (index) => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 60_000,
      config: { encryption: policies[index % policies.length] ?? 'allow' },
    }))
    const seen = new Set<string>()
    let isPlainWithRequiring = false
    const look = () => {
      for (const { machine, id, isHere } of leechers) {
        if (!isHere) continue
        for (const { encryption } of machine.torrent(id).peers) {
          seen.add(encryption)
          if (machine.config.encryption === 'require' && encryption !== 'all') isPlainWithRequiring = true
        }
      }
      stage.after(500, look)
    }
    look()
    const [victim] = leechers
    stage.after(restartMs, async () => {
      if (victim === undefined) return
      stage.kill(victim)
      await stage.comeBack(victim)
    })
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        stage.expect(seen.has('all'), 'no connection was encrypted throughout')
        stage.expect(!isPlainWithRequiring, 'who requires encryption had a connection without')
        await stage.expectContent()
      },
    }
  },
}
