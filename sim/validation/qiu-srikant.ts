// The fluid model of a swarm (Qiu and Srikant, "Modeling and Performance Analysis of BitTorrent-Like Peer-to-Peer
// Networks", 2004): how many download and seed in the long run, and for how long.
// Guarantees: exact formulas, numbers only. Rates are a second; capacities are contents a second.

/** A swarm as the model sees it; its symbols in brackets. */
export interface FluidSwarm {
  /** Peers that come (lambda). */
  readonly arrivals: number
  /** How gladly a downloader gives up (theta): the share of them that does. */
  readonly abandons: number
  /** What a peer can take (c). */
  readonly download: number
  /** What a peer can give (mu). */
  readonly upload: number
  /** How gladly a seed leaves (gamma): one over its mean stay. */
  readonly departures: number
  /** How much of what downloaders could give others can use (eta), 0 to 1. */
  readonly effectiveness: number
}

export interface FluidState {
  readonly downloaders: number
  readonly seeds: number
}

export interface SteadyState extends FluidState {
  /** Until a download is done. */
  readonly seconds: number
}

/** What links and contents allow: contents done a second. */
function completions({ download, upload, effectiveness }: FluidSwarm, { downloaders, seeds }: FluidState): number {
  return Math.min(download * downloaders, upload * (effectiveness * downloaders + seeds))
}

/** The model itself: how both numbers change a second. */
export function fluidChange(swarm: FluidSwarm, state: FluidState): FluidState {
  const { arrivals, abandons, departures } = swarm
  const done = completions(swarm, state)
  return {
    downloaders: arrivals - abandons * state.downloaders - done,
    seeds: done - departures * state.seeds,
  }
}

/** One over beta: how long a download takes that nobody gives up. */
function undisturbedSeconds({ download, upload, departures, effectiveness }: FluidSwarm): number {
  return Math.max(1 / download, (1 / upload - 1 / departures) / effectiveness)
}

/** What it comes to in the end. */
export function steadyState(swarm: FluidSwarm): SteadyState {
  const { arrivals, abandons, departures } = swarm
  const beta = 1 / undisturbedSeconds(swarm)
  const givenUp = 1 + abandons / beta
  return {
    downloaders: arrivals / (beta * givenUp),
    seeds: arrivals / (departures * givenUp),
    seconds: 1 / (abandons + beta),
  }
}

/** Which of both links a download waits for. */
export function boundBy({ download, upload, departures, effectiveness }: FluidSwarm): 'download' | 'upload' {
  return 1 / download >= (1 / upload - 1 / departures) / effectiveness ? 'download' : 'upload'
}
