import type { ColumnType, Generated } from 'kysely'

/** As `Json` of the schema. */
type Json = ColumnType<unknown, string, string>
type NullableJson = ColumnType<unknown, string | null | undefined, string | null>
type Created = ColumnType<Date, Date | undefined, never>

/** A plant as the manager keeps it. */
export interface PlantTable {
  /** As `plant:` of its file; never changed. */
  name: string
  /** Number of its newest version. */
  newest: number
  /** PlantOutline of the newest version. */
  outline: Json
  created_at: Created
}

/** The text of a plant file as somebody saved it; never changed. */
export interface PlantVersionTable {
  plant: string
  /** 1, 2, 3 … for each plant. */
  number: ColumnType<number, number, never>
  /** YAML. */
  text: ColumnType<string, string, never>
  /** What a virtual plant needs besides, YAML. */
  simulation: ColumnType<string | null, string | null, never>
  /** SHA-256 of the text, lower-case hex. */
  hash: ColumnType<string, string, never>
  author_kind: ColumnType<string, string, never>
  author: ColumnType<string, string, never>
  message: ColumnType<string, string, never>
  /** The version that its author had before him; null for the first. */
  base: ColumnType<number | null, number | null, never>
  devices: ColumnType<number, number, never>
  zones: ColumnType<number, number, never>
  conduits: ColumnType<number, number, never>
  created_at: Created
}

/** The devices of the newest version of each plant, so that a page of them needs no plant file to be read. */
export interface PlantDeviceTable {
  plant: string
  name: string
  address: string | null
  zone: string
  chassis: string | null
  slot: number | null
  /** It can speak CIP Security, as far as its files say. */
  capable: boolean
  /** A deployment has something to do at it. */
  managed: boolean
}

/** Where a zone stands on the map: of several who move it the last one. */
export interface PlantLayoutTable {
  plant: string
  zone: string
  x: number
  y: number
  by: string
  at: ColumnType<Date, Date | undefined, Date>
}

/** What answered a discovery, by address. */
export interface DiscoveredTable {
  plant: string
  address: string
  /** DiscoveredIdentity. */
  identity: NullableJson
  capable: boolean
  /** State of the CIP Security object, in words, where it told. */
  security_state: string | null
  first_seen: ColumnType<Date, Date, Date>
  last_seen: ColumnType<Date, Date, Date>
  state: 'new' | 'adopted' | 'ignored'
  /** Who adopted or ignored it. */
  by: string | null
}

/** The live tables of a device as they were read; a few readings of each. */
export interface ObservedConnectionTable {
  plant: string
  /** Address of the device. */
  device: string
  read_at: ColumnType<Date, Date, never>
  /** ObservedTables. */
  rows: Json
}

/** How far each zone is enforced: the newest row of a zone counts. */
export interface ZoneStageTable {
  id: Generated<number>
  plant: string
  zone: string
  stage: 'observe' | 'protect' | 'enforce'
  message: string | null
  by: string
  since: Created
}

/** Tables of the plants. */
export interface PlantSchema {
  plants: PlantTable
  plant_versions: PlantVersionTable
  plant_devices: PlantDeviceTable
  plant_layout: PlantLayoutTable
  discovered: DiscoveredTable
  observed_connections: ObservedConnectionTable
  zone_stages: ZoneStageTable
}
