import { type LayoutOrder, layoutZones } from './layout.ts'

// A worker's global is no Window, and the types of both cannot be loaded together.
const port = globalThis as unknown as {
  onmessage: ((event: MessageEvent<LayoutOrder>) => void) | null
  postMessage(message: ReturnType<typeof layoutZones>): void
}

port.onmessage = ({ data }) => port.postMessage(layoutZones(data))
