// No peer has anything: all of it comes from web servers (BEP 19), and what one leecher got it gives to the others. Of the
// servers one is honest, one knows no ranges, one fails in every way there is now and then, one lacks a file, one lies,
// and one is not there.
import type { SimulatedAnswer } from '../ports/simulated-http.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { SimulatedWebSeed } from '../world/simulated-web-seed.ts'

type Faults = Map<string, number>

type Way = (honest: SimulatedAnswer, pathname: string) => SimulatedAnswer | undefined

function flaky(stage: Stage, faults: Faults, elsewhere: string): SimulatedWebSeed['misbehaves'] {
  const { random } = stage
  const ways: readonly (readonly [string, Way])[] = [
    ['moved', (_, path) => ({ status: 302, headers: { location: `${elsewhere}${path}` }, body: new Uint8Array(9) })],
    ['busy', () => ({ status: 503, headers: { 'retry-after': '3' }, body: new Uint8Array(100) })],
    ['cut', (honest) => ({ ...honest, cutAfterBytes: random.below(honest.body.length + 1) })],
    ['stalled', (honest) => ({ ...honest, stallsAfterBytes: random.below(honest.body.length) })],
    ['broken', () => ({ status: 500, headers: {}, body: new Uint8Array(0) })],
    ['silent', () => undefined],
  ]
  let count = 0
  return (honest, pathname) => {
    // One after the other, then as it comes.
    const [name, way] = ways[count++] ?? ways[random.below(2 * ways.length)] ?? []
    if (name === undefined || way === undefined) return honest
    faults.set(name, (faults.get(name) ?? 0) + 1)
    return way(honest, pathname)
  }
}

export const webSeeds: Scenario = {
  name: 'web-seeds',
  about: 'the content is at web servers alone, which fail, stall, lack files and lie; all finish, the liar is given up',
  peers: 3,
  contentBytes: 1_500_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    const { world, contentBytes } = stage
    const quarter = Math.floor(contentBytes / 4)
    const version = (['v1', 'v2', 'hybrid'] as const)[stage.random.below(3)] ?? 'v1'
    const content = stage.setContent({ version, lengths: [quarter, 777, quarter, contentBytes - 2 * quarter] })
    const faults: Faults = new Map()
    const urls: string[] = []
    const open = (name: string, bytesPerSecond: number, misbehaves?: SimulatedWebSeed['misbehaves']) => {
      const url = `http://${name}.example/pub/`
      const address = stage.address()
      world.web.name(`${name}.example`, [address])
      const seed = new SimulatedWebSeed(world, url, content).serveAt(address)
      seed.bytesPerSecond = bytesPerSecond
      if (misbehaves !== undefined) seed.misbehaves = misbehaves
      urls.push(url)
      return seed
    }
    const honest = open('honest', 60_000)
    open('flaky', 200_000, flaky(stage, faults, 'http://honest.example'))
    const liar = open('liar', 100_000, (answer) => ({ ...answer, body: answer.body.map((byte) => byte ^ 0x55) }))
    const whole = open('whole', 50_000)
    whole.ignoresRanges = true
    const lacking = open('lacking', 80_000, (answer) => {
      const isSmall = answer.headers['content-range']?.endsWith('/777') === true
      return isSmall ? { status: 404, headers: {}, body: new Uint8Array(9) } : answer
    })
    world.web.name('gone.example', [stage.address()])
    urls.push('http://gone.example/pub/')
    const rates = { downloadBytesPerSecond: 80_000, uploadBytesPerSecond: Number.POSITIVE_INFINITY }
    const [, second, third] = await stage.leechers(stage.peers, (index) => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000,
      // Who does not know them is told later.
      add: index === 2 ? {} : { webSeeds: urls },
      // Where a limit holds it holds for all of them together.
      config: index === 0 ? { rates } : index === 1 ? { bindTo: 'eth0' } : {},
    }))
    stage.after(2_000, async () => {
      if (third !== undefined) await third.machine.add(content.metainfo, { webSeeds: urls })
      if (second === undefined) return
      const { machine, id } = second
      await machine.run({ type: 'set-web-seeds', id, webSeeds: urls.slice(1) })
      await machine.run({ type: 'stop', id })
      await machine.run({ type: 'set-web-seeds', id, webSeeds: urls })
      await machine.run({ type: 'start', id })
    })
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        for (const seed of [honest, liar, whole, lacking])
          stage.expect(seed.seen.length > 0, 'a web seed was not asked')
        stage.expect(
          [...faults.values()].some((count) => count > 0),
          'the flaky web seed never failed',
        )
        for (const { machine, id } of stage.participants) {
          for (const { url, state, problem } of machine.torrent(id).webSeeds) {
            const isLiar = url.includes('liar')
            const isDamaged = problem?.code === 'web-seed-damaged'
            stage.expect(isLiar || !isDamaged, `takes ${url} for a liar`, machine)
            const asked = liar.seen.filter(({ from }) => from === machine.publicAddress).length
            stage.expect(!isLiar || asked === 0 || (state === 'retired' && isDamaged), 'trusts the liar', machine)
          }
        }
        await stage.expectContent()
      },
    }
  },
}
