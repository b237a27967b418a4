// How much memory V8 takes for young objects. It doubles that whenever much outlives a collection, up to 128 MiB, and
// gives nothing back; thousands of files or connections lead there, for which as much as loading the program took will do.
// State of the whole process, V8's own; call it once the program is loaded.
import { setFlagsFromString } from 'node:v8'

/** From now on it does not grow. Where V8 does not know how, nothing happens. */
export function keepYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
