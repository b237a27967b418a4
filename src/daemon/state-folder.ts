// Where this program keeps what it remembers when nobody says where: the place each system has for that.
// Pure, but for what is handed in.
import { join } from 'node:path'

interface Environment {
  readonly XDG_STATE_HOME?: string | undefined
  readonly LOCALAPPDATA?: string | undefined
}

const folderName = 'swarmbid'

/** Absolute when `home` is. A relative XDG_STATE_HOME does not count (XDG Base Directory Specification). */
export function defaultStateFolder(platform: NodeJS.Platform, environment: Environment, home: string): string {
  const { XDG_STATE_HOME: xdg = '', LOCALAPPDATA: localData = '' } = environment
  if (platform === 'win32') return join(localData === '' ? join(home, 'AppData', 'Local') : localData, folderName)
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', folderName)
  return join(xdg.startsWith('/') ? xdg : join(home, '.local', 'state'), folderName)
}
