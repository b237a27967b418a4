// Port: names to addresses. Cold: promises. Whoever asked judges the addresses (local ones need permission) and
// connects to exactly those: a name is never resolved twice for one connection. Types only.
import type { AddressFamily, IpAddress } from '../base/endpoint.ts'
import type { Result } from '../base/errors.ts'

export interface Resolver {
  /**
   * All addresses of a name, in the system's order of preference, without repeats, at most 16. IP literals come back
   * as themselves. Errors: name-unknown, timed-out, interrupted (signal).
   */
  resolve(name: string, family: AddressFamily | 'any', signal: AbortSignal): Promise<Result<readonly IpAddress[]>>
}
