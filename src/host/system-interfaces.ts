// The Interfaces port on what the system lists. Addresses that come or go are noticed by looking every few seconds
// while anyone listens: Node is not told of them. Guarantees: canonical addresses, in an order that does not change
// from one look to the next.
import { networkInterfaces } from 'node:os'
import type { InterfaceAddress, Interfaces } from '../ports/interfaces.ts'
import { canonicalAddress } from './network-failure.ts'

export interface InterfacesOptions {
  readonly lookEveryMs?: number
  /** Where the list comes from; the system's unless a test has its own. */
  readonly read?: typeof networkInterfaces
}

const usualLookEveryMs = 5_000

function prefixLengthOf(cidr: string | null): number {
  const text = cidr?.split('/')[1] ?? ''
  return /^[0-9]{1,3}$/.test(text) ? Number(text) : 0
}

function listAddresses(read: typeof networkInterfaces): InterfaceAddress[] {
  const addresses: InterfaceAddress[] = []
  let named: ReturnType<typeof networkInterfaces>
  try {
    named = read()
  } catch {
    // Some sandboxes forbid the question: then nothing is known, which is no reason to stop.
    return []
  }
  for (const [interfaceName, entries] of Object.entries(named)) {
    for (const { address, cidr, internal } of entries ?? []) {
      const ip = canonicalAddress(address)
      if (ip === undefined) continue
      addresses.push({ ...ip, interfaceName, prefixLength: prefixLengthOf(cidr), isLoopback: internal })
    }
  }
  const key = (ip: InterfaceAddress) => `${ip.interfaceName} ${ip.family} ${ip.address}`
  return addresses.sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

export function systemInterfaces(options: InterfacesOptions = {}): Interfaces {
  const { lookEveryMs = usualLookEveryMs, read = networkInterfaces } = options
  const listeners = new Set<() => void>()
  let timer: NodeJS.Timeout | undefined
  let seen = ''

  function look(): void {
    const now = JSON.stringify(listAddresses(read))
    if (now === seen) return
    seen = now
    for (const listener of [...listeners]) listener()
  }

  return {
    list: () => listAddresses(read),
    onChange(listener) {
      // Each call counts by itself, also of the same function.
      const tell = () => listener()
      if (listeners.size === 0) {
        seen = JSON.stringify(listAddresses(read))
        timer = setInterval(look, lookEveryMs)
        timer.unref()
      }
      listeners.add(tell)
      return () => {
        listeners.delete(tell)
        if (listeners.size === 0) clearInterval(timer)
      }
    },
  }
}
