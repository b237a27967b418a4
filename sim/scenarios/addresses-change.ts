// Machines whose addresses come and go. One leaves by a tunnel only: without it the program does not start, and when it
// is gone nothing takes another way. One is to listen on two addresses, of which one comes late, and once is taken.
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'

const tunnelGoesMs = 4_000
const tunnelComesMs = 14_000
const settledMs = 3_000

export const addressesChange: Scenario = {
  name: 'addresses-change',
  about: 'a tunnel goes and comes back elsewhere, one of two addresses comes late; nothing leaks, and all finish',
  peers: 3,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 300_000,
  async arrange(stage) {
    const { world } = stage
    const { network } = world
    await stage.seed({ uploadBytesPerSecond: 60_000 })
    await stage.leechers(stage.peers, () => ({ uploadBytesPerSecond: 60_000 }))

    const bound = await stage.leecher({ uploadBytesPerSecond: 100_000 })
    const { machine } = bound
    await stage.pause(bound)
    const tunnelConfig = { bindTo: 'wg0', listenAddresses: ['0.0.0.0', machine.address, '::'] }
    const refused = await machine.tryStart(tunnelConfig)
    stage.expect(!refused.ok && refused.code === 'address-unavailable', 'starts without its tunnel', machine)
    const eth: readonly [string, string] = ['eth0', machine.address]
    const withTunnel = () => [eth, ['wg0', stage.address()], ['wg0', `2a02::${stage.random.below(9_999)}`]] as const
    machine.setInterfaces(withTunnel())
    const resume = async (one: Participant) => {
      await one.machine.start(tunnelConfig)
      await one.machine.add(stage.content.metainfo)
      one.isHere = true
    }
    await resume(bound)
    const linked = () => machine.torrent(bound.id).peers.length
    let sentBytes = 0
    stage.after(tunnelGoesMs, () => {
      stage.expect(linked() > 0, 'nobody came through the tunnel', machine)
      machine.setInterfaces([eth])
    })
    stage.after(tunnelGoesMs + settledMs, () => {
      stage.expect(linked() === 0, `keeps ${linked()} connections without its tunnel`, machine)
      sentBytes = network.trafficOf(machine.address).sentBytes
    })
    stage.after(tunnelComesMs, () => {
      const leakedBytes = network.trafficOf(machine.address).sentBytes - sentBytes
      stage.expect(leakedBytes === 0, `sent ${leakedBytes} bytes another way`, machine)
      machine.setInterfaces(withTunnel())
    })

    const [home, away] = [stage.address(), stage.address()]
    const both = await stage.leecher({
      address: home,
      uploadBytesPerSecond: 100_000,
      config: { listenAddresses: [home, away] },
    })
    const listening = () => both.machine.session.snapshot().listening.map(({ address }) => address)
    const listensOn = (addresses: readonly string[], when: string) =>
      stage.expect(listening().join() === addresses.join(), `${when} listens on ${listening().join()}`, both.machine)
    listensOn([home], 'without one address')
    stage.after(tunnelComesMs, () => {
      both.machine.setInterfaces([
        ['eth0', home],
        ['wlan0', away],
      ])
    })
    let isTaken = false
    stage.after(tunnelComesMs + settledMs, async () => {
      listensOn([home, away], 'in the end')
      await stage.pause(both)
      // Another program has its port on the second one.
      const squatter = await network.streams({ address: home }).listen(away, 6881, () => undefined)
      const outcome = await both.machine.tryStart()
      isTaken = !outcome.ok && outcome.code === 'address-in-use'
      if (squatter.ok) await squatter.value.close()
      await stage.comeBack(both)
    })
    return {
      isOver: () => stage.nowMs > tunnelComesMs + 2 * settledMs && stage.allFinished(),
      judge: async () => {
        stage.expect(isTaken, 'starts though its port is taken', both.machine)
        await stage.expectContent()
      },
    }
  },
}
