import { LiveStream } from './live.ts'
import { queryClient } from './query-client.ts'

/** The event stream of this page; opened once somebody is signed in. */
export const liveStream = new LiveStream(queryClient)
