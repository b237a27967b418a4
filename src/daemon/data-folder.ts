// Where this program keeps what is the owner's and cannot be had again: the wallet, ledgers and their keys. What it can
// do without is in the state folder. Pure, but for what is handed in.
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

interface DataEnvironment {
  readonly SWARMBID_DATA?: string | undefined
  readonly XDG_DATA_HOME?: string | undefined
  readonly LOCALAPPDATA?: string | undefined
}

const folderName = 'swarmbid'

/**
 * Absolute: what the command line gives (`--data`), else SWARMBID_DATA, else the place each system has for that. A
 * relative XDG_DATA_HOME does not count (XDG Base Directory Specification).
 */
export function dataFolder(
  given: string | undefined,
  environment: DataEnvironment = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const { SWARMBID_DATA: named = '', XDG_DATA_HOME: xdg = '', LOCALAPPDATA: localData = '' } = environment
  const chosen = given ?? named
  if (chosen !== '') return resolve(chosen)
  if (platform === 'win32') return join(localData === '' ? join(home, 'AppData', 'Local') : localData, folderName)
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', folderName)
  return join(xdg.startsWith('/') ? xdg : join(home, '.local', 'share'), folderName)
}
