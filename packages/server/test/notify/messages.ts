import type { Message } from '@cordon/server/notify'

/** A request that waits, as the tests of all channels send it. */
export const pending: Message = {
  id: '17-mia4x2',
  kind: 'enrollment-pending',
  at: Date.UTC(2026, 10, 28, 9, 30, 5, 250),
  plant: 'mill',
  subject: 'Line3_Drive',
  detail: {
    enrollment: 17,
    plant: 'mill',
    device: 'Line3_Drive',
    address: '10.20.3.14',
    unit: { vendorId: 1, serialNumber: 0xe17388 },
    vendor: { verdict: 'unknown', reason: 'no vendor of the rules signed it' },
    requester: 'nobody',
    reason: 'an administrator must approve this key',
  },
}

/** What strangers may write into names. */
export const hostile: Message = {
  ...pending,
  id: '18-mia4x3',
  subject: 'Drive\r\nBcc: everybody@example.net\r\n\r\n<script>\u202e\u0000"]\\ übergröße',
  detail: {
    ...pending.detail,
    device: 'Drive\r\nBcc: everybody@example.net"]\\',
    reason: '\n<13>1 - forged - - - -\nline',
  },
}
