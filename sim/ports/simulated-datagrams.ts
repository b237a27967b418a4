// UDP between simulated machines: latency and loss, no order promised beyond that of the clock.
// Guarantees: a datagram is copied when it is sent, and its view is overwritten after it was told; a closed socket
// neither sends nor hears.
import type { Endpoint } from '../../src/base/endpoint.ts'
import { failure, success } from '../../src/base/errors.ts'
import type { DatagramSink, Datagrams } from '../../src/ports/datagrams.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SimulatedClock } from './simulated-clock.ts'

export interface DatagramNetworkOptions {
  readonly latencyMs: number
  /** Lost of a thousand. */
  readonly lossPerMille: number
}

const firstFreePort = 40_000
const maxDatagramBytes = 65_507

export class SimulatedDatagramNetwork {
  private readonly clock: SimulatedClock
  private readonly random: Random
  private readonly options: DatagramNetworkOptions
  private readonly bound = new Map<string, DatagramSink>()
  private nextPort = firstFreePort

  constructor(clock: SimulatedClock, random: Random, options: DatagramNetworkOptions) {
    this.clock = clock
    this.random = random
    this.options = options
  }

  /**
   * The UDP of the machine at `machineAddress`; a socket may be bound to another address of that machine, which `isOwn`
   * tells from others.
   */
  datagrams(machineAddress: string, isOwn: (address: string) => boolean = () => true): Datagrams {
    return {
      bind: async (options, sink) => {
        const address = isAny(options.address) ? machineAddress : options.address
        const family = address.includes(':') ? 6 : 4
        if (options.family !== family) return failure('address-unavailable', `no address of family ${options.family}`)
        if (address !== machineAddress && !isOwn(address)) {
          return failure('address-unavailable', `no address ${address} here`)
        }
        const port = options.port === 0 ? this.nextPort++ : options.port
        const key = `${address}|${port}`
        if (this.bound.has(key)) return failure('address-in-use', `port ${port} is taken`)
        this.bound.set(key, sink)
        const endpoint: Endpoint = { family, address, port }
        let isOpen = true
        return success({
          endpoint,
          send: (bytes, toAddress, toPort) => {
            if (isOpen) this.carry(bytes.slice(), endpoint, `${toAddress}|${toPort}`)
            return true
          },
          close: async () => {
            if (isOpen) this.bound.delete(key)
            isOpen = false
          },
        })
      },
    }
  }

  private carry(bytes: Uint8Array, from: Endpoint, to: string): void {
    if (this.random.below(1_000) < this.options.lossPerMille || bytes.length > maxDatagramBytes) return
    this.clock.after(this.options.latencyMs, () => {
      this.bound.get(to)?.onDatagram(bytes, from.address, from.port)
      bytes.fill(0xee)
    })
  }
}

function isAny(address: string | undefined): address is undefined | '0.0.0.0' | '::' {
  return address === undefined || address === '0.0.0.0' || address === '::'
}
