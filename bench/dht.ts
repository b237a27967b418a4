// Benchmark: queries of the DHT answered by our node and by npm's bittorrent-dht, with eight nodes each. First the work of
// the nodes themselves, from datagram to datagram in one process; then over UDP, as answers for each second of CPU that
// the answering process took, where both pay far more to Node's sockets and the system: how much, a bare echo shows that
// says the same to everybody. Guarantees: the same queries in turn; all sides are checked to give eight nodes; over UDP
// both nodes have the same socket, and the asker's CPU is not counted.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { fileURLToPath } from 'node:url'
import { sha1 } from '../src/base/hash.ts'
import { decodeKrpc } from '../src/formats/krpc/decode.ts'
import { encodeKrpc } from '../src/formats/krpc/encode.ts'
import { type JsonProcess, startJsonProcess } from '../test/foreign/json-process.ts'
import { npmOrigin, npmVersion } from '../test/foreign/npm-package.ts'
import { npmNode, type OnSend, ourNode } from './frame/dht-sides.ts'
import { type Benchmark, type BenchmarkOptions, compare, type Measurement, median } from './measure.ts'

const bar = 5
const childPath = fileURLToPath(new URL('./frame/dht-child.ts', import.meta.url))
const queryCount = 512
const queriesUnderWay = 48
const answersEach = 20_000
const warmUpAnswers = 10_000
/** On a busy machine the system loses some; they are asked again. */
const lostAfterMs = 300
const bytesOfEightNodes = 8 * 26
const askerPort = 7_000

interface Line {
  readonly type: 'listening' | 'cpu'
  readonly port?: number
  readonly seconds?: number
}

interface Side {
  readonly process: JsonProcess<Line>
  readonly port: number
}

type Method = 'find_node' | 'get_peers'

function queriesOf(method: Method): Uint8Array[] {
  return Array.from({ length: queryCount }, (_, index) => {
    const target = sha1(Uint8Array.of(index, index >> 8))
    const transactionId = Uint8Array.of(index >> 8, index)
    const head = { type: 'query', transactionId, id: sha1(Uint8Array.of(7)), isReadOnly: true } as const
    if (method === 'find_node') return encodeKrpc({ ...head, method, target, want: 'default' })
    return encodeKrpc({ ...head, method, infoHash: target, want: 'default', noSeeds: false, isScrape: false })
  })
}

async function startSide(name: 'ours' | 'npm' | 'echo'): Promise<Side> {
  const started = startJsonProcess<Line>(process.execPath, [childPath, name], { name: `DHT, ${name}` })
  const { port = 0 } = await started.line('listening')
  return { process: started, port }
}

async function cpuSeconds({ process: child }: Side): Promise<number> {
  const before = child.lines.length
  child.process.stdin?.write('\n')
  const { seconds } = await child.line('cpu', 10_000, (line) => child.lines.indexOf(line) >= before)
  assert.ok(seconds !== undefined)
  return seconds
}

/** Asks until so many answers have come; fails where one is not what it should be. */
function ask(port: number, queries: readonly Uint8Array[], answers: number): Promise<void> {
  const socket = createSocket('udp4')
  let received = 0
  let next = 0
  const send = () => socket.send(queries[next++ % queryCount] as Uint8Array, port, '127.0.0.1')
  return new Promise((resolve, reject) => {
    let heardMs = performance.now()
    const looking = setInterval(() => {
      if (performance.now() - heardMs < lostAfterMs) return
      for (let count = 0; count < queriesUnderWay; count++) send()
    }, lostAfterMs)
    const end = (act: () => void) => {
      clearInterval(looking)
      socket.close(act)
    }
    socket.on('message', (bytes) => {
      received++
      heardMs = performance.now()
      if (received % 1_000 === 500) {
        const decoded = decodeKrpc(bytes)
        const nodes = decoded.ok && decoded.value.type === 'response' ? decoded.value.nodes?.length : 0
        if (nodes !== bytesOfEightNodes) return end(() => reject(new Error(`an answer with ${nodes} bytes of nodes`)))
      }
      if (received === answers) end(resolve)
      else if (received < answers) send()
    })
    socket.bind(0, '127.0.0.1', () => {
      for (let count = 0; count < queriesUnderWay; count++) send()
    })
  })
}

