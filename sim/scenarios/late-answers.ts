// A peer of another kind answers long after others did, refuses hashes and has only just told where it is in the DHT:
// whatever the torrent is busy with when it comes, nothing is taken amiss, and all finish (BEP 5, 9, 52).
import { encodeMetadataMessage } from '../../src/formats/peer/metadata-message.ts'
import { afterHandshake, type Behaviour } from '../hostile/behaviour.ts'
import { HostilePeer } from '../hostile/hostile-peer.ts'
import * as messages from '../hostile/messages.ts'
import type { Scenario } from '../scenario.ts'

/** Our number for ut_metadata, and the product's. */
const metadataId = 3
const productMetadataId = 1
const seedComesMs = 4_000
const lateMs = 8_000
const slowDisk = { bytesPerSecond: 80_000 }

const latecomer: Behaviour = {
  name: 'late-answers',
  proof: 'none',
  begin: afterHandshake((line) => {
    const { raw: data } = line.content.info
    const metadata = messages.extended(
      productMetadataId,
      encodeMetadataMessage({ type: 'data', piece: 0, totalLengthBytes: data.length, data }),
    )
    line.say(messages.extensionHandshake({ metadataLengthBytes: data.length }, metadataId))
    line.say(messages.haveAll, messages.dhtPort(6_881))
    line.onExtended = (id) => {
      if (id === metadataId) line.say(metadata)
    }
    line.after(lateMs, () => line.attack(metadata))
    // Each file is asked for once: an answer at once, and two of another kind when nobody waits for them any more.
    let asked = 0
    line.onHashRequest = (range) => {
      const refusal = messages.hashReject(range)
      const answer = asked % 3 === 1 ? messages.hashes(range, line.noise(32 * range.length)) : refusal
      if (asked++ % 3 === 0) line.attack(refusal)
      else line.after(lateMs, () => line.attack(answer))
    }
  }),
}

export const lateAnswers: Scenario = {
  name: 'late-answers',
  about: 'a peer refuses hashes, and answers again when the time for it is over; nobody minds, and all finish',
  peers: 3,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 120_000,
  async arrange(stage) {
    const third = Math.floor(stage.contentBytes / 3)
    const content = stage.setContent({ version: 'v2', lengths: [third, third, third] })
    const peer = new HostilePeer(stage, latecomer)
    const joining = { isByMagnet: true, uploadBytesPerSecond: 40_000 }
    const quick = await stage.leechers(stage.peers, () => joining)
    // Has it all, and takes long to find out.
    const slow = await stage.leecher({ ...joining, diskSpeed: slowDisk })
    slow.machine.put(content)
    for (const { machine } of [...quick, slow]) peer.visit(machine.address)
    let checkedWhileLate = false
    stage.after(seedComesMs, async () => void (await stage.seed({ uploadBytesPerSecond: 80_000 })))
    stage.every(500, () => {
      const isChecking = slow.machine.stateOf(slow.id) === 'checking'
      if (isChecking && stage.nowMs > lateMs + 1_000) checkedWhileLate = true
    })
    return {
      isOver: () => stage.nowMs > 2 * lateMs && stage.allFinished(),
      judge: async () => {
        stage.expect(peer.hasAttacked, 'nobody asked it for hashes')
        stage.expect(checkedWhileLate, 'the slow one had finished before it answered', slow.machine)
        await stage.expectContent()
      },
    }
  },
}
