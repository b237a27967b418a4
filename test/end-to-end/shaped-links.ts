// Machines of their own on this one, each with a line of its own to a switch: a network namespace for each, a bridge in one
// more, rates by tbf on both ends of every line, and its delay by netem where the kernel has that.
// Guarantees: what was made is gone when it is told to, or at the latest with this process, whatever runs inside; what one
// left behind that was killed is swept by the next.
import { spawnSync } from 'node:child_process'

/** A line as its owner has it. */
export interface Line {
  readonly uploadBitsPerSecond: number
  readonly downloadBitsPerSecond: number
  /** Each way, to the switch or from it. */
  readonly delayMs: number
}

export interface ShapedNet {
  /** What a command is run in: the machine with so many others before it, or the switch itself, where lines end. */
  wrapper(place: number | 'switch'): readonly string[]
  /** Each is in a /24 of its own. */
  address(place: number | 'switch'): string
  /** Whether lines are as long as they were told to be: false where the kernel lacks netem. */
  readonly isDelayed: boolean
  remove(): void
}

const prefix = 'sbq'
/** What most systems have: it decides what a full queue does to who sends. */
export const congestionControl = 'cubic'
const cubic = ['congctl', congestionControl]
const net = '10.233'
export const switchAddress: string = `${net}.0.1`
/** Less than a full packet of the largest that a sender hands down would be cut up before it is paced. */
const burst = '16kb'
/** What waits at most before the line: as in a router at home, not too large a one. */
const queueMs = 100
const packetBytes = 1_500
const leastQueuedPackets = 16

function run(command: string, ...line: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, line, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 ? stdout : undefined
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** With all that runs in it. */
function removeNamespace(name: string): void {
  for (const text of run('ip', 'netns', 'pids', name)?.split('\n') ?? []) {
    if (text === '') continue
    try {
      process.kill(Number(text), 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  run('ip', 'netns', 'delete', name)
}

/** Of processes that are no more. */
function sweep(): void {
  for (const line of run('ip', 'netns', 'list')?.split('\n') ?? []) {
    const [, name = '', pid = ''] = new RegExp(`^(${prefix}(\\d+)x\\w+)`).exec(line) ?? []
    if (name !== '' && !isAlive(Number(pid))) removeNamespace(name)
  }
}

/** What leaves by the device from now on; without its delay where that is refused. */
function shape(
  namespace: string,
  device: string,
  bitsPerSecond: number,
  delayMs: number,
): 'refused' | 'undelayed' | 'delayed' {
  const rate = ['tbf', 'rate', `${Math.round(bitsPerSecond)}bit`, 'burst', burst, 'latency', `${queueMs}ms`]
  const add = (...line: string[]) => run('tc', '-n', namespace, 'qdisc', 'add', 'dev', device, ...line) !== undefined
  if (!add('root', 'handle', '1:', ...rate)) return 'refused'
  // It holds what is under way and what waits.
  const packets = Math.ceil((bitsPerSecond * (queueMs + delayMs)) / 8_000 / packetBytes)
  const delay = ['netem', 'delay', `${delayMs}ms`, 'limit', String(Math.max(packets, leastQueuedPackets))]
  return delayMs > 0 && add('parent', '1:1', 'handle', '2:', ...delay) ? 'delayed' : 'undelayed'
}

let made = 0
const standing = new Set<ShapedNet>()
process.once('exit', () => {
  for (const one of standing) one.remove()
})

/** A machine for each line; undefined: not here, for want of the right to do so or of `ip` and `tc`. */
export function shapedLinks(lines: readonly Line[]): ShapedNet | undefined {
  sweep()
  const own = `${prefix}${process.pid}x${made++}`
  const nameOf = (place: number | 'switch') => `${own}${place === 'switch' ? 's' : `n${place}`}`
  const address = (place: number | 'switch') => (place === 'switch' ? switchAddress : `${net}.${place + 1}.1`)
  const places = ['switch', ...lines.keys()] as const
  let isDelayed = false
  const remove = () => {
    standing.delete(links)
    for (const place of places) removeNamespace(nameOf(place))
  }
  const links: ShapedNet = {
    wrapper: (place) => ['ip', 'netns', 'exec', nameOf(place)],
    address,
    get isDelayed() {
      return isDelayed
    },
    remove,
  }
  standing.add(links)
  const hub = nameOf('switch')
  const commands = [
    ...places.flatMap((place) => [
      ['netns', 'add', nameOf(place)],
      ['-n', nameOf(place), 'link', 'set', 'lo', 'up'],
    ]),
    ['-n', hub, 'link', 'add', 'switch', 'type', 'bridge'],
    ['-n', hub, 'address', 'add', `${address('switch')}/16`, 'dev', 'switch'],
    ['-n', hub, 'link', 'set', 'switch', 'up'],
    ...[...lines.keys()].flatMap((place) => {
      const inside = nameOf(place)
      return [
        ['link', 'add', `p${place}`, 'netns', hub, 'type', 'veth', 'peer', 'name', 'line', 'netns', inside],
        ['-n', hub, 'link', 'set', `p${place}`, 'master', 'switch', 'up'],
        ['-n', inside, 'address', 'add', `${address(place)}/16`, 'dev', 'line', 'noprefixroute'],
        ['-n', inside, 'link', 'set', 'line', 'up'],
        ['-n', inside, 'route', 'add', `${net}.0.0/16`, 'dev', 'line', 'src', address(place), ...cubic],
      ]
    }),
  ]
  if (!commands.every((line) => run('ip', ...line) !== undefined)) {
    remove()
    return undefined
  }
  const shapes = [...lines.entries()].flatMap(([place, { uploadBitsPerSecond, downloadBitsPerSecond, delayMs }]) => [
    shape(nameOf(place), 'line', uploadBitsPerSecond, delayMs),
    shape(hub, `p${place}`, downloadBitsPerSecond, delayMs),
  ])
  isDelayed = shapes.every((one) => one === 'delayed')
  if (shapes.includes('refused')) {
    remove()
    return undefined
  }
  return links
}
