// The Resolver port on the system's own resolution (hosts file, mDNS, DNS: whatever it is set to), in its order.
// Guarantees: every question ends within a time limit; at most 16 addresses, no repeats; an IPv4 address in IPv6
// clothes comes back as IPv4. The system cannot be made to stop looking: a late answer is dropped.
import { type LookupAddress, lookup } from 'node:dns'
import type { AddressFamily, IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { Resolver } from '../ports/resolver.ts'
import { canonicalAddress, systemErrorCode } from './network-failure.ts'

export interface ResolverOptions {
  readonly timeoutMs?: number
  /** The system's unless a test has its own. */
  readonly lookup?: Lookup
}

export type Lookup = (
  name: string,
  options: { readonly all: true; readonly order: 'verbatim'; readonly family: 0 | 4 | 6 },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

const usualTimeoutMs = 10_000
const maxAddresses = 16
const longestName = 253

function choose(found: readonly LookupAddress[], family: AddressFamily | 'any'): IpAddress[] {
  const chosen = new Map<string, IpAddress>()
  for (const { address } of found) {
    const ip = canonicalAddress(address)
    if (ip !== undefined && (family === 'any' || ip.family === family)) chosen.set(ip.address, ip)
    if (chosen.size === maxAddresses) break
  }
  return [...chosen.values()]
}

function unknown(name: string, reason: string): Result<never> {
  return failure('name-unknown', `${name.slice(0, longestName)}: ${reason}`)
}

export function systemResolver(options: ResolverOptions = {}): Resolver {
  const { timeoutMs = usualTimeoutMs, lookup: ask = lookup } = options

  function resolve(
    name: string,
    family: AddressFamily | 'any',
    signal: AbortSignal,
  ): Promise<Result<readonly IpAddress[]>> {
    return new Promise((settle) => {
      const finish = (result: Result<readonly IpAddress[]>) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        settle(result)
      }
      const onAbort = () => finish(failure('interrupted', `${name}: no longer asked for`))
      const timer = setTimeout(() => finish(failure('timed-out', `${name}: does not resolve in time`)), timeoutMs)
      signal.addEventListener('abort', onAbort, { once: true })
      ask(name, { all: true, order: 'verbatim', family: family === 'any' ? 0 : family }, (error, found) => {
        if (error !== null) return finish(unknown(name, systemErrorCode(error) || 'does not resolve'))
        const chosen = choose(found, family)
        finish(chosen.length > 0 ? success(chosen) : unknown(name, 'has no such address'))
      })
    })
  }

  return {
    async resolve(name, family, signal) {
      if (signal.aborted) return failure('interrupted', `${name}: no longer asked for`)
      const literal = canonicalAddress(name)
      if (literal !== undefined) {
        const isWanted = family === 'any' || family === literal.family
        return isWanted ? success([literal]) : unknown(name, `not an IPv${family} address`)
      }
      // What no resolver knows, and libraries beneath have stumbled over.
      if (name === '' || name.length > longestName || /[^\x21-\x7e\u0080-\uffff]/.test(name)) {
        return unknown(name, 'not a host name')
      }
      return resolve(name, family, signal)
    },
  }
}