/** Answers for a second of CPU. */
async function rateOf(side: Side, queries: readonly Uint8Array[]): Promise<number> {
  const before = await cpuSeconds(side)
  await ask(side.port, queries, answersEach)
  return answersEach / ((await cpuSeconds(side)) - before)
}

interface Rates {
  readonly ours: number
  readonly npm: number
  readonly echo: number
}

function measurement(name: string, rival: string, rates: readonly Rates[], of: (rates: Rates) => number): Measurement {
  return {
    name,
    unit: '/CPU s',
    ours: median(rates.map(({ ours }) => ours)),
    theirs: median(rates.map(of)),
    ratio: median(rates.map((one) => one.ours / of(one))),
    bar: 0,
    rival,
  }
}

async function contest(method: Method, sides: readonly [Side, Side, Side], pairs: number): Promise<Measurement[]> {
  const queries = queriesOf(method)
  const rates: Rates[] = []
  const [ours, npm, echo] = sides
  for (const side of sides) await ask(side.port, queries, warmUpAnswers)
  for (let pair = 0; pair < pairs; pair++) {
    const [rateOfOurs, rateOfNpm] = [await rateOf(ours, queries), await rateOf(npm, queries)]
    rates.push({ ours: rateOfOurs, npm: rateOfNpm, echo: await rateOf(echo, queries) })
  }
  const npmName = `bittorrent-dht ${npmVersion('bittorrent-dht')}`
  return [
    measurement(`${method} over UDP`, npmName, rates, ({ npm: rate }) => rate),
    measurement(`${method} over UDP, against no work at all`, 'a bare echo on node:dgram', rates, (one) => one.echo),
  ]
}

/** From the bytes of a query to those of its answer, without a network. */
async function contestInProcess(method: Method): Promise<Measurement> {
  const queries = queriesOf(method)
  const buffers = queries.map((query) => Buffer.from(query))
  let last: Uint8Array = new Uint8Array(0)
  const onSend: OnSend = (bytes) => {
    last = bytes
  }
  const ours = ourNode(onSend)
  const npm = await npmNode(onSend)
  let next = 0
  const nodesOf = (ask: () => void): number | undefined => {
    ask()
    const decoded = decodeKrpc(last)
    return decoded.ok && decoded.value.type === 'response' ? decoded.value.nodes?.length : undefined
  }
  const askOurs = () => {
    ours(queries[next++ % queryCount] as Uint8Array, askerPort)
    return last
  }
  const askNpm = () => {
    npm.answer(buffers[next++ % queryCount] as Buffer, askerPort)
    return last
  }
  // The first question makes npm's know the asker.
  askNpm()
  for (const ask of [askOurs, askNpm]) assert.equal(nodesOf(ask), bytesOfEightNodes)
  const measured = compare(
    { name: `${method}, datagram to datagram`, unit: '/s', bar, ours: askOurs, theirs: askNpm },
    { rounds: 21, roundMs: 100 },
  )
  npm.close()
  return { ...measured, rival: `bittorrent-dht ${npmVersion('bittorrent-dht')}` }
}

async function run({ pairs }: BenchmarkOptions): Promise<readonly Measurement[]> {
  assert.ok(npmVersion('bittorrent-dht') !== undefined, `bittorrent-dht is missing: ${npmOrigin}`)
  const inProcess = [await contestInProcess('find_node'), await contestInProcess('get_peers')]
  const sides = await Promise.all([startSide('ours'), startSide('npm'), startSide('echo')])
  try {
    const overUdp = [...(await contest('find_node', sides, pairs)), ...(await contest('get_peers', sides, pairs))]
    return [...inProcess, ...overUdp]
  } finally {
    await Promise.all(sides.map((side) => side.process.end()))
  }
}

export const benchmark: Benchmark = {
  name: 'dht',
  summary:
    "queries of the DHT answered, against npm's bittorrent-dht; the bar is the nodes' own work, over UDP most is the system's",
  run,
}
