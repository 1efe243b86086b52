/** Discovery by multicast DNS on this machine's interfaces. */
export { type Advertisement, type AdvertisementStatus, type AdvertiseOptions, advertise } from './advertise.ts'
export { type BrowseOptions, type Browser, browse, type FoundOnInterface } from './browse.ts'
export type { InterfaceSource } from './interfaces.ts'
export type { MdnsOptions, MdnsProblem } from './links.ts'
