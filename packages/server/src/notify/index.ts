/**
 * Notifications: an outbox in the store, and what delivers it by webhook, mail and syslog.
 * @module
 */
export { type Channel, longestSendMs, type Outcome, silenceMs } from './channel.ts'
export { type ChannelSources, openChannel } from './channels.ts'
export type { Message } from './message.ts'
export { type Notifier, type NotifierOptions, startNotifier, type Timers } from './notifier.ts'
export { type Announcement, announce } from './outbox.ts'
export { type ChannelStatus, channelStatus } from './status.ts'
export { testChannels, type TestResult } from './test-message.ts'
