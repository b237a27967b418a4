// Exit codes of the command line, as documented in its help and in docs/command-line.md.
// A promise to scripts: a code keeps its meaning.

export const exitCodes = {
  ok: 0,
  /** Something named was refused, missing or damaged; the rest was done. */
  failed: 1,
  usage: 2,
  /** A defect of this program. */
  internal: 70,
  /** SIGHUP: the terminal went away. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const
